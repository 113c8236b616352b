"""Names that are not text have one reversible escape."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewright.trees import escape_name, unescape_name


@given(st.binary())
def test_every_name_comes_back(raw: bytes) -> None:
    assert unescape_name(escape_name(raw)) == raw


@given(st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_every_text_comes_back(raw: bytes) -> None:
    assert unescape_name(escape_name(raw)) == raw


@given(st.binary() | st.text(st.characters(exclude_categories=["Cs"])).map(str.encode))
def test_an_escaped_name_holds_no_control_character(raw: bytes) -> None:
    escaped = escape_name(raw)
    assert not [c for c in escaped if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    escaped.encode("utf-8")


@given(st.binary(), st.binary())
def test_two_names_never_look_alike(one: bytes, other: bytes) -> None:
    assert (escape_name(one) == escape_name(other)) == (one == other)


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        (b"plain name.txt", "plain name.txt"),
        ("Ümläut/日本".encode(), "Ümläut/日本"),
        (b"a\nb\x1b[2Jc\x7f", "a\\x0ab\\x1b[2Jc\\x7f"),
        (b"latin-\xe4", "latin-\\xe4"),
        (b"back\\slash", "back\\\\slash"),
        (b"\\x41", "\\\\x41"),
        ("txt\u202egpj".encode(), "txt\\xe2\\x80\\xaegpj"),
        (b"\xc2\x9b31m", "\\xc2\\x9b31m"),
    ],
)
def test_how_names_look(raw: bytes, escaped: str) -> None:
    assert escape_name(raw) == escaped


@pytest.mark.parametrize("text", ["\\", "a\\b", "\\x4", "\\xGG", "\\x4G", "end\\"])
def test_a_lone_backslash_is_no_escape(text: str) -> None:
    with pytest.raises(ValueError, match="lone backslash"):
        unescape_name(text)
