"""Lists and summaries: aligned columns for a person, JSON for a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence

from stagewright.cli.show.safety import harmless


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as their widest cell, the headings first; nothing but the headings where there are no rows."""
    cells = [tuple(headings), *(tuple(harmless(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")


def print_json(document: object) -> None:
    """One JSON value on one line."""
    sys.stdout.write(json.dumps(document) + "\n")


def print_tree(document: Mapping[str, object], indent: int = 0) -> None:
    """A document as indented names and values."""
    for name, value in document.items():
        if value in (None, "", [], {}):
            continue
        pad = "  " * indent
        if isinstance(value, Mapping):
            sys.stdout.write(f"{pad}{harmless(str(name))}\n")
            print_tree(value, indent + 1)
        elif isinstance(value, list | tuple):
            sys.stdout.write(f"{pad}{harmless(str(name))}\n")
            _print_items(value, indent + 1)
        else:
            sys.stdout.write(f"{pad}{harmless(str(name)):<{max(1, 22 - len(pad))}} {harmless(str(value))}\n")


def _print_items(items: Sequence[object], indent: int) -> None:
    for item in items:
        if isinstance(item, Mapping):
            said = "  ".join(f"{name}={value}" for name, value in item.items() if value not in (None, "", [], {}))
        else:
            said = str(item)
        sys.stdout.write(f"{'  ' * indent}- {harmless(said)}\n")
