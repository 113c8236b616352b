"""YAML and JSON from strangers: small, bounded, safe, and with the line in every complaint.

It stands on a floor of its own, since packages, droplets and buildpacks all read what somebody else wrote.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import yaml

LARGEST = 1 << 20
"""Bytes of the largest file that is read at all."""
DEEPEST = 64
"""Levels of lists and maps: the composer of libyaml recurses in C, and ten thousand of them end the process."""
MOST = 100_000
"""Values that a document may stand for, each alias counted as all that it repeats."""
_JSON_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""Whole strings and single brackets. A string that does not end is taken to the end at once, so the search stays linear."""
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class NotReadable(Exception):
    """What is wrong with a text, in words; the caller knows the file and whose fault it is."""


class _ToleratingLoader(yaml.SafeLoader):
    """Reads unknown tags such as ``!ruby/object`` as nothing, as the reference's launcher does."""


def _nothing(_loader: object, _tag: str, _node: object) -> None:
    return None


_ToleratingLoader.add_multi_constructor("", _nothing)


def load_yaml(text: bytes, *, tolerant: bool = False) -> Any:
    """The one document in ``text``, with duplicate keys resolved as the reference does (the last wins).

    Raises NotReadable for text that is too large, too deep, that its aliases make too much of, that is not UTF-8 or not YAML.
    ``tolerant`` reads unknown tags as nothing instead of refusing them.
    """
    loader = _ToleratingLoader if tolerant else _Loader
    return _within_bounds(text, lambda decoded: yaml.load(decoded, Loader=loader))  # noqa: S506 - all of them are safe


def load_nodes(text: bytes) -> yaml.Node | None:
    """The nodes of the one document in ``text``, each scalar as it was written; None where there is none.

    For who must tell ``3.10`` from ``3.1``, as Go does where it reads a text, or write a document again with nothing else
    changed. Raises NotReadable as `load_yaml` does.
    """
    node: yaml.Node | None = _within_bounds(text, lambda decoded: yaml.compose(decoded, Loader=_Loader))
    return node


def _within_bounds(text: bytes, build: Callable[[str], Any]) -> Any:
    if len(text) > LARGEST:
        raise NotReadable(f"it is larger than {LARGEST >> 20} MB")
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotReadable(f"byte {error.start} is not UTF-8") from error
    try:
        _measure(yaml.parse(decoded, Loader=_Loader))
        return build(decoded)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        raise NotReadable(f"{where}{error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise NotReadable(str(error).splitlines()[0] if str(error) else type(error).__name__) from error


def load_json(text: bytes) -> Any:
    """The one JSON value in ``text``; of duplicate names the last wins.

    Raises NotReadable for text that is too large, too deep, not UTF-8 or not JSON (NaN, Infinity and numbers that no double
    holds are not JSON). What it says names the place and quotes nothing of the text.
    """
    if len(text) > LARGEST:
        raise NotReadable(f"it is larger than {LARGEST >> 20} MB")
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotReadable(f"byte {error.start} is not UTF-8") from error
    _measure_json(decoded)
    try:
        return json.loads(decoded, parse_float=_finite, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise NotReadable(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except ValueError:  # a whole number of more digits than Python reads
        raise NotReadable("it holds a number that is too long") from None


def _measure_json(text: str) -> None:
    """Refuse what nests too deep, before the parser, which recurses, sees it."""
    depth = 0
    for found in _JSON_BRACKETS.finditer(text):
        depth += 1 if found[0] in "[{" else -1 if found[0] in "]}" else 0
        if depth > DEEPEST:
            raise NotReadable(f"it nests deeper than {DEEPEST} levels")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise NotReadable("it holds a number that is too large")
    return number


def _no_number(_word: str) -> NoReturn:
    raise NotReadable("it holds NaN or Infinity, which JSON does not know")


def _measure(events: Iterator[yaml.Event]) -> None:
    """Walk the events, which come one by one and build nothing, and refuse a document that would grow too deep or too large."""
    anchors: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = [(None, 0)]
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = open_nodes.pop()
            if anchor is not None:
                anchors[str(anchor)] = size
            _grow(open_nodes, size)
        elif isinstance(event, yaml.AliasEvent):
            if str(event.anchor) not in anchors:
                raise NotReadable(f"the alias {str(event.anchor)[:40]!r} refers to itself or to nothing")
            _grow(open_nodes, anchors[str(event.anchor)])
        elif isinstance(event, yaml.ScalarEvent):
            if event.anchor is not None:
                anchors[event.anchor] = 1 + len(event.value) // 100
            _grow(open_nodes, 1)
        if len(open_nodes) > DEEPEST + 1:
            raise NotReadable(f"it nests deeper than {DEEPEST} levels")


def _grow(open_nodes: list[tuple[str | None, int]], by: int) -> None:
    anchor, size = open_nodes[-1]
    if size + by > MOST:
        raise NotReadable(f"it holds more than {MOST:,} values, or aliases that stand for so many")
    open_nodes[-1] = (anchor, size + by)


def scalar_text(value: object) -> str | None:
    """A YAML scalar as the text a person wrote, near enough: 1 → "1", true → "true", null → ""; None for a list or a map."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        try:
            return str(value)
        except ValueError:  # a number of more digits than Python writes
            return None
    return None


def plain(value: object) -> Any:
    """``value`` as JSON knows it: dates and the like as text, keys as text, sets as lists; infinity and NaN, which JSON has no
    number for, as text."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, bool | str):
        return value
    text = scalar_text(value)
    return (
        value
        if isinstance(value, int) and text is not None
        else text
        if text is not None
        else str(type(value).__name__)
    )
