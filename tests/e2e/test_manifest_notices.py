"""What a manifest.yml says of dates and of the stack is told while its buildpack stages (contract §2.1)."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import Stage
from tests.e2e.shell_buildpacks import serving, write_app

MANIFEST = """
language: shell
default_versions: [{name: tool, version: 9.x}]
dependency_deprecation_dates: [{name: tool, version_line: 1.x.x, date: 2020-01-01, link: https://example.com/end}]
dependencies:
- {name: tool, version: 1.0.0, uri: https://example.com/tool.tgz, sha256: HASH, cf_stacks: [debian12]}
"""


def test_dates_and_missing_defaults_are_said_in_the_log(tmp_path: Path, stage: Stage) -> None:
    buildpack = serving(tmp_path / "old")
    (buildpack / "manifest.yml").write_text(MANIFEST.replace("HASH", "0" * 64))
    (buildpack / "VERSION").write_text("1.0.0\n")
    _, ended = stage(write_app(tmp_path / "app"), "-b", buildpack)
    warned = [event["text"] for event in ended.events if event["event"] == "warned"]
    assert any("2020-01-01" in text and text.startswith("old 1.0.0: ") for text in warned), warned
    assert any("9.x" in text for text in warned), warned
