"""Removing what an installation leaves behind that differs from build to build, or names the place of the build.

None of it is needed to run: byproducts of compilers, caches of build tools, and notes of package managers to themselves.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

PNPM_NOTES = (".modules.yaml", ".pnpm-workspace-state.json", ".pnpm-workspace-state-v1.json")
"""They hold times, and the store's path."""

COMPILER_BYPRODUCTS = ("Makefile", "config.gypi", "gyp-mac-tool", "node_gyp_bins", "compile_commands.json")


def tidy(build: Path) -> None:
    """Tidy the app's node_modules, and the app itself where it is a native module."""
    modules = build / "node_modules"
    for name in (".cache", *PNPM_NOTES):
        _remove(modules / name)
    for directory in [*_compiled(modules), build / "build"]:
        if (directory / "config.gypi").is_file():
            _tidy_compiled(directory)


def _compiled(modules: Path) -> Iterator[Path]:
    """Every ``build`` directory below, also of modules of modules; links are not followed."""
    for root, directories, _files in os.walk(modules):
        if "build" in directories:
            yield Path(root) / "build"


def _tidy_compiled(directory: Path) -> None:
    """Keep the compiled modules of node-gyp's ``build``, and whatever a package put there itself."""
    for entry in list(directory.iterdir()):
        if entry.name in COMPILER_BYPRODUCTS or entry.name.endswith((".mk", ".Makefile")):
            _remove(entry)
    for configuration in ("Release", "Debug"):
        for entry in list((directory / configuration).glob("*")):
            if entry.name in (".deps", "obj", "obj.target", "obj.host"):
                _remove(entry)
        _remove(directory / configuration / ".deps")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.is_symlink() or path.exists():
        path.unlink()
