"""The command ``stagewright``."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from stagewright import __version__
from stagewright.cli.commands import buildpacks, caches, doctor, looking, running, stacks, staging

app = typer.Typer(
    name="stagewright",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Stage applications: source code becomes a droplet and an OCI image, by buildpacks in a sandbox.",
    epilog="Exit codes: docs/reference/exit-codes.md. Settings: docs/reference/settings.md.",
)
app.command("stage")(staging.stage)
app.command("plan")(staging.plan)
app.command("run")(running.run)
app.command("shell")(running.shell)
app.command("inspect")(looking.inspect)
app.add_typer(stacks.app, name="stack")
app.add_typer(buildpacks.app, name="buildpack")
app.add_typer(caches.app, name="cache")
app.command("doctor")(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stagewright {__version__}")
        raise typer.Exit()


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Stage applications: source code becomes a droplet and an OCI image, by buildpacks in a sandbox."""


def main() -> None:
    """The entry point. Ends the process."""
    if sys.platform != "linux":
        sys.stderr.write("Stagewright runs on Linux only: its sandbox is made of the Linux kernel's namespaces.\n")
        raise SystemExit(4)
    os.umask(0o022)
    app()
