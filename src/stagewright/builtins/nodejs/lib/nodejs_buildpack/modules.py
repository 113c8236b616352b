"""The place of node_modules at run time: deps, as with Cloud Foundry's buildpack, so that a change of code alone changes no
layer but the app's. A link in the app leads there, relative, so that it holds wherever app and deps lie side by side.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from buildpack import Staging

STAY = "NODE_MODULES_IN_APP"
"""A variable of the app: ``true`` leaves node_modules where it is."""


def why_it_stays(build: Path, environment: Mapping[str, str]) -> str | None:
    """Why node_modules cannot go to deps, in words for the log; None where it can."""
    if environment.get(STAY, "").strip().lower() == "true":
        return f"{STAY} is true"
    modules = build / "node_modules"
    leaving = _link_out(modules)
    if leaving is not None:
        return f"{leaving.relative_to(build)} links out of it"
    return None


def _link_out(modules: Path) -> Path | None:
    """The first link below that leads out of node_modules: packages of a workspace and file: dependencies lie in the app."""
    inside = os.path.normpath(modules) + os.sep
    for root, directories, files in os.walk(modules):
        for name in sorted([*directories, *files]):
            path = Path(root, name)
            if path.is_symlink():
                target = Path(root) / path.readlink()
                if not os.path.normpath(target).startswith(inside) or path.readlink().is_absolute():
                    return path
    return None


def move_to_deps(staging: Staging) -> None:
    """app/node_modules becomes a link to deps/INDEX/node_modules."""
    modules, place = staging.build / "node_modules", staging.own / "node_modules"
    shutil.move(os.fspath(modules), os.fspath(place))
    modules.symlink_to(Path("..", "deps", staging.index, "node_modules"))
