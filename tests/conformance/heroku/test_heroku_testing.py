"""How an app is tested: Heroku's Testpack API (contracts/heroku.md §4.1, §4.2) and what Heroku CI does around it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Ended, Installation
from tests.e2e.shell_buildpacks import write_app, write_buildpack

COMPILES = """
echo "$NAME $(basename "$0") $#"
echo "$NAME knows COLOUR=${COLOUR-nothing} and file=$(cat "$3/COLOUR") and CI=$(cat "$3/CI")"
mkdir -p "$1/.profile.d"
echo "export PROFILE_OF_$NAME=sourced" > "$1/.profile.d/$NAME.sh"
if [ -f "$2/kept" ]; then echo "$NAME finds $(cat "$2/kept")"; fi
basename "$0" > "$2/kept"
"""
TESTS = """
echo "$NAME test $# $1 $(ls "$2" | tr '\\n' ' ')"
echo "$NAME tests COLOUR=$COLOUR CI=$CI $PROFILE_OF_first $PROFILE_OF_second HOME=$HOME in $(pwd)"
"""


def pack(directory: Path, name: str, **scripts: str) -> Path:
    """A buildpack of Heroku's form that says what it sees."""
    bodies = {script.replace("_", "-"): f"NAME={name}\n{body}" for script, body in scripts.items()}
    return write_buildpack(directory / name, detect="true", **bodies)


def run_tests(installation: Installation, app: Path, *buildpacks: Path, env: tuple[str, ...] = ()) -> Ended:
    flags = [part for path in buildpacks for part in ("-b", str(path))]
    return installation("test", app, *flags, *[part for pair in env for part in ("--env", pair)], "--json")


def steps(ended: Ended) -> list[str]:
    return [event["step"] for event in ended.events if event["event"] == "action.started"]


def app_json(directory: Path, **keys: Any) -> Path:
    return write_app(directory, app__json=json.dumps(keys))


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("tested"))


@pytest.fixture(scope="module")
def ended(installation: Installation) -> Iterator[Ended]:
    """Three buildpacks: with both scripts of tests, without test-compile, without any."""
    place = installation.place
    app = app_json(
        place / "app", env={"COLOUR": "red", "SIZE": "9"}, environments={"test": {"env": {"COLOUR": "green"}}}
    )
    first = pack(place, "first", compile="exit 1", test_compile=COMPILES, test=TESTS)
    second = pack(place, "second", compile=COMPILES, test=TESTS)
    third = pack(place, "third", compile=COMPILES, release="exit 1")
    ended = run_tests(installation, app, first, second, third)
    assert ended.code == 0, ended.out[-3000:]
    yield ended


@pytest.mark.clause("HK-T-01")
def test_test_compile_takes_the_place_of_compile_where_there_is_one(ended: Ended) -> None:
    said = ended.script_lines()
    assert "first test-compile 3\n" in said
    assert "second compile 3\n" in said
    assert "third compile 3\n" in said


@pytest.mark.clause("HK-T-02")
def test_every_test_runs_in_order_after_all_have_compiled(ended: Ended) -> None:
    assert [step for step in steps(ended) if not step.startswith("detect")] == [
        "test-compile first",
        "compile second",
        "compile third",
        "test first",
        "test second",
    ]
    assert ended.result["event"] == "tests.passed"
    assert ended.result["tests"] == ["test first", "test second"]


@pytest.mark.clause("HK-T-03", "HK-T-08")
def test_test_gets_two_arguments_and_the_app_s_environment(ended: Ended) -> None:
    said = ended.script_lines()
    assert "first test 2 /app CI COLOUR " in said
    assert "first tests COLOUR=green CI=true sourced sourced HOME=/app in /app" in said


@pytest.mark.clause("HK-T-01", "HK-T-04", "HK-T-08")
def test_compilers_get_config_vars_in_env_dir_alone_and_those_of_the_test_environment(ended: Ended) -> None:
    assert "first knows COLOUR=nothing and file=green and CI=true" in ended.script_lines()


@pytest.mark.clause("HK-T-04")
def test_the_app_may_say_what_ci_is(installation: Installation, tmp_path: Path) -> None:
    app = app_json(tmp_path / "app", env={"CI": "ours"})
    ended = run_tests(installation, app, pack(tmp_path, "one", compile="true", test='echo "CI=$CI"'))
    assert "CI=ours" in ended.script_lines()


@pytest.mark.clause("HK-T-05")
def test_another_exit_code_than_0_is_a_failure_of_the_tests(installation: Installation, tmp_path: Path) -> None:
    failing = pack(tmp_path, "failing", compile="true", test="echo not ok 1 >&2\nexit 7")
    after = pack(tmp_path, "after", compile="true", test="echo never")
    ended = run_tests(installation, write_app(tmp_path / "app"), failing, after)
    assert ended.code == 18
    assert (ended.result["fault"], "exit code 7" in ended.result["brief"]) == ("app", True)
    assert "not ok 1" in ended.result["details"]
    assert "never" not in ended.script_lines()


@pytest.mark.clause("HK-T-06")
def test_the_tests_of_app_json_replace_bin_test_and_run_in_home(installation: Installation, tmp_path: Path) -> None:
    scripts = {
        "test": 'echo "in $(pwd), $HOME, $COLOUR, $PROFILE_OF_one, $CI, made: $(cat made)"',
        "test-setup": "pwd > made",
    }
    app = app_json(tmp_path / "app", env={"COLOUR": "red"}, environments={"test": {"scripts": scripts}})
    ended = run_tests(installation, app, pack(tmp_path, "one", compile=COMPILES, test="echo never"))
    assert ended.code == 0, ended.out[-3000:]
    assert "in /app, /app, red, sourced, true, made: /app" in ended.script_lines()
    assert ended.result["tests"] == ["test-setup of app.json", "test of app.json"]
    assert "never" not in ended.script_lines()


@pytest.mark.clause("HK-T-07")
def test_a_test_setup_runs_before_bin_test_and_a_failing_one_ends_the_run(
    installation: Installation, tmp_path: Path
) -> None:
    one = pack(tmp_path, "one", compile="true", test="echo tested")
    ended = run_tests(installation, app_json(tmp_path / "good", scripts={"test-setup": "true"}), one)
    assert ended.result["tests"] == ["test-setup of app.json", "test one"]
    ended = run_tests(installation, app_json(tmp_path / "bad", scripts={"test-setup": "echo no data; false"}), one)
    assert ended.code == 18
    assert "test-setup" in ended.result["brief"]
    assert "tested" not in ended.script_lines()


@pytest.mark.clause("HK-T-09")
def test_test_runs_share_a_cache_that_no_staging_sees(installation: Installation, tmp_path: Path) -> None:
    app = write_app(tmp_path / "app", Procfile="web: true")
    one = pack(tmp_path, "one", compile=COMPILES, test_compile=COMPILES, test="true")
    env = ("COLOUR=red",)
    assert "finds" not in run_tests(installation, app, one, env=env).script_lines()
    assert "one finds test-compile" in run_tests(installation, app, one, env=env).script_lines()
    _, staged = installation.stage(app, "-b", one, "--env", "COLOUR=red", "--env", "CI=")
    assert "one compile 3" in staged.script_lines()
    assert "finds" not in staged.script_lines()
