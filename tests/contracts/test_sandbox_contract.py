"""What every implementation of ports/sandbox.py holds.

Rootless containers are tried as the user that the tests run as; as root, they are tried as another user in an interpreter of its
own, by the last test of this file.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from tests.as_another_user import run_as_another_user
from tests.sandbox_root import root_filesystem
from tests.sandboxes import (
    ENVIRONMENT,
    HOME,
    LIMITS,
    Ran,
    Workplace,
    Written,
    bash,
    new_mark,
    processes_with,
    run,
    run_once,
    soon,
    workplace,
)

from stagewright.errors import PlatformProblem
from stagewright.model.containers import Cause, Command, Exit, Mount, Stream
from stagewright.ports.sandbox import Sandbox, Session
from stagewright.sandbox import Rootful, Rootless, Unconfined

IS_ROOT = os.geteuid() == 0
DAEMON = "trap '' TERM HUP INT; exec sleep {mark}"


class SandboxContract:
    """The tests. A subclass says which sandbox."""

    @pytest.fixture
    def sandbox(self, tmp_path: Path) -> Sandbox:
        raise NotImplementedError

    @pytest.fixture
    def work(self, tmp_path: Path, sandbox: Sandbox) -> Workplace:
        return workplace(tmp_path / "work", root_filesystem(), sandbox.owner)

    @pytest.fixture
    def session(self, sandbox: Sandbox, work: Workplace) -> Iterator[Session]:
        with sandbox.open(work.spec()) as session:
            yield session

    # What a command gets

    def test_both_streams_arrive_whole_and_apart(self, session: Session) -> None:
        ran = bash(session, "head -c 3000000 /dev/zero | tr '\\0' x; echo oops >&2; echo again >&2")
        assert ran.exit.code == 0
        assert ran.written.stdout == b"x" * 3_000_000
        assert ran.err == "oops\nagain\n"

    def test_output_comes_while_it_is_written_and_from_one_thread(self, session: Session, work: Workplace) -> None:
        seen: list[float] = []
        written = Written()

        def output(stream: Stream, chunk: bytes) -> None:
            seen.append(time.monotonic())
            written(stream, chunk)

        session.run(
            Command(("/bin/bash", "-c", "echo 1; sleep 0.5; echo 2"), session.path_of(HOME), ENVIRONMENT), output
        )
        assert written.stdout == b"1\n2\n"
        assert seen[-1] - seen[0] > 0.3
        assert written.threads == {threading.get_ident()}

    def test_standard_streams_can_be_opened_by_name(self, session: Session) -> None:
        ran = bash(session, "echo one > /dev/stdout; echo two > /dev/stderr; echo three | tee /dev/stderr")
        assert (ran.exit.code, ran.out, ran.err) == (0, "one\nthree\n", "two\nthree\n")

    def test_standard_input_is_empty(self, session: Session) -> None:
        assert bash(session, "wc -c").out.strip() == "0"

    def test_no_other_descriptor_is_open(self, session: Session) -> None:
        assert run(session, "/bin/ls", "/proc/self/fd").out.split() == ["0", "1", "2", "3"]  # 3: of ls itself

    @pytest.mark.parametrize("names", [("PATH", "HOME"), ("PATH",), ()])
    def test_the_environment_is_exactly_the_commands(self, session: Session, names: tuple[str, ...]) -> None:
        env = {name: ENVIRONMENT[name] for name in names}
        env |= {"A": "b c=d", "LINES_OF_TEXT": "one\ntwo", "EMPTY": "", "Ü": "ü", "LONG": "x" * 100_000}
        ran = run(session, "/usr/bin/env", "-0", env=env)
        assert dict(pair.split("=", 1) for pair in ran.out.split("\0") if pair) == env

    def test_it_runs_where_it_is_told_to(self, session: Session, work: Workplace) -> None:
        (work.home / "app").mkdir()
        assert run(session, "/bin/pwd", cwd=HOME / "app").out.strip() == str(session.path_of(HOME / "app"))

    def test_a_missing_directory_is_the_callers_mistake(self, session: Session) -> None:
        with pytest.raises(PlatformProblem, match="nowhere"):
            session.run(Command(("/bin/true",), PurePosixPath("/nowhere"), ENVIRONMENT), Written())
        assert run(session, "/bin/true").exit.code == 0

    def test_a_mounted_file_and_a_directory_below_writable_ones(self, sandbox: Sandbox, work: Workplace) -> None:
        (work.at / "data").mkdir()
        (work.at / "data" / "file").write_text("content")
        (work.at / "list").write_text("names")
        mounts = (Mount(work.at / "data", HOME / "in/side"), Mount(work.at / "list", HOME / "etc/list"))
        with sandbox.open(work.spec(mounts=mounts)) as session:
            places = (session.path_of(HOME / "in/side/file"), session.path_of(HOME / "etc/list"))
            assert run(session, "/bin/cat", *map(str, places)).out == "contentnames"

    def test_what_is_not_there_cannot_be_mounted(self, sandbox: Sandbox, work: Workplace) -> None:
        missing = work.spec(mounts=(Mount(work.at / "missing", HOME / "x"),))
        with pytest.raises(PlatformProblem, match="missing"), sandbox.open(missing):
            pytest.fail("it opened")

    def test_commands_write_as_the_owner_on_disk(self, sandbox: Sandbox, work: Workplace) -> None:
        ran = run_once(sandbox, work.spec(), "mkdir -p d/e && echo x > d/e/f && chmod 700 d && umask")
        assert (ran.exit.code, ran.out) == (0, "0022\n")
        status = (work.home / "d/e/f").stat()
        expected = (work.owner.uid, work.owner.gid) if work.owner else (os.geteuid(), os.getegid())
        assert (status.st_uid, status.st_gid) == expected
        assert stat.S_IMODE((work.home / "d").stat().st_mode) == 0o700

    def test_commands_own_what_the_caller_puts_there_for_them(self, session: Session, work: Workplace) -> None:
        assert run(session, "/bin/true").exit.code == 0
        made = work.home / "made/between"
        made.mkdir(parents=True)
        for directory in (made.parent, made):
            if work.owner is not None:
                os.chown(directory, work.owner.uid, work.owner.gid)
        assert bash(session, "echo x > made/between/x; stat -c %u:%g made").out.strip() == self.seen_owner()

    # How it ends

    @pytest.mark.parametrize("code", [0, 1, 3, 126, 127, 128, 255])
    def test_exit_codes_are_exact(self, session: Session, code: int) -> None:
        ended = bash(session, f"exit {code}").exit
        assert (ended.code, ended.cause) == (code, Cause.EXITED)

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGHUP, signal.SIGPIPE])
    def test_a_signal_is_128_more(self, session: Session, number: signal.Signals) -> None:
        ended = bash(session, f"kill -{int(number)} $$").exit
        assert (ended.code, ended.cause) == (128 + number, Cause.EXITED)

    def test_a_program_that_is_not_there(self, session: Session) -> None:
        ran = run(session, "no-such-program", "x")
        assert (ran.exit.code, ran.exit.cause) == (127, Cause.EXITED)
        assert "no-such-program" in ran.err

    def test_a_script_whose_interpreter_is_not_there(self, session: Session, work: Workplace) -> None:
        assert self._script(session, work, "#!/no/such/interpreter\n", 0o755).exit.code == 127

    def test_a_script_that_is_not_executable(self, session: Session, work: Workplace) -> None:
        assert self._script(session, work, "#!/bin/bash\n", 0o644).exit.code == 126

    def test_a_script_without_an_interpreter_is_the_shells(self, session: Session, work: Workplace) -> None:
        assert self._script(session, work, "exit 9\n", 0o755).exit.code == 9

    def test_a_program_with_an_equals_sign(self, session: Session, work: Workplace) -> None:
        assert self._script(session, work, "#!/bin/bash\nexit 5\n", 0o755, "a=b").exit.code == 5

    def test_it_tells_how_long_it_took(self, session: Session) -> None:
        ended = bash(session, "sleep 0.3; timeout 0.3 bash -c 'while :; do :; done'; true").exit
        assert 0.4 < ended.seconds < 5
        assert ended.cpu_seconds is None or 0.03 < ended.cpu_seconds < ended.seconds

    def test_the_time_is_that_of_the_whole_container(self, sandbox: Sandbox, work: Workplace) -> None:
        with sandbox.open(work.spec(limits=replace(LIMITS, timeout=2.0))) as session:
            assert run(session, "/bin/sleep", "0.5").exit.cause is Cause.EXITED
            began = time.monotonic()
            ended = bash(session, "trap '' TERM INT HUP; while :; do sleep 1; done").exit
            assert (ended.code, ended.cause) == (137, Cause.TIMED_OUT)
            assert time.monotonic() - began < 4.0
            assert bash(session, "echo never").exit == Exit(137, Cause.TIMED_OUT, 0.0)

    def test_past_the_disk_limit_it_ends(self, sandbox: Sandbox, work: Workplace) -> None:
        (work.home / "app").write_bytes(os.urandom(20 << 20))  # was there before: not counted
        with sandbox.open(work.spec(limits=replace(LIMITS, disk=16 << 20))) as session:
            assert bash(session, "head -c 8000000 /dev/urandom > a").exit.cause is Cause.EXITED
            ran = bash(session, "for i in $(seq 1000); do head -c 1000000 /dev/urandom > f$i; sleep 0.02; done")
            assert (ran.exit.code, ran.exit.cause) == (137, Cause.OUT_OF_DISK)
        assert sum(file.stat().st_size for file in work.home.glob("f*")) < 200_000_000

    def test_writing_too_much_too_fast_is_seen_too(self, sandbox: Sandbox, work: Workplace) -> None:
        with sandbox.open(work.spec(limits=replace(LIMITS, disk=4 << 20))) as session:
            assert bash(session, "head -c 30000000 /dev/urandom > a").exit.cause is Cause.OUT_OF_DISK

    def test_what_was_removed_again_does_not_count(self, sandbox: Sandbox, work: Workplace) -> None:
        with sandbox.open(work.spec(limits=replace(LIMITS, disk=16 << 20))) as session:
            script = "for i in 1 2 3 4 5 6; do head -c 9000000 /dev/urandom > a; sleep 0.15; rm a; done"
            assert bash(session, script).exit.cause is Cause.EXITED

    # Stopping it

    def test_stopped_from_another_thread(self, session: Session) -> None:
        with stopping(session, 0.5):
            ended = bash(session, "trap '' TERM; sleep 60; sleep 60").exit
        assert (ended.code, ended.cause) == (137, Cause.CANCELLED)
        assert ended.seconds < 5

    def test_stopped_with_grace_it_can_tidy_up(self, session: Session, work: Workplace) -> None:
        with stopping(session, 0.5, grace=20.0):
            ended = bash(session, "trap 'echo bye > bye; exit 7' TERM; while :; do sleep 0.1; done").exit
        assert (ended.code, ended.cause) == (7, Cause.CANCELLED)
        assert (work.home / "bye").exists()

    def test_grace_ends(self, session: Session) -> None:
        began = time.monotonic()
        with stopping(session, 0.5, grace=1.0):
            ended = bash(session, "trap '' TERM; while :; do sleep 1; done").exit
        assert (ended.code, ended.cause) == (137, Cause.CANCELLED)
        assert 1.5 < time.monotonic() - began < 6

    def test_a_second_stop_hastens_the_end_and_the_first_cause_stands(self, session: Session) -> None:
        with stopping(session, 0.3, grace=60.0), stopping(session, 0.8, cause=Cause.TIMED_OUT):
            ended = bash(session, "trap '' TERM; while :; do sleep 1; done").exit
        assert ended.cause is Cause.CANCELLED
        assert ended.seconds < 5

    def test_stopped_from_a_signal_handler(self, session: Session) -> None:
        previous = signal.signal(signal.SIGUSR1, lambda *_: session.stop(Cause.CANCELLED))
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGUSR1))
        timer.start()
        try:
            assert run(session, "/bin/sleep", "60").exit.cause is Cause.CANCELLED
        finally:
            timer.join()
            signal.signal(signal.SIGUSR1, previous)

    def test_a_stop_between_two_commands_is_not_lost(self, session: Session, work: Workplace) -> None:
        assert run(session, "/bin/true").exit.code == 0
        session.stop(Cause.CANCELLED)
        session.stop(Cause.CANCELLED, grace=1.0)
        assert bash(session, "echo x > never").exit == Exit(137, Cause.CANCELLED, 0.0)
        assert not (work.home / "never").exists()

    # What remains: nothing

    def test_what_a_command_leaves_running_is_killed(self, session: Session) -> None:
        mark = new_mark()
        daemon = DAEMON.format(mark=mark)
        # Leaves by a double fork into a session of its own, ignores signals, and holds on to the command's streams.
        ran = bash(
            session, f'(setsid bash -c "{daemon}" & ) ; ({daemon}) & until pgrep -f {mark} >&2; do :; done; echo done'
        )
        assert (ran.exit.code, ran.out) == (0, "done\n")
        assert ran.exit.seconds < 10
        assert processes_with(mark) == []
        assert bash(session, "echo next").out == "next\n"

    def test_nothing_remains_when_the_caller_fails(self, sandbox: Sandbox, work: Workplace) -> None:
        mark = new_mark()

        def fail(stream: object, chunk: bytes) -> None:
            raise RuntimeError("the caller's own")

        with pytest.raises(RuntimeError, match="own"), sandbox.open(work.spec()) as session:
            command = Command(("/bin/bash", "-c", f"echo x; exec sleep {mark}"), session.path_of(HOME), ENVIRONMENT)
            session.run(command, fail)
        assert soon(lambda: not processes_with(mark), 1.0)
        assert list(work.scratch.iterdir()) == []

    def test_nothing_remains_on_disk(self, sandbox: Sandbox, work: Workplace, tmp_path: Path) -> None:
        assert run_once(sandbox, work.spec(), "true").exit.code == 0
        assert list(work.scratch.iterdir()) == []
        state = tmp_path / "state"
        assert [file for file in state.rglob("*") if file.is_file()] == []
        assert sandbox.sweep() == 0

    def test_the_root_is_not_written(self, sandbox: Sandbox, work: Workplace) -> None:
        before = listing(work.root)
        (work.at / "x").mkdir()
        mounts = [Mount(work.at / "x", PurePosixPath(place)) for place in ("/buildpacks/a/b", "/trust/x", "/lifecycle")]
        run_once(sandbox, work.spec(mounts=mounts), "true")
        assert listing(work.root) == before

    def test_two_at_once_do_not_meet(self, sandbox: Sandbox, work: Workplace, tmp_path: Path) -> None:
        other = workplace(tmp_path / "other", work.root, work.owner)
        with sandbox.open(work.spec("same")) as first, sandbox.open(other.spec("same")) as second:
            mark = new_mark()
            with threading_run(first, f"exec sleep {mark}") as result:
                assert soon(lambda: bool(processes_with(mark)))
                bash(second, "echo mine > mine; (setsid sleep 1 &); true")
                assert processes_with(mark)
                second.stop(Cause.CANCELLED)
                assert bash(second, "true").exit.cause is Cause.CANCELLED
                assert processes_with(mark)
                first.stop(Cause.CANCELLED)
        assert result[0].exit.cause is Cause.CANCELLED
        assert not (work.home / "mine").exists()

    def test_it_says_which_limits_do_not_hold(self, sandbox: Sandbox) -> None:
        assert set(sandbox.unenforced(replace(LIMITS, cpus=1.0))) <= {"memory", "pids", "cpus"}
        assert "cpus" not in sandbox.unenforced(LIMITS)

    def seen_owner(self) -> str:
        """How commands see the files that they may write."""
        return "2000:2000"

    def _script(self, session: Session, work: Workplace, content: str, mode: int, name: str = "script") -> Ran:
        path = work.home / name
        path.write_text(content)
        path.chmod(mode)
        if work.owner is not None:
            os.chown(path, work.owner.uid, work.owner.gid)
        return run(session, str(session.path_of(HOME / name)))


@pytest.mark.root
@pytest.mark.skipif(not IS_ROOT, reason="needs root")
class TestRootfulIdmapped(SandboxContract):
    @pytest.fixture
    def sandbox(self, tmp_path: Path) -> Sandbox:
        return Rootful(None, tmp_path / "state")


@pytest.mark.root
@pytest.mark.skipif(not IS_ROOT, reason="needs root")
class TestRootfulChown(SandboxContract):
    """Where no mount can be idmapped."""

    @pytest.fixture
    def sandbox(self, tmp_path: Path) -> Sandbox:
        return Rootful(None, tmp_path / "state", idmapped=False)


@pytest.mark.skipif(IS_ROOT, reason="root tries it as another user, below")
class TestRootless(SandboxContract):
    @pytest.fixture
    def sandbox(self, tmp_path: Path) -> Sandbox:
        return Rootless(None, tmp_path / "state")


class TestNone(SandboxContract):
    @pytest.fixture
    def sandbox(self) -> Sandbox:
        return Unconfined()

    def seen_owner(self) -> str:
        return f"{os.geteuid()}:{os.getegid()}"


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.skipif(not IS_ROOT, reason="the class above was tried directly")
def test_rootless_as_another_user() -> None:
    run_as_another_user(f"{__file__}::TestRootless")


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.skipif(not IS_ROOT, reason="needs root, to mount control groups")
def test_on_control_groups_of_version_2_alone() -> None:
    """As on newer machines, whatever this one has; its controllers may be elsewhere, so limits are not tried."""
    mount = 'umount --recursive /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec "$0" "$@"'
    tests = ("-k", "exit_codes or leaves_running or remains or at_once", f"{__file__}::TestRootfulIdmapped")
    ended = subprocess.run(
        [
            *("unshare", "--mount", "/bin/sh", "-c", mount),
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            *tests,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " passed" in ended.stdout


@contextmanager
def stopping(session: Session, after: float, grace: float = 0.0, cause: Cause = Cause.CANCELLED) -> Iterator[None]:
    timer = threading.Timer(after, session.stop, (cause, grace))
    timer.start()
    try:
        yield
    finally:
        timer.join()


@contextmanager
def threading_run(session: Session, script: str) -> Iterator[list[Ran]]:
    """``script`` runs in a thread until the block ends; then its result is in the list."""
    result: list[Ran] = []
    thread = threading.Thread(target=lambda: result.append(bash(session, script)))
    thread.start()
    try:
        yield result
    finally:
        session.stop(Cause.CANCELLED)
        thread.join()


def listing(root: Path) -> list[tuple[str, int, int, int]]:
    """Every entry of a tree: name, mode, size and time of change."""
    found = []
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            status = (Path(directory) / name).lstat()
            found.append((f"{directory}/{name}", status.st_mode, status.st_size, status.st_mtime_ns))
    return sorted(found)
