"""YAML nodes of a manifest, read piece by piece: each piece knows its line, and what is wrong is noted, not raised.

Scalars are texts as they are written, since Go reads them so: a version ``3.10`` is not the number 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from stagewright.buildpacks.packaging.flaws import Flaw, error
from stagewright.buildpacks.packaging.manifest import Place

_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
_NAMING = ("name", "version", "version_line")
_LONGEST_NAME = 100
_LONGEST = 4096
"""Characters of one text: an URI is the longest."""


@dataclass
class Notes:
    """What was found wrong so far."""

    flaws: list[Flaw] = field(default_factory=list)

    def wrong(self, place: Place, says: str) -> None:
        self.flaws.append(error(str(place), says))


@dataclass(frozen=True)
class Piece:
    """A node and the way to it."""

    node: yaml.Node
    path: str
    notes: Notes
    number: int = 0
    """Its position in the list that it is an item of, counted from 0."""

    @property
    def place(self) -> Place:
        """The way to it, with the name that a person knows an entry by: ``dependencies[0] (python 3.10.1)``."""
        found = pairs_of(self.node) if isinstance(self.node, yaml.MappingNode) and self.path.endswith("]") else {}
        said = [node.value for key in _NAMING if isinstance(node := found.get(key), yaml.ScalarNode)]
        name = " ".join(text for text in said if text.isprintable())[:_LONGEST_NAME]
        return Place(f"{self.path} ({name})" if name else self.path, self.node.start_mark.line + 1)

    def wrong(self, says: str) -> None:
        self.notes.wrong(self.place, says)

    def get(self, key: str) -> Piece | None:
        """The value of ``key`` of a map; None where it is missing or null. The last of two wins, as in the reference."""
        if not isinstance(self.node, yaml.MappingNode):
            return None
        node = pairs_of(self.node).get(key)
        if node is None or is_null(node):
            return None
        return Piece(node, f"{self.path}.{key}" if self.path else key, self.notes)

    def items(self) -> Iterator[Piece]:
        """The items of a list; notes where it is none."""
        if not isinstance(self.node, yaml.SequenceNode):
            self.wrong("it is not a list")
            return
        for number, node in enumerate(self.node.value):
            yield Piece(node, f"{self.path}[{number}]", self.notes, number)

    def pairs(self) -> Iterator[tuple[str, Piece]]:
        """The keys and values of a map; notes where it is none."""
        if not isinstance(self.node, yaml.MappingNode):
            self.wrong("it is not a map")
            return
        for key, node in pairs_of(self.node).items():
            yield key, Piece(node, f"{self.path}.{key[:100]}", self.notes)

    def text(self) -> str | None:
        """A scalar; None, with a note, for a list, a map, or what is too long or not printable."""
        if not isinstance(self.node, yaml.ScalarNode):
            self.wrong("it is not a text")
            return None
        value = str(self.node.value)
        if len(value) > _LONGEST:
            self.wrong(f"it is longer than {_LONGEST} characters")
            return None
        if any(not character.isprintable() and character not in "\n\t" for character in value):
            self.wrong("it holds characters that cannot be printed")
            return None
        return value

    def required(self, key: str) -> str | None:
        """The text of ``key``, which must be there and not empty; None, with a note, otherwise."""
        found = self.get(key)
        if found is None:
            self.wrong(f"{key} is missing")
            return None
        text = found.text()
        if text is not None and not text.strip():
            found.wrong("it is empty")
            return None
        return text

    def optional(self, key: str) -> str:
        """The text of ``key``, or nothing."""
        found = self.get(key)
        return (found.text() or "") if found is not None else ""

    def list_of(self, key: str) -> list[Piece]:
        found = self.get(key)
        return list(found.items()) if found is not None else []


def is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _NULL


def pairs_of(node: yaml.MappingNode) -> dict[str, yaml.Node]:
    """Keys and values, what ``<<`` brings first. Keys that are no texts are left out: nothing here has such."""
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if key.tag == _MERGE:
            merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for one in reversed(merged):
                if isinstance(one, yaml.MappingNode):
                    found.update(pairs_of(one))
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
            found[str(key.value)] = value
    return found
