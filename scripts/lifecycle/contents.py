"""What lies where in lifecycle.tgz.

builder launcher shell   starter.c three times, which becomes bin/python3 by lib/ld-linux-x86-64.so.2
bin/python3              Debian's
lib/                     the shared libraries that it and its modules need, the C library among them
lib/python3.11/          modules as byte code: of the standard library, of three wheels, and Stagewright itself
VERSIONS licences/       what all this is, and on what terms it is here
"""

from __future__ import annotations

import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from licences import write_licences
from material import LOADER, Material
from modules import COMMANDS, closure, compile_module

_MODULES = "lib/python3.11"
_KERNEL = re.compile(r"OS: Linux, ABI: (\S+)")
_VERSION = re.compile(r'^version = "(.+)"$', re.MULTILINE)
_CFLAGS = (
    *("-quiet", "-Os", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-builtin", "-fno-pie"),
    *("-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fcf-protection=none"),
)


@dataclass(frozen=True)
class Contents:
    """``versions`` are those of all packages by name; ``kernel`` is the oldest for the C library; ``size`` is in bytes."""

    versions: dict[str, str]
    kernel: str
    modules: int
    libraries: int
    size: int


def lay_out(project: Path, material: Material, tree: Path) -> Contents:
    """Make ``tree``. Raises CalledProcessError, and what the file system raises."""
    tree.mkdir(parents=True)
    wheels = tree.with_name("wheels-unpacked")
    versions = _unpack(material.wheels, wheels)
    modules, origins = _place_modules(project, wheels, material, tree)
    libraries = _place_libraries(material, tree)
    _place_starters(project / "scripts/lifecycle/starter.c", material, tree)
    debian = material.packages_of([*origins, *libraries])
    versions = {"stagewright": _VERSION.findall((project / "pyproject.toml").read_text())[0], **versions, **debian}
    write_licences(project, wheels, material, sorted(debian), tree / "licences")
    kernel = _KERNEL.findall(material.run("bin/x86_64-linux-gnu-readelf", "--notes", tree / "lib/libc.so.6"))[0]
    (tree / "VERSIONS").write_text(_written(versions, kernel))
    size = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
    return Contents(versions, kernel, modules, len(libraries), size)


def _unpack(wheels: Path, destination: Path) -> dict[str, str]:
    """The versions of the wheels, which are made of archives whose hashes pip has compared."""
    versions = {}
    for wheel in sorted(wheels.glob("*.whl")):
        name, version, *_ = wheel.name.split("-")
        versions[name] = version
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(destination)
    return versions


def _place_modules(project: Path, wheels: Path, material: Material, tree: Path) -> tuple[int, list[Path]]:
    """How many modules there are, and the files of Debian that they were made of."""
    source, place = project / "src", tree / _MODULES
    modules = closure(source, wheels, material.stdlib)
    for module in modules:
        dynload = "lib-dynload" if module.source.parent == material.stdlib / "lib-dynload" else ""
        destination = place / dynload / module.place
        if module.is_native:
            destination.parent.mkdir(parents=True, exist_ok=True)
            material.run("bin/x86_64-linux-gnu-strip", "--strip-unneeded", "-o", destination, module.source)
        else:
            compile_module(module, destination.with_suffix(".pyc"))
    for directory in {module.source.parent for module in modules if module.source.is_relative_to(source)}:
        for data in sorted(directory.glob("*.*sh")):
            shutil.copyfile(data, place / data.relative_to(source))
    return len(modules), [module.source for module in modules if module.source.is_relative_to(material.debian)]


def _place_libraries(material: Material, tree: Path) -> list[Path]:
    """The interpreter, the loader and what all modules need, each once."""
    python = tree / "bin/python3"
    python.parent.mkdir()
    shutil.copy(material.python, python)
    needed = {library for file in [python, *tree.rglob("*.so")] for library in material.needed_by(file)}
    libraries = sorted({library for library in needed if library.name != LOADER})
    for library in (*libraries, material.loader):
        shutil.copy(library, tree / "lib" / library.name)
    return [material.python, material.loader, *libraries]


def _place_starters(source: Path, material: Material, tree: Path) -> None:
    """Compile, assemble and link by the programs themselves: gcc would look for them in the machine's own root."""
    scratch = tree.with_name("starter")
    assembly, compiled, linked = (scratch.with_suffix(suffix) for suffix in (".s", ".o", ".elf"))
    material.run("lib/gcc/x86_64-linux-gnu/12/cc1", *_CFLAGS, source, "-o", assembly)
    material.run("bin/x86_64-linux-gnu-as", assembly, "-o", compiled)
    options = ("-static", "-nostdlib", "--strip-all", "--build-id=none", "-z", "noexecstack", "-z", "noseparate-code")
    material.run("bin/x86_64-linux-gnu-ld", *options, compiled, "-o", linked)
    for command in COMMANDS:
        shutil.copy(linked, tree / command)


def _written(versions: dict[str, str], kernel: str) -> str:
    lines = [f"{name} {version}" for name, version in versions.items()]
    return "\n".join(
        (
            "architecture amd64",
            "glibc of the cell: none is needed; its own, libc6 below, is inside",
            f"kernel: Linux 5.3 or newer (glibc itself: {kernel})",
            "",
            *lines,
            "",
        )
    )
