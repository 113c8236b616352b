"""The runtime's configuration as data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from stagewright.model.containers import Command, ContainerSpec, Limits, Mount, Network
from stagewright.sandbox.mount_plan import MountPlan
from stagewright.sandbox.oci_config import Foundation, Identity, command_process, container_config

IDENTITY = Identity(first_process=65533, commands=2000, outside=70000, group_outside=70000, size=65536)
MOUNTS = (
    Mount(Path("/disk/home"), PurePosixPath("/home/vcap"), writable=True),
    Mount(Path("/disk/bp"), PurePosixPath("/buildpacks/x")),
)
SPEC = ContainerSpec("x", Path("/disk/root"), MOUNTS, Limits(), Path("/disk/scratch"))
PLAN = MountPlan(MOUNTS, (PurePosixPath("/buildpacks"),), noexec=frozenset({PurePosixPath("/home/vcap")}))
FOUNDATION = Foundation(
    root=Path("/seen/root"),
    sources=(Path("/seen/0"), Path("/seen/1")),
    seccomp={"defaultAction": "x"},
    cgroup=PurePosixPath("/group"),
    resources={"pids": {"limit": 5}},
    open_files=20000,
)
COMMAND = Command(("prog", "arg"), PurePosixPath("/home/vcap"), {"HOME": "/home/vcap", "A": "1"})


def test_the_root_is_read_only_and_everything_is_its_own() -> None:
    config = container_config(SPEC, PLAN, IDENTITY, FOUNDATION)
    assert config["root"] == {"path": "/seen/root", "readonly": True}
    assert {space["type"] for space in config["linux"]["namespaces"]} == {
        "pid",
        "ipc",
        "uts",
        "mount",
        "user",
        "cgroup",
    }
    assert config["linux"]["uidMappings"] == [{"containerID": 0, "hostID": 70000, "size": 65536}]
    assert config["linux"]["cgroupsPath"] == "/group"
    assert config["linux"]["resources"]["pids"] == {"limit": 5}
    assert "/sys" not in {mount["destination"] for mount in config["mounts"]}


def test_the_first_process_has_nothing() -> None:
    first = container_config(SPEC, PLAN, replace(IDENTITY, capabilities=("CAP_SETFCAP",)), FOUNDATION)["process"]
    assert first["user"] == {"uid": 65533, "gid": 65533, "umask": 0o022}
    assert all(held == [] for held in first["capabilities"].values())
    assert first["noNewPrivileges"] is True


def test_small_file_systems_come_before_what_is_mounted_in_them() -> None:
    mounts = container_config(SPEC, PLAN, IDENTITY, FOUNDATION)["mounts"]
    targets = [mount["destination"] for mount in mounts]
    assert targets[-3:] == ["/buildpacks", "/home/vcap", "/buildpacks/x"]
    home, buildpack = mounts[-2:]
    assert home == {
        "destination": "/home/vcap",
        "type": "bind",
        "source": "/seen/0",
        "options": ["bind", "rw", "nosuid", "nodev", "noexec"],
    }
    assert buildpack["options"] == ["bind", "ro", "nosuid", "nodev"]


def test_no_network_is_a_namespace_of_its_own() -> None:
    kinds = container_config(replace(SPEC, network=Network.NONE), PLAN, IDENTITY, FOUNDATION)["linux"]["namespaces"]
    assert {"type": "network"} in kinds


def test_without_control_groups_none_are_named() -> None:
    linux = container_config(SPEC, PLAN, IDENTITY, replace(FOUNDATION, cgroup=None))["linux"]
    assert not {"cgroupsPath", "resources"} & linux.keys()
    assert {"type": "cgroup"} not in linux["namespaces"]


def test_a_single_id_has_no_group_for_terminals() -> None:
    config = container_config(SPEC, PLAN, replace(IDENTITY, size=1), FOUNDATION)
    (terminals,) = [mount for mount in config["mounts"] if mount["destination"] == "/dev/pts"]
    assert "gid=5" not in terminals["options"]


@pytest.mark.parametrize(
    ("identity", "command", "argv"),
    [
        (IDENTITY, COMMAND, ("/usr/bin/env", "prog", "arg")),
        (IDENTITY, replace(COMMAND, env={}), ("/usr/bin/env", "-u", "HOME", "prog", "arg")),
        (IDENTITY, replace(COMMAND, argv=("a=b",)), ("/usr/bin/env", "/usr/bin/nice", "-n", "0", "a=b")),
        (replace(IDENTITY, prefix=("/pre", "-x")), COMMAND, ("/pre", "-x", "prog", "arg")),
        (
            replace(IDENTITY, prefix=("/pre",)),
            replace(COMMAND, env={}),
            ("/usr/bin/env", "-u", "HOME", "/pre", "prog", "arg"),
        ),
    ],
)
def test_a_command_starts_through_what_tells_why_it_did_not(
    identity: Identity, command: Command, argv: tuple[str, ...]
) -> None:
    assert tuple(command_process(command, identity, 20000)["args"]) == argv


def test_a_commands_process() -> None:
    process = command_process(COMMAND, replace(IDENTITY, processes=9), 1000, terminal=True)
    assert process["env"] == ["HOME=/home/vcap", "A=1"]
    assert process["terminal"] is True
    assert process["cwd"] == "/home/vcap"
    limits = {limit["type"]: (limit["soft"], limit["hard"]) for limit in process["rlimits"]}
    assert limits == {"RLIMIT_NOFILE": (1000, 1000), "RLIMIT_CORE": (0, 0), "RLIMIT_NPROC": (9, 9)}
