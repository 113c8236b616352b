"""How a staging fails (contracts/cloudfoundry-staging.md §1.3): exit codes, the words that go with them, what is left."""

from __future__ import annotations

import pytest

from tests.conformance.staging.buildpacks import Buildpack, compiling, config_yml, finalizing, launch_yml, supplying
from tests.conformance.staging.conftest import Stage
from tests.conformance.staging.outcome import Outcome

NAMED = config_yml("{name: Left, version: 1.2.3, output_metadata: {a: [1, b]}}")
METADATA = {"name": "Left", "version": "1.2.3", "output_metadata": {"a": [1, "b"]}}


def said(ended: Outcome, words: str) -> bool:
    return any(words in line for line in ended.complaints)


def left(*keys: str) -> dict[str, object]:
    """result.json after a failure: no processes, but what the buildpacks wrote of themselves (§1.4)."""
    metadata = [{"key": key, **METADATA} for key in keys]
    last = {"buildpack_key": keys[-1], "detected_buildpack": "Left", "buildpacks": metadata}
    return {
        "lifecycle_metadata": last,
        "process_types": None,
        "execution_metadata": "",
        "lifecycle_type": "buildpack",
    }


FAILING = [
    pytest.param(supplying("last", compile="exit 1"), 223, id="compile"),
    pytest.param(finalizing("last", finalize="exit 1"), 223, id="finalize"),
    pytest.param(finalizing("last", supply="exit 1"), 223, id="supply-of-the-last"),
    pytest.param(finalizing("last", release="exit 1"), 224, id="release"),
    pytest.param(finalizing("last").without("release"), 224, id="release-missing"),
    pytest.param(finalizing("last", release="echo 'a: b: c'"), 224, id="release-not-yaml"),
]
WORDS = {223: "Failed to compile droplet", 224: "Failed to build droplet release"}


@pytest.mark.clause("CF-X-02", "CF-X-03", "CF-X-04", "CF-X-05", "CF-X-06", "CF-X-07")
@pytest.mark.parametrize(("failing", "code"), FAILING)
def test_a_script_of_the_last_buildpack_fails(stage: Stage, failing: Buildpack, code: int) -> None:
    ended = stage(supplying("first"), failing)
    assert ended.code == code
    assert ended.said("first supply ")
    assert not ended.droplet.names


def test_a_named_pipe_in_the_app_is_told_by_its_name_in_the_droplet(stage: Stage) -> None:
    ended = stage(finalizing("last", finalize='mkfifo "$1/pipe"'))
    assert ended.code != 0
    assert said(ended, "'app/pipe'")


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-X-08", "CF-T-09")
@pytest.mark.parametrize(("failing", "code"), FAILING)
def test_the_words_of_a_failure_are_the_reference_s(stage: Stage, failing: Buildpack, code: int) -> None:
    ended = stage(failing)
    assert ended.code == code
    assert said(ended, WORDS[code])
    assert not ended.droplet.names
    assert not ended.cache.names
    assert list((ended.keep / "tmp").iterdir()) == []


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-X-07")
def test_a_release_that_is_not_yaml_is_said_so(stage: Stage) -> None:
    ended = stage(compiling("odd", release="echo 'a: b: c'"))
    assert ended.code == 224
    assert said(ended, "buildpack's release output invalid")


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-X-01", "CF-R-06")
def test_nothing_detected(stage: Stage) -> None:
    ended = stage(compiling("one", detect="exit 1"), compiling("two", detect="exit 1"), detect=True)
    assert ended.code == 222
    assert said(ended, "None of the buildpacks detected a compatible application")
    assert ended.result is None


@pytest.mark.only("stage")
@pytest.mark.clause("CF-X-01")
def test_nothing_detected_among_the_built_in_buildpacks(stage: Stage) -> None:
    ended = stage(app={"notes.txt": "nothing to run"})
    assert ended.code == 222


@pytest.mark.clause("CF-X-09", "CF-R-06")
def test_supply_of_one_before_the_last_fails(stage: Stage) -> None:
    ended = stage(supplying("first", supply=f"{NAMED}\necho trying; exit 1"), finalizing("last"))
    assert ended.code == 225
    assert "trying" in ended.lines
    assert not ended.said("last ")
    assert ended.result is None
    assert not ended.droplet.names


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-X-09", "CF-X-10", "CF-X-11")
@pytest.mark.parametrize(
    ("first", "words"),
    [
        (supplying("first", supply="exit 1"), "Failed to run all supply scripts"),
        (
            finalizing("first").without("supply"),
            "Error: one of the buildpacks chosen to supply dependencies does not support multi-buildpack apps",
        ),
        (Buildpack("first", files={"a": "", "b": ""}), "malformed buildpack does not contain a /bin dir: first"),
    ],
)
def test_the_words_of_a_failed_supply_are_the_reference_s(stage: Stage, first: Buildpack, words: str) -> None:
    ended = stage(first, finalizing("last"))
    assert ended.code == 225
    assert said(ended, words)
    assert ended.result is None


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-X-11")
def test_a_malformed_last_buildpack_is_a_failure_of_supply(stage: Stage) -> None:
    ended = stage(supplying("first"), Buildpack("last", files={"a": "", "b": ""}))
    assert ended.code == 225
    assert said(ended, "malformed buildpack does not contain a /bin dir: last")


@pytest.mark.clause("CF-X-12")
@pytest.mark.parametrize("procfile", ["web: a: b", "web: {command: a}", "- web", "web", "web: [a]"])
def test_a_bad_procfile(stage: Stage, procfile: str) -> None:
    ended = stage(compiling("fine"), app={"Procfile": f"{procfile}\n"})
    assert ended.code == 1
    assert ended.said("fine compile ")
    assert said(ended, "Procfile")
    assert not ended.droplet.names


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-X-12", "CF-R-05")
def test_the_words_of_a_bad_procfile_are_the_reference_s(stage: Stage) -> None:
    ended = stage(finalizing("last", supply=NAMED), app={"Procfile": "web: a: b\n"})
    assert ended.code == 1
    assert said(ended, "Failed to read command from Procfile: invalid YAML")
    assert ended.result == left("last")


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-R-05")
@pytest.mark.parametrize(
    ("scripts", "code"),
    [({"finalize": "exit 1"}, 223), ({"release": "exit 1"}, 224), ({"supply": f"{NAMED}\nexit 1"}, 223)],
)
def test_result_json_tells_the_buildpacks_after_a_failure(stage: Stage, scripts: dict[str, str], code: int) -> None:
    alone = stage(finalizing("alone", **{"supply": NAMED, **scripts}))
    both = stage(supplying("first", supply=NAMED), finalizing("last", **{"supply": NAMED, **scripts}))
    assert (alone.code, both.code) == (code, code)
    assert alone.result == left("alone")
    assert both.result == left("first", "last")


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-X-16")
@pytest.mark.parametrize("launch", ["a: b: c", "processes: [{type: web, command: [a]}]", "processes: web"])
@pytest.mark.parametrize("who", ["first", "last"])
def test_a_bad_launch_yml(stage: Stage, who: str, launch: str) -> None:
    """Observed on the reference; the contract does not speak of it."""
    bad = {"supply": launch_yml(launch)}
    ended = stage(
        supplying("first", **(bad if who == "first" else {})), finalizing("last", **(bad if who == "last" else {}))
    )
    assert ended.code == 1
    assert ended.result is not None
    assert ended.result.get("process_types", "") is None
    assert not ended.droplet.names
