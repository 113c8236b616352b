"""JSON from outside, read field by field, and our own, written canonically.

Every reader says which document and which field was wrong, in the way a person would look for it: ``layers[2].digest``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from stagewright.errors import UsageProblem
from stagewright.model.digest import Digest

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

MAX_BYTES = 4 << 20
"""Of one manifest, index or config: what the distribution specification asks registries to accept, and no more."""

_MAX_DEPTH = 64
_MAX_INTEGER = (1 << 63) - 1
_SHOWN = 80

T = TypeVar("T")


@dataclass(eq=False)
class BadDocument(UsageProblem):
    """A manifest, index, config or layout file that does not follow the OCI image specification."""

    source: str
    """Where it came from: a path, or a reference."""
    field: str
    """The field at fault, empty for the whole document."""
    reason: str

    def brief(self) -> str:
        where = f"{self.source}, field {self.field}" if self.field else self.source
        return f"{where}: {self.reason}."

    def hint(self) -> str:
        return "The image was not written by the OCI image specification, or was damaged; write or copy it again."


def canonical(document: Mapping[str, JSON]) -> bytes:
    """The one way that we write a document: sorted keys, no spaces, ASCII. Equal documents have equal digests."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


def parse(content: bytes, source: str) -> Fields:
    """The object that ``content`` holds. Raises BadDocument: not UTF-8, not JSON, no object, or beyond `MAX_BYTES`."""
    if len(content) > MAX_BYTES:
        raise BadDocument(source, "", f"it has more than {MAX_BYTES >> 20} MiB")
    try:
        document = json.loads(content.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite)
    except RecursionError as error:
        raise BadDocument(source, "", "it is nested too deeply") from error
    except ValueError as error:
        raise BadDocument(source, "", f"it is not JSON ({_shown(str(error))})") from error
    if not isinstance(document, dict):
        raise BadDocument(source, "", f"it is {_kind(document)}, not an object")
    if _deeper_than(document, _MAX_DEPTH):
        raise BadDocument(source, "", "it is nested too deeply")
    return Fields(document, source)


def _deeper_than(document: JSON, limit: int) -> bool:
    level: list[JSON] = [document]
    for _ in range(limit):
        level = [child for value in level for child in _children(value)]
    return bool(level)


def _children(value: JSON) -> Iterable[JSON]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return number


def _kind(value: JSON) -> str:
    if value is None:
        return "null"
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names[type(value)]


def _shown(text: str) -> str:
    """At most a line of ``text``, without what could take over a terminal."""
    plain = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text[:_SHOWN])
    return plain if len(text) <= _SHOWN else f"{plain}…"


class Fields:
    """One object of a document, while it is read. What nobody asked for is left over, to be kept.

    A field that is null counts as absent (config.md, "Properties").
    """

    def __init__(self, members: dict[str, JSON], source: str, path: str = "") -> None:
        self._members = members
        self._source = source
        self._path = path
        self._read: set[str] = set()

    def problem(self, name: str, reason: str) -> BadDocument:
        """What is wrong with field ``name``."""
        return BadDocument(self._source, self._at(name), reason)

    def text(self, name: str) -> str:
        """A required string."""
        return self._required(name, self.optional_text(name))

    def optional_text(self, name: str) -> str | None:
        value = self._take(name)
        return None if value is None else self._text(value, name)

    def integer(self, name: str) -> int:
        """A required integer from 0 to 2^63-1."""
        value = self._take(name)
        if value is None:
            raise self.problem(name, "it is missing")
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.problem(name, f"it is {_kind(value)}, not an integer")
        if not 0 <= value <= _MAX_INTEGER:
            raise self.problem(name, "it is negative or too large")
        return value

    def flag(self, name: str) -> bool:
        """A boolean that is false where it is absent."""
        value = self._take(name)
        if value is not None and not isinstance(value, bool):
            raise self.problem(name, f"it is {_kind(value)}, not true or false")
        return bool(value)

    def parsed(self, name: str, parse_text: Callable[[str], T]) -> T:
        """A required string that ``parse_text`` reads; its ValueError becomes a BadDocument."""
        return self._parsed(name, self.text(name), parse_text)

    def digest(self, name: str) -> Digest:
        return self.parsed(name, Digest.parse)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; empty where it is absent."""
        return tuple(self._text(item, f"{name}[{number}]") for number, item in enumerate(self._list(name)))

    def all_parsed(self, name: str, parse_text: Callable[[str], T]) -> tuple[T, ...]:
        """A list of strings that ``parse_text`` reads, one by one."""
        return tuple(
            self._parsed(f"{name}[{number}]", text, parse_text) for number, text in enumerate(self.texts(name))
        )

    def mapping(self, name: str) -> dict[str, str]:
        """An object whose values are strings; empty where it is absent."""
        members = self._object(name)
        return {key: self._text(value, f"{name}.{_shown(key)}") for key, value in members.items()}

    def keys(self, name: str) -> tuple[str, ...]:
        """The keys of an object that stands for a set (config.md, "ExposedPorts"); empty where it is absent."""
        return tuple(self._object(name))

    def parsed_keys(self, name: str, parse_text: Callable[[str], T]) -> tuple[T, ...]:
        """Those keys, each read by ``parse_text``."""
        return tuple(self._parsed(f"{name}.{_shown(key)}", key, parse_text) for key in self.keys(name))

    def object(self, name: str) -> Fields | None:
        """An object, to be read in its turn; None where it is absent."""
        if self._members.get(name) is None:
            self._read.add(name)
            return None
        return Fields(self._object(name), self._source, self._at(name))

    def required_object(self, name: str) -> Fields:
        return self._required(name, self.object(name))

    def objects(self, name: str) -> Iterator[Fields]:
        """A list of objects, each to be read in its turn; empty where it is absent."""
        for number, item in enumerate(self._list(name)):
            where = f"{name}[{number}]"
            if not isinstance(item, dict):
                raise self.problem(where, f"it is {_kind(item)}, not an object")
            yield Fields(item, self._source, self._at(where))

    def has(self, name: str) -> bool:
        return self._members.get(name) is not None

    def rest(self) -> dict[str, JSON]:
        """What was not asked for: the fields of later specifications, and of others."""
        return {name: value for name, value in self._members.items() if name not in self._read and value is not None}

    def _take(self, name: str) -> JSON:
        self._read.add(name)
        return self._members.get(name)

    def _required(self, name: str, value: T | None) -> T:
        if value is None:
            raise self.problem(name, "it is missing")
        return value

    def _text(self, value: JSON, name: str) -> str:
        if not isinstance(value, str):
            raise self.problem(name, f"it is {_kind(value)}, not text")
        return value

    def _parsed(self, name: str, text: str, parse_text: Callable[[str], T]) -> T:
        try:
            return parse_text(text)
        except ValueError as error:
            raise self.problem(name, _shown(str(error))) from error

    def _list(self, name: str) -> list[JSON]:
        value = self._take(name)
        if value is not None and not isinstance(value, list):
            raise self.problem(name, f"it is {_kind(value)}, not a list")
        return value or []

    def _object(self, name: str) -> dict[str, JSON]:
        value = self._take(name)
        if value is not None and not isinstance(value, dict):
            raise self.problem(name, f"it is {_kind(value)}, not an object")
        return value or {}

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path and name else self._path or name
