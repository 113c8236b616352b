"""YAML from strangers: small, safe, and with the line in every complaint."""

from __future__ import annotations

from typing import Any

import yaml

LARGEST = 1 << 20
"""Bytes of the largest YAML file that is read at all."""


DEEPEST = 64
"""Levels of lists and maps. libyaml's composer recurses on the C stack: a deeper document could end this very process."""

MOST = 100_000
"""Nodes of a document with every alias written out."""


class NotReadable(Exception):
    """What is wrong with a YAML text, in words; the caller knows the file and whose fault it is."""


def load_yaml(text: bytes) -> Any:
    """The one document in ``text``, with duplicate keys resolved as the reference does (the last wins).

    Raises NotReadable for text that is too large, not UTF-8 or not YAML. Aliases are shared, never copied, so that a small text
    cannot become a large value, and what they would expand to is bounded before anything is built.
    """
    if len(text) > LARGEST:
        raise NotReadable(f"it is larger than {LARGEST >> 20} MB")
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotReadable(f"byte {error.start} is not UTF-8") from error
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _bound(decoded, loader)
        return yaml.load(decoded, Loader=loader)  # noqa: S506 - both are safe loaders
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        raise NotReadable(f"{where}{error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotReadable(str(error).splitlines()[0] if str(error) else type(error).__name__) from error


def _bound(text: str, loader: Any) -> None:
    """Walk the events, which costs no stack, and raise NotReadable where building them would cost too much."""
    sizes: dict[str, int] = {}
    open_: list[tuple[str | None, int]] = []
    nodes = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor is not None:
                sizes[anchor] = nodes - before
            continue
        if isinstance(event, yaml.AliasEvent):
            nodes += sizes.get(event.anchor, 1)
        elif isinstance(event, yaml.NodeEvent):
            nodes += 1
            if isinstance(event, yaml.CollectionStartEvent):
                open_.append((event.anchor, nodes - 1))
            elif event.anchor is not None:
                sizes[event.anchor] = 1
        if len(open_) > DEEPEST:
            raise NotReadable(f"it is nested deeper than {DEEPEST} levels")
        if nodes > MOST:
            raise NotReadable(f"it holds more than {MOST} values, aliases written out")


def scalar_text(value: object) -> str | None:
    """A YAML scalar as the text a person wrote, near enough: 1 → "1", true → "true", null → ""; None for a list or a map."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 8192:
        return None  # Python refuses to write a number of so many digits
    if isinstance(value, str | int | float):
        return str(value)
    return None
