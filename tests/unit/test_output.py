"""What a script writes: lines whole, secrets masked in every form, whatever the borders of chunks."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewright.model.containers import Stream
from stagewright.staging.output import MASK, Masker, ScriptLines, secret_values

SECRET = "p@ss w0rd/with'quote\"s&more"


def shown(chunks: list[bytes], secrets: list[str]) -> list[str]:
    lines: list[str] = []
    reader = ScriptLines(Masker(secrets), lambda _, line: lines.append(line))
    for chunk in chunks:
        reader.feed(Stream.STDOUT, chunk)
    reader.finish()
    return lines


def quoted_by_bash(text: str) -> str:
    call = ["bash", "-c", 'printf %q "$1"', "quote", text]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        shlex.quote(SECRET)[1:-1],
        quoted_by_bash(SECRET),
        json.dumps(SECRET)[1:-1],
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(b"x" + SECRET.encode()).decode(),
        base64.b64encode(b"xy" + SECRET.encode() + b"\n").decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_masked_in_every_form(written: str) -> None:
    (line,) = shown([f"before {written} after\n".encode()], [SECRET])
    assert MASK in line
    assert SECRET not in line
    # Of a base64 form, a rest of less than one group of three bytes may stay at either end.
    assert len(line) < len(f"before {written} after") - len(written) + len(MASK) + 12


@given(st.text(min_size=4, max_size=40).filter(lambda s: s.isprintable() and s.strip() == s), st.data())
def test_no_border_between_chunks_lets_a_secret_through(secret: str, data: st.DataObject) -> None:
    raw = f"a {secret} b {secret}\n".encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)))))
    chunks = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    for line in shown(chunks, [secret]):
        assert secret not in line.replace(MASK, "")


def test_a_line_without_end_is_given_in_parts_and_never_splits_a_secret() -> None:
    secret = "s3cret-" * 8
    raw = b"x" * 65_500 + secret.encode() + b"y" * 70_000
    text = "".join(shown([raw[i : i + 1000] for i in range(0, len(raw), 1000)], [secret]))
    assert secret not in text
    assert text.count(MASK) == 1
    assert text.replace(MASK, "") == "x" * 65_500 + "y" * 70_000


def test_of_a_redrawn_line_the_last_state_is_shown() -> None:
    assert shown([b"10%\r50%\r100%\n"], []) == ["100%"]


def test_two_streams_do_not_mix_their_lines() -> None:
    lines: list[tuple[Stream, str]] = []
    reader = ScriptLines(Masker([]), lambda stream, line: lines.append((stream, line)))
    reader.feed(Stream.STDOUT, b"one ")
    reader.feed(Stream.STDERR, b"other\n")
    reader.feed(Stream.STDOUT, b"line\n")
    assert lines == [(Stream.STDERR, "other"), (Stream.STDOUT, "one line")]


def test_the_last_lines_are_kept() -> None:
    reader = ScriptLines(Masker([]), lambda *_: None, keep=3)
    reader.feed(Stream.STDERR, b"".join(b"%d\n" % number for number in range(10)))
    assert list(reader.tail) == ["7", "8", "9"]


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("DB_PASSWORD", "hunter22", True),
        ("API_TOKEN", "abcd", True),
        ("FLASK_ENV", "production", False),
        ("PASSWORD", "abc", False),  # too short: masking it would blot out ordinary text
        ("REDIS", "redis://user:s3cr3t@host/0", True),
        ("ANYTHING", "8f14e45fceea167a5a36dedd4bea2543", True),
        ("GREETING", "hello world, how are you", False),
    ],
)
def test_which_values_are_secret(name: str, value: str, secret: bool) -> None:
    assert bool(secret_values({name: value})) is secret


def test_a_colour_within_a_secret_does_not_hide_it() -> None:
    assert shown([b"sup\x1b[0m3rs3cret\n"], ["sup3rs3cret"]) == [MASK]
