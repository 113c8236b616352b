"""Containers that cannot be: each says why, and leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from tests.as_another_user import run_as_another_user
from tests.sandbox_root import root_filesystem
from tests.sandboxes import ENVIRONMENT, Workplace, Written, bash, groups_with, run, workplace

from stagewright.errors import Fault
from stagewright.model.containers import Command, Mount
from stagewright.ports.sandbox import Sandbox
from stagewright.sandbox import Rootful, Rootless, Unconfined, choose
from stagewright.sandbox.problems import (
    CommandNotStarted,
    ContainerNotStarted,
    MountPointMissing,
    NoSuchSandbox,
    NotLinux,
    NotRoot,
    RootLacksProgram,
    RuntimeMissing,
)

IS_ROOT = os.geteuid() == 0
REPOSITORY = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return choose("auto", runtime=None, state=tmp_path / "state")


@pytest.fixture
def work(tmp_path: Path, sandbox: Sandbox) -> Workplace:
    return workplace(tmp_path / "work", root_filesystem(), sandbox.owner)


def assert_nothing_left(work: Workplace, name: str) -> None:
    state = work.at.parent / "state"
    assert list(work.scratch.iterdir()) == []
    assert [path for path in state.rglob("*") if path.is_file()] == []
    assert groups_with(f"stagewright-{name}-") == []


def test_auto_is_never_none(tmp_path: Path) -> None:
    chosen = choose("auto", runtime="no-such-runtime", state=tmp_path)
    assert chosen.name == ("rootful" if IS_ROOT else "rootless")
    assert isinstance(choose("none", runtime=None, state=tmp_path), Unconfined)
    with pytest.raises(NoSuchSandbox, match="auto, rootful, rootless, none") as caught:
        choose("docker", runtime=None, state=tmp_path)
    assert caught.value.whose_fault() is Fault.USAGE


def test_on_another_system_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(NotLinux) as caught:
        choose("none", runtime=None, state=tmp_path)
    assert caught.value.brief().count(".") == 1


def test_without_a_runtime(work: Workplace, tmp_path: Path) -> None:
    chosen = choose("auto", runtime="no-such-runtime", state=tmp_path / "state")
    with pytest.raises(RuntimeMissing, match="no-such-runtime") as caught, chosen.open(work.spec("without")):
        pytest.fail("it opened")
    assert "apt-get install runc" in caught.value.hint()
    assert_nothing_left(work, "without")


def test_with_a_runtime_that_is_none(work: Workplace, tmp_path: Path) -> None:
    (tmp_path / "runc").write_text("nothing that could be executed")
    (tmp_path / "runc").chmod(0o755)
    chosen = choose("auto", runtime=str(tmp_path / "runc"), state=tmp_path / "state")
    with pytest.raises(ContainerNotStarted), chosen.open(work.spec("broken")):
        pytest.fail("it opened")
    assert_nothing_left(work, "broken")


def test_a_root_without_a_shell(sandbox: Sandbox, work: Workplace, tmp_path: Path) -> None:
    root = tmp_path / "empty"
    for place in ("home/vcap", "tmp", "proc", "dev", "usr/bin"):
        (root / place).mkdir(parents=True)
    for program in ("unshare", "setpriv"):
        (root / "usr/bin" / program).touch()
    with (
        pytest.raises(ContainerNotStarted, match="/bin/bash") as caught,
        sandbox.open(replace(work.spec("bare"), root=root)),
    ):
        pytest.fail("it opened")
    assert caught.value.hint()
    assert_nothing_left(work, "bare")


def test_a_mount_without_its_point(sandbox: Sandbox, work: Workplace) -> None:
    spec = work.spec("point", mounts=(Mount(work.tmp, PurePosixPath("/opt/nowhere")),))
    with pytest.raises(MountPointMissing, match="/opt/nowhere"), sandbox.open(spec):
        pytest.fail("it opened")
    assert_nothing_left(work, "point")


def test_rootless_needs_its_programs_in_the_root(work: Workplace, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    with (
        pytest.raises(RootLacksProgram, match="/usr/bin/unshare"),
        Rootless(None, tmp_path / "state").open(replace(work.spec(), root=root)),
    ):
        pytest.fail("it opened")


@pytest.mark.skipif(IS_ROOT, reason="root tries it as another user, below")
class TestOthers:
    def test_rootful_is_for_root(self, tmp_path: Path) -> None:
        work = workplace(tmp_path / "work", root_filesystem(), None)
        with pytest.raises(NotRoot) as caught, Rootful(None, tmp_path / "state").open(work.spec()):
            pytest.fail("it opened")
        assert caught.value.whose_fault() is Fault.USAGE


@pytest.mark.root
@pytest.mark.skipif(not IS_ROOT, reason="the class above was tried directly")
def test_others_as_another_user() -> None:
    run_as_another_user(f"{__file__}::TestOthers")


@pytest.mark.root
@pytest.mark.skipif(not IS_ROOT, reason="needs root, to mount a small disk")
def test_a_full_disk_is_called_so(tmp_path: Path) -> None:
    """A real one, of 256 kB, that holds state and scratch."""
    program = (
        "import sys; from pathlib import Path; from stagewright.sandbox import Rootful; from stagewright.errors import Problem\n"
        "from tests.sandboxes import *; from tests.sandbox_root import root_filesystem\n"
        "at = Path(sys.argv[1]); sandbox = Rootful(None, at / 'state'); work = workplace(at / 'work', root_filesystem(), None)\n"
        "with open(at / 'filling', 'wb', buffering=0) as file:\n"
        "    try:\n"
        "        while True: file.write(bytes(4096))\n"
        "    except OSError: pass\n"
        "try:\n"
        "    with sandbox.open(work.spec()): print('opened')\n"
        "except Problem as problem: print(type(problem).__name__, problem.brief())\n"
        "print(len(list(work.scratch.iterdir())))\n"
    )
    mount = 'mount -t tmpfs -o size=256k tmpfs "$2" && exec "$0" -c "$1" "$2"'
    ended = subprocess.run(
        ["unshare", "--mount", "/bin/sh", "-c", mount, sys.executable, program, str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    said, left = ended.stdout.splitlines()
    assert said.startswith("DiskFull The disk is full"), ended.stdout + ended.stderr
    assert left == "0"


def test_a_command_in_a_container_that_is_gone(sandbox: Sandbox, work: Workplace) -> None:
    with sandbox.open(work.spec()) as session:
        pass
    with pytest.raises(CommandNotStarted):
        session.run(Command(("/bin/true",), PurePosixPath("/"), ENVIRONMENT), Written())


def test_many_at_once(sandbox: Sandbox, work: Workplace, tmp_path: Path) -> None:
    """Six containers from six threads of one process, each with output, an exit code and something left running."""
    failures: list[BaseException] = []
    name = f"crowd{os.getpid()}"

    def build(number: int) -> None:
        try:
            place = workplace(tmp_path / f"work{number}", work.root, work.owner)
            with sandbox.open(place.spec(name)) as session:
                for round_ in range(3):
                    ran = bash(session, f"echo {number}-{round_}; (setsid sleep 60 &); exit {number}")
                    assert (ran.exit.code, ran.out) == (number, f"{number}-{round_}\n")
                assert run(session, "/bin/ls", "/home/vcap").out == ""
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=build, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert groups_with(f"stagewright-{name}-") == []
    assert sandbox.sweep() == 0
