"""Lists of buildpacks: the file .buildpacks (contracts/heroku.md §4.2), and variables."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewright.packages import BadBuildpackList, BadReferences, read_buildpack_list, split_references
from stagewright.packages.buildpack_list import parse_buildpack_list

CANARY = "c4n4ry"


def test_a_reference_a_line_comments_and_blanks_aside(tmp_path: Path) -> None:
    (tmp_path / ".buildpacks").write_bytes(
        b"\xef\xbb\xbf# first\r\nhttps://example.com/a.git#v1.2  \r\n\n   # indented\n\thttps://example.com/b.tgz\nheroku/ruby"
    )
    found = read_buildpack_list(tmp_path)
    assert found is not None
    assert found.references == ("https://example.com/a.git#v1.2", "https://example.com/b.tgz", "heroku/ruby")
    assert found.buildpack_url is None


@pytest.mark.parametrize(
    ("text", "url"),
    [(b"# only\n\nhttps://example.com/a.git#x\n", "https://example.com/a.git#x"), (b"# none\n", None), (b"a\nb", None)],
)
def test_exactly_one_line_acts_as_buildpack_url(text: bytes, url: str | None) -> None:
    assert parse_buildpack_list(text).buildpack_url == url


def test_no_file_and_no_link_is_nothing(tmp_path: Path) -> None:
    assert read_buildpack_list(tmp_path) is None
    (tmp_path / "other").write_text("heroku/ruby")
    (tmp_path / ".buildpacks").symlink_to(tmp_path / "other")
    assert read_buildpack_list(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"ok\nhttps://{CANARY}@example.com/a  # why".encode(), "line 2 holds white space"),
        (f"{CANARY}\x1b[31m".encode(), "line 1 holds a control"),
        (b"a\n" * 101, "more than 100"),
        (CANARY.encode() * 1000, "line 1 is longer"),
        (b"\xff", "UTF-8"),
    ],
)
def test_a_bad_list_is_refused_with_its_line_and_not_quoted(text: bytes, says: str) -> None:
    with pytest.raises(BadBuildpackList) as caught:
        parse_buildpack_list(text)
    assert says in caught.value.brief()
    assert CANARY not in str(caught.value) + caught.value.hint()


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".buildpacks").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(BadBuildpackList, match="larger"):
        read_buildpack_list(tmp_path)


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("", ()),
        (" , ,\n", ()),
        ("a", ("a",)),
        ("a,b", ("a", "b")),
        ("a  https://example.com/b.git#main,\n c,,", ("a", "https://example.com/b.git#main", "c")),
    ],
)
def test_variables_name_buildpacks_with_commas_or_spaces_between(text: str, references: tuple[str, ...]) -> None:
    assert split_references(text) == references


@pytest.mark.parametrize("text", [f"a,{CANARY}\x00", f"{CANARY}," * 101, CANARY * 1000])
def test_a_bad_variable_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(BadReferences) as caught:
        split_references(text)
    assert caught.value.brief()
    assert CANARY not in str(caught.value)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_a_clear_refusal(content: bytes) -> None:
    try:
        found = parse_buildpack_list(content)
    except BadBuildpackList as problem:
        assert problem.brief()
        return
    assert all(each.isprintable() and each and not each.startswith("#") for each in found.references)


@given(st.text(max_size=200))
def test_any_text_is_a_list_or_a_clear_refusal(text: str) -> None:
    try:
        found = split_references(text)
    except BadReferences as problem:
        assert problem.brief()
        return
    assert all(each.isprintable() and each and "," not in each for each in found)
    assert split_references(",".join(found)) == found
