"""The command ``stagewright``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from stagewright import __version__

_COMMANDS = ("stage", "plan", "test", "run", "shell", "inspect", "stack", "buildpack", "trace", "cache", "doctor")


def command_line(asked: str = "") -> typer.Typer:
    """The command with all that it can do; or with ``asked`` alone, where it is one of its commands.

    To load and to put together what nobody asked for would be a tenth of the time of a small staging's platform.
    """
    app = typer.Typer(
        name="stagewright",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        help="Stage applications: source code becomes a droplet and an OCI image, by buildpacks in a sandbox.",
        epilog="Exit codes: docs/reference/exit-codes.md. Settings: docs/reference/settings.md.",
    )
    app.callback()(root)
    for name in (asked,) if asked in _COMMANDS else _COMMANDS:
        _add(app, name)
    return app


def _add(app: typer.Typer, name: str) -> None:
    match name:
        case "stage" | "plan":
            from stagewright.cli.commands import staging

            app.command(name)(staging.stage if name == "stage" else staging.plan)
        case "test":
            from stagewright.cli.commands import testing

            app.command(name)(testing.test)
        case "run" | "shell":
            from stagewright.cli.commands import running

            app.command(name)(running.run if name == "run" else running.shell)
        case "inspect":
            from stagewright.cli.commands import looking

            app.command(name)(looking.inspect)
        case "stack":
            from stagewright.cli.commands import stacks

            app.add_typer(stacks.app, name=name)
        case "buildpack":
            from stagewright.cli.commands import buildpacks

            app.add_typer(buildpacks.app, name=name)
        case "trace":
            from stagewright.cli.commands import traces

            app.add_typer(traces.app, name=name)
        case "cache":
            from stagewright.cli.commands import caches

            app.add_typer(caches.app, name=name)
        case "doctor":
            from stagewright.cli.commands import doctor

            app.command(name)(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stagewright {__version__}")
        raise typer.Exit()


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
    # Before there is anything to clean up, Ctrl-C simply ends us; what needs more says so itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _open_missing_streams()
    try:
        command_line(sys.argv[1] if len(sys.argv) > 1 else "")()
    except SystemExit as end:
        _end(end)
        raise


def _open_missing_streams() -> None:
    """A standard stream that the caller closed is nowhere, not a failure."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as we last
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as we last


def _end(end: SystemExit) -> None:
    """End now, with all that was said. Returns where that needs the interpreter's own way.

    Every context was left, so that nothing is still to be done; to take some 300 modules apart would take longer than to pack
    a small droplet.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return
    if isinstance(end.code, int):
        os._exit(end.code)
