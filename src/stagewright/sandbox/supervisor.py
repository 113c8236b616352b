"""A program, not a module of ours: it stands between us and a command that runs without a sandbox.

It is started with Python's own library alone, before the command, and adopts whatever the command leaves, so that it can kill it
all: when the command ends, when it is told to, and when the pipe from us ends because we died.

    supervisor.py SPEC CONTROL RESULT    (descriptors)

SPEC holds {"argv", "cwd", "env", "attached"}. CONTROL brings ``T`` (send SIGTERM to the command) and ``K`` or its end (kill
everything). RESULT gets {"code", "cpu"} or {"refused"}.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE = 5.0
"""Seconds after which what cannot be killed (somebody else's process, by sudo) is left alone."""


def main(spec: int, control: int, result: int) -> int:
    for descriptor in (spec, control, result):
        os.set_inheritable(descriptor, False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wakes, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    order = json.loads(_read_all(spec))
    command, refused = _start(order)
    if refused:
        os.waitpid(command, 0)
        _tell(result, {"refused": refused})
        return 1
    code = _watch(command, wakes, control, group=not order["attached"])
    _kill_the_rest()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    _tell(result, {"code": code, "cpu": used.ru_utime + used.ru_stime})
    return 0


def _start(order: dict[str, Any]) -> tuple[int, str]:
    """The command's process, and why it could not even change to its directory."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    command = os.fork()
    if command == 0:
        os.close(reading)
        _become(order, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as refusal:
        return command, refusal.read().decode(errors="replace")


def _become(order: dict[str, Any], refusal: int) -> NoReturn:
    argv, env = order["argv"], order["env"]
    code = 126
    try:
        if not order["attached"]:
            os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in range(1, signal.SIGRTMIN):
            with suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)
        os.umask(0o022)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            os.chdir(order["cwd"])
        except OSError as error:
            os.write(refusal, f"{order['cwd']}: {error.strerror}".encode())
            os._exit(1)
        code = _execute(argv, env)
    finally:
        os._exit(code)


def _execute(argv: list[str], env: dict[str, str]) -> int:
    """As execvp(3): a file that is no program is for the shell. Returns what a shell would where there is nothing to run."""
    try:
        os.execvpe(argv[0], argv, env)  # noqa: S606 - no shell is wanted
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            with suppress(OSError):
                os.execve("/bin/sh", ["/bin/sh", *argv], env)  # noqa: S606 - this one is
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        sys.stderr.flush()
        return 127 if error.errno == errno.ENOENT else 126


def _watch(command: int, wakes: int, control: int, *, group: bool) -> int:
    """Until the command has ended. Reaps what was left to us meanwhile."""
    poll = select.poll()
    poll.register(wakes, select.POLLIN)
    poll.register(control, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == wakes:
                os.read(wakes, 4096)
                code = _reap(command)
                if code is not None:
                    return code
                continue
            words = os.read(control, 16)
            if words and b"K" not in words:
                _signal(command, signal.SIGTERM, group=group)
                continue
            if not words:
                poll.unregister(control)
            _signal(command, signal.SIGKILL, group=group)


def _reap(command: int) -> int | None:
    """The command's code if it has ended."""
    code = None
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == command:
                ended = os.waitstatus_to_exitcode(status)
                code = 128 - ended if ended < 0 else ended
    return code


def _kill_the_rest() -> None:
    """Whose parent is killed becomes our child, so that in the end all of them were."""
    until = time.monotonic() + _PATIENCE
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while time.monotonic() < until:
        left = [int(pid) for pid in children.read_text().split()]
        if not left:
            return
        for pid in left:
            _signal(pid, signal.SIGKILL, group=False)
        _reap(0)
        time.sleep(0.001)


def _signal(pid: int, number: signal.Signals, *, group: bool) -> None:
    with suppress(ProcessLookupError, PermissionError):
        (os.killpg if group else os.kill)(pid, number)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        return file.read()


def _tell(result: int, facts: dict[str, Any]) -> None:
    with suppress(OSError):
        os.write(result, json.dumps(facts).encode())


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:4])))
