"""The commands beside the main road: doctor, stacks, buildpacks, caches."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.e2e.conftest import COMMAND, Installation, shared_stacks
from tests.e2e.shell_buildpacks import serving, write_app


def test_doctor_says_that_this_machine_can_stage(stagewright: Installation) -> None:
    ended = stagewright("doctor")
    assert ended.code == 0, ended.out
    assert "This machine can stage." in ended.out
    found = json.loads(stagewright("doctor", "--json").out)
    assert {"OCI runtime", "seccomp profile", "stack", "limits"} <= {one["subject"] for one in found}


def test_doctor_names_what_is_missing_and_the_command_that_mends_it(fresh: Installation, tmp_path: Path) -> None:
    ended = fresh("doctor", STAGEWRIGHT_RUNTIME="nosuchruntime", STAGEWRIGHT_STACKS=str(tmp_path / "stacks"))
    assert ended.code == 4, ended.err
    assert "apt-get install" in ended.out
    assert "nosuchruntime" in ended.out
    assert "stagewright stack create" in ended.out
    assert "Something is missing." in ended.out


def test_a_staging_without_a_runtime_says_the_same(fresh: Installation, tmp_path: Path) -> None:
    app, buildpack = write_app(tmp_path / "app"), serving(tmp_path / "bp")
    ended = fresh("stage", app, "-b", buildpack, STAGEWRIGHT_RUNTIME="nosuchruntime")
    assert ended.code == 4, ended.out
    assert "nosuchruntime" in ended.out + ended.err
    assert "apt-get install" in ended.out + ended.err


def test_stacks_are_listed_and_shown_with_their_packages(stagewright: Installation) -> None:
    (listed,) = json.loads(stagewright("stack", "list", "--json").out)
    assert listed["name"] == "debian12"
    assert listed["layer"]["size"] < 80 << 20, "the run root must be at most 80 MB compressed"
    shown = json.loads(stagewright("stack", "show", "debian12", "--packages", "--json").out)
    packages = {one["name"]: one for one in shown["packages"]}
    assert packages["bash"]["version"]
    assert packages["bash"]["roots"] == "run, build"
    assert packages["gcc"]["roots"] == "build"
    assert "debian12" in stagewright("stack", "list").out
    definition = stagewright("stack", "show", "debian12", "--definition")
    assert "packages" in definition.out


def test_an_unknown_stack_is_said_with_those_that_are_here(stagewright: Installation, tmp_path: Path) -> None:
    """In a store of its own: a stack that is asked for leaves a lock of its name there."""
    (tmp_path / "debian12").symlink_to(shared_stacks() / "debian12")
    for arguments in (("stack", "show", "nosuch"), ("stack", "remove", "nosuch"), ("stack", "create", "nosuch")):
        ended = stagewright(*arguments, STAGEWRIGHT_STACKS=str(tmp_path))
        assert ended.code == 2, ended.err
        assert "debian12" in ended.err


def test_both_roots_hold_a_full_python(stagewright: Installation, tmp_path: Path) -> None:
    """`venv`, `ssl`, `sqlite3`, `ctypes`, `lzma` and `readline` are what slim roots lack."""
    check = "python3 -c 'import venv, ensurepip, ssl, sqlite3, ctypes, lzma, readline; print(\"full\")'"
    app = write_app(tmp_path / "app", Procfile=f"web: {check.replace(', ensurepip', '')}\n")
    droplet, ended = stagewright.stage(app, "-b", serving(tmp_path / "bp", finalize=check))
    assert "full" in ended.script_lines()
    assert stagewright("run", droplet).out.splitlines()[-1] == "full"


def test_buildpacks_are_listed_in_the_order_of_detection(stagewright: Installation, tmp_path: Path) -> None:
    listed = json.loads(stagewright("buildpack", "list", "--json").out)
    assert [one["name"] for one in listed] == ["python", "nodejs", "staticfile", "apt", "procfile", "binary"]
    assert all(one["says"] for one in listed)
    shown = stagewright("buildpack", "show", "python", "--json").result
    assert shown["dialect"] == "cloudfoundry"
    own = stagewright("buildpack", "show", serving(tmp_path / "mine"), "--json").result
    assert own["scripts"] == ["detect", "finalize", "release", "supply"]


def test_caches_are_listed_cleared_and_collected(fresh: Installation, tmp_path: Path) -> None:
    buildpack = serving(tmp_path / "bp", supply='head -c 3000000 /dev/zero > "$2/big"')
    for name in ("one", "two"):
        fresh.stage(write_app(tmp_path / "app"), "-b", buildpack, "--name", name)
    sizes = {one["name"].split()[0]: one["size"] for one in json.loads(fresh("cache", "list", "--json").out)}
    assert sizes["one"] >= 3_000_000
    assert "freed" in fresh("cache", "clear", "one").out
    names = [one["name"].split()[0] for one in json.loads(fresh("cache", "list", "--json").out)]
    assert "one" not in names
    assert "two" in names
    assert fresh("cache", "gc").code == 0
    assert "two" in fresh("cache", "list").out
    assert fresh("cache", "gc", "--unused-for", "0s").code == 0
    assert "two" not in fresh("cache", "list").out
    fresh.stage(write_app(tmp_path / "app"), "-b", buildpack)
    assert fresh("cache", "clear").code == 0
    assert json.loads(fresh("cache", "list", "--json").out) == []


def test_a_bad_setting_names_its_variable(fresh: Installation) -> None:
    ended = fresh("stack", "list", STAGEWRIGHT_MAX_BYTES="lots")
    assert ended.code == 2
    assert "STAGEWRIGHT_MAX_BYTES" in ended.err


def test_help_and_version(stagewright: Installation) -> None:
    assert stagewright("--version").out.startswith("stagewright 0.")
    for command in ("stage", "run", "shell", "inspect", "plan", "doctor"):
        assert stagewright(command, "--help").code == 0


def test_clearing_caches_hurts_no_running_build(fresh: Installation, tmp_path: Path) -> None:
    app, buildpack = (
        write_app(tmp_path / "app"),
        serving(tmp_path / "bp", supply="echo BEGUN; sleep 4; ls /buildpacks/*/bin"),
    )
    process = subprocess.Popen(
        [str(COMMAND), "stage", str(app), "-b", str(buildpack), "-d", str(tmp_path / "d.tgz")],
        env=fresh.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "BEGUN" in line:
            break
    cleared = fresh("cache", "clear")
    rest = process.stdout.read()
    process.stdout.close()
    assert process.wait(timeout=60) == 0, rest
    assert cleared.code == 4
    assert "in use by a running build: not removed" in cleared.err
