"""The Python of the app: the stack's where it satisfies, else one that uv installs, which then goes into deps as a whole.

The stack's is used by a virtual environment that is the deps directory itself. Another one is copied to the deps directory, and
its packages are installed in a virtual environment beside it and moved in: a ``pyvenv.cfg`` names its interpreter by an absolute
path, and an interpreter needs none.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import buildpack
from buildpack import BuildpackError, CommandError
from cache import Cache

from python_buildpack import relocation, versions
from python_buildpack.uv import Uv
from python_buildpack.versions import PythonRequest, Version


@dataclass(frozen=True)
class Environment:
    """Where packages are installed."""

    prefix: Path
    """Our deps directory: ``bin``, ``lib/python3.x/site-packages``, and the whole interpreter if it is not the stack's."""
    venv: Path
    """The virtual environment that uv installs into: the prefix itself, or one that is moved there at the end."""
    version: Version

    @property
    def python(self) -> Path:
        return self.venv / "bin/python"

    @property
    def library(self) -> Path:
        major, minor = self.version[:2]
        return self.prefix / f"lib/python{major}.{minor}"

    @property
    def carries_interpreter(self) -> bool:
        return self.venv != self.prefix


def stack_python() -> tuple[Path, Version]:
    """The interpreter that runs this script: the stack's, at the same path at run time."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    return Path(base), tuple(sys.version_info[:3])


def provide(request: PythonRequest, uv: Uv, cache: Cache, staging: buildpack.Staging) -> Environment:
    """Make the empty environment. Raises ``BuildpackError`` where no interpreter satisfies the request and none can be had."""
    stack, version = stack_python()
    if request.allows(version) and not stack_is_excluded(os.environ):
        _say(f"Python {versions.show(version)} of the stack", request)
        _make_venv(uv, stack, staging.own, staging)
        return Environment(staging.own, staging.own, version)
    return _installed(request, uv, cache, staging)


def stack_is_excluded(environment: Mapping[str, str]) -> bool:
    """uv's own setting for who wants no interpreter of the system, ever."""
    return environment.get("UV_PYTHON_PREFERENCE") == "only-managed" or environment.get("UV_MANAGED_PYTHON") in (
        "1",
        "true",
    )


def _say(what: str, request: PythonRequest) -> None:
    asked = f"{request.source} asks for {request.wanted}" if request.wanted else "no file asks for a version"
    buildpack.step(f"Using {what} ({asked})")


def _make_venv(uv: Uv, python: Path, place: Path, staging: buildpack.Staging) -> None:
    uv.run(
        "venv",
        "--quiet",
        "--relocatable",
        "--allow-existing",
        "--no-project",
        "--python",
        python,
        place,
        cwd=staging.build,
    )


def _installed(request: PythonRequest, uv: Uv, cache: Cache, staging: buildpack.Staging) -> Environment:
    wanted = request.wanted or versions.show(stack_python()[1][:2])
    kept = cache.have(
        "python", f"{wanted} by uv {uv.version}", _install(wanted, request, uv, staging), shown=f"Python {wanted}"
    )
    version = _version_of(kept / "bin/python3", wanted)
    if not request.allows(version):
        raise BuildpackError(
            f"Asked for Python {wanted}, uv installed one that says it is {versions.show(version)}",
            "The mirror in UV_PYTHON_INSTALL_MIRROR holds something else than its names say.",
        )
    _say(f"Python {versions.show(version)} of its own", request)
    shutil.copytree(kept, staging.own, symlinks=True, dirs_exist_ok=True)
    venv = staging.own / ".packages"
    _make_venv(uv, staging.own / "bin/python3", venv, staging)
    return Environment(staging.own, venv, version)


def _install(wanted: str, request: PythonRequest, uv: Uv, staging: buildpack.Staging) -> Callable[[Path], None]:
    def install(place: Path) -> None:
        buildpack.step(f"Installing Python {wanted}")
        with buildpack.scratch("python-interpreter") as scratch:
            directory = Path(scratch)
            try:
                root = _python_install(wanted, uv, directory, staging)
            except CommandError as error:
                raise unobtainable(wanted, request) from error
            relocation.neutralise_interpreter(root, directory)
            shutil.copytree(root, place, symlinks=True, dirs_exist_ok=True)
        python = place / "bin/python3"
        _version_of(python, wanted)  # before it is kept
        relocation.compile_bytecode(python, place, [place / "lib"])

    return install


def _python_install(wanted: str, uv: Uv, directory: Path, staging: buildpack.Staging) -> Path:
    """Let uv install below ``directory``; the root of what it installed (uv also makes a link for the minor version)."""
    variables = {"UV_PYTHON_INSTALL_DIR": str(directory), "UV_PYTHON_DOWNLOADS": "manual"}
    uv.run("python", "install", "--no-bin", wanted, cwd=staging.build, **variables)
    roots = [entry for entry in directory.iterdir() if (entry / "bin").is_dir() and not entry.is_symlink()]
    if len(roots) != 1:
        raise BuildpackError(
            f"uv said that it installed Python {wanted}, but there is none", "Is it an archive of CPython?"
        )
    return roots[0]


def _version_of(python: Path, wanted: str) -> Version:
    said = buildpack.capture(
        [python, "-I", "-B", "-c", "import platform; print(platform.python_version())"],
        name=f"The installed Python {wanted}",
        hint="It does not run on this stack, or not from another directory than its own.",
    )
    return versions.parse_version_text(said)


def unobtainable(wanted: str, request: PythonRequest) -> BuildpackError:
    """What to say where no download gave the interpreter: what is at hand, and where another may come from."""
    asked = f", which {request.source} asks for," if request.wanted else ""
    return BuildpackError(
        f"Python {wanted}{asked} could not be installed",
        f"At hand without a download: {versions.show(stack_python()[1])} (the stack's). Ask for that one, or set\n"
        "UV_PYTHON_INSTALL_MIRROR to a mirror of python-build-standalone's releases that the build can reach\n"
        "(a URL, or file:///home/vcap/app/DIRECTORY for one inside the app)." + _mirror_holds(os.environ),
    )


def _mirror_holds(environment: Mapping[str, str]) -> str:
    """What a mirror on disk has, as one more line of the hint; nothing is said of others."""
    mirror = urlsplit(environment.get("UV_PYTHON_INSTALL_MIRROR", ""))
    if mirror.scheme != "file":
        return ""
    directory = Path(unquote(mirror.path))
    if not directory.is_dir():
        return f"\nThe mirror {directory} is not a directory of the build."
    archives = {archive.name.split("-")[1].split("+")[0] for archive in directory.glob("*/cpython-*.tar.*")}
    found = (
        ", ".join(sorted(archives, key=versions.parse_version_text))
        or "no archive named DATE/cpython-VERSION+DATE-….tar.gz"
    )
    return f"\nThe mirror {directory} holds: {found}."
