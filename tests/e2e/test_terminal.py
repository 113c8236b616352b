"""A person at a terminal: colour and a bar that moves, or none of them; a shell where a build failed; completion."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import COMMAND, Installation
from tests.e2e.shell_buildpacks import serving, write_app


def at_a_terminal(
    installation: Installation, *arguments: str | Path, typed: bytes = b"", interrupt_at: bytes = b"", **env: str
) -> tuple[int, str]:
    """Run the command on a pseudo-terminal; its exit code and all that the terminal was sent."""
    environment = {**installation.environment(TERM="xterm-256color"), **env}
    environment = {name: value for name, value in environment.items() if value != "unset"}
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [str(COMMAND), *map(str, arguments)],
        env=environment,
        cwd=installation.place,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    if typed:
        os.write(leader, typed)
    seen, interrupted, end = b"", False, time.monotonic() + 120
    while time.monotonic() < end:
        ready, _, _ = select.select([leader], [], [], 0.1)
        if ready:
            try:
                chunk = os.read(leader, 65536)
            except OSError:
                break
            if not chunk:
                break
            seen += chunk
        if interrupt_at and interrupt_at in seen and not interrupted:
            interrupted = True
            process.send_signal(signal.SIGINT)
        if process.poll() is not None and not ready:
            break
    process.wait(timeout=30)
    os.close(leader)
    return process.returncode, seen.decode("utf-8", "replace")


def test_a_terminal_gets_colour_and_a_bar(tmp_path: Path, stagewright: Installation) -> None:
    buildpack = serving(tmp_path / "bp", finalize="echo working; sleep 1")
    code, seen = at_a_terminal(
        stagewright, "stage", write_app(tmp_path / "app"), "-b", buildpack, "-d", tmp_path / "d.tgz", NO_COLOR="unset"
    )
    assert code == 0, seen
    assert "\x1b[1;36m" in seen  # a phase
    assert "━" in seen
    assert "finalize" in seen


def test_no_color_is_obeyed(tmp_path: Path, stagewright: Installation) -> None:
    code, seen = at_a_terminal(
        stagewright, "stage", write_app(tmp_path / "app"), "-b", serving(tmp_path / "bp"), "-d", tmp_path / "d.tgz"
    )
    assert code == 0, seen
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", seen)


def test_a_shell_opens_in_a_build_that_failed(tmp_path: Path, stagewright: Installation) -> None:
    buildpack = serving(tmp_path / "bp", finalize='echo half > "$1/half-written"; exit 9')
    process = subprocess.run(
        [str(COMMAND), "stage", str(write_app(tmp_path / "app")), "-b", str(buildpack), "--shell-on-failure"],
        env=stagewright.environment(),
        input=b"pwd; cat half-written; id -u; echo CF is $CF_STACK\n",
        capture_output=True,
        timeout=120,
        check=False,
        cwd=stagewright.place,
    )
    assert process.returncode == 14
    assert process.stdout.decode().count("/home/vcap/app\nhalf\n2000\nCF is debian12\n") == 1


def test_ctrl_c_at_a_terminal_leaves_it_as_it_was(tmp_path: Path, stagewright: Installation) -> None:
    buildpack = serving(tmp_path / "bp", finalize="echo READY; sleep 600")
    code, seen = at_a_terminal(
        stagewright,
        "stage",
        write_app(tmp_path / "app"),
        "-b",
        buildpack,
        "-d",
        tmp_path / "d.tgz",
        interrupt_at=b"READY",
    )
    assert code == 130, seen
    assert "The build was cancelled." in seen
    assert seen.rfind("\x1b[?25h") >= seen.rfind("\x1b[?25l")  # the cursor is shown again
    assert not (tmp_path / "d.tgz").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_of_a_shell_is_printed(stagewright: Installation, shell: str) -> None:
    ended = stagewright(_STAGEWRIGHT_COMPLETE=f"source_{shell}", cwd=stagewright.place)
    assert ended.code == 0, ended.err
    assert "stagewright" in ended.out


def test_on_anything_but_linux_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from stagewright.cli import main

    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 4
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "Linux" in said


def test_nothing_is_said_twice_and_no_stack_trace_reaches_a_person(tmp_path: Path, stagewright: Installation) -> None:
    ended = stagewright("stage", write_app(tmp_path / "app"), "-b", serving(tmp_path / "bp", finalize="exit 1"))
    assert (ended.out + ended.err).count("bin/finalize ended with exit code 1") == 1
