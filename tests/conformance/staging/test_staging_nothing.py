"""The suite against a builder that does nothing: a test that such a builder passes asserts nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent


def asserting(report: Path) -> Iterator[tuple[str, str]]:
    """Every test case of the report that names a clause: its name, and how it ended, in one word and its reason."""
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it
        if any(told.get("name") == "clause" for told in case.iter("property")):
            ended = next((part for part in case if part.tag in ("failure", "error", "skipped")), None)
            told = "passed" if ended is None else f"{ended.tag}: {ended.get('message')}"
            yield f"{case.get('classname')}.{case.get('name')}", told


def test_a_builder_that_does_nothing_keeps_no_clause(tmp_path: Path) -> None:
    """An assertion must fail in every test: a test that breaks at something else might break for another builder as well."""
    report = tmp_path / "report.xml"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--runxfail",
            "--builder",
            "nothing",
            f"--junitxml={report}",
        ]
        + [str(path) for path in sorted(HERE.glob("test_*.py")) if path.name != Path(__file__).name],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=300,
    )
    ended = dict(asserting(report))
    assert len(ended) > 100
    assertion = ("failure: assert ", "failure: AssertionError")
    assert {name: told for name, told in ended.items() if not told.startswith(assertion)} == {}
