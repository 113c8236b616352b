"""An export is sourced by a real shell; what its environment has become is read, whatever else it writes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagewright.staging.exports import environment_after, sourcing

BEFORE = {"PATH": "/usr/bin:/bin", "HOME": "/app", "PWD": "/app"}
NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name not in ("SHLVL", "OLDPWD", "PWD")
)
VALUES = st.binary(max_size=40).map(lambda value: value.replace(b"\0", b"")).map(os.fsdecode)


def sourced(path: Path, text: str, before: dict[str, str]) -> dict[str, str] | None:
    path.write_text(text)
    ended = subprocess.run(sourcing(str(path)), env=before, cwd="/", capture_output=True, check=True)
    return environment_after(ended.stdout, before)


def test_what_is_exported_is_added_and_changed_and_unset(tmp_path: Path) -> None:
    text = 'unset HOME\nexport PATH="/first:$PATH" NEW="one\ntwo" EMPTY=\nNOT=exported\necho words\n'
    assert sourced(tmp_path / "export", text, BEFORE) == {
        "PATH": "/first:/usr/bin:/bin",
        "PWD": "/app",
        "NEW": "one\ntwo",
        "EMPTY": "",
    }


@settings(max_examples=25)
@given(before=st.dictionaries(NAMES, VALUES, max_size=5))
def test_an_export_that_says_nothing_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "says-nothing"
    given_ = {"PATH": "/usr/bin:/bin", "PWD": "/app", **before}
    assert sourced(path, "", given_) == given_


@given(answer=st.binary(max_size=60))
def test_an_answer_of_any_bytes_is_read_or_refused(answer: bytes) -> None:
    after = environment_after(answer, BEFORE)
    assert after is None or after["PWD"] == "/app"


def test_a_cut_off_answer_is_none() -> None:
    whole = b"\0\0A=1\0B=2\0"
    assert environment_after(whole, {}) == {"A": "1", "B": "2"}
    assert environment_after(whole[:-1], {}) is None
    assert environment_after(b"", {}) is None
