"""Which Python an app asks for, and whether a version satisfies it.

The rules are PEP 440's for final releases, which is all that an interpreter of a stack can be, and Poetry's ``^`` and ``~``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from buildpack import BuildpackError

Version = tuple[int, ...]
"""A final release: (3, 11, 2)."""

CLAUSE = re.compile(
    r"^(===|==|!=|~=|<=|>=|<|>)\s*v?(\d+(?:\.\d+)*)(\.\*)?((?:[-._]?(?:a|b|rc|alpha|beta|dev|post)[-._]?\d*)*)$"
)
PLAIN = re.compile(r"^\d+(\.\d+){0,2}((a|b|rc)\d+)?$")
POETRY = re.compile(r"^([\^~])\s*(\d+(?:\.\d+)*)$")
PREFIX = re.compile(r"^(cpython|python)?[-@]?(?=\d)", re.IGNORECASE)


@dataclass(frozen=True)
class PythonRequest:
    """What one file of the app asks for."""

    wanted: str
    """As ``uv python install`` takes it: ``3.12``, ``3.12.4`` or ``>=3.11,<3.14``; "" asks for nothing in particular."""
    source: str
    """The file, and where in it: ``.python-version``, ``requires-python in pyproject.toml``."""

    def allows(self, version: Version) -> bool:
        """Whether an interpreter of that version is what was asked for; ``3.11`` is any 3.11."""
        if PLAIN.match(self.wanted):
            release = _release(self.wanted)
            return release is not None and version[: len(release)] == release
        return all(_clause_allows(clause, version) for clause in _clauses(self.wanted))


ANY = PythonRequest("", "nothing")


def parse_version_text(version: str) -> Version:
    """``3.11.2`` (or ``3.11.2+`` and the like) as numbers."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def show(version: Version) -> str:
    return ".".join(str(part) for part in version)


def from_python_version_file(text: str) -> PythonRequest | None:
    """``.python-version`` as pyenv and uv write it: the first line that says something."""
    source = ".python-version"
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#")[0].strip()
        if line:
            return _parse(PREFIX.sub("", line), source, f"{source} line {number} says {line!r}")
    return None


def from_runtime_txt(text: str) -> PythonRequest | None:
    """``runtime.txt`` of Cloud Foundry and Heroku: ``python-3.12.4``, ``python-3.12.x`` or ``python-3.12``."""
    line = text.strip()
    if not line:
        return None
    matched = re.match(r"^python-(\d+(?:\.\d+){0,2})(?:\.x)?$", line)
    if not matched:
        _refuse(f"runtime.txt says {line!r}")
    return PythonRequest(matched[1], "runtime.txt")


def from_specifier(text: str, source: str) -> PythonRequest:
    """``requires-python`` and Pipfile's ``python_version``: a version or a set of clauses."""
    return _parse(text.strip(), source, f"{source} says {text!r}")


def from_poetry(text: str, source: str) -> PythonRequest:
    """``tool.poetry.dependencies.python``: clauses, ``^3.10``, ``~3.10``, ``*``; of alternatives (``||``) the last."""
    alternative = text.split("||")[-1].strip()
    if alternative in ("*", ""):
        return ANY
    clauses = []
    for part in re.split(r"\s*,\s*|\s+(?=[<>=!~^])", alternative):
        tilted = POETRY.match(part)
        clauses.append(_tilted(tilted[1], tilted[2]) if tilted else part)
    return _parse(",".join(clauses), source, f"{source} says {text!r}")


def _tilted(sign: str, text: str) -> str:
    """``^`` lets everything change but the first part that is not 0, ``~`` but the minor version."""
    parts = [int(part) for part in text.split(".")]
    fixed = 1 if sign == "^" or len(parts) == 1 else 2
    upper = [*parts[: fixed - 1], parts[fixed - 1] + 1]
    return f">={text},<{'.'.join(str(part) for part in upper)}"


def _parse(text: str, source: str, said: str) -> PythonRequest:
    wanted = text.replace(" ", "")
    if wanted in ("", "*"):
        return PythonRequest("", source)
    if PLAIN.match(wanted):
        return PythonRequest(wanted, source)
    star = re.match(r"^(\d+(?:\.\d+)*)\.[*x]$", wanted)
    if star:
        return PythonRequest(star[1], source)
    clauses = _clauses(wanted)
    if not all(CLAUSE.match(clause) for clause in clauses):
        _refuse(said)
    return PythonRequest(",".join(clauses), source)


def _refuse(said: str) -> NoReturn:
    raise BuildpackError(
        f"{said}, which is not a version of CPython",
        "Write a version such as 3.12 or 3.12.4 (runtime.txt: python-3.12.x), or a range such as >=3.11,<3.14.",
    )


def _clauses(wanted: str) -> list[str]:
    return [clause for clause in wanted.split(",") if clause]


def _release(text: str) -> Version | None:
    """The numbers of a final release, None for a pre-release: no stack's interpreter is one."""
    return parse_version_text(text) if re.match(r"^[\d.]+$", text) else None


def _clause_allows(clause: str, version: Version) -> bool:
    matched = CLAUSE.match(clause)
    if matched is None:
        return False
    operator, star, suffix = matched[1], matched[3], matched[4]
    given = parse_version_text(matched[2])
    width = max(len(given), len(version))
    left, right = _padded(version, width), _padded(given, width)
    if suffix and right == left:  # 3.13.0 against 3.13.0rc1: the final release comes after it
        return operator in (">=", ">", "!=", "~=")
    same = version[: len(given)] == given if star else left == right
    if operator == "~=":
        return left >= right and version[: len(given) - 1] == given[:-1]
    return {
        "==": same,
        "===": same,
        "!=": not same,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[operator]


def _padded(version: Version, width: int) -> Version:
    return version + (0,) * (width - len(version))
