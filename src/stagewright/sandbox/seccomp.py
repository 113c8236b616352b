"""Which system calls a container may use: the profile that Debian ships for containers, made stricter.

The file is in the format of containers/common (pkg/seccomp/seccomp.json); what the runtime reads is the ``linux.seccomp``
object of the OCI runtime specification (config-linux.md, "Seccomp").
"""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stagewright.sandbox.problems import SeccompProfileMissing, SeccompProfileUnreadable

PLACES = (Path("/etc/containers/seccomp.json"), Path("/usr/share/containers/seccomp.json"))
"""Where the operator's own profile and the distribution's lie; the first that exists is used."""

_CLONE_NEWUSER = 0x10000000
_CLONE_NAMESPACES = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET together (sched.h)."""

_NEW_MOUNTS = frozenset(
    ("mount_setattr", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick")
)
_FORBIDDEN = _NEW_MOUNTS | {"setns", "mount", "umount", "umount2", "pivot_root", "keyctl", "add_key", "request_key"}
"""Allowed by the distribution's profile, of no use to a build, and a wide way into the kernel. Refused with EPERM."""

_UNKNOWN = frozenset(("clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"))
"""Answered with ENOSYS, so that programs take the older call: a filter cannot look into clone3's arguments, nor into a ring."""


@dataclass(frozen=True)
class Architecture:
    """How a machine is called by those who meet here."""

    go: str
    """In the ``arches`` of a rule."""
    seccomp: str


_ARCHITECTURES = {
    "x86_64": Architecture("amd64", "SCMP_ARCH_X86_64"),
    "aarch64": Architecture("arm64", "SCMP_ARCH_AARCH64"),
    "riscv64": Architecture("riscv64", "SCMP_ARCH_RISCV64"),
    "ppc64le": Architecture("ppc64le", "SCMP_ARCH_PPC64LE"),
}


def find_profile(places: Sequence[Path] = PLACES) -> Path:
    """The first of ``places`` that is a file. Raises SeccompProfileMissing."""
    for place in places:
        if place.is_file():
            return place
    raise SeccompProfileMissing(tuple(places))


def read_profile(path: Path, machine: str, *, user_namespaces: bool = False) -> dict[str, Any]:
    """The profile at ``path`` as the runtime wants it. Raises SeccompProfileUnreadable."""
    try:
        return as_oci(json.loads(path.read_bytes()), machine, user_namespaces=user_namespaces)
    except OSError as error:
        raise SeccompProfileUnreadable(path, error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SeccompProfileUnreadable(path, f"{type(error).__name__}: {error}") from error


def as_oci(profile: Mapping[str, Any], machine: str, *, user_namespaces: bool = False) -> dict[str, Any]:
    """``profile`` for a process without capabilities on ``machine`` (as ``uname -m`` says), with the stricter rules.

    With ``user_namespaces`` a process may make a user namespace and no other, by unshare(2) alone: rootless containers need it.
    Raises KeyError for a machine that nobody thought of.
    """
    architecture = _ARCHITECTURES[machine]
    taken_over = _FORBIDDEN | _UNKNOWN | {"clone", "unshare"}
    rules = []
    for rule in profile["syscalls"]:
        names = [name for name in rule["names"] if name not in taken_over]
        if names and _applies(rule, architecture):
            rules.append(_rule(names, rule["action"], rule.get("args"), rule.get("errnoRet")))
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile.get("defaultErrnoRet", errno.ENOSYS),
        "architectures": _architectures(profile, architecture),
        "syscalls": [*rules, *_stricter(user_namespaces=user_namespaces)],
    }


def _applies(rule: Mapping[str, Any], architecture: Architecture) -> bool:
    """A rule counts where its architectures match and it asks for no capability: a build has none."""
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    if includes.get("caps"):
        return False
    if includes.get("arches") and architecture.go not in includes["arches"]:
        return False
    return architecture.go not in (excludes.get("arches") or ())


def _rule(names: list[str], action: str, arguments: Any, error: int | None) -> dict[str, Any]:
    rule: dict[str, Any] = {"names": names, "action": action}
    if arguments:
        rule["args"] = arguments
    if error is not None:
        rule["errnoRet"] = error
    return rule


def _stricter(*, user_namespaces: bool) -> list[dict[str, Any]]:
    def argument(value: int, comparison: str, second: int = 0) -> list[dict[str, Any]]:
        return [{"index": 0, "value": value, "valueTwo": second, "op": comparison}]

    refuse, allow = "SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW"
    rules = [
        _rule(sorted(_FORBIDDEN), refuse, None, errno.EPERM),
        _rule(sorted(_UNKNOWN), refuse, None, errno.ENOSYS),
        # Without a namespace flag; with one it is the default action.
        _rule(["clone"], allow, argument(_CLONE_NAMESPACES, "SCMP_CMP_MASKED_EQ", 0), None),
    ]
    if not user_namespaces:
        return [*rules, _rule(["unshare"], refuse, None, errno.EPERM)]
    return [
        *rules,
        _rule(["unshare"], allow, argument(_CLONE_NEWUSER, "SCMP_CMP_EQ"), None),
        _rule(["unshare"], refuse, argument(_CLONE_NEWUSER, "SCMP_CMP_NE"), errno.EPERM),
    ]


def _architectures(profile: Mapping[str, Any], architecture: Architecture) -> list[str]:
    for known in profile.get("archMap") or ():
        if known["architecture"] == architecture.seccomp:
            return [architecture.seccomp, *(known.get("subArchitectures") or ())]
    return [architecture.seccomp]
