"""Which trace a name means, and what is said where it means none."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from tests.trace_values import TRACE
from typer.testing import CliRunner

from stagewright.cli.main import command_line
from stagewright.model.names import BuildId
from stagewright.model.trace_document import parse_trace, trace_document
from stagewright.services.traces import (
    AmbiguousBuild,
    DamagedTrace,
    MalformedTrace,
    NoTraceKept,
    UnknownBuild,
    UnreadableTrace,
    find_trace,
    list_traces,
)
from stagewright.storage import DiskRecords

DOCUMENT = trace_document(TRACE)
ALIKE = (BuildId("aaaa0000-0000-4000-8000-000000000001"), BuildId("aaaa0000-0000-4000-8000-000000000002"))


@pytest.fixture
def records(tmp_path: Path) -> DiskRecords:
    return DiskRecords(tmp_path / "state" / "records")


def keep(records: DiskRecords, build: BuildId, app: str) -> None:
    records.keep_trace(build, {**DOCUMENT, "build": str(build), "app": app})
    time.sleep(0.02)


def test_by_guid_by_its_beginning_by_app_and_by_file(tmp_path: Path, records: DiskRecords) -> None:
    keep(records, TRACE.build, "shop")
    keep(records, ALIKE[0], "shop")
    keep(records, ALIKE[1], "other")
    assert find_trace(str(TRACE.build), records) == TRACE
    assert find_trace(TRACE.build.short.upper(), records) == TRACE
    assert find_trace("shop", records).build == ALIKE[0], "the newest of the app"
    file = tmp_path / "kept.json"
    file.write_text(json.dumps(DOCUMENT))
    assert find_trace(str(file), records) == TRACE
    assert [one["app"] for one in list_traces(records)] == ["other", "shop", "shop"]


def test_a_name_without_a_slash_may_be_a_file_too(
    tmp_path: Path, records: DiskRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("kept").write_text(json.dumps(DOCUMENT))
    assert find_trace("kept", records) == TRACE


def test_what_means_no_trace(tmp_path: Path, records: DiskRecords) -> None:
    untraced = BuildId.new()
    records.save(untraced, {"a": 1})
    for build in ALIKE:
        keep(records, build, "shop")
    records.keep_trace(damaged := BuildId.new(), {"app": "broken"})
    (tmp_path / "no.json").write_text("{}")
    cases = {
        str(BuildId.new()): UnknownBuild,
        "nothing": UnknownBuild,
        "aaaa": AmbiguousBuild,
        str(untraced): NoTraceKept,
        str(damaged): DamagedTrace,
        str(tmp_path / "no.json"): MalformedTrace,
        str(tmp_path / "missing.json"): UnreadableTrace,
        f"{tmp_path}/": UnreadableTrace,
        "\x1b[31m": UnknownBuild,
    }
    for what, problem in cases.items():
        with pytest.raises(problem) as raised:
            find_trace(what, records)
        assert raised.value.brief()
        assert "\x1b" not in raised.value.brief()
    with pytest.raises(NoTraceKept) as raised:
        find_trace(str(untraced), records)
    assert "--trace" in raised.value.hint()


class TestCommand:
    @pytest.fixture
    def stagewright(self, tmp_path: Path, records: DiskRecords, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
        monkeypatch.setenv("STAGEWRIGHT_STATE", str(tmp_path / "state"))
        monkeypatch.setenv("STAGEWRIGHT_CACHE", str(tmp_path / "cache"))
        keep(records, TRACE.build, "shop")
        return CliRunner()

    def test_show(self, stagewright: CliRunner) -> None:
        shown = stagewright.invoke(command_line(), ["trace", "show", "shop"])
        assert shown.exit_code == 0, shown.output
        assert "bundle install --deployment" in shown.output

    def test_json_there_and_back(self, stagewright: CliRunner) -> None:
        shown = stagewright.invoke(command_line(), ["trace", "show", TRACE.build.short, "--json"])
        assert parse_trace(shown.output.encode()) == TRACE

    def test_page(self, tmp_path: Path, stagewright: CliRunner) -> None:
        page = tmp_path / "page.html"
        page.write_text("old")
        shown = stagewright.invoke(command_line(), ["trace", "show", "shop", "--html", str(page)])
        assert shown.output == f"wrote {page}\n"
        assert page.read_text().startswith("<!DOCTYPE html>")
        assert page.stat().st_mode & 0o077 == 0
        assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "state"]

    def test_a_page_that_cannot_be_written(self, tmp_path: Path, stagewright: CliRunner) -> None:
        shown = stagewright.invoke(
            command_line(), ["trace", "show", "shop", "--html", str(tmp_path / "no" / "page.html")]
        )
        assert shown.exit_code == 2
        assert "No such file or directory" in shown.stderr

    def test_list(self, stagewright: CliRunner) -> None:
        assert str(TRACE.build) in stagewright.invoke(command_line(), ["trace", "list"]).output
        listed = json.loads(stagewright.invoke(command_line(), ["trace", "list", "--json"]).output)
        assert listed[0]["app"] == "shop"

    def test_a_failure_as_json(self, stagewright: CliRunner) -> None:
        ended = stagewright.invoke(command_line(), ["trace", "show", "nothing", "--json"])
        assert ended.exit_code == 2
        assert json.loads(ended.output)["error"] == "UnknownBuild"
