"""The planner reads values and returns the plan: every rule of contracts/cloudfoundry-staging.md §1.2 that decides what runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.values import buildpack, request

from stagewright.model.build import BuildRequest, Droplet, ImageForm, ImageTarget
from stagewright.model.buildpack import Buildpack, Dialect, Script
from stagewright.model.plan import Plan, Role, RunScript, Verb
from stagewright.model.process import Processes
from stagewright.staging.facts import Detection, EarlierResult, Facts
from stagewright.staging.planner import plan, post_turns, turns
from stagewright.staging.problems import DialectNotSupported, NoTests, ScriptMissing

SUPPLIES = buildpack("tools", Script.SUPPLY)
WHOLE = buildpack("python")
COMPILES = buildpack("old", Script.DETECT, Script.COMPILE, Script.RELEASE)
FINALIZES = buildpack("final-only", Script.FINALIZE)


def steps(made: Plan) -> list[tuple[str, str]]:
    return [(action.verb.value, action.step.verb_noun) for action in made.actions]


def test_detection_comes_first_and_the_rest_is_not_known_yet() -> None:
    made = plan(request(WHOLE, COMPILES, named=False), Facts())
    assert steps(made) == [("run", "detect python"), ("run", "detect old")]
    assert not made.complete


def test_the_first_match_wins_and_those_after_it_are_skipped() -> None:
    facts = Facts(detections=(Detection(WHOLE, matched=True, says="python"),))
    made = plan(request(WHOLE, COMPILES, named=False), facts)
    assert ("skip", "detect old") in steps(made)
    assert ("run", "finalize python") in steps(made)
    assert not any(verb == "run" and "old" in noun for verb, noun in steps(made))


def test_a_named_buildpack_is_not_detected() -> None:
    made = plan(request(WHOLE), Facts())
    assert not [noun for _, noun in steps(made) if noun.startswith("detect")]
    assert "named" in made.actions[0].because


def test_all_but_the_last_supply_and_the_last_supplies_and_finalizes() -> None:
    made = plan(request(SUPPLIES, WHOLE), Facts())
    assert [noun for _, noun in steps(made)][:3] == ["supply tools", "supply python", "finalize python"]
    scripts = [action.step for action in made.actions if isinstance(action.step, RunScript)]
    assert [(step.turn.position, step.turn.count, step.turn.role) for step in scripts[:3]] == [
        (0, 2, Role.SUPPLYING),
        (1, 2, Role.FINAL),
        (1, 2, Role.FINAL),
    ]


def test_without_finalize_the_last_compiles_and_does_not_supply() -> None:
    compiles_and_supplies = buildpack("odd", Script.SUPPLY, Script.COMPILE, Script.RELEASE)
    made = plan(request(SUPPLIES, compiles_and_supplies), Facts())
    assert [noun for _, noun in steps(made)][:2] == ["supply tools", "compile odd"]


def test_a_last_buildpack_with_finalize_alone_is_allowed() -> None:
    assert ("run", "finalize final-only") in steps(plan(request(SUPPLIES, FINALIZES), Facts()))


def test_every_buildpack_is_checked_before_any_script_runs() -> None:
    with pytest.raises(ScriptMissing) as caught:
        plan(request(SUPPLIES, COMPILES, WHOLE), Facts())
    assert caught.value.buildpack == "old"
    assert caught.value.script is Script.SUPPLY


def test_a_last_buildpack_that_can_neither_finalize_nor_compile_is_refused() -> None:
    with pytest.raises(ScriptMissing):
        plan(request(SUPPLIES), Facts())


def test_a_cloud_native_buildpack_is_refused_by_name() -> None:
    with pytest.raises(DialectNotSupported, match="cnb"):
        plan(request(buildpack("native", Script.DETECT, dialect=Dialect.CLOUD_NATIVE)), Facts())


def reused(made: BuildRequest) -> list[tuple[str, str]]:
    stack = made.stack
    droplet = Droplet(
        Path("/nowhere/shop.tgz"),
        stack.digest,
        stack.digest,
        1,
        1,
        made.app,
        stack.name,
        stack.digest,
        (),
        "",
        Processes(),
    )
    return steps(plan(made, Facts(earlier=EarlierResult(droplet, "7b0c7d1e"), droplet=droplet)))


def test_a_reuse_says_of_every_script_and_post_buildpack_that_it_is_skipped() -> None:
    heroku = replace(COMPILES, dialect=Dialect.HEROKU)
    assert reused(replace(request(heroku), posts=(SUPPLIES,))) == [
        ("skip", "detect old"),
        ("skip", "compile old"),
        ("skip", "supply post-buildpack tools"),
        ("reuse", "droplet"),
    ]


def test_a_reuse_after_detection_says_so_of_detect() -> None:
    assert reused(replace(request(WHOLE, COMPILES, named=False), posts=(SUPPLIES,))) == [
        ("skip", "detect python"),
        ("skip", "detect old"),
        ("skip", "supply post-buildpack tools"),
        ("reuse", "droplet"),
    ]


def test_the_index_of_a_post_buildpack_is_known_before_detection() -> None:
    detecting = replace(request(WHOLE, COMPILES, named=False), posts=(SUPPLIES,))
    found = Facts(detections=(Detection(WHOLE, matched=True, says="python"),))
    chosen = turns(detecting, found)
    assert chosen is not None
    assert post_turns(detecting) == chosen[1:]


@pytest.mark.parametrize(("wrote", "verb"), [(None, Verb.RUN), (False, Verb.RUN), (True, Verb.SKIP)])
def test_release_runs_unless_launch_yml_was_written(wrote: bool | None, verb: Verb) -> None:
    made = plan(request(WHOLE), Facts(wrote_launch={} if wrote is None else {0: wrote}))
    release = next(a for a in made.actions if isinstance(a.step, RunScript) and a.step.script is Script.RELEASE)
    assert release.verb is verb
    assert made.complete is (wrote is not None)


def test_keys_of_scripts_hold_the_build_so_that_another_build_runs_them_again() -> None:
    one = request(WHOLE)
    other = replace(one, id=type(one.id).new())
    keys = {action.key for action in plan(one, Facts()).actions}
    assert keys.isdisjoint(action.key for action in plan(other, Facts()).actions)


def test_no_two_actions_of_a_plan_share_a_key() -> None:
    targets = [ImageTarget(ImageForm.OCI, Path("a"), "latest"), ImageTarget(ImageForm.OCI, Path("b"), "latest")]
    made = plan(request(SUPPLIES, WHOLE, WHOLE, images=targets), Facts(wrote_launch={2: False}))
    keys = [action.key for action in made.actions]
    assert len(keys) == len(set(keys))


def test_what_is_done_is_not_next() -> None:
    made = plan(request(WHOLE), Facts())
    first = made.next(())
    assert first is not None
    second = made.next({first.key})
    assert second is not None
    assert second != first


def test_the_digest_of_a_plan_is_the_same_for_every_build_of_the_same() -> None:
    one = request(WHOLE)
    other = replace(one, id=type(one.id).new())
    assert plan(one, Facts()).digest == plan(other, Facts()).digest


def heroku(name: str, *scripts: Script) -> Buildpack:
    return buildpack(name, Script.DETECT, Script.COMPILE, Script.RELEASE, *scripts, dialect=Dialect.HEROKU)


ROPE = heroku("rope", Script.TEST_COMPILE, Script.TEST)
KNOT = heroku("knot", Script.TEST)
PLAIN = heroku("plain")


def to_test(
    *buildpacks: Buildpack, setup: str | None = None, command: str | None = None, facts: Facts | None = None
) -> list[str]:
    asked = replace(request(*buildpacks), testing=True, test_setup=setup, test_command=command)
    return [noun for _, noun in steps(plan(asked, facts or Facts()))]


def test_tests_run_in_the_place_of_release_and_droplet() -> None:
    assert to_test(ROPE) == ["detect rope", "test-compile rope", "test rope"]


def test_a_buildpack_without_test_compile_compiles_and_all_that_have_tests_run_them_in_order() -> None:
    scripts = [noun for noun in to_test(ROPE, PLAIN, KNOT) if not noun.startswith("detect")]
    assert scripts == ["test-compile rope", "compile plain", "compile knot", "test rope", "test knot"]


def test_the_tests_of_app_json_replace_those_of_buildpacks_and_its_setup_comes_before_either() -> None:
    assert to_test(ROPE, command="make test")[-2:] == ["test-compile rope", "test of app.json"]
    assert to_test(ROPE, setup="make data")[-2:] == ["test-setup of app.json", "test rope"]
    assert to_test(WHOLE, setup="make data", command="make test") == [
        "supply python",
        "finalize python",
        "test-setup of app.json",
        "test of app.json",
    ]


def test_an_app_that_nobody_tests_is_refused_before_any_script_runs() -> None:
    with pytest.raises(NoTests):
        to_test(PLAIN)
    with pytest.raises(NoTests):
        to_test(buildpack("cf", Script.SUPPLY, Script.FINALIZE, Script.TEST))
    with pytest.raises(NoTests):
        to_test(PLAIN, setup="make data")


def test_setup_and_tests_of_one_command_are_two_actions() -> None:
    made = plan(replace(request(WHOLE), testing=True, test_setup="make", test_command="make"), Facts())
    assert len({action.key for action in made.actions}) == len(made.actions)
