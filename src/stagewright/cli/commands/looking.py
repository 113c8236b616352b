"""``inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stagewright.cli.ending import cancelled_by_signals, run_to_end
from stagewright.cli.show.tables import print_json, print_tree


def inspect(
    what: Annotated[str, typer.Argument(metavar="DROPLET|oci:DIR", help="A droplet, an app staged here, or a layout.")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show what a droplet or an image holds.

    Sizes, buildpacks, processes, stack; layers and labels of an image.
    """

    def work() -> int:
        from stagewright.images import parse_place
        from stagewright.services.looking import inspect_droplet, inspect_image
        from stagewright.settings import from_environment
        from stagewright.wiring.command_line import open_platform

        with cancelled_by_signals():
            if what.startswith(("oci:", "docker-archive:")):
                document = inspect_image(parse_place(what))
            else:
                document = inspect_droplet(Path(what), open_platform(from_environment(), "none"))
        if as_json:
            print_json(document)
        else:
            print_tree(document)
        return 0

    raise typer.Exit(run_to_end(work, as_json=as_json))
