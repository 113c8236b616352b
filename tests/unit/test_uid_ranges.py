"""One range of ids for each running container."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from stagewright.sandbox.problems import NoFreeRange
from stagewright.sandbox.uid_ranges import taken_range


def test_two_at_once_are_apart(tmp_path: Path) -> None:
    with taken_range(tmp_path) as first, taken_range(tmp_path) as second:
        ids = {range(taken.first, taken.first + taken.size) for taken in (first, second)}
        one, other = sorted(ids, key=lambda taken: taken.start)
        assert one.stop <= other.start
        assert first.outside(2000) == first.first + 2000
        assert one.start >= 0x70000000
        assert other.stop <= 0x7FFE0000  # above lie the ids that mean something to systemd, and the sign bit


def test_a_range_is_given_back(tmp_path: Path) -> None:
    with taken_range(tmp_path) as first:
        pass
    with taken_range(tmp_path) as second:
        assert second.first == first.first


def test_a_range_of_the_dead_is_free(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from stagewright.sandbox.uid_ranges import taken_range\n"
        "with taken_range(Path(sys.argv[1]), 1): os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    with taken_range(tmp_path, 1):
        pass


def test_who_inherits_the_lock_keeps_the_range(tmp_path: Path) -> None:
    """The runtime outlives us by a moment; so does its range."""
    with ExitStack() as held:
        with taken_range(tmp_path, 1) as taken:
            heir = held.enter_context(subprocess.Popen(["sleep", "60"], pass_fds=(taken.lock,)))
            held.callback(heir.kill)
        with pytest.raises(NoFreeRange), taken_range(tmp_path, 1):
            pytest.fail("it was free")
    with taken_range(tmp_path, 1):
        pass


def test_when_all_are_taken_it_says_so(tmp_path: Path) -> None:
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(taken_range(tmp_path, 3))
        with pytest.raises(NoFreeRange) as caught:
            held.enter_context(taken_range(tmp_path, 3))
    assert "3" in caught.value.brief()
    assert len(list(tmp_path.iterdir())) == 3
