"""What others see of the tree: bin, lib, include and pkgconfig of our deps directory, all leading in by relative links.

Rule: Cloud Foundry's apt-buildpack and libbuildpack's stager, which look for exactly these four directories.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from debian_tree import files_below

from apt_buildpack.elf import needed
from apt_buildpack.pkgconfig import write_pkgconfig

PROGRAMS = ("usr/local/bin", "usr/local/sbin", "usr/bin", "usr/sbin", "usr/games")
LIBRARY = re.compile(r"\.so(\.|$)|\.a$|\.o$")
PYTHON_MODULES = "usr/lib/python3/dist-packages"


def expose(own: Path, tree: Path) -> None:
    """Fill our deps directory. ``tree`` lies directly in it."""
    triplets = [directory for directory in sorted((tree / "usr/lib").glob("*-linux-gnu*")) if directory.is_dir()]
    for program in files_below(tree, *PROGRAMS):
        _expose_program(program, own / "bin", tree)
    for directory in [*triplets, tree / "usr/lib", tree / "usr/local/lib"]:
        _link_libraries(directory, own / "lib", whole_directories=directory in triplets)
    link_hidden_libraries(own / "lib", tree)
    headers = [tree / "usr/include", *(tree / "usr/include" / triplet.name for triplet in triplets)]
    _link_merged(
        own / "include", [directory for directory in headers if directory.is_dir()], leave=[h.name for h in headers[1:]]
    )
    write_pkgconfig(tree, own / "pkgconfig", f"../{tree.name}")


# -------------------------------------------------------------------------------------------------------------------- programs
def _expose_program(program: Path, into: Path, tree: Path) -> None:
    """A link, or for a script whose interpreter or modules lie in the tree a small script that finds them from its own place."""
    place = into / program.name
    if os.path.lexists(place):
        return
    into.mkdir(parents=True, exist_ok=True)
    wrapper = wrapper_for(program, tree)
    if wrapper is None:
        _link(place, program)
    else:
        place.write_text(wrapper, encoding="utf-8")
        place.chmod(0o755)


def wrapper_for(program: Path, tree: Path) -> str | None:
    """The text of the wrapper of a script, or None where the program can be run as it is."""
    if not program.is_file():
        return None
    with program.open("rb") as file:
        first = file.readline(256)
    words = first[2:].decode("utf-8", "replace").split() if first.startswith(b"#!/") else []
    if not words:
        return None
    if words[0] == "/usr/bin/env" and len(words) > 1:
        words = [f"/usr/bin/{words[1]}", *words[2:]]
    inside = words[0].lstrip("/")
    in_tree = os.path.lexists(tree / inside)
    python = re.fullmatch(r"python3(\.\d+)?", Path(words[0]).name) is not None and (tree / PYTHON_MODULES).is_dir()
    if not in_tree and not python:
        return None
    interpreter = f'"$here/../{tree.name}/{inside}"' if in_tree else words[0]
    modules = f'PYTHONPATH="$here/../{tree.name}/{PYTHON_MODULES}${{PYTHONPATH:+:$PYTHONPATH}}" ' if python else ""
    script = program.relative_to(tree)
    return (
        "#!/bin/sh\n# Written by the apt buildpack: the interpreter or the modules of this script lie here, not in /usr.\n"
        'here=$(dirname "$(readlink -f "$0")")\n'
        f'{modules}exec {" ".join([interpreter, *words[1:]])} "$here/../{tree.name}/{script}" "$@"\n'
    )


# ------------------------------------------------------------------------------------------------------------------- libraries
def _link_libraries(directory: Path, into: Path, *, whole_directories: bool) -> None:
    for entry in sorted(directory.iterdir()) if directory.is_dir() else ():
        if LIBRARY.search(entry.name) or (
            whole_directories and entry.is_dir() and entry.name not in ("pkgconfig", "cmake")
        ):
            into.mkdir(parents=True, exist_ok=True)
            _link(into / entry.name, entry)


def link_hidden_libraries(into: Path, tree: Path) -> list[str]:
    """Libraries that programs of the tree need and that lie in private directories of it, where no loader would look.

    On a root they are found by /etc/ld.so.conf.d, by an absolute RUNPATH or by an alternative; gives the names linked.
    """
    by_name: dict[str, Path] = {}
    for file in _shared_objects(tree):
        by_name.setdefault(file.name, file)
    linked: list[str] = []
    waiting = [*(file for file in files_below(tree, *PROGRAMS)), *by_name.values()]
    wanted = {soname for file in waiting if not file.is_symlink() for soname in needed(file)}
    for soname in sorted(wanted):
        if soname in by_name and not os.path.lexists(into / soname):
            into.mkdir(parents=True, exist_ok=True)
            _link(into / soname, by_name[soname])
            linked.append(soname)
    return linked


def _shared_objects(tree: Path) -> Iterator[Path]:
    for directory, directories, files in os.walk(tree / "usr/lib"):
        directories.sort()
        for name in sorted(files):
            if ".so" in name:
                yield Path(directory, name)


# --------------------------------------------------------------------------------------------------------------------- headers
def _link_merged(into: Path, directories: Sequence[Path], leave: Iterable[str] = ()) -> None:
    """Links to the entries of several directories; what two of them have as a directory becomes one with the entries of both."""
    names = sorted({entry.name for directory in directories for entry in directory.iterdir()} - set(leave))
    for name in names:
        having = [directory / name for directory in directories if os.path.lexists(directory / name)]
        into.mkdir(parents=True, exist_ok=True)
        if len(having) > 1 and all(entry.is_dir() for entry in having):
            _link_merged(into / name, having)
        else:
            _link(into / name, having[0])


def _link(place: Path, target: Path) -> None:
    if not os.path.lexists(place):
        place.symlink_to(os.path.relpath(target, place.parent))
