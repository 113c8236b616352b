"""The Procfile: contracts/cloudfoundry-staging.md §1.2 step 4, with the cases that were observed on the reference (§1.10)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewright.model.process import Processes
from stagewright.packages import BadProcfile, read_procfile
from stagewright.packages.procfile import parse_procfile


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("web: gunicorn app:app\n", {"web": "gunicorn app:app"}),
        ("# comment\nweb: x\nworker: y\n", {"web": "x", "worker": "y"}),
        ("web: one\nweb: two\n", {"web": "two"}),
        ("clock: 1", {"clock": "1"}),
        ("none:", {"none": ""}),
        ("", {}),
        ("web: \"echo 'a: b'\"", {"web": "echo 'a: b'"}),
    ],
)
def test_what_the_reference_accepts(text: str, commands: dict[str, str]) -> None:
    assert {p.type: p.command for p in parse_procfile(text.encode()).types} == commands


@pytest.mark.parametrize(
    "text", ["web: a: b", "web: {a: b}", "- web", "web", "web: [a]", "\tweb: x", "web: \x00", "web: 0x" + "f" * 5000]
)
def test_what_the_reference_refuses(text: str) -> None:
    with pytest.raises(BadProcfile) as caught:
        parse_procfile(text.encode())
    assert "Procfile" in caught.value.brief()


@given(st.binary(max_size=300))
def test_any_bytes_are_processes_or_a_clear_refusal(content: bytes) -> None:
    try:
        assert isinstance(parse_procfile(content), Processes)
    except BadProcfile as problem:
        assert problem.brief()


def test_a_procfile_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("web: cat")
    app = tmp_path / "app"
    app.mkdir()
    (app / "Procfile").symlink_to(tmp_path / "secret")
    assert read_procfile(app) is None


def test_later_processes_replace_in_place_and_append() -> None:
    merged = Processes.of([("web", "a"), ("worker", "b")]).merged(Processes.of([("worker", "c"), ("clock", "d")]))
    assert [(p.type, p.command) for p in merged.types] == [("web", "a"), ("worker", "c"), ("clock", "d")]
