"""The file of a traced script, as shells write it and as somebody hostile might."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewright.buildpacks.tracing import (
    DEBUG_SWITCHES,
    TRACING_VARIABLES,
    Interpreter,
    coverage,
    debug_environment,
    interpreter_of,
    mark_of,
    read_xtrace,
    tracing_environment,
)
from stagewright.buildpacks.tracing.ansi_quotes import masked_through_quotes
from stagewright.buildpacks.tracing.shebangs import of_first_line
from stagewright.model.trace import Xtrace

MARK = "0123456789abcdef"


def line(
    time: str, text: str, *, pid: int = 1, plus: str = "+", mark: str = MARK, calls: int = 1, file: str = "a.sh"
) -> bytes:
    return f"{plus}\x1f{mark}\x1f{time}\x1f{pid}\x1f0\x1f{calls}\x1f7\x1ff\x1f{file}\x1f{text}\n".encode(
        "utf-8", "surrogateescape"
    )


def read(path: Path, content: bytes, **bounds: int) -> Xtrace:
    (path / "trace").write_bytes(content)
    return read_xtrace(
        path / "trace",
        mark=MARK,
        coverage="bash",
        began=100.0,
        seconds=10.0,
        mask=lambda text: text.replace("s3cret", "[redacted]"),
        **bounds,
    )


def test_commands_of_several_lines(tmp_path: Path) -> None:
    found = read(tmp_path, line("101.5", "[[ a") + b"b\n\n == c ]]\n" + line("102,25", "true"))
    assert [(one.text, one.offset, one.seconds) for one in found.commands] == [
        ("[[ a\nb\n\n == c ]]", 1.5, 0.75),
        ("true", 2.25, 7.75),
    ]


def test_names_and_arguments_that_are_not_utf8(tmp_path: Path) -> None:
    found = read(tmp_path, line("101", "echo \udce4", file="l\udcff.sh"))
    assert (found.commands[0].text, found.commands[0].file) == ("echo \ufffd", "l\ufffd.sh")


def test_what_comes_before_the_first_command_is_nobodys(tmp_path: Path) -> None:
    assert [one.text for one in read(tmp_path, b"noise\n" + line("101", "true")).commands] == ["true"]


def test_another_mark_is_another_text(tmp_path: Path) -> None:
    found = read(tmp_path, line("101", "true") + line("102", "forged", mark="f" * 16))
    assert len(found.commands) == 1


def test_a_line_into_which_another_process_wrote_tells_only_its_command(tmp_path: Path) -> None:
    cut = (
        line("101", "curl -H s3c").removesuffix(b"\n")
        + line("102", "true", pid=2)
        + b"ret http://example\n"
        + line("103", "x")
    )
    found = read(tmp_path, cut)
    assert [one.text for one in found.commands] == ["curl … (cut off by another process)", "true", "x"]
    cut = line("101", "TOKEN=s3c").removesuffix(b"\n") + line("102", "true", pid=2)
    assert read(tmp_path, cut).commands[0].text.startswith("TOKEN … ")


def test_of_too_many_commands_the_first_and_the_last_are_kept(tmp_path: Path) -> None:
    content = b"".join(line(f"{100 + number / 100}", f"echo {number}") for number in range(100))
    found = read(tmp_path, content, most_commands=10)
    kept = [one.text for one in found.commands]
    assert kept == [
        *(f"echo {n}" for n in range(5)),
        "(more commands, which are not kept)",
        *(f"echo {n}" for n in range(95, 100)),
    ]
    assert found.truncated
    assert found.commands[5].seconds == pytest.approx(0.91), "the gap is as long as what is missing"
    assert not read(tmp_path, content, most_commands=100).truncated


def test_of_a_file_that_is_too_large_the_beginning_and_the_end_are_read(tmp_path: Path) -> None:
    content = b"".join(line("101", f"echo {number:03}") for number in range(100))
    each = len(content) // 100
    found = read(tmp_path, content, most_bytes=each * 10 + 7)
    kept = [one.text for one in found.commands]
    assert kept == [
        *(f"echo {n:03}" for n in range(5)),
        "(more commands, which are not kept)",
        *(f"echo {n:03}" for n in range(95, 100)),
    ]
    assert found.truncated
    assert len(read(tmp_path, line("101", "x" * 100_000)).commands[0].text) < 2100


def test_commands_that_were_written_late_keep_the_order(tmp_path: Path) -> None:
    found = read(tmp_path, line("102", "a") + line("101", "b", pid=2) + line("103", "c"))
    assert [one.offset for one in found.commands] == [2, 2, 3]


def test_a_secret_is_masked_before_a_text_is_cut(tmp_path: Path) -> None:
    text = read(tmp_path, line("101", "x" * 1997 + "s3cret" + "y" * 100)).commands[0].text
    assert "s3c" not in text


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(line("101", "true"))
    (tmp_path / "link").symlink_to("secret")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    for name in ("link", "pipe", "directory", "missing"):
        found = read_xtrace(tmp_path / name, mark=MARK, coverage="bash", began=0, seconds=1, mask=str)
        assert found == Xtrace("bash")


@given(
    st.binary(max_size=2000),
    st.lists(st.sampled_from([line("101", "a"), line("nan", "b"), line("1e999", "c"), b"+\x1f", MARK.encode()])),
)
def test_any_bytes_can_be_read(tmp_path_factory: pytest.TempPathFactory, noise: bytes, parts: list[bytes]) -> None:
    directory = tmp_path_factory.mktemp("any")
    found = read(directory, noise.join([*parts, b""]) + noise)
    for command in found.commands:
        assert 0 <= command.offset < 1e10
        assert 0 <= command.seconds < 1e10


@pytest.mark.parametrize(
    ("start", "kind", "name"),
    [
        (b"#!/bin/bash\n", Interpreter.BASH, "bash script"),
        (b"#! /bin/bash -eu\n", Interpreter.BASH, "bash script"),
        (b"#!/usr/bin/env bash\n", Interpreter.BASH, "bash script"),
        (b"#!/usr/bin/env -S LANG=C bash -e\n", Interpreter.BASH, "bash script"),
        (b"#!/usr/local/bin/bash", Interpreter.BASH, "bash script"),
        (b"#!/bin/bash --posix\n", Interpreter.PLAIN_SHELL, "bash --posix script"),
        (b"#!/bin/sh\necho", Interpreter.PLAIN_SHELL, "/bin/sh script"),
        (b"#!/usr/bin/env sh\n", Interpreter.PLAIN_SHELL, "sh script"),
        (b"#!/bin/dash -e\n", Interpreter.PLAIN_SHELL, "/bin/dash script"),
        (b"#!/usr/bin/env ruby\n", Interpreter.PROGRAM, "ruby program"),
        (b"#!/usr/bin/python3 -I\n", Interpreter.PROGRAM, "python3 program"),
        (b"#!\n", Interpreter.PROGRAM, "program"),
        (b"#!/usr/bin/env\n", Interpreter.PROGRAM, "program"),
        (b"\x7fELF", Interpreter.PROGRAM, "program"),
        (b"", Interpreter.PROGRAM, "program"),
    ],
)
def test_first_lines_name_an_interpreter(tmp_path: Path, start: bytes, kind: Interpreter, name: str) -> None:
    assert of_first_line(start) == (kind, name)
    (tmp_path / "script").write_bytes(start)
    assert interpreter_of(tmp_path / "script") == (kind, name)


def test_a_script_that_is_none_is_a_program(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("pipe", "loop", "missing"):
        assert interpreter_of(tmp_path / name)[0] is Interpreter.PROGRAM


def test_what_a_trace_covers_is_said() -> None:
    assert coverage(Interpreter.BASH, "bash script", 0) == "bash"
    assert coverage(Interpreter.PLAIN_SHELL, "/bin/sh script", 0) == "none: /bin/sh script, start and end only"
    assert "start and end only" in coverage(Interpreter.PROGRAM, "ruby program", 3)


def test_each_tracing_environment_has_a_mark_of_its_own() -> None:
    from pathlib import PurePosixPath

    one, other = (tracing_environment(PurePosixPath("/p"), PurePosixPath("/f")) for _ in range(2))
    assert one.keys() == TRACING_VARIABLES
    assert one["BASH_ENV"] == "/p"
    assert mark_of(one) != mark_of(other)


def test_every_switch_says_where_it_was_found_and_what_the_app_sets_is_left_to_it() -> None:
    assert all(switch.source and switch.known_to for switch in DEBUG_SWITCHES)
    on = debug_environment(frozenset({"BP_DEBUG"}))
    assert on["BP_LOG_LEVEL"] == "DEBUG"
    assert "BP_DEBUG" not in on


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("echo $'a\\ts3cret\\n'", "echo 'a\t[redacted]\n'"),
        ("echo $'s\\x33cret'", "echo '[redacted]'"),
        ("echo $'s\\063cr\\u0065t'", "echo '[redacted]'"),
        ("echo $'it\\'s s3\\143ret'", "echo 'it's [redacted]'"),
        ("echo $'nothing\\x01'", "echo $'nothing\\x01'"),
        ("s3cret $'unclosed", "[redacted] $'unclosed"),
        ("[[ a\\ b == *\\s\\3\\c\\r\\e\\t ]]", "[[ a b == *[redacted] ]]"),
        ("[[ a\\ b == \\o\\t\\h ]]", "[[ a\\ b == \\o\\t\\h ]]"),
    ],
)
def test_secrets_in_quotes_with_escapes(text: str, masked: str) -> None:
    assert masked_through_quotes(text, lambda each: each.replace("s3cret", "[redacted]")) == masked
