"""A command on the caller's own streams: for ``run`` and ``shell``."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.as_another_user import run_as_another_user
from tests.sandbox_root import root_filesystem
from tests.sandboxes import Workplace, new_mark, processes_with, soon, workplace

from stagewright.ports.sandbox import Sandbox
from stagewright.sandbox import choose

IS_ROOT = os.geteuid() == 0
REPOSITORY = Path(__file__).resolve().parent.parent.parent


@dataclass
class Terminal:
    """Our end of a terminal, and the program that has the other."""

    process: subprocess.Popen[bytes]
    master: int
    slave: int
    shown: bytes = b""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def shows(self, text: str, seconds: float = 20.0) -> bool:
        until = time.monotonic() + seconds
        while text.encode() not in self.shown and time.monotonic() < until:
            if select.select([self.master], [], [], 0.1)[0]:
                with suppress(OSError):
                    self.shown += os.read(self.master, 65536)
        return text.encode() in self.shown

    def modes(self) -> list[object]:
        return termios.tcgetattr(self.slave)


class Attached:
    """The tests. A subclass says which sandbox."""

    kind: str

    @pytest.fixture
    def sandbox(self, tmp_path: Path) -> Sandbox:
        return choose(self.kind, runtime=None, state=tmp_path / "state")

    @pytest.fixture
    def work(self, tmp_path: Path, sandbox: Sandbox) -> Workplace:
        return workplace(tmp_path / "work", root_filesystem(), sandbox.owner)

    def call(self, work: Workplace, tmp_path: Path, grace: float, script: str, how: str = "attach") -> list[str]:
        arguments = (self.kind, str(tmp_path / "state"), str(work.at), how, str(grace), "/bin/bash", "-c", script)
        return [sys.executable, "-m", "tests.sandbox_child", *arguments]

    @contextmanager
    def terminal(
        self, work: Workplace, tmp_path: Path, grace: float, script: str, how: str = "attach"
    ) -> Iterator[Terminal]:
        master, slave = pty.openpty()
        call = self.call(work, tmp_path, grace, script, how)
        foreground = (
            "import fcntl, os, sys, termios\n"
            "os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", foreground, *call], stdin=slave, stdout=slave, stderr=slave, cwd=REPOSITORY
        )
        try:
            yield Terminal(process, master, slave)
        finally:
            process.kill()
            process.wait()
            os.close(master)
            os.close(slave)
            choose(self.kind, runtime=None, state=tmp_path / "state").sweep()

    # Without a terminal

    def test_streams_and_code_are_the_programs(self, work: Workplace, tmp_path: Path) -> None:
        script = "cat; echo oops >&2; echo more > /dev/stdout; exit 7"
        call = self.call(work, tmp_path, 0, script)
        ended = subprocess.run(call, input=b"typed\n", capture_output=True, cwd=REPOSITORY, check=False)
        assert (ended.returncode, ended.stdout, ended.stderr) == (7, b"typed\nmore\n", b"oops\n")

    def test_a_signal_is_128_more(self, work: Workplace, tmp_path: Path) -> None:
        call = self.call(work, tmp_path, 0, "kill -9 $$")
        assert subprocess.run(call, stdin=subprocess.DEVNULL, cwd=REPOSITORY, check=False).returncode == 137

    def test_what_is_left_does_not_keep_us(self, work: Workplace, tmp_path: Path) -> None:
        mark = new_mark()
        call = self.call(work, tmp_path, 0, f"(trap '' TERM HUP; setsid sleep {mark} &); sleep 0.2; exit 3")
        ended = subprocess.run(
            call, stdin=subprocess.DEVNULL, capture_output=True, cwd=REPOSITORY, check=False, timeout=30
        )
        assert ended.returncode == 3
        assert not processes_with(mark)

    def test_stop_lets_it_tidy_up(self, work: Workplace, tmp_path: Path) -> None:
        script = "trap 'echo bye; exit 9' TERM; echo up; while :; do sleep 0.05; done"
        with subprocess.Popen(
            self.call(work, tmp_path, 20, script), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=REPOSITORY
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            process.terminate()
            assert process.wait(10) == 9
            assert process.stdout.read() == b"bye\n"

    def test_stop_kills_after_the_grace(self, work: Workplace, tmp_path: Path) -> None:
        script = "trap '' TERM; echo up; while :; do sleep 0.05; done"
        with subprocess.Popen(
            self.call(work, tmp_path, 0.3, script), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=REPOSITORY
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            process.terminate()
            assert process.wait(10) == 137

    def test_interrupt_reaches_the_program(self, work: Workplace, tmp_path: Path) -> None:
        """Ctrl-C goes to the whole foreground group: to the program as well as to us."""
        script = "trap 'echo interrupted; exit 5' INT; echo up; while :; do sleep 0.05; done"
        with subprocess.Popen(
            self.call(work, tmp_path, 20, script),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(10) == 5
            assert process.stdout.read() == b"interrupted\n"

    # With one

    def test_a_terminal_is_a_terminal(self, work: Workplace, tmp_path: Path) -> None:
        with self.terminal(work, tmp_path, 0, "tty; stty size; read -r line; echo got:$line:; exit 6") as terminal:
            assert terminal.shows("/dev/pts/")
            terminal.type("hello\n")
            assert terminal.shows("got:hello:")
            assert terminal.process.wait(20) == 6

    def test_the_size_of_the_terminal_is_the_callers(self, work: Workplace, tmp_path: Path) -> None:
        """A runtime hands it on a moment after the program has begun, so the program looks until it sees what it should."""
        look = 'until [ "$(stty size)" = "$size" ]; do sleep 0.05; done; echo "saw $size"'
        script = f'for size in "33 99" "44 111"; do {look}; done'
        with self.terminal(work, tmp_path, 0, script) as terminal:
            termios.tcsetwinsize(terminal.slave, (33, 99))
            assert terminal.shows("saw 33 99")
            termios.tcsetwinsize(terminal.slave, (44, 111))
            assert terminal.shows("saw 44 111")

    def test_ctrl_c_reaches_the_program_alone(self, work: Workplace, tmp_path: Path) -> None:
        with self.terminal(
            work, tmp_path, 20, "trap 'echo caught; exit 5' INT; echo up; while :; do sleep 0.05; done"
        ) as terminal:
            assert terminal.shows("up")
            terminal.type("\x03")
            assert terminal.shows("caught")
            assert terminal.process.wait(20) == 5

    def test_a_command_that_is_run_has_no_terminal(self, work: Workplace, tmp_path: Path) -> None:
        """Else it could type into the shell of whoever started us."""
        script = "(echo x > /dev/tty) 2>/dev/null && exit 1; ps -o tty= -p $$ | grep -q '?' && exit 7; exit 2"
        with self.terminal(work, tmp_path, 0, script, how="hold") as terminal:
            assert terminal.process.wait(20) == 7

    @pytest.mark.parametrize("end", ["stop", "exit"])
    def test_the_terminal_is_left_as_it_was(self, work: Workplace, tmp_path: Path, end: str) -> None:
        script = "stty raw -echo 2>/dev/null; echo up; " + ("sleep 60" if end == "stop" else "exit 0")
        with self.terminal(work, tmp_path, 0, script) as terminal:
            before = terminal.modes()
            assert terminal.shows("up")
            if end == "stop":
                terminal.process.terminate()
            assert terminal.process.wait(20) == (137 if end == "stop" else 0)
            assert terminal.modes() == before


class AttachedByRuntime(Attached):
    def test_killed_we_leave_no_raw_terminal(self, work: Workplace, tmp_path: Path) -> None:
        """We are dead; the runtime that made it raw mends it when the container ends."""
        with self.terminal(work, tmp_path, 0, "echo up; sleep 60") as terminal:
            before = terminal.modes()
            assert terminal.shows("up")
            assert terminal.modes() != before
            terminal.process.kill()
            assert soon(lambda: terminal.modes() == before, 2.0)


@pytest.mark.root
@pytest.mark.skipif(not IS_ROOT, reason="needs root")
class TestRootful(AttachedByRuntime):
    kind = "rootful"


@pytest.mark.skipif(IS_ROOT, reason="root tries it as another user, below")
class TestRootless(AttachedByRuntime):
    kind = "rootless"


class TestNone(Attached):
    kind = "none"


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.skipif(not IS_ROOT, reason="the class above was tried directly")
def test_rootless_as_another_user() -> None:
    run_as_another_user(f"{__file__}::TestRootless")
