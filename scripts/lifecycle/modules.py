"""Which modules the three commands can load: all that their code names, wherever in it, and no other."""

from __future__ import annotations

import py_compile
from dataclasses import dataclass
from modulefinder import ModuleFinder
from pathlib import Path

COMMANDS = ("builder", "launcher", "shell")

_BY_NAME = tuple(
    f"encodings.{name}"
    for name in (
        *("aliases", "ascii", "charmap", "cp437", "idna", "iso8859_1", "latin_1", "punycode", "raw_unicode_escape"),
        *(
            "unicode_escape",
            "utf_16",
            "utf_16_be",
            "utf_16_le",
            "utf_32",
            "utf_32_be",
            "utf_32_le",
            "utf_8",
            "utf_8_sig",
        ),
    )
)
"""What Python itself loads by names that are data."""

_LEFT_OUT = (
    *("asyncio", "concurrent", "curses", "distutils", "doctest", "ensurepip", "idlelib", "lib2to3", "multiprocessing"),
    *(
        "pdb",
        "pydoc",
        "pydoc_data",
        "readline",
        "setuptools",
        "sqlite3",
        "test",
        "tkinter",
        "unittest",
        "webbrowser",
        "xmlrpc",
    ),
    *("_pydecimal", "_pyio", "_strptime", "pathspec"),
)
"""Named by what is loaded, for uses that a cell has not. pathspec reads .cfignore before an app comes to a cell."""


@dataclass(frozen=True)
class Module:
    """``place`` is where it lies below a directory of the search path."""

    name: str
    source: Path
    place: Path

    @property
    def is_native(self) -> bool:
        return self.source.suffix == ".so"


def closure(source: Path, wheels: Path, stdlib: Path) -> list[Module]:
    """What the commands can load of these three, by name."""
    roots = (source, wheels, stdlib / "lib-dynload", stdlib)
    finder = ModuleFinder(path=[str(root) for root in roots], excludes=list(_LEFT_OUT))
    for name in (*(f"stagewright.lifecycle.{command}" for command in COMMANDS), *_BY_NAME, "os", "_yaml", "yaml._yaml"):
        finder.import_hook(name, None, ["*"])
    found = []
    for name, module in sorted(finder.modules.items()):
        if module.__file__ is not None:
            path = Path(module.__file__)
            root = next(root for root in roots if path.is_relative_to(root))
            found.append(Module(name, path, path.relative_to(root)))
    return found


def compile_module(module: Module, destination: Path) -> None:
    """Write the byte code of ``module``, which says of itself that no source is to be compared with it."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    py_compile.compile(
        str(module.source),
        cfile=str(destination),
        dfile=str(module.place),
        doraise=True,
        optimize=0,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
