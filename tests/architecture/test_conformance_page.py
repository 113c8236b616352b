"""The page of conformance and the tests name each other: what is kept a test asserts, and tests name clauses that there are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "reference" / "conformance.md"
ID = re.compile(r"[A-Z]{2}-[A-Z]-\d{2}|HK-\d{2}")
STATES = ("kept", "differs", "not built")
BUILDERS = frozenset({"stage", "drop-in"})


@dataclass(frozen=True)
class Row:
    """A clause on the page."""

    id: str
    by: str | None
    state: str


@dataclass(frozen=True)
class Assertion:
    """A test, or a case of one, that names a clause."""

    id: str
    builders: frozenset[str]
    expected_to_fail: bool
    where: str


def tables() -> Iterator[list[dict[str, str]]]:
    """Every table of the page, a row as what stands under each heading."""
    for block in re.findall(r"(?:^\|.*\n)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.strip("|\n").split(" | ")] for line in block.splitlines())
        yield [dict(zip(head, row, strict=True)) for row in rows]


@cache
def rows() -> tuple[Row, ...]:
    return tuple(Row(row["id"], row.get("by"), row["state"]) for table in tables() for row in table if "id" in row)


def marks(node: ast.AST, name: str) -> Iterator[ast.Call]:
    """The calls of ``pytest.mark.NAME`` below a node."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == name:
            yield call


def texts(calls: Iterator[ast.Call]) -> frozenset[str]:
    return frozenset(one.value for call in calls for one in call.args if isinstance(one, ast.Constant))


@cache
def assertions() -> tuple[Assertion, ...]:
    """Read without importing anything: from decorators, from ``pytestmark``, and from marks of single cases."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return tuple(one for path in files for one in in_file(path))


def in_file(path: Path) -> Iterator[Assertion]:
    module = ast.parse(path.read_text(encoding="utf-8"))
    decorated = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    own = [
        node for node in module.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
    everywhere = frozenset(text for node in own for text in texts(marks(node, "only")))
    seen: set[int] = set()
    for node in decorated:
        for decorator in node.decorator_list:
            seen.update(id(call) for call in marks(decorator, "clause"))
            only = everywhere | frozenset(text for one in node.decorator_list for text in texts(marks(one, "only")))
            failing = any(is_mark(one, "xfail") for one in node.decorator_list)
            for clause in texts(marks(decorator, "clause")):
                yield Assertion(clause, only or BUILDERS, failing, f"{path.name}: {node.name}")
    for call in marks(module, "clause"):
        if id(call) not in seen:
            for clause in texts(iter([call])):
                yield Assertion(clause, everywhere or BUILDERS, False, f"{path.name}:{call.lineno}")


def is_mark(decorator: ast.expr, name: str) -> bool:
    return isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute) and decorator.func.attr == name


def test_every_clause_is_on_the_page_once_and_has_a_state() -> None:
    ids = [row.id for row in rows()]
    assert len(ids) > 100
    assert sorted(ids) == sorted(set(ids))
    for row in rows():
        assert ID.fullmatch(row.id), row
        assert row.state.startswith(STATES), row
        assert not row.state.startswith("differs") or len(row.state) > len("differs: "), f"{row.id} has no reason"


def test_a_clause_that_is_kept_is_asserted_by_a_test() -> None:
    asserted = {one.id for one in assertions() if not one.expected_to_fail}
    assert [row.id for row in rows() if row.state.startswith("kept") and row.id not in asserted] == []


def test_a_test_names_clauses_of_the_page() -> None:
    known = {row.id for row in rows()}
    assert [one.where for one in assertions() if one.id not in known] == []


def test_what_is_not_built_is_asserted_by_nobody() -> None:
    missing = {row.id for row in rows() if row.state.startswith("not built")}
    assert [one.where for one in assertions() if one.id in missing] == []


def test_the_page_says_which_builders_a_clause_is_asked_of() -> None:
    for row in rows():
        asked = frozenset(name for one in assertions() if one.id == row.id for name in one.builders)
        said = BUILDERS if row.by == "both" else frozenset({row.by})
        assert row.by is None or (said <= BUILDERS and (not asked or asked == said)), (row, asked)


def test_the_reference_s_checklist_is_whole_and_names_clauses() -> None:
    checklist = next(table for table in tables() if "item" in table[0])
    assert [row["item"] for row in checklist][:36] == [str(number) for number in range(1, 37)]
    kept = {row.id for row in rows() if not row.state.startswith("not built")}
    for row in checklist:
        named = row["clauses"].split(", ")
        assert set(named) <= kept, row["item"]
