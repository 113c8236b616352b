"""``trace show`` and ``trace list``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from stagewright.cli.ending import run_to_end
from stagewright.cli.show.tables import print_json, print_table
from stagewright.errors import UsageProblem

app = typer.Typer(help="What buildpacks did, script by script: what 'stage --trace' kept.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


@dataclass(eq=False)
class PageNotWritten(UsageProblem):
    """The place for the page cannot be written."""

    path: Path
    reason: str

    def brief(self) -> str:
        return f"--html: {self.path} cannot be written ({self.reason})."


@app.command("list")
def list_traces(as_json: Json = False) -> None:
    """List the traces that are kept, newest first."""

    def work() -> int:
        from stagewright.services.traces import list_traces as verb
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        listed = verb(open_platform(from_environment(), "none").records)
        if as_json:
            print_json(listed)
        else:
            rows = [[str(one[name])[:60] for name in ("build", "app", "started", "outcome")] for one in listed]
            print_table(["BUILD", "APP", "BEGAN", "OUTCOME"], rows)
        return 0

    raise typer.Exit(run_to_end(work, as_json=as_json))


@app.command("show")
def show(
    what: Annotated[
        str, typer.Argument(metavar="BUILD|APP|FILE", help="A build or the beginning of its guid, an app, or a file.")
    ],
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one self-contained page with a time line.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Every command, and texts whole.")] = False,
    as_json: Json = False,
) -> None:
    """Show a trace as a tree: buildpacks, scripts, functions, commands; the slowest first.

    Of an app it is the trace of its newest build.
    """

    def work() -> int:
        from stagewright.cli.show.trace_page import trace_page
        from stagewright.cli.show.trace_tree import print_trace
        from stagewright.model.trace_document import trace_document
        from stagewright.services.traces import find_trace
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        trace = find_trace(what, open_platform(from_environment(), "none").records)
        if html is not None:
            _write(html, trace_page(trace))
            if not as_json:
                typer.echo(f"wrote {html}")
        if as_json:
            print_json(trace_document(trace))
        elif html is None:
            print_trace(trace, full=full)
        return 0

    raise typer.Exit(run_to_end(work, as_json=as_json))


def _write(path: Path, page: str) -> None:
    """Whole or not at all; a trace may tell more than everybody should know, so nobody else may read it."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(page)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise PageNotWritten(path, error.strerror or type(error).__name__) from error
