"""Which files the app has, which of them says what to install, and which Python it asks for."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from buildpack import BuildpackError

from python_buildpack import versions
from python_buildpack.versions import PythonRequest

# Before Python 3.11 the same parser is carried by pip.
tomllib = importlib.import_module("tomllib" if importlib.util.find_spec("tomllib") else "pip._vendor.tomli")


class Kind(Enum):
    """Where the list of packages comes from, in the order in which they are preferred."""

    UV_LOCK = "uv.lock"
    REQUIREMENTS = "requirements.txt"
    PIPFILE_LOCK = "Pipfile.lock"
    PIPFILE = "Pipfile"
    PYPROJECT = "pyproject.toml"
    SETUP = "setup.py"
    NOTHING = "no file"


MANIFESTS = ("requirements.txt", "pyproject.toml", "Pipfile", "setup.py")
"""Each of these makes an app a Python app."""


@dataclass(frozen=True)
class Project:
    """A Python app as far as its packages and its interpreter are concerned."""

    root: Path
    kind: Kind
    pyproject: Mapping[str, Any]
    """The content of pyproject.toml; empty where there is none."""
    ignored: tuple[str, ...] = ()
    """Files that also name packages, and are not read."""

    @property
    def is_package(self) -> bool:
        """Whether pyproject.toml says how the app itself is built, so that it is to be installed."""
        return "build-system" in self.pyproject or _is_poetry(self.pyproject)


def recognise(root: Path) -> str | None:
    """For ``bin/detect``: the buildpack's name where the app is a Python app."""
    return "python" if any((root / name).is_file() for name in MANIFESTS) else None


def read_project(root: Path) -> Project:
    """Read what is in the app's directory. Raises ``BuildpackError`` for files that do not parse."""
    pyproject = read_toml(root / "pyproject.toml")
    kinds = [kind for kind in Kind if _names_packages(kind, root, pyproject)]
    chosen = kinds[0] if kinds else Kind.NOTHING
    known = {kind.value for kind in kinds if kind is not chosen}
    if chosen in (Kind.UV_LOCK, Kind.PIPFILE_LOCK, Kind.PYPROJECT):
        known -= {"pyproject.toml", "Pipfile", "setup.py"}  # they belong together
    if chosen is not Kind.UV_LOCK and (root / "poetry.lock").is_file():
        known.add("poetry.lock")
    return Project(root, chosen, pyproject, tuple(sorted(known)))


def _is_poetry(pyproject: Mapping[str, Any]) -> bool:
    return "poetry" in dict(pyproject.get("tool", {}))


def _names_packages(kind: Kind, root: Path, pyproject: Mapping[str, Any]) -> bool:
    if kind is Kind.PYPROJECT:
        return not {"project", "build-system"}.isdisjoint(pyproject) or _is_poetry(pyproject)
    if kind is Kind.UV_LOCK:
        return (root / "uv.lock").is_file() and bool(pyproject)
    if kind is Kind.PIPFILE_LOCK:
        return (root / "Pipfile.lock").is_file() and (root / "Pipfile").is_file()
    name: str = kind.value
    return (root / name).is_file()


def python_request(project: Project) -> PythonRequest:
    """What the app asks for: .python-version, runtime.txt, Pipfile, requires-python; the first that says something."""
    root = project.root
    return (
        versions.from_python_version_file(_text(root / ".python-version"))
        or versions.from_runtime_txt(_text(root / "runtime.txt"))
        or _from_pipfile(project)
        or _from_pyproject(project.pyproject)
        or versions.ANY
    )


def _from_pipfile(project: Project) -> PythonRequest | None:
    if project.kind is Kind.PIPFILE_LOCK:
        requires = read_json(project.root / "Pipfile.lock").get("_meta", {}).get("requires", {})
    elif project.kind is Kind.PIPFILE:
        requires = read_toml(project.root / "Pipfile").get("requires", {})
    else:
        return None
    wanted = requires.get("python_full_version") or requires.get("python_version")
    return versions.from_specifier(wanted, f"requires in {project.kind.value}") if wanted else None


def _from_pyproject(pyproject: Mapping[str, Any]) -> PythonRequest | None:
    wanted = pyproject.get("project", {}).get("requires-python")
    if wanted:
        return versions.from_specifier(wanted, "requires-python in pyproject.toml")
    poetry = pyproject.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python")
    return versions.from_poetry(poetry, "python in pyproject.toml") if isinstance(poetry, str) else None


def read_toml(file: Path) -> Mapping[str, Any]:
    """The content of a TOML file, empty where there is none."""
    if not file.is_file():
        return {}
    try:
        content: Mapping[str, Any] = tomllib.loads(_text(file))
    except tomllib.TOMLDecodeError as error:
        raise BuildpackError(f"{file.name} is not valid TOML: {error}") from error
    return content


def read_json(file: Path) -> Mapping[str, Any]:
    """The content of a JSON file that holds an object."""
    try:
        found = json.loads(_text(file))
    except ValueError as error:
        raise BuildpackError(
            f"{file.name} is not valid JSON: {error}", "Make it anew with the tool that wrote it."
        ) from error
    if not isinstance(found, dict):
        raise BuildpackError(f"{file.name} does not hold a JSON object")
    return found


def _text(file: Path) -> str:
    """The content, "" where there is no such file."""
    if not file.is_file():
        return ""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BuildpackError(f"{file.name} is not UTF-8 text (byte {error.start})", "Save it as UTF-8.") from error
