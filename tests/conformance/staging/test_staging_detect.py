"""Detection (contracts/cloudfoundry-staging.md §1.2 step 2): one buildpack of the list is found, and it alone stages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conformance.staging.buildpacks import Buildpack, compiling, finalizing
from tests.conformance.staging.conftest import Stage

REFUSING = compiling("refusing", detect="echo 'not mine'; exit 1")


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-D-01", "CF-D-02", "CF-D-03", "CF-D-04")
def test_the_first_that_says_yes_stages_alone(stage: Stage) -> None:
    heard = 'echo "$NAME heard $# $*" >&2'
    ended = stage(
        compiling("first", detect=f"{heard}; exit 1"),
        compiling("second", detect=f"{heard}; printf 'Two\\nLines\\r\\n\\n'"),
        compiling("third", detect=heard),
        detect=True,
    )
    assert ended.code == 0
    assert ended.said("second compile ") == [f"2 {ended.places.app} {ended.places.cache}/final"]
    assert not ended.said("first compile ")
    assert not ended.said("third compile ")
    heard_by = [line for line in ended.complaints if " heard " in line]
    assert heard_by == [f"first heard 1 {ended.places.app}", f"second heard 1 {ended.places.app}"]
    assert ended.detected == "Two\nLines"
    assert "Two" not in ended.lines
    assert "Lines" not in ended.lines


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-D-05")
@pytest.mark.parametrize(("mode", "chosen"), [(0o644, "fit"), (0o744, "partly")])
def test_a_detect_that_not_everybody_may_execute_is_warned_about(stage: Stage, mode: int, chosen: str) -> None:
    ended = stage(replace(compiling("partly"), modes={"detect": mode}), compiling("fit"), detect=True)
    assert ended.code == 0
    assert "WARNING: buildpack script '/bin/detect' is not executable" in ended.lines
    assert ended.detected == f"This is {chosen}"


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-D-06")
def test_a_buildpack_without_detect_is_passed_over_with_a_word(stage: Stage) -> None:
    ended = stage(compiling("silent").without("detect"), compiling("fit"), detect=True)
    assert ended.code == 0
    assert ended.said("fit compile ")
    assert any("bin/detect" in line for line in ended.complaints)


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-D-07")
def test_a_malformed_buildpack_is_passed_over_with_a_word(stage: Stage) -> None:
    ended = stage(Buildpack("hollow", files={"README": "x", "LICENSE": "y"}), compiling("fit"), detect=True)
    assert ended.code == 0
    assert ended.said("fit compile ")
    assert "malformed buildpack does not contain a /bin dir: hollow" in ended.complaints


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-D-08")
def test_a_buildpack_that_was_found_supplies_and_finalizes_as_the_only_one(stage: Stage) -> None:
    ended = stage(REFUSING, finalizing("whole"), compiling("other"), detect=True)
    assert ended.code == 0
    assert ended.droplet.text("./deps/0/supplied") == "whole"
    assert ended.droplet.text("./deps/0/finalized") == "whole"
    assert ended.droplet.text("./app/finalized") == "whole"
    assert "./app/compiled" not in ended.droplet.names
    assert "./deps/1/" not in ended.droplet.names
    assert [one["key"] for one in ended.buildpacks] == ["whole"]


@pytest.mark.clause("CF-D-09")
def test_detect_is_never_run_where_buildpacks_were_asked_for(stage: Stage) -> None:
    ended = stage(compiling("asked", detect="echo detected; echo detected >&2; touch $1/detected; exit 1"))
    assert ended.code == 0
    assert ended.droplet.text("./app/compiled") == "asked"
    assert "./app/detected" not in ended.droplet.names
    assert "detected" not in [*ended.lines, *ended.complaints]
