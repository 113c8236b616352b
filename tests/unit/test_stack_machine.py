"""What doctor says about stacks, and what a user lacks for making them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stagewright import settings
from stagewright.model.findings import Severity
from stagewright.stacks.machine import findings, lacking_ids, user_namespaces
from stagewright.stacks.programs import environment, missing, packages_of
from stagewright.stacks.workshop import Workshop, open_workshop


def system_with(place: Path, subuid: str, subgid: str) -> Path:
    (place / "etc").mkdir()
    (place / "etc/subuid").write_text(subuid)
    (place / "etc/subgid").write_text(subgid)
    return place


def test_without_a_stack_it_names_the_command(tmp_path: Path) -> None:
    found = findings(
        settings.read({"HOME": str(tmp_path), "STAGEWRIGHT_STACKS": str(tmp_path / "none")}, system=tmp_path)
    )
    stack = next(finding for finding in found if finding.subject == "stack")
    assert (stack.severity, stack.remedy) == (Severity.MISSING, "stagewright stack create debian12")
    assert all(finding.remedy or finding.severity is Severity.GOOD for finding in found)


def test_what_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    found = findings(settings.read({"HOME": str(tmp_path), "STAGEWRIGHT_STACKS": str(tmp_path)}, system=tmp_path))
    assert "stagewright stack remove broken" in [finding.remedy for finding in found]


@pytest.mark.parametrize(
    ("subuid", "subgid", "lacking"),
    [
        ("54321:100000:65536\n", "54321:100000:65536\n", None),
        ("other:1:1\n54321:100000:1000\n54321:200000:65536\n", "54321:100000:65536\n", None),
        ("54321:100000:65535\n", "54321:100000:65536\n", "/etc/subuid"),
        ("54321:100000:65536\n", "543210:100000:65536\n", "/etc/subgid"),
        ("54321:100000:many\nnonsense\n\n", "", "/etc/subuid"),
    ],
)
def test_subordinate_ids(tmp_path: Path, subuid: str, subgid: str, lacking: str | None) -> None:
    problem = lacking_ids(54321, system_with(tmp_path, subuid, subgid))
    assert (problem and problem.file) == lacking
    if problem is not None:
        assert problem.hint().startswith("Run as root: usermod --add-subuids")
        assert problem.hint().endswith(" 54321")


def test_root_needs_no_user_namespace(tmp_path: Path) -> None:
    assert lacking_ids(0, tmp_path) is None
    assert list(user_namespaces(0, Severity.MISSING, tmp_path)) == []


def test_user_namespaces_that_are_switched_off(tmp_path: Path) -> None:
    system = system_with(tmp_path, "54321:1:65536\n", "54321:1:65536\n")
    assert list(user_namespaces(54321, Severity.WEAK, system)) == []
    switch = system / "proc/sys/kernel/unprivileged_userns_clone"
    switch.parent.mkdir(parents=True)
    switch.write_text("0\n")
    (found,) = user_namespaces(54321, Severity.WEAK, system)
    assert found.remedy == "sysctl -w kernel.unprivileged_userns_clone=1"


def test_programs_and_their_packages() -> None:
    assert missing(("sh", "no-such-program")) == ("no-such-program",)
    assert packages_of(("mmdebstrap", "newuidmap", "newgidmap")) == ("mmdebstrap", "uidmap")


def test_processes_see_nothing_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", "c4n4ry")
    monkeypatch.setenv("HTTP_PROXY", "http://c4n4ry@proxy")
    assert "c4n4ry" not in str(environment())
    assert environment().keys() == {"PATH", "LANG", "TZ", "DEBIAN_FRONTEND"}


@pytest.mark.skipif(os.geteuid() != 0 and lacking_ids() is not None, reason="no user namespace with subordinate ids")
def test_a_process_of_the_workshop_sees_none_of_it_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", "c4n4ry")
    lines: list[str] = []
    workshop: Workshop = open_workshop()
    code, last = workshop.run(["sh", "-c", "env; id -u; exit 7"], environment(), lines.append)
    assert code == 7
    assert lines[-1] == "0", "it is root, there"
    assert not any("c4n4ry" in line for line in lines)
    assert last == tuple(lines)
