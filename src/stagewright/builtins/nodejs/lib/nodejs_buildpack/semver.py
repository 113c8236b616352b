"""Versions and ranges by npm's rules (the grammar of node-semver's README), for choosing a Node.js or a package manager.

A range is alternatives joined by ``||``; each alternative is a set of comparators that must all hold. Carets, tildes, x-ranges
and hyphen ranges are written out as comparators. A prerelease satisfies an alternative only where one of its comparators names a
prerelease of the same three numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering

_NUMBER = r"(?:0|[1-9]\d{0,15})"
_PRE = r"(?:-(?P<pre>(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?"
_BUILD = r"(?:\+[0-9A-Za-z.-]+)?"
_VERSION = re.compile(rf"[v=\s]*(?P<major>{_NUMBER})\.(?P<minor>{_NUMBER})\.(?P<patch>{_NUMBER}){_PRE}{_BUILD}\s*")
_PART = rf"(?:{_NUMBER}|[xX*])"
_PARTIAL = re.compile(
    rf"[v=]*(?P<major>{_PART})(?:\.(?P<minor>{_PART})(?:\.(?P<patch>{_PART}){_PRE}{_BUILD})?)?{_BUILD}"
)
_COMPARATOR = re.compile(r"(?P<operator><=|>=|~>|[<>=^~]?)(?P<operand>.*)")
_HYPHEN = re.compile(r"\s*(?P<low>\S+)\s+-\s+(?P<high>\S+)\s*")
_SPACE_AFTER_OPERATOR = re.compile(r"(<=|>=|~>|[<>=^~])\s+")


class InvalidRange(ValueError):
    """The text is no version or range in npm's sense."""


@total_ordering
@dataclass(frozen=True)
class Version:
    """``major.minor.patch``, and the identifiers of a prerelease. Build metadata is not kept: it has no order."""

    major: int
    minor: int
    patch: int
    pre: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Version:
        """``1.2.3``, ``v1.2.3``, ``1.2.3-rc.1+build``; raises ``InvalidRange`` for all else."""
        match = _VERSION.fullmatch(text)
        if match is None:
            raise InvalidRange(f"{text!r} is not a version")
        pre = tuple(match["pre"].split(".")) if match["pre"] else ()
        return cls(int(match["major"]), int(match["minor"]), int(match["patch"]), pre)

    @property
    def numbers(self) -> tuple[int, int, int]:
        return (self.major, self.minor, self.patch)

    def _rank(self) -> tuple[object, ...]:
        # A release is above its prereleases; a number is below a word; a longer list is above its own beginning.
        identifiers = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre)
        return (self.numbers, not self.pre, identifiers)

    def __lt__(self, other: Version) -> bool:
        return self._rank() < other._rank()

    def __str__(self) -> str:
        pre = f"-{'.'.join(self.pre)}" if self.pre else ""
        return f"{self.major}.{self.minor}.{self.patch}{pre}"


@dataclass(frozen=True)
class Comparator:
    operator: str
    version: Version

    def holds(self, version: Version) -> bool:
        if self.operator == "<":
            return version < self.version
        if self.operator == "<=":
            return version <= self.version
        if self.operator == ">":
            return version > self.version
        if self.operator == ">=":
            return version >= self.version
        return version == self.version


