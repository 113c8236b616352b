"""``cache list``, ``cache clear`` and ``cache gc``."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

import typer

from stagewright.cli.ending import run_to_end
from stagewright.cli.options import parsed
from stagewright.cli.show.tables import print_json, print_table
from stagewright.model.names import AppName
from stagewright.model.quantities import parse_duration, show_duration, show_size

app = typer.Typer(help="What makes the next staging fast.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command("list")
def list_caches(as_json: Json = False) -> None:
    """List caches with their sizes, largest first."""

    def work() -> int:
        from stagewright.services.tidy import list_caches as verb
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        entries = verb(open_platform(from_environment(), "none"))
        if as_json:
            print_json([asdict(entry) for entry in entries])
        else:
            now = time.time()
            print_table(
                ["CACHE", "KIND", "SIZE", "USED"],
                [[e.name, e.kind, show_size(e.size), f"{_age(now - e.used)} ago"] for e in entries],
            )
        return 0

    raise typer.Exit(run_to_end(work, as_json=as_json))


@app.command("clear")
def clear(
    name: Annotated[
        str | None, typer.Argument(metavar="[APP]", help="The cache of this app; all caches without it.")
    ] = None,
) -> None:
    """Remove the cache of an app, or everything that can be made again."""

    def work() -> int:
        from stagewright.services.tidy import clear_caches as verb
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        freed = verb(open_platform(from_environment(), "none"), parsed("APP", name, AppName))
        typer.echo(f"freed {show_size(freed)}")
        return 0

    raise typer.Exit(run_to_end(work))


@app.command("gc")
def collect(
    unused_for: Annotated[
        str, typer.Option("--unused-for", metavar="30d", help="Remove what was not used for so long: 30d, 12h.")
    ] = "30d",
) -> None:
    """Remove what nobody used for long, and what killed runs left."""

    def work() -> int:
        from stagewright.services.tidy import collect as verb
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        age = parsed("--unused-for", unused_for, _days)
        freed = verb(open_platform(from_environment()), age or 0.0)
        typer.echo(f"freed {show_size(freed)}")
        return 0

    raise typer.Exit(run_to_end(work))


def _days(text: str) -> float:
    """Days as well, since nobody counts those of a cache in hours."""
    try:
        return float(text[:-1]) * 86400 if text.endswith("d") else parse_duration(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an age; write it like 30d, 12h or 90m") from None


def _age(seconds: float) -> str:
    return f"{seconds / 86400:.0f} days" if seconds > 2 * 86400 else show_duration(seconds)
