"""A JSON object from anybody, read field by field: each has a type and a bound, and a complaint says where it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

LONGEST = 256 << 10
"""Characters of the longest text."""
MOST = 10_000
"""Items of a list or an object, unless a field says otherwise."""
_DEEPEST = 8
_LARGEST_NUMBER = 1 << 62


class Malformed(Exception):
    """``where`` is a path such as ``scripts[3].argv``, empty for the whole; ``says`` is what is wrong there."""

    def __init__(self, where: str, says: str) -> None:
        super().__init__(f"{where}: {says}" if where else says)
        self.where = where
        self.says = says


@dataclass(frozen=True)
class Fields:
    """One object. Every method raises Malformed where a field is missing, of another type or out of bounds.

    Texts have no lone surrogates: what has no form in UTF-8 became a question mark.
    """

    values: Mapping[str, object]
    where: str = ""

    @classmethod
    def of(cls, value: object, where: str = "") -> Fields:
        if not isinstance(value, Mapping):
            raise Malformed(where, "it is not an object")
        return cls(value, where)

    def has(self, name: str) -> bool:
        return self.values.get(name) is not None

    def names(self, most: int = MOST) -> tuple[str, ...]:
        """The names of all fields, as they are written, for `text` and the others."""
        if len(self.values) > most:
            raise Malformed(self.where, f"it has more than {most:,} fields")
        return tuple(_writable(name, self.where) for name in self.values)

    def inside(self, name: str) -> Fields:
        return Fields.of(self._value(name), self._path(name))

    def each(self, name: str, most: int) -> Iterable[Fields]:
        return [Fields.of(each, f"{self._path(name)}[{index}]") for index, each in enumerate(self._list(name, most))]

    def text(self, name: str, *, most: int = LONGEST, otherwise: str | None = None) -> str:
        if otherwise is not None and not self.has(name):
            return otherwise
        return _text(self._value(name), self._path(name), most)

    def texts(self, name: str) -> tuple[str, ...]:
        where = self._path(name)
        return tuple(_text(each, f"{where}[{index}]") for index, each in enumerate(self._list(name, MOST)))

    def parsed(self, name: str, parse: Callable[[str], T]) -> T:
        """What ``parse`` makes of a text; its ValueError is a complaint of this field."""
        text = self.text(name, most=1000)
        try:
            return parse(text)
        except (ValueError, OverflowError) as error:
            raise Malformed(self._path(name), str(error)) from error

    def flag(self, name: str) -> bool:
        value = self._value(name)
        if not isinstance(value, bool):
            raise Malformed(self._path(name), "it is neither true nor false")
        return value

    def whole(self, name: str, *, least: int = 0, most: int = _LARGEST_NUMBER) -> int:
        value = self._value(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise Malformed(self._path(name), f"it is not a whole number from {least} to {most}")
        return value

    def number(self, name: str) -> float:
        """A number that is not negative, and a few thousand years of seconds at most."""
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e12 or math.isnan(value):
            raise Malformed(self._path(name), "it is not a number from 0 to 1e12")
        return float(value)

    def plain(self, name: str) -> dict[str, object]:
        """An object of any JSON values, small and shallow."""
        left = [1000]
        read = _plain(self._value(name), self._path(name), 0, left)
        if not isinstance(read, dict):
            raise Malformed(self._path(name), "it is not an object")
        return read

    def _value(self, name: str) -> object:
        if name not in self.values:
            raise Malformed(self._path(name), "it is missing")
        return self.values[name]

    def _list(self, name: str, most: int) -> list[object]:
        value = self._value(name)
        if not isinstance(value, list):
            raise Malformed(self._path(name), "it is not a list")
        if len(value) > most:
            raise Malformed(self._path(name), f"it has more than {most:,} items")
        return value

    def _path(self, name: str) -> str:
        shown = name[:100].encode("ascii", "backslashreplace").decode()
        return f"{self.where}.{shown}" if self.where else shown


def _text(value: object, where: str, most: int = LONGEST) -> str:
    if not isinstance(value, str):
        raise Malformed(where, "it is not a text")
    if len(value) > most:
        raise Malformed(where, f"it has more than {most:,} characters")
    return value.encode("utf-8", "replace").decode() if not value.isascii() else value


def _writable(name: object, where: str) -> str:
    text = _text(name, where, 1000)
    if text != name:
        raise Malformed(where, "the name of a field has no form in UTF-8")
    return text


def _plain(value: object, where: str, depth: int, left: list[int]) -> object:
    left[0] -= 1
    if depth > _DEEPEST or left[0] < 0:
        raise Malformed(where, "it is too large")
    if isinstance(value, str):
        return _text(value, where)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= _LARGEST_NUMBER:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list):
        return [_plain(each, where, depth + 1, left) for each in value]
    if isinstance(value, Mapping):
        return {_writable(key, where): _plain(each, where, depth + 1, left) for key, each in value.items()}
    raise Malformed(where, "it holds a number out of bounds")
