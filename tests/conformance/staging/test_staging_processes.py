"""How the app is started (contracts/cloudfoundry-staging.md §1.2 step 4): launch.yml, release, Procfile."""

from __future__ import annotations

import pytest

from tests.conformance.staging.buildpacks import Buildpack, compiling, finalizing, launch_yml, supplying
from tests.conformance.staging.conftest import Stage

NO_START = [
    "No start command specified by buildpack or via Procfile.",
    "App will not start unless a command is provided at runtime.",
]
FIRST = """processes:
- {type: web, command: first web}
- {type: worker, command: first worker}
- {type: clock, command: first clock}
- {type: agent, command: watch, platforms: {cloudfoundry: {sidecar_for: [web, worker]}}}"""
LAST = """processes:
- {type: worker, command: last worker}
- {type: mailer, command: last mailer}
- {type: probe, command: look, limits: {memory: 10}, platforms: {cloudfoundry: {sidecar_for: [worker]}}}"""
AGENT = {"name": "agent", "process_types": ["web", "worker"], "command": "watch"}
PROBE = {"name": "probe", "process_types": ["worker"], "command": "look", "memory": 10}


def releasing(text: str, **scripts: str) -> Buildpack:
    """A buildpack whose bin/release prints this."""
    return compiling("releasing", release=f"cat <<'END'\n{text}\nEND", **scripts)


@pytest.mark.clause("CF-P-01", "CF-P-02", "CF-P-06", "CF-R-09")
def test_launch_yml_of_all_buildpacks_is_merged_and_stands_in_for_release(stage: Stage) -> None:
    ended = stage(
        supplying("first", supply=launch_yml(FIRST)),
        finalizing("last", finalize=launch_yml(LAST), release="echo released >&2; exit 1"),
    )
    assert ended.code == 0
    assert ended.processes == {
        "web": "first web",
        "worker": "last worker",
        "clock": "first clock",
        "mailer": "last mailer",
    }
    assert list(ended.processes) == ["web", "worker", "clock", "mailer"] or ended.result is not None
    assert list(ended.sidecars) == [AGENT, PROBE]
    assert "released" not in ended.complaints
    assert ended.droplet.json("./staging_info.yml")["start_command"] == "first web"


@pytest.mark.clause("CF-P-03")
def test_release_wins_over_launch_yml_of_those_before(stage: Stage) -> None:
    ended = stage(
        supplying("first", supply=launch_yml(FIRST)),
        finalizing("last", release="echo \"release $# $*\" >&2; echo 'default_process_types: {web: released web}'"),
    )
    assert ended.code == 0
    assert f"release 1 {ended.places.app}" in ended.complaints
    assert ended.processes == {"web": "released web", "worker": "first worker", "clock": "first clock"}
    assert list(ended.sidecars) == [AGENT]


@pytest.mark.clause("CF-P-04", "CF-P-05")
def test_the_procfile_wins_over_all_type_by_type(stage: Stage) -> None:
    ended = stage(
        supplying("first", supply=launch_yml(FIRST)),
        finalizing("last", finalize=launch_yml(LAST) + "\necho 'web: from the Procfile' > \"$1/Procfile\""),
    )
    assert ended.code == 0
    assert ended.processes == {
        "web": "from the Procfile",
        "worker": "last worker",
        "clock": "first clock",
        "mailer": "last mailer",
    }
    assert list(ended.sidecars) == [AGENT, PROBE]
    assert ended.droplet.json("./staging_info.yml")["start_command"] == "from the Procfile"


@pytest.mark.clause("CF-P-07")
@pytest.mark.parametrize(
    ("procfile", "web"), [("web: mine\nspider: bogus command\n", "mine"), ("spider: bogus command\n", "run")]
)
def test_of_release_only_default_process_types_count(stage: Stage, procfile: str, web: str) -> None:
    ended = stage(
        releasing("---\naddons: [database]\nconfig_vars: {A: b}\ndefault_process_types:\n  web: run\n  nonweb: go"),
        app={"Procfile": procfile},
    )
    assert ended.code == 0
    assert ended.processes == {"web": web, "nonweb": "go", "spider": "bogus command"}


@pytest.mark.clause("CF-P-08")
def test_the_procfile_is_yaml_as_the_reference_reads_it(stage: Stage) -> None:
    ended = stage(
        releasing("--- {}"),
        app={"Procfile": "# how we start\nweb: one\nweb: two  # the last wins\nclock: 1\nnone:\nquoted: 'a: b'\n"},
    )
    assert ended.code == 0
    assert ended.processes == {"web": "two", "clock": "1", "none": "", "quoted": "a: b"}


@pytest.mark.clause("CF-P-09")
@pytest.mark.parametrize("release", ["--- {}", "default_process_types: {nonweb: go}"])
def test_no_web_process_is_said_in_two_lines_and_is_no_failure(stage: Stage, release: str) -> None:
    ended = stage(releasing(release), app={"Procfile": "spider: bogus command\n"})
    assert ended.code == 0
    assert ended.processes.get("spider") == "bogus command"
    assert "web" not in ended.processes
    assert [line for line in ended.complaints if line in NO_START] == NO_START
    assert ended.droplet.json("./staging_info.yml")["start_command"] == ""


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-P-10", "CF-P-11")
@pytest.mark.parametrize("release", ["echo '--- {}'", "true"])
def test_no_process_at_all_is_no_failure(stage: Stage, release: str) -> None:
    ended = stage(compiling("quiet", release=release))
    assert ended.code == 0
    assert ended.result is not None
    assert ended.result.get("process_types") == {}
    assert "processes" not in ended.result
    assert [line for line in ended.complaints if line in NO_START] == NO_START
    assert ended.droplet.text("./app/compiled") == "quiet"


@pytest.mark.only("stage")
@pytest.mark.clause("CF-P-11")
def test_stage_says_what_the_api_would_say_a_moment_later(stage: Stage) -> None:
    ended = stage(compiling("quiet", release="true"))
    assert ended.code == 16
    assert any(line.startswith("Start command missing") for line in ended.complaints)


@pytest.mark.unlike("with ten and more buildpacks it looks for launch.yml under an unpadded index")
@pytest.mark.clause("CF-P-12")
def test_launch_yml_is_found_under_padded_indices_too(stage: Stage) -> None:
    said = launch_yml('processes: [{type: "from-$4", command: run}]').replace("<<'END'", "<<END")
    many = [Buildpack(f"many-{place}", {"supply": said}) for place in range(9)]
    ended = stage(*many, finalizing("last", finalize=said))
    assert ended.code == 0
    assert set(ended.processes) == {f"from-{place:02}" for place in range(10)}


@pytest.mark.clause("CF-P-13")
def test_of_a_type_that_is_given_twice_the_later_counts_also_as_a_sidecar(stage: Stage) -> None:
    first = """processes:
- {type: web, command: first web}
- {type: web, command: second web}
- {type: agent, command: watch, platforms: {cloudfoundry: {sidecar_for: [web]}}}
- {type: probe, command: run}"""
    last = """processes:
- {type: agent, command: run}
- {type: probe, command: look, limits: {memory: 10}, platforms: {cloudfoundry: {sidecar_for: [worker]}}}"""
    ended = stage(supplying("first", supply=launch_yml(first)), finalizing("last", finalize=launch_yml(last)))
    assert ended.code == 0
    assert ended.processes == {"web": "second web", "agent": "run"}
    assert list(ended.sidecars) == [PROBE]
