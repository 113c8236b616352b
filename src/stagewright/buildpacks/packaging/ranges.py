"""Ranges of versions as libbuildpack reads them in ``default_versions`` and ``version_line``.

Rule (libbuildpack ``versions.go``: blang/semver first, Masterminds/semver second): a range is alternatives parted by ``||``;
an alternative is comparisons parted by spaces or commas, all of which must hold; a comparison is an operator (``=``, ``!=``,
``>``, ``>=``, ``<``, ``<=``, ``~``, ``~>``, ``^``, or none for *equal*) and a version, of which parts may be missing or ``x``,
``X`` or ``*``; ``1.2 - 1.4`` is both ends and what lies between. ``~1.2.3`` and ``~>1.2.3`` are 1.2.3 and above below 1.3,
``~1`` all of 1; ``^`` stays below the next first part that is not zero. A version before a release matches only where the
range names such a one. Whatever is written exactly as a version is there matches it, also what is no semantic version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import total_ordering

_VERSION = re.compile(
    r"v?(\d{1,18})(?:\.(\d{1,18}))?(?:\.(\d{1,18}))?(?:-([0-9A-Za-z.-]{1,100}))?(?:\+[0-9A-Za-z.-]{1,100})?"
)
_PART = r"(?:\d{1,18}|[xX*])"
_PARTIAL = rf"v?({_PART})(?:\.({_PART}))?(?:\.({_PART}))?(?:-([0-9A-Za-z.-]{{1,100}}))?(?:\+[0-9A-Za-z.-]{{1,100}})?"
_COMPARISON = re.compile(rf"(~>|>=|=>|<=|=<|==|!=|[=!<>~^]|)\s*{_PARTIAL}(?=[\s,]|$)")
_HYPHEN = re.compile(rf"({_PARTIAL})\s+-\s+({_PARTIAL})")
_LONGEST = 300
_HIGHEST = 1 << 62


@total_ordering
@dataclass(frozen=True)
class Version:
    """A semantic version; missing parts are zero. Build metadata does not order."""

    numbers: tuple[int, int, int]
    prerelease: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Version | None:
        """None for what is no semantic version."""
        match = _VERSION.fullmatch(text)
        if match is None:
            return None
        numbers = (int(match[1]), int(match[2] or 0), int(match[3] or 0))
        return cls(numbers, tuple(match[4].split(".")) if match[4] else ())

    def __lt__(self, other: Version) -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[tuple[int, int, int], bool, list[tuple[bool, int, str]]]:
        """Numbers before words, fewer before more, a release after all that came before it (semver.org, §11)."""
        parts = [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in self.prerelease]
        return self.numbers, not self.prerelease, parts


@dataclass(frozen=True)
class _Comparison:
    holds: Callable[[Version], bool] = field(compare=False)
    names_prerelease: bool


@dataclass(frozen=True)
class VersionRange:
    """A range that could be read."""

    text: str
    alternatives: tuple[tuple[_Comparison, ...], ...]

    @classmethod
    def parse(cls, text: str) -> VersionRange | None:
        """None for what is no range."""
        if not text.strip() or len(text) > _LONGEST:
            return None
        alternatives = [_alternative(part.strip()) for part in text.split("||")]
        read = tuple(one for one in alternatives if one is not None)
        return cls(text, read) if len(read) == len(alternatives) else None

    def __contains__(self, version: Version) -> bool:
        return any(_all_hold(comparisons, version) for comparisons in self.alternatives)


def highest_of(wanted: str, versions: Sequence[tuple[Version | None, str]]) -> str | None:
    """The highest of ``versions`` that ``wanted`` allows, or one that is written just so; None where there is none."""
    if any(text == wanted for _, text in versions):
        return wanted
    within = VersionRange.parse(wanted)
    if within is None:
        return None
    matching = [(version, text) for version, text in versions if version is not None and version in within]
    return max(matching)[1] if matching else None


def _all_hold(comparisons: tuple[_Comparison, ...], version: Version) -> bool:
    if version.prerelease and not any(one.names_prerelease for one in comparisons):
        return False
    return all(one.holds(version) for one in comparisons)


def _alternative(text: str) -> tuple[_Comparison, ...] | None:
    hyphen = _HYPHEN.fullmatch(text)
    if hyphen is not None:
        text = f">={hyphen[1]} <={hyphen[6]}"
    comparisons: list[_Comparison] = []
    at = 0
    while at < len(text):
        match = _COMPARISON.match(text, at)
        if match is None:
            return None
        comparisons.append(_comparison(match[1], (match[2], match[3], match[4]), match[5]))
        at = match.end()
        while at < len(text) and text[at] in " ,\t":
            at += 1
    return tuple(comparisons) or None


def _comparison(operator: str, parts: tuple[str | None, ...], prerelease: str | None) -> _Comparison:
    given: list[int] = []
    for part in parts:
        if part is None or not part.isdecimal():
            break
        given.append(int(part))
    words = tuple(prerelease.split(".")) if prerelease and len(given) == 3 else ()
    first, second, third, *_ = (*given, 0, 0, 0)
    low = Version((first, second, third), words)
    above = _above(given, len(given))
    return _Comparison(_holds(operator, low, above, given), bool(words))


def _above(given: list[int], kept: int) -> tuple[int, int, int]:
    """The first version above all that share the first ``kept`` parts with ``given``."""
    if not kept:
        return (_HIGHEST, 0, 0)
    raised = [*given[: kept - 1], given[kept - 1] + 1, 0, 0, 0]
    return raised[0], raised[1], raised[2]


def _holds(operator: str, low: Version, above: tuple[int, int, int], given: list[int]) -> Callable[[Version], bool]:
    exact = len(given) == 3
    match operator:
        case ">":
            return (lambda version: version > low) if exact else (lambda version: version.numbers >= above)
        case ">=" | "=>":
            return lambda version: version >= low
        case "<":
            return lambda version: version < low
        case "<=" | "=<":
            return (lambda version: version <= low) if exact else (lambda version: version.numbers < above)
        case "!" | "!=":
            same = _equal(low, above, exact)
            return lambda version: not same(version)
        case "~" | "~>":
            ceiling = _above(given, min(len(given), 2))
            return lambda version: version >= low and version.numbers < ceiling
        case "^":
            first = next((place for place, number in enumerate(given) if number), max(0, len(given) - 1))
            top = _above(given, first + 1 if given else 0)
            return lambda version: version >= low and version.numbers < top
        case _:
            return _equal(low, above, exact)


def _equal(low: Version, above: tuple[int, int, int], exact: bool) -> Callable[[Version], bool]:
    if exact:
        return lambda version: version == low
    return lambda version: version >= low and version.numbers < above
