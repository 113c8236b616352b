"""Whoever is killed, however hard: nothing runs on, and a sweep leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.as_another_user import run_as_another_user
from tests.sandbox_root import root_filesystem
from tests.sandboxes import Workplace, bash, groups_with, new_mark, processes_with, run_once, soon, workplace

from stagewright.errors import PlatformProblem
from stagewright.model.containers import Cause
from stagewright.ports.sandbox import Sandbox
from stagewright.sandbox import Rootful, choose

IS_ROOT = os.geteuid() == 0
REPOSITORY = Path(__file__).resolve().parent.parent.parent
DAEMON = "trap '' TERM HUP INT; exec sleep {mark}"


@dataclass(frozen=True)
class Child:
    """A process that holds a container in which something runs."""

    process: subprocess.Popen[bytes]
    mark: str
    state: Path

    def runtime(self) -> int:
        """The process of ``runc run``."""
        below = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return next(int(pid) for pid in below if b"run" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"))

    def kill(self, *also: int) -> None:
        """At once: none may see that another is gone."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in (*also, self.process.pid):
                os.kill(pid, number)
        self.process.wait()


@contextmanager
def child(kind: str, work: Workplace, state: Path) -> Iterator[Child]:
    """It runs one command in the foreground, and one that left by a double fork."""
    mark = new_mark()
    daemon = DAEMON.format(mark=mark)
    script = f'(setsid bash -c "{daemon}" &); {daemon}'
    arguments = (kind, str(state), str(work.at), "hold", "0", "/bin/bash", "-c", script)
    process = subprocess.Popen([sys.executable, "-m", "tests.sandbox_child", *arguments], cwd=REPOSITORY)
    try:
        assert soon(lambda: len(processes_with(mark, alone=True)) == 2, 30.0)
        yield Child(process, mark, state)
    finally:
        process.kill()
        process.wait()
        for pid in processes_with(mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        choose(kind, runtime=None, state=state).sweep()


class Killed:
    """The tests. A subclass says which sandbox."""

    kind: str

    @pytest.fixture
    def state(self, tmp_path: Path) -> Path:
        return tmp_path / "state"

    @pytest.fixture
    def sandbox(self, state: Path) -> Sandbox:
        return choose(self.kind, runtime=None, state=state)

    @pytest.fixture
    def work(self, tmp_path: Path, sandbox: Sandbox) -> Workplace:
        return workplace(tmp_path / "work", root_filesystem(), sandbox.owner)

    def assert_nothing_left(self, sandbox: Sandbox, state: Path, *, swept: int | None = None) -> None:
        records = [json.loads(file.read_text()) for file in state.glob("containers/*.json")]
        removed = sandbox.sweep()
        assert removed == (len(records) if swept is None else swept)
        for record in records:
            assert groups_with(record["container"]) == []
        assert not [file for file in state.rglob("*") if file.is_file()]
        assert str(state.parent) not in Path("/proc/self/mountinfo").read_text()
        assert sandbox.sweep() == 0

    def test_we_are_killed(self, sandbox: Sandbox, work: Workplace, state: Path) -> None:
        with child(self.kind, work, state) as held:
            held.kill()
            assert soon(lambda: not processes_with(held.mark), 1.0)
            self.assert_nothing_left(sandbox, state)

    def test_we_get_a_polite_signal(self, sandbox: Sandbox, work: Workplace, state: Path) -> None:
        with child(self.kind, work, state) as held:
            held.process.terminate()
            assert held.process.wait(10) == 137
            assert not processes_with(held.mark)
            self.assert_nothing_left(sandbox, state, swept=0)

    def test_a_sweep_leaves_what_lives_alone(self, sandbox: Sandbox, work: Workplace, state: Path) -> None:
        with child(self.kind, work, state) as held:
            assert sandbox.sweep() == 0
            assert len(processes_with(held.mark, alone=True)) == 2

    def test_started_by_somebody_who_ignores_their_children(self, work: Workplace, state: Path) -> None:
        """An ignored SIGCHLD is inherited, and hides every exit status."""
        call = [sys.executable, "-m", "tests.sandbox_child", self.kind, str(state), str(work.at), "hold", "0"]
        ignoring = ["/bin/bash", "-c", 'trap \'\' CHLD; exec "$0" "$@"', *call]
        ended = subprocess.run([*ignoring, "/bin/bash", "-c", "exit 7"], cwd=REPOSITORY, check=False)
        assert ended.returncode == 7

    def test_after_a_kill_the_next_container_starts(self, sandbox: Sandbox, work: Workplace, state: Path) -> None:
        with child(self.kind, work, state) as held:
            held.kill()
        sandbox.sweep()
        assert run_once(sandbox, work.spec(), "echo next").out == "next\n"


class KilledWithRuntime(Killed):
    """With a runtime there are more that can be killed."""

    def test_we_and_the_runtime_are_killed(self, sandbox: Sandbox, work: Workplace, state: Path) -> None:
        with child(self.kind, work, state) as held:
            held.kill(held.runtime())
            assert soon(lambda: not processes_with(held.mark), 1.0)
            assert list((state / "runtime").iterdir())
            self.assert_nothing_left(sandbox, state, swept=1)

    def test_the_runtime_alone_is_killed(self, sandbox: Sandbox, work: Workplace, state: Path) -> None:
        with child(self.kind, work, state) as held:
            os.kill(held.runtime(), signal.SIGKILL)
            assert held.process.wait(10) == 137
            assert not processes_with(held.mark)
            self.assert_nothing_left(sandbox, state, swept=0)

    def test_records_of_another_boot_or_nobody_are_swept(self, sandbox: Sandbox, work: Workplace, state: Path) -> None:
        with child(self.kind, work, state) as held:
            record = next(state.glob("containers/*.json"))
            facts = json.loads(record.read_text())
            assert facts["owner"]["pid"] == held.process.pid
            for change in ({"boot": "another"}, {"started": facts["owner"]["started"] + 1}, {"pid": 2**22 + 1}):
                other = {
                    **facts,
                    "container": "stagewright-gone",
                    "groups": [],
                    "first": None,
                    "owner": {**facts["owner"], **change},
                }
                (state / "containers/stagewright-gone.json").write_text(json.dumps(other))
                assert sandbox.sweep() == 1
            (state / "containers/nonsense.json").write_text("{")
            assert sandbox.sweep() == 0
            assert [file.name for file in (state / "containers").iterdir()] == [record.name]


@pytest.mark.root
@pytest.mark.skipif(not IS_ROOT, reason="needs root")
class TestRootful(KilledWithRuntime):
    kind = "rootful"

    def test_the_first_process_alone_is_killed(self, sandbox: Sandbox, work: Workplace) -> None:
        with sandbox.open(work.spec()) as session:
            assert bash(session, "true").exit.code == 0
            first = int(next(work.scratch.glob("*/first.pid")).read_text())
            timer = threading.Timer(0.5, os.kill, (first, signal.SIGKILL))
            timer.start()
            ended = bash(session, "sleep 60").exit
            timer.join()
            assert (ended.code, ended.cause) == (137, Cause.EXITED)
            with pytest.raises(PlatformProblem):
                bash(session, "true")

    def test_chowned_trees_are_given_back_by_a_sweep(self, tmp_path: Path) -> None:
        state = tmp_path / "state"
        work = workplace(tmp_path / "work", root_filesystem(), Rootful.owner)
        program = (
            "import os, signal, sys; from pathlib import Path; from stagewright.sandbox import Rootful\n"
            "from tests.sandboxes import *; from tests.sandbox_root import root_filesystem\n"
            "sandbox = Rootful(None, Path(sys.argv[1]), idmapped=False)\n"
            "with sandbox.open(Workplace(Path(sys.argv[2]), root_filesystem(), sandbox.owner).spec()) as session:\n"
            "    bash(session, 'mkdir -p d; echo x > d/x'); os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        subprocess.run([sys.executable, "-c", program, str(state), str(work.at)], cwd=REPOSITORY, check=False)
        assert (work.home / "d/x").stat().st_uid >= 0x70000000
        assert Rootful(None, state).sweep() == 1
        assert (work.home / "d/x").stat().st_uid == 2000


@pytest.mark.skipif(IS_ROOT, reason="root tries it as another user, below")
class TestRootless(KilledWithRuntime):
    kind = "rootless"


class TestNone(Killed):
    kind = "none"


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.skipif(not IS_ROOT, reason="the class above was tried directly")
def test_rootless_as_another_user() -> None:
    run_as_another_user(f"{__file__}::TestRootless")
