"""``stagewright test``: what a person sees of it. What Heroku's contract asks of it is in tests/conformance/heroku."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Installation
from tests.e2e.shell_buildpacks import serving, write_app, write_buildpack


def app_with_tests(directory: Path, test: str, **scripts: str) -> Path:
    """An app whose app.json says how it is tested."""
    return write_app(directory, app__json=json.dumps({"scripts": {"test": test, **scripts}}))


def nothing_is_left(installation: Installation) -> bool:
    """No droplet, and no working place."""
    builds = installation.place / "cache" / "builds"
    return not list(installation.place.rglob("*.tgz")) and (not builds.exists() or not list(builds.iterdir()))


def test_a_cloud_foundry_app_is_tested_as_it_would_be_run(tmp_path: Path, fresh: Installation) -> None:
    supply = """
mkdir -p "$3/$4/bin" "$3/$4/profile.d"
printf '#!/bin/sh\\necho checked\\n' > "$3/$4/bin/check"; chmod +x "$3/$4/bin/check"
"""
    finalize = 'echo "export PATH=\\$DEPS_DIR/$4/bin:\\$PATH" > "$5/tool.sh"'
    buildpack = serving(tmp_path / "cf", supply=supply, finalize=finalize, release="exit 1")
    app = app_with_tests(tmp_path / "app", 'check; echo "$HOME $PWD $PORT $TOKEN ${#TOKEN}"; echo oops >&2')
    ended = fresh("test", app, "-b", buildpack, "--env", "TOKEN=s3cr3t-of-tests")
    assert ended.code == 0, ended.out + ended.err
    assert "checked\n/home/vcap/app /home/vcap/app 8080 [redacted] 15\n" in ended.out
    assert "oops" in ended.out
    assert "Testing app on debian12" in ended.out
    assert "===> test of app.json (because app.json says how the app is tested)" in ended.out
    assert "The tests passed" in ended.out
    assert nothing_is_left(fresh)


def test_failing_tests_end_with_their_last_lines_and_a_code_of_their_own(tmp_path: Path, fresh: Installation) -> None:
    app = app_with_tests(tmp_path / "app", "echo 1 failed, 3 passed; exit 2")
    ended = fresh("test", app, "-b", serving(tmp_path / "cf"), "--json")
    assert ended.code == 18
    assert ended.result["event"] == "build.failed"
    assert ended.result["error"] == "AppTestsFailed"
    assert ended.result["fault"] == "app"
    assert ended.result["details"].endswith("1 failed, 3 passed")
    assert nothing_is_left(fresh)
    assert list((fresh.place / "cache").glob("*/app-*+test-*/tree")), "the cache is kept"


def test_nobody_to_test_the_app_is_said_before_anything_runs(tmp_path: Path, fresh: Installation) -> None:
    buildpack = serving(tmp_path / "cf", supply="echo never", test="echo never")
    ended = fresh("test", write_app(tmp_path / "app"), "-b", buildpack)
    assert ended.code == 3
    assert "Nobody knows how to test" in ended.out
    assert "never" not in ended.out


def test_a_test_that_hangs_is_ended_by_the_time_out(tmp_path: Path, fresh: Installation) -> None:
    app = app_with_tests(tmp_path / "app", "echo begun; sleep 60")
    ended = fresh("test", app, "-b", serving(tmp_path / "cf"), "--timeout", "2s")
    assert ended.code == 20, ended.out
    assert "test of app.json" in ended.out


@pytest.mark.parametrize("name", ["tmp", "logs"])
def test_a_link_that_a_script_left_is_not_followed(tmp_path: Path, fresh: Installation, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    before = outside.stat()
    compiles = f'rm -rf /home/vcap/{name}; ln -s "$(cat "$3/OUTSIDE")" /home/vcap/{name}'
    buildpack = write_buildpack(
        tmp_path / "bp",
        detect="true",
        compile=compiles,
        test=f"[ ! -L /home/vcap/{name} ] && touch /home/vcap/{name}/mine",
    )
    ended = fresh("test", write_app(tmp_path / "app"), "-b", buildpack, "--env", f"OUTSIDE={outside}")
    assert ended.code == 0, ended.out
    assert list(outside.iterdir()) == []
    assert outside.stat().st_uid == before.st_uid


def test_a_shell_on_failure_is_where_the_tests_ran(tmp_path: Path, fresh: Installation) -> None:
    app = app_with_tests(tmp_path / "app", "touch proof; false")
    look = ("/bin/bash", "-c", "\"$@\" <<< 'echo seen $PWD $(ls proof) $CI'", "bash")
    ended = fresh("test", app, "-b", serving(tmp_path / "cf"), "--shell-on-failure", wrap=look)
    assert ended.code == 18
    assert "seen /home/vcap/app proof true" in ended.out
