"""What the binary buildpack says of a start command that will hardly work."""

from __future__ import annotations

from pathlib import Path

import pytest
from binary_buildpack.finalize import doubt

ELF_ELSEWHERE = b"\x7fELF" + bytes(14) + b"\xff\x01" + bytes(30)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "hello").write_bytes(b"#!/bin/sh\n")
    (tmp_path / "bin" / "hello").chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        "bin/hello --port $PORT",
        "exec ./bin/hello",
        "DEBUG=1 bin/hello",
        "python3 none.py",
        "$HOME/bin/none",
        "/usr/bin/env none/x",
        "",
        "'unclosed",
    ],
)
def test_nothing_speaks_against_it(app: Path, command: str) -> None:
    assert doubt(app, command) is None


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (b"#!/bin/sh\n", 0o644, "bin/hello is not executable"),
        (b"\xcf\xfa\xed\xfe" + bytes(30), 0o755, "a program for macOS"),
        (b"MZ" + bytes(30), 0o755, "a program for Windows"),
        (ELF_ELSEWHERE, 0o755, "for another processor (ELF machine 511)"),
    ],
)
def test_mistakes_that_are_seen_from_outside(app: Path, content: bytes, mode: int, says: str) -> None:
    (app / "bin" / "hello").write_bytes(content)
    (app / "bin" / "hello").chmod(mode)
    assert says in (doubt(app, "exec bin/hello --port $PORT") or "")


def test_a_program_that_is_not_there(app: Path) -> None:
    assert doubt(app, "./bin/none") == "the app has no file ./bin/none"
