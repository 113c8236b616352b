"""``buildpack list`` and ``buildpack show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stagewright.cli.ending import run_to_end
from stagewright.cli.show.tables import print_json, print_table, print_tree

app = typer.Typer(help="The buildpacks at hand.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command("list")
def list_buildpacks(as_json: Json = False) -> None:
    """List the built-in buildpacks, in the order in which detection tries them."""

    def work() -> int:
        from stagewright.services.buildpacks import list_builtins
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        listed = list_builtins(open_platform(from_environment(), "none"))
        if as_json:
            print_json(listed)
        else:
            rows = [
                [str(one["name"]), str(one["version"] or ""), str(one["detection"]), str(one["says"])] for one in listed
            ]
            print_table(["NAME", "VERSION", "DETECTION", "WHAT IT DOES"], rows)
        return 0

    raise typer.Exit(run_to_end(work, as_json=as_json))


@app.command("show")
def show(
    reference: Annotated[str, typer.Argument(metavar="REF", help="A built-in name or a directory.")],
    as_json: Json = False,
) -> None:
    """Show one buildpack: its dialect, scripts, version and digest."""

    def work() -> int:
        from stagewright.services.buildpacks import show_buildpack
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        document = show_buildpack(open_platform(from_environment(), "none"), reference, Path.cwd())
        if as_json:
            print_json(document)
        else:
            print_tree(document)
        return 0

    raise typer.Exit(run_to_end(work, as_json=as_json))
