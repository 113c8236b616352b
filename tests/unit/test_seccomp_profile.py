"""The distribution's profile, made stricter. tests/integration/test_sandbox_hostile.py tries what the kernel then refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stagewright.sandbox.problems import SeccompProfileMissing, SeccompProfileUnreadable
from stagewright.sandbox.seccomp import as_oci, find_profile, read_profile


def profile(*rules: dict[str, Any]) -> dict[str, Any]:
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 38,
        "defaultErrno": "ENOSYS",
        "archMap": [
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
        ],
        "syscalls": [{"action": "SCMP_ACT_ALLOW", "args": [], "comment": "", **rule} for rule in rules],
    }


def rules_for(converted: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [rule for rule in converted["syscalls"] if name in rule["names"]]


def test_only_what_the_runtime_knows_is_kept() -> None:
    argument = {"index": 0, "value": 8, "valueTwo": 0, "op": "SCMP_CMP_EQ"}
    converted = as_oci(
        profile(
            {"names": ["read"], "includes": {}, "excludes": {}},
            {"names": ["personality"], "args": [argument]},
            {"names": ["acct"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "errno": "EPERM"},
        ),
        "x86_64",
    )
    assert converted["syscalls"][:3] == [
        {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [argument]},
        {"names": ["acct"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
    ]
    assert (converted["defaultAction"], converted["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 38)


@pytest.mark.parametrize(
    ("machine", "architectures", "kept"),
    [
        ("x86_64", ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], {"arch_prctl", "everywhere"}),
        ("aarch64", ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"], {"cacheflush", "everywhere"}),
    ],
)
def test_rules_of_other_machines_are_left_out(machine: str, architectures: list[str], kept: set[str]) -> None:
    converted = as_oci(
        profile(
            {"names": ["arch_prctl"], "includes": {"arches": ["amd64", "x32"]}},
            {"names": ["cacheflush"], "includes": {"arches": ["arm", "arm64"]}},
            {"names": ["everywhere"], "excludes": {"arches": ["s390"]}},
        ),
        machine,
    )
    assert converted["architectures"] == architectures
    assert {name for name in ("arch_prctl", "cacheflush", "everywhere") if rules_for(converted, name)} == kept


def test_what_wants_a_capability_is_left_out_and_what_its_lack_brings_stays() -> None:
    converted = as_oci(
        profile(
            {"names": ["bpf"], "includes": {"caps": ["CAP_SYS_ADMIN"]}},
            {"names": ["bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
        ),
        "x86_64",
    )
    assert rules_for(converted, "bpf") == [{"names": ["bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]


def test_mounts_keys_and_namespaces_are_refused_whatever_the_profile_says() -> None:
    allowed = ["mount", "setns", "unshare", "clone", "clone3", "keyctl", "io_uring_setup", "read"]
    converted = as_oci(profile({"names": allowed}), "x86_64")
    assert converted["syscalls"][0] == {"names": ["read"], "action": "SCMP_ACT_ALLOW"}
    for name, error in (
        ("mount", 1),
        ("setns", 1),
        ("keyctl", 1),
        ("unshare", 1),
        ("clone3", 38),
        ("io_uring_setup", 38),
    ):
        (rule,) = rules_for(converted, name)
        assert (rule["action"], rule["errnoRet"], "args" in rule) == ("SCMP_ACT_ERRNO", error, False), name
    (clone,) = rules_for(converted, "clone")
    assert clone["args"] == [{"index": 0, "value": 0x7E020000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]


def test_rootless_containers_may_make_user_namespaces_and_nothing_else() -> None:
    converted = as_oci(profile({"names": ["unshare"]}), "x86_64", user_namespaces=True)
    allow, refuse = rules_for(converted, "unshare")
    assert allow["args"] == [{"index": 0, "value": 0x10000000, "valueTwo": 0, "op": "SCMP_CMP_EQ"}]
    assert refuse["args"] == [{"index": 0, "value": 0x10000000, "valueTwo": 0, "op": "SCMP_CMP_NE"}]
    assert (allow["action"], refuse["action"], refuse["errnoRet"]) == ("SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", 1)


def test_the_operators_profile_comes_first(tmp_path: Path) -> None:
    own, shipped = tmp_path / "etc.json", tmp_path / "share.json"
    shipped.touch()
    assert find_profile((own, shipped)) == shipped
    own.touch()
    assert find_profile((own, shipped)) == own


def test_without_a_profile_the_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(SeccompProfileMissing) as caught:
        find_profile((tmp_path / "a.json",))
    assert "a.json" in caught.value.brief()
    assert "golang-github-containers-common" in caught.value.hint()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"syscalls": [{}], "defaultAction": "x"}', '{"syscalls": 1}']
)
def test_nonsense_is_no_profile(tmp_path: Path, content: str) -> None:
    path = tmp_path / "seccomp.json"
    path.write_text(content)
    with pytest.raises(SeccompProfileUnreadable, match=r"seccomp\.json"):
        read_profile(path, "x86_64")


def test_a_machine_that_nobody_thought_of(tmp_path: Path) -> None:
    path = tmp_path / "seccomp.json"
    path.write_text(json.dumps(profile()))
    with pytest.raises(SeccompProfileUnreadable, match="pdp11"):
        read_profile(path, "pdp11")
