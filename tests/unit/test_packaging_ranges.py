"""Ranges mean what libbuildpack takes them to mean (its versions_test.go and the two libraries under it)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewright.buildpacks.packaging.ranges import Version, VersionRange, highest_of

VERSIONS = ("1.1.1", "1.2.2", "1.2.3", "1.2.4", "1.3.4", "2.0.0", "2.10.0", "2.9.9", "3.0.0-rc.1")


def highest_match(wanted: str, versions: Sequence[str]) -> str | None:
    return highest_of(wanted, [(Version.parse(text), text) for text in versions])


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("1.2.3", "1.2.3"),
        ("1.2.x", "1.2.4"),
        ("1.2.X", "1.2.4"),
        ("1.2.*", "1.2.4"),
        ("1.2", "1.2.4"),
        ("1.x", "1.3.4"),
        ("1.x.x", "1.3.4"),
        ("1", "1.3.4"),
        ("*", "2.10.0"),
        ("x", "2.10.0"),
        ("~1.2.3", "1.2.4"),
        ("~>1.2.3", "1.2.4"),
        ("~> 1.2", "1.2.4"),
        ("~1", "1.3.4"),
        ("^1.2.3", "1.3.4"),
        ("^2", "2.10.0"),
        (">1.2.3", "2.10.0"),
        (">=1.2.3 <2.0.0", "1.3.4"),
        (">= 1.2.3, < 2.0.0", "1.3.4"),
        (">1.2", "2.10.0"),
        ("<=1.2", "1.2.4"),
        ("<1.2", "1.1.1"),
        ("<2.0.0 !1.3.4", "1.2.4"),
        ("!=2.10.0", "2.9.9"),
        ("=1.2.3", "1.2.3"),
        ("1.1.x || 1.2.x", "1.2.4"),
        ("1.1.1 - 1.2.3", "1.2.3"),
        (">=3.0.0-rc.0", "3.0.0-rc.1"),
        ("3.x", None),
        ("4.x", None),
        ("1.2.5", None),
        ("nonsense", None),
        ("", None),
        ("1.2.x ||", None),
        (">", None),
        ("1.2.3.4", None),
    ],
)
def test_the_highest_of_a_range(wanted: str, found: str | None) -> None:
    assert highest_match(wanted, VERSIONS) == found


def test_caret_below_one() -> None:
    assert highest_match("^0.2.3", ["0.2.3", "0.2.9", "0.3.0"]) == "0.2.9"
    assert highest_match("^0.0.3", ["0.0.3", "0.0.4"]) == "0.0.3"


def test_a_version_that_is_none_matches_as_it_is_written() -> None:
    assert highest_match("1.8.0_242", ["1.8.0_232", "1.8.0_242"]) == "1.8.0_242"
    assert highest_match("1.8.x", ["1.8.0_242"]) is None


def test_versions_order_as_semver_says() -> None:
    texts = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0", "1.0.1"]
    parsed = [Version.parse(text) for text in texts]
    assert None not in parsed
    assert sorted(one for one in parsed[::-1] if one is not None) == parsed


@given(st.text("0123456789.xX*~^<>=!|-, v", max_size=60))
def test_any_text_is_a_range_or_none_at_once(text: str) -> None:
    highest_match(text, VERSIONS)


numbers = st.tuples(*[st.integers(0, 30)] * 3)


@given(numbers, st.lists(numbers, min_size=1, max_size=6))
def test_a_line_holds_what_shares_its_parts(line: tuple[int, ...], versions: list[tuple[int, ...]]) -> None:
    within = VersionRange.parse(f"{line[0]}.{line[1]}.x")
    assert within is not None
    for numbers_ in versions:
        version = Version.parse(".".join(map(str, numbers_)))
        assert version is not None
        assert (version in within) == (numbers_[:2] == line[:2])
