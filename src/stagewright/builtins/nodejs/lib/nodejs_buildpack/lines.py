"""Tables about release lines: which Node.js lines have long-term support, and what runs on which Node.js.

Facts of the Node.js release schedule and of the ``engines`` fields of npm, pnpm and yarn. A new line is a new row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from nodejs_buildpack.semver import Range, Version

LTS_CODENAMES = {
    "argon": 4,
    "boron": 6,
    "carbon": 8,
    "dubnium": 10,
    "erbium": 12,
    "fermium": 14,
    "gallium": 16,
    "hydrogen": 18,
    "iron": 20,
    "jod": 22,
    "krypton": 24,
    "lithium": 26,
}
"""The lines with long-term support; ``lts/*`` is the newest of them."""

END_OF_LIFE = {
    4: date(2018, 4, 30),
    6: date(2019, 4, 30),
    8: date(2019, 12, 31),
    10: date(2021, 4, 30),
    12: date(2022, 4, 30),
    14: date(2023, 4, 30),
    16: date(2023, 9, 11),
    18: date(2025, 4, 30),
    19: date(2023, 6, 1),
    20: date(2026, 4, 30),
    21: date(2024, 6, 1),
    22: date(2027, 4, 30),
    23: date(2025, 6, 1),
    24: date(2028, 4, 30),
    25: date(2026, 6, 1),
}
"""The day after which a line gets no security fixes."""


def is_lts(version: Version) -> bool:
    return version.major in LTS_CODENAMES.values()


def ended(version: Version, today: date) -> date | None:
    """The day on which the support of the version's line ended, where it has; odd lines of the past had half a year."""
    if version.major < min(END_OF_LIFE):
        return min(END_OF_LIFE.values())
    end = END_OF_LIFE.get(version.major)
    return end if end is not None and end < today else None


@dataclass(frozen=True)
class Tool:
    """A version of a package manager that is taken where the app names none, and the Node.js that it runs on."""

    version: Version
    node: Range
    locks: tuple[str, ...] = ()
    """The lock file formats that it reads without rewriting them, where that tells lines apart."""


def _tool(version: str, node: str, *locks: str) -> Tool:
    return Tool(Version.parse(version), Range.parse(node), locks)


NPM = (
    _tool("11.21.2", "^20.17.0 || >=22.9.0"),
    _tool("10.9.9", "^18.17.0 || >=20.5.0"),
    _tool("9.9.4", "^14.17.0 || ^16.13.0 || >=18.0.0"),
    _tool("8.19.4", "^12.13.0 || ^14.15.0 || >=16.0.0"),
    _tool("6.14.18", "6 >=6.2.0 || 8 || >=9.3.0"),
)
"""Newest first. npm 12 runs no install script that the app has not approved; so it comes only where an app asks for it."""

PNPM = (
    _tool("10.34.9", ">=18.12", "9.0"),
    _tool("8.15.9", ">=16.14", "6.0", "6.1"),
    _tool("7.33.7", ">=14.6", "5.4", "5.3"),
    _tool("6.35.1", ">=12.17", "5.3", "5.4"),
)

YARN_CLASSIC = _tool("1.22.22", ">=4.0.0")

YARN_BERRY = (
    _tool("4.18.1", ">=18.12.0", "10"),
    _tool("4.14.1", ">=18.12.0", "9"),
    _tool("4.13.0", ">=18.12.0", "8"),
    _tool("3.8.7", ">=12 <14 || 14.2 - 14.9 || >14.10.0", "6"),
    _tool("3.1.1", ">=12 <14 || 14.2 - 14.9 || >14.10.0", "5"),
    _tool("2.4.2", ">=12 <14 || 14.2 - 14.9 || >14.10.0", "4"),
)
"""Yarn 2 and later, by the ``__metadata`` version of yarn.lock: any other release would rewrite the file, or refuse to."""


def tool_for(tools: Sequence[Tool], node: Version, lock: str | None = None) -> Tool | None:
    """The newest tool that runs on ``node`` and reads the lock file's format (any, where that is not known)."""
    running = [tool for tool in tools if tool.node.allows(node)]
    reading = [tool for tool in running if lock is None or lock in tool.locks]
    known = any(lock in tool.locks for tool in tools)
    return next(iter(reading if known else running), None)
