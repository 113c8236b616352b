"""``run`` and ``shell``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stagewright.cli.ending import cancelled_by_signals, run_to_end, stopped_by_signals
from stagewright.cli.options import environment, parsed
from stagewright.model.containers import Cause
from stagewright.model.names import StackName
from stagewright.model.quantities import parse_size
from stagewright.ports.sandbox import Session

if TYPE_CHECKING:
    from stagewright.images import Place

_GRACE = 10.0
"""Seconds that an app has to end after Ctrl-C, as Cloud Foundry gives it."""

What = Annotated[
    str,
    typer.Argument(metavar="DROPLET|oci:DIR", help="A droplet, the name of an app staged here, or an image layout."),
]
Stack = Annotated[
    str | None, typer.Option("--stack", "-s", metavar="NAME", help="Another stack than the droplet's own.")
]
Env = Annotated[list[str] | None, typer.Option("--env", "-e", metavar="K=V", help="A variable for the app.")]
EnvFile = Annotated[list[Path] | None, typer.Option("--env-file", metavar="F", help="A file of lines K=V.")]
Services = Annotated[
    list[Path] | None,
    typer.Option("--service", metavar="FILE", help="A service to bind: VCAP_SERVICES or one binding, as JSON or YAML."),
]
SandboxOption = Annotated[
    str, typer.Option("--sandbox", metavar="auto|rootful|rootless|none", help="How the app is shut in.")
]


def run(
    what: What,
    command: Annotated[list[str] | None, typer.Argument(metavar="[-- COMMAND…]", help="Run this instead.")] = None,
    process: Annotated[str, typer.Option("--process", "-p", metavar="TYPE", help="The process type.")] = "web",
    port: Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="The port it listens on.")] = 8080,
    env: Env = None,
    env_file: EnvFile = None,
    service: Services = None,
    stack: Stack = None,
    memory: Annotated[str | None, typer.Option("--memory", "-m", metavar="1G", help="Memory of the app.")] = None,
    sandbox: SandboxOption = "auto",
) -> None:
    """Run an app in the sandbox.

    It stands on its stack's run root. Ctrl-C stops it cleanly; the exit code is the app's.
    """

    def work() -> int:
        from stagewright.services.launch import LaunchOrder
        from stagewright.services.launch import run as verb
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        order = LaunchOrder(
            what=_what(what),
            arguments=("--", *command) if command else (process,),
            port=port,
            env=environment(env or (), env_file or ()),
            services=tuple(service or ()),
            stack=parsed("--stack", stack, StackName),
            memory=parsed("--memory", memory, parse_size),
        )
        running: list[Session] = []

        def stop() -> bool:
            for session in running:
                session.stop(Cause.CANCELLED, _GRACE)
            return bool(running)

        def started(session: Session) -> None:
            running.append(session)
            if not command:
                where = f"http://127.0.0.1:{port}, " if process == "web" else ""
                sys.stderr.write(f"{what}: process {process}, {where}Ctrl-C stops it\n")

        with stopped_by_signals(stop):
            return verb(order, open_platform(from_environment(), sandbox), started)

    raise typer.Exit(run_to_end(work))


def shell(
    what: What, env: Env = None, service: Services = None, stack: Stack = None, sandbox: SandboxOption = "auto"
) -> None:
    """Open a shell in an app.

    With its files, its variables, its profile scripts, on its stack.
    """

    def work() -> int:
        from stagewright.services.launch import LaunchOrder
        from stagewright.services.launch import shell as verb
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        order = LaunchOrder(
            what=_what(what),
            env=environment(env or (), ()),
            services=tuple(service or ()),
            stack=parsed("--stack", stack, StackName),
        )
        with cancelled_by_signals():
            return verb(order, open_platform(from_environment(), sandbox))

    raise typer.Exit(run_to_end(work))


def _what(text: str) -> Path | Place:
    from stagewright.images import parse_place

    return parse_place(text) if text.startswith(("oci:", "docker-archive:")) else Path(text)
