"""What ``stagewright doctor`` is told about this machine's sandbox."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.as_another_user import run_as_another_user

from stagewright.model.findings import Finding, Severity
from stagewright.sandbox import diagnosis, findings
from stagewright.sandbox.rootful import Rootful

IS_ROOT = os.geteuid() == 0


def by_subject(found: tuple[Finding, ...]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in found}


@pytest.mark.root
@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_a_machine_that_can_stage_as_root(tmp_path: Path) -> None:
    found = by_subject(findings(None, tmp_path))
    assert {finding.severity for finding in found.values()} == {Severity.GOOD}, found
    assert found["container (rootful)"].says == "A program ran in one."
    assert {"OCI runtime", "seccomp profile", "user namespaces", "limits", "idmapped mounts"} <= found.keys()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


class TestRootless:
    def test_a_machine_that_can_stage_without_root(self, tmp_path: Path) -> None:
        found = by_subject(findings(None, tmp_path))
        kind = "rootful" if IS_ROOT else "rootless"
        assert found[f"container ({kind})"].severity is Severity.GOOD, found
        for finding in found.values():
            assert finding.severity is not Severity.MISSING
            assert bool(finding.remedy) == (finding.severity is Severity.WEAK)


@pytest.mark.root
@pytest.mark.skipif(not IS_ROOT, reason="the class above was tried directly")
def test_rootless_as_another_user() -> None:
    run_as_another_user(f"{__file__}::TestRootless")


def test_without_a_runtime_it_says_what_to_install(tmp_path: Path) -> None:
    found = by_subject(findings("no-such-runtime", tmp_path))
    missing = found["OCI runtime"]
    assert (missing.severity, missing.remedy) == (Severity.MISSING, "apt-get install runc")
    assert "no-such-runtime" in missing.says
    assert not [subject for subject in found if subject.startswith("container")]


def test_a_runtime_that_does_not_work_here_is_found_out(tmp_path: Path) -> None:
    broken = tmp_path / "runc"
    broken.write_text("#!/bin/sh\necho 'cgroups in hybrid mode not supported' >&2\nexit 1\n")
    broken.chmod(0o755)
    found = by_subject(findings(str(broken), tmp_path / "state"))
    (container,) = [finding for subject, finding in found.items() if subject.startswith("container")]
    assert container.severity is Severity.MISSING
    assert "hybrid mode" in container.says
    assert "apt-get install runc" in container.remedy


@pytest.mark.parametrize(
    ("switch", "value", "root", "severity"),
    [
        ("user/max_user_namespaces", "0", True, Severity.MISSING),
        ("user/max_user_namespaces", "0", False, Severity.MISSING),
        ("user/max_user_namespaces", "9", False, Severity.GOOD),
        ("kernel/unprivileged_userns_clone", "0", False, Severity.MISSING),
        ("kernel/unprivileged_userns_clone", "0", True, Severity.GOOD),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", False, Severity.MISSING),
        ("kernel/apparmor_restrict_unprivileged_userns", "0", False, Severity.GOOD),
        ("kernel/else", "0", False, Severity.GOOD),
    ],
)
def test_switches_that_forbid_user_namespaces(
    tmp_path: Path, switch: str, value: str, root: bool, severity: Severity
) -> None:
    (tmp_path / switch).parent.mkdir(parents=True)
    (tmp_path / switch).write_text(f"{value}\n")
    finding = diagnosis.look_at_user_namespaces(tmp_path, root=root)
    assert finding.severity is severity
    assert (switch.replace("/", ".") in finding.remedy) == (severity is Severity.MISSING)


@pytest.mark.root
@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_where_mounts_cannot_be_idmapped_it_is_weaker_only(tmp_path: Path) -> None:
    (finding,) = diagnosis.look_at_idmapped_mounts(Path("/proc/sys"))
    assert finding.severity is Severity.WEAK
    assert finding.remedy
    assert diagnosis.try_a_container(Rootful(None, tmp_path, idmapped=False), tmp_path).severity is Severity.GOOD
