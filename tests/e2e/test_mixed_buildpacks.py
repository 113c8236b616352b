"""Buildpacks of both forms in one app: what is said of each, and who is said to have failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Installation, Stage
from tests.e2e.shell_buildpacks import write_app, write_buildpack

PROCFILE = "web: sleep 1"


def heroku(directory: Path, compile_: str, detect: str = "echo its detect") -> Path:
    return write_buildpack(directory, detect=detect, compile=compile_)


@pytest.mark.parametrize(
    ("detect", "mode", "code", "fault"),
    [
        pytest.param("exit 1", 0o755, 10, "app", id="says-no"),
        pytest.param("exit 0", 0o644, 12, "buildpack", id="not-executable"),
        pytest.param("no-such-command", 0o755, 12, "buildpack", id="no-such-command"),
        pytest.param("kill -SEGV $$", 0o755, 12, "buildpack", id="killed"),
    ],
)
def test_a_named_buildpack_that_cannot_say_yes_is_told_from_one_that_says_no(
    stagewright: Installation, tmp_path: Path, detect: str, mode: int, code: int, fault: str
) -> None:
    buildpack = heroku(tmp_path / "asked", "true", detect)
    (buildpack / "bin" / "detect").chmod(mode)
    ended = stagewright("stage", write_app(tmp_path / "app", Procfile=PROCFILE), "-b", buildpack, "--json")
    assert (ended.code, ended.result["fault"]) == (code, fault)


def test_a_droplet_says_what_its_final_buildpack_detected_and_how_each_was_named(stage: Stage, tmp_path: Path) -> None:
    first = heroku(tmp_path / "first", "true")
    last = write_buildpack(tmp_path / "last", finalize="true", release="echo")
    droplet, _ = stage(write_app(tmp_path / "app", Procfile=PROCFILE), "-b", first, "-b", last)
    facts = json.loads(droplet.with_name(droplet.name + ".json").read_text())
    assert facts["detected_buildpack"] == ""
    assert [used["reference"] for used in facts["buildpacks"]] == [str(first), str(last)]


def test_the_cache_of_a_post_buildpack_outlives_a_build_that_detects(fresh: Installation, tmp_path: Path) -> None:
    post = write_buildpack(tmp_path / "post", supply='echo "found: $(ls "$2")"; : > "$2/kept"')
    app = write_app(tmp_path / "app", Procfile=PROCFILE)
    fresh.stage(app, "--name", "shop", "--post-buildpack", post)
    _, ended = fresh.stage(app, "--name", "shop", "--post-buildpack", post)
    assert "found: kept" in ended.script_lines()


def test_a_name_that_is_too_long_with_its_index_is_the_fault_of_buildpacks(
    stagewright: Installation, tmp_path: Path
) -> None:
    first = write_buildpack(
        tmp_path / "first", supply='mkdir "$3/$4/profile.d"; : > "$3/$4/profile.d/$(printf "a%.0s" {1..255})"'
    )
    app = write_app(tmp_path / "app", Procfile=PROCFILE)
    ended = stagewright("stage", app, "-b", first, "-b", heroku(tmp_path / "last", "true"), "--json")
    assert (ended.code, ended.result["fault"]) == (11, "buildpack")


def test_what_app_json_sets_and_no_app_can_is_left_out(stage: Stage, tmp_path: Path) -> None:
    env = '{"env": {"PORT": "3000", "VCAP_SERVICES": {"value": "{}"}, "TOLD": "yes"}}'
    told = heroku(tmp_path / "told", 'ls "$3" | tr "\\n" " "; echo')
    _, ended = stage(write_app(tmp_path / "app", Procfile=PROCFILE, app__json=env), "-b", told)
    assert "TOLD" in ended.script_lines().splitlines()[-1].split()
    assert [event["text"] for event in ended.events if event["event"] == "warned"] == [
        f"app.json sets {name!r}, which is left out: the platform sets it itself." for name in ("PORT", "VCAP_SERVICES")
    ]


def test_reports_of_two_buildpacks_of_one_name_are_both_kept(stage: Stage, tmp_path: Path) -> None:
    buildpacks = [
        write_buildpack(tmp_path / where / "same", compile="true", report=f"echo 'from: {where}'")
        for where in ("one", "two")
    ]
    _, ended = stage(write_app(tmp_path / "app", Procfile=PROCFILE), "-b", buildpacks[0], "-b", buildpacks[1])
    assert list(ended.result["reports"].values()) == [{"from": "one"}, {"from": "two"}]
