"""The page of the trace names what the code writes: every field and every switch, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.trace_values import TRACE

from stagewright.buildpacks.tracing import DEBUG_SWITCHES, TRACING_VARIABLES
from stagewright.buildpacks.tracing.xtrace import LONGEST_TEXT, MOST_BYTES, MOST_COMMANDS
from stagewright.model.trace import FORMAT
from stagewright.model.trace_document import trace_document

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "reference" / "trace.md").read_text(encoding="utf-8")


def rows_below(heading: str) -> list[str]:
    """The first cells of the tables of one section."""
    section = PAGE.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    return [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]


def named(heading: str) -> set[str]:
    return {name for row in rows_below(heading) for name in re.findall(r"`([^`]+)`", row)}


def names(value: object, deeper: tuple[str, ...] = (), prefix: str = "") -> Iterator[str]:
    """The fields of an object; of those in ``deeper`` the fields within."""
    if isinstance(value, list):
        yield from names(value[0], deeper, prefix) if value else ()
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in deeper:
                mark = "[]" if isinstance(inner, list) else ""
                yield from names(inner, (), f"{prefix}{name}{mark}.")
                if mark:
                    yield f"{prefix}{name}"
            else:
                yield f"{prefix}{name}"


def test_every_field_is_named_and_no_other() -> None:
    document: dict[str, Any] = trace_document(TRACE)
    script = document["scripts"][1]
    assert named("## The document") == set(names(document, ("stack",)))
    assert named("### `buildpacks[]`") == set(names(document["buildpacks"]))
    assert named("### `scripts[]`") == set(names(script, ("environment",)))
    assert named("### `scripts[].wrote.TREE`") == set(names(script["wrote"]["app"]))
    assert named("### `scripts[].xtrace`") == set(names(script["xtrace"], ("commands",)))


def test_numbers_names_and_switches_are_those_of_the_code() -> None:
    assert f"`{FORMAT}`" in PAGE
    assert f"first and the last {MOST_COMMANDS // 2:,} commands" in PAGE
    assert f"of {MOST_BYTES >> 20} MB" in PAGE
    assert f"up to {LONGEST_TEXT:,} characters" in PAGE
    assert all(f"`{name}`" in PAGE for name in TRACING_VARIABLES)
    table = [f"| `{one.name}` | `{one.value}` | {one.known_to} |" for one in DEBUG_SWITCHES]
    assert [line for line in PAGE.split("## Debug switches")[1].splitlines() if line.startswith("| `")] == table
