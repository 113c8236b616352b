"""Pipfile and Pipfile.lock as lines of requirements, hashes and markers kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from buildpack import BuildpackError

MARKER_KEYS = (
    "os_name",
    "sys_platform",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "python_version",
    "python_full_version",
    "implementation_name",
    "implementation_version",
)
"""Keys of an entry that are environment markers by themselves: ``sys_platform = "== 'linux'"``."""

PUBLIC_INDEX = "pypi"
"""The name that pipenv gives to the public index."""


def lock_requirements(lock: Mapping[str, Any]) -> list[str]:
    """The ``default`` packages of a Pipfile.lock, sorted by name."""
    return _requirements(lock.get("default", {}), "Pipfile.lock")


def pipfile_requirements(pipfile: Mapping[str, Any]) -> list[str]:
    """The ``[packages]`` of a Pipfile, sorted by name."""
    return _requirements(pipfile.get("packages", {}), "Pipfile")


def index_lines(sources: Sequence[Mapping[str, Any]], operator_has_index: bool) -> list[str]:
    """The package indices of a Pipfile or lock as options of a requirements file.

    The public index gives way to the one that the operator has set, so that a closed site can have its own copy of it.
    """
    lines = []
    for position, source in enumerate(sources):
        if source.get("name") == PUBLIC_INDEX and operator_has_index:
            continue
        option = "--index-url" if position == 0 else "--extra-index-url"
        lines.append(f"{option} {source['url']}")
    return lines


def _requirements(entries: Mapping[str, Any], file: str) -> list[str]:
    return [_requirement(name, entries[name], file) for name in sorted(entries)]


def _requirement(name: str, entry: object, file: str) -> str:
    if isinstance(entry, str):
        return name + _constraint(entry)
    if not isinstance(entry, Mapping):
        raise BuildpackError(f"{file}: the entry of {name} is neither a version nor a table")
    markers = _markers(entry)
    hashes = "".join(f" --hash={digest}" for digest in entry.get("hashes", ()))
    return _what(name, entry) + (f" ; {markers}" if markers else "") + hashes


def _what(name: str, entry: Mapping[str, Any]) -> str:
    extras = f"[{','.join(sorted(entry['extras']))}]" if entry.get("extras") else ""
    subdirectory = f"#subdirectory={entry['subdirectory']}" if entry.get("subdirectory") else ""
    if "git" in entry:
        url = entry["git"] if str(entry["git"]).startswith("git+") else f"git+{entry['git']}"
        reference = f"@{entry['ref']}" if entry.get("ref") else ""
        return f"{name}{extras} @ {url}{reference}{subdirectory}"
    if "path" in entry:
        path = str(entry["path"])
        return (path if path.startswith((".", "/")) else f"./{path}") + extras
    if "file" in entry:
        return f"{name}{extras} @ {entry['file']}{subdirectory}"
    return f"{name}{extras}{_constraint(str(entry.get('version', '*')))}"


def _constraint(version: str) -> str:
    text = version.strip()
    if text in ("*", ""):
        return ""
    return text if text[0] in "=<>!~" else f"=={text}"


def _markers(entry: Mapping[str, Any]) -> str:
    given = [str(entry["markers"])] if entry.get("markers") else []
    given += [f"{key} {entry[key]}" for key in MARKER_KEYS if key in entry]
    return given[0] if len(given) == 1 else " and ".join(f"({marker})" for marker in given)
