"""The benchmarks' arithmetic and their table. What they measure is not tested: it is no promise of a shared machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.__main__ import BENCHMARKS
from benchmarks.report import Figure, Report, Samples, Table, Target, document, text

README = Path(__file__).resolve().parents[2] / "benchmarks" / "README.md"


def test_ratios_are_of_medians_and_of_the_least() -> None:
    ours, peer = Samples((2.0, 1.0, 6.0)), Samples((10.0, 30.0, 20.0))
    faster = Figure.faster("packing", ours, peer, Target(at_least=5))
    assert (faster.ratio, faster.ratio_of_least) == (10.0, 10.0)
    share = Figure.share("second", ours, peer, Target(at_most=0.4))
    assert (share.ratio, share.ratio_of_least) == (0.1, 0.1)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [((0.5, 0.7, 0.9), "met"), ((0.7, 0.9, 1.0), "met by the least"), ((0.9, 1.0), "missed")],
)
def test_a_target_is_met_by_the_median_or_else_by_the_least(values: tuple[float, ...], verdict: str) -> None:
    assert Figure.absolute("overhead", Samples(values), Target(at_most=0.8)).verdict == verdict


def test_a_target_of_at_least_is_missed_below_it() -> None:
    assert not Target(at_least=5).met_by(4.9)
    assert Target(at_least=5).met_by(5)


def test_a_report_is_read_by_a_person_and_by_a_program() -> None:
    figure = Figure.share("size", Samples((164.2,), "MB"), Samples((147.9,), "MB"), Target(at_most=1.15))
    report = Report("packing", "tar", (figure,), (Table("parts", ("part", "ms"), (("removal", "12"),)),), ("a note",))
    said = text(report)
    for word in ("packing", "164.2 MB", "147.9 MB", "1.11", "<= 1.15", "met", "removal", "a note", "load average"):
        assert word in said
    read = json.loads(json.dumps(document(report)))
    assert read["figures"][0]["ours"] == [164.2]
    assert read["figures"][0]["verdict"] == "met"
    assert read["tables"][0]["rows"] == [["removal", "12"]]


def test_the_page_tells_of_every_benchmark() -> None:
    page = README.read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in BENCHMARKS)