@dataclass(frozen=True)
class Range:
    """What ``text`` allows: alternatives of comparators that hold together."""

    text: str
    alternatives: tuple[tuple[Comparator, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Range:
        """Raises ``InvalidRange`` for text that npm would not read as a range either."""
        return cls(text.strip(), tuple(_alternative(part) for part in text.split("||")))

    @classmethod
    def exactly(cls, version: Version) -> Range:
        return cls(str(version), ((Comparator("=", version),),))

    def allows(self, version: Version) -> bool:
        return any(_set_allows(comparators, version) for comparators in self.alternatives)

    def newest(self, versions: Iterable[Version]) -> Version | None:
        return max((version for version in versions if self.allows(version)), default=None)

    @property
    def exact(self) -> Version | None:
        """The one version that is allowed, where the range is one."""
        only = self.alternatives[0] if len(self.alternatives) == 1 else ()
        return only[0].version if len(only) == 1 and only[0].operator == "=" else None

    @property
    def is_open(self) -> bool:
        """Whether some alternative has no upper bound, so that a later major version would be taken unasked."""
        return any(not any(c.operator in ("<", "<=", "=") for c in comparators) for comparators in self.alternatives)


ANY = Range("*", ((),))


def _set_allows(comparators: tuple[Comparator, ...], version: Version) -> bool:
    if not all(comparator.holds(version) for comparator in comparators):
        return False
    if not version.pre:
        return True
    return any(c.version.pre and c.version.numbers == version.numbers for c in comparators)


def _alternative(text: str) -> tuple[Comparator, ...]:
    hyphen = _HYPHEN.fullmatch(text)
    if hyphen is not None:
        return (*_written_out(">=", hyphen["low"]), *_written_out("<=", hyphen["high"]))
    comparators: list[Comparator] = []
    for token in _SPACE_AFTER_OPERATOR.sub(r"\1", text.strip()).split():
        match = _COMPARATOR.fullmatch(token)
        if match is None:
            raise InvalidRange(f"{text.strip()!r} is not a range of versions")
        comparators.extend(_written_out(match["operator"], match["operand"]))
    return tuple(comparators)


def _written_out(operator: str, operand: str) -> tuple[Comparator, ...]:
    """The comparators of one operator and a version that may be partial (``^1.2``, ``~1``, ``>=1.x``, ``1.2.*``)."""
    numbers, pre = _partial(operand)
    given = len(numbers)
    low = _padded(numbers, pre)
    if operator == "^":
        return () if not given else (Comparator(">=", low), Comparator("<", _caret_end(numbers)))
    if operator in ("~", "~>"):
        return () if not given else (Comparator(">=", low), Comparator("<", _end(numbers[:2])))
    if given == 3:
        return (Comparator(operator or "=", low),)
    if not given:
        # ">*" and "<*" hold for nothing, every other operator on "*" for all.
        return (Comparator("<", Version(0, 0, 0, ("0",))),) if operator in ("<", ">") else ()
    if operator == ">":
        end = _end(numbers)
        return (Comparator(">=", Version(*end.numbers)),)
    if operator == ">=":
        return (Comparator(">=", low),)
    if operator == "<":
        return (Comparator("<", Version(*low.numbers, ("0",))),)
    if operator == "<=":
        return (Comparator("<", _end(numbers)),)
    return (Comparator(">=", low), Comparator("<", _end(numbers)))


def _partial(text: str) -> tuple[list[int], tuple[str, ...]]:
    """The numbers before the first x or missing part, and the prerelease of a whole version."""
    if not text:
        return [], ()
    match = _PARTIAL.fullmatch(text)
    if match is None:
        raise InvalidRange(f"{text!r} is not a version")
    parts = [match["major"], match["minor"], match["patch"]]
    numbers: list[int] = []
    for position, part in enumerate(parts):
        if part is None or part in "xX*":
            if any(later is not None and later.isdigit() for later in parts[position:]):
                raise InvalidRange(f"{text!r} has a number after an x")
            break
        numbers.append(int(part))
    pre = tuple(match["pre"].split(".")) if match["pre"] and len(numbers) == 3 else ()
    return numbers, pre


def _end(numbers: list[int]) -> Version:
    """The first version (by its lowest prerelease) after all that begin with these numbers."""
    return _padded([*numbers[:-1], numbers[-1] + 1], ("0",))


def _padded(numbers: list[int], pre: tuple[str, ...]) -> Version:
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    return Version(major, minor, patch, pre)


def _caret_end(numbers: list[int]) -> Version:
    """A caret holds the leftmost number that is not zero; of zeros alone the last one that is given."""
    for position, number in enumerate(numbers):
        if number:
            return _end(numbers[: position + 1])
    return _end(numbers)
