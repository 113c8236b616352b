"""YAML of strangers cannot end the process, fill its memory or take its time."""

from __future__ import annotations

import contextlib
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stagewright.documents import DEEPEST, NotReadable, load_nodes, load_yaml, plain


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        "web: " + "[" * 500_000,
        "[" * 100_000 + "]" * 100_000,
        "{a: " * 100_000 + "}" * 100_000,
        "- " * 100_000,
        "\n".join("  " * n + "a:" for n in range(500)),
        bomb(9),
        "x: &x " + "y" * 500_000 + "\nz: [" + ", ".join(["*x"] * 1000) + "]",
        "a: " + "9" * 6000,
        "a: !!python/object/apply:os.system [id]",
        "a: &a [*a]",
    ],
)
def test_what_grows_is_refused_or_harmless(text: str) -> None:
    try:
        value = load_yaml(text.encode())
    except NotReadable as error:
        assert 0 < len(str(error)) < 300
    else:
        assert len(json.dumps(plain(value))) < 20_000


def test_sixty_levels_are_no_bomb() -> None:
    assert load_yaml(("[" * 60 + "]" * 60).encode())


def test_aliases_within_reason_are_read() -> None:
    assert load_yaml(b"base: &b {A: 1}\nother: {<<: *b, C: 2}") == {"base": {"A": 1}, "other": {"A": 1, "C": 2}}


def test_unknown_tags_are_refused_or_nothing() -> None:
    with pytest.raises(NotReadable):
        load_yaml(b"a: !ruby/object:X {}")
    assert load_yaml(b"a: !ruby/object:X {}\nb: 1", tolerant=True) == {"a": None, "b": 1}


def test_plain_is_what_json_knows() -> None:
    value = load_yaml(b"{d: 2001-01-01, 1: x, s: !!set {a, b}, b: !!binary aGk=, n: null, f: 1.5}")
    assert json.loads(json.dumps(plain(value)))["1"] == "x"


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for tolerant in (False, True):
        with contextlib.suppress(NotReadable):
            json.dumps(plain(load_yaml(content, tolerant=tolerant)))


def test_the_deepest_legal_document_is_read_and_one_more_level_is_not() -> None:
    assert load_yaml(b"[" * DEEPEST + b"]" * DEEPEST)
    with pytest.raises(NotReadable, match="deeper than 64"):
        load_yaml(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1))


def test_nodes_keep_scalars_as_they_were_written() -> None:
    node = load_nodes(b"version: 3.10\nold: 010\nday: 2026-01-02\n")
    assert isinstance(node, yaml.MappingNode)
    assert [value.value for _, value in node.value] == ["3.10", "010", "2026-01-02"]
    assert load_nodes(b"") is None


@pytest.mark.parametrize("text", [b"a: [", b"\xff", bomb(9).encode(), b"[" * 100_000])
def test_nodes_are_bounded_as_values_are(text: bytes) -> None:
    with pytest.raises(NotReadable):
        load_nodes(text)
