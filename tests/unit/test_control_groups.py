"""Where control groups lie and what they tell, on machines that the tests do not run on: files in a directory."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from tests.as_another_user import run_as_another_user

from stagewright.model.containers import Limits
from stagewright.sandbox.cgroups import Place, find_delegated_place, find_place, remove_groups

LIMITS = Limits(memory=1000, pids=7, cpus=1.5)


def mounts(tmp_path: Path, *lines: tuple[Path, str, str]) -> Path:
    file = tmp_path / "mountinfo"
    rows = [
        f"{n} 1 0:{n} / {path} rw,relatime - {kind} {kind} {options}" for n, (path, kind, options) in enumerate(lines)
    ]
    file.write_text("\n".join(["22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw", *rows, ""]))
    return file


def unified(directory: Path, controllers: str, subtree: str, *, root: bool = False) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "cgroup.controllers").write_text(controllers)
    (directory / "cgroup.subtree_control").write_text(subtree)
    (directory / "cgroup.procs").touch()
    if not root:
        (directory / "cgroup.type").write_text("domain\n")
    return directory


def hybrid(tmp_path: Path) -> Place:
    at = tmp_path / "sys"
    for name in ("memory", "pids", "cpu", "cpuacct", "systemd", "unified"):
        (at / name).mkdir(parents=True)
    found = find_place(
        mounts(
            tmp_path,
            (at / "memory", "cgroup", "rw,memory"),
            (at / "pids", "cgroup", "rw,pids"),
            (at / "cpu", "cgroup", "rw,cpu,cpuacct"),
            (at / "systemd", "cgroup", "rw,xattr,name=systemd"),
            (at / "unified", "cgroup2", "rw,nsdelegate"),
        )
    )
    assert found is not None
    return found


def test_version_1_beside_version_2(tmp_path: Path) -> None:
    place = hybrid(tmp_path)
    assert (place.version, place.unenforced(LIMITS)) == (1, ())
    assert {root.name for root in place.roots} == {"memory", "pids", "cpu", "systemd", "unified"}
    group = place.group("box")
    assert group.path == PurePosixPath("/box")
    assert {str(directory.relative_to(tmp_path / "sys")) for directory in group.directories} == {
        *("memory/box", "pids/box", "cpu/box", "systemd/box", "unified/box")
    }
    assert place.resources(LIMITS) == {
        "memory": {"limit": 1000},
        "pids": {"limit": 7},
        "cpu": {"quota": 150_000, "period": 100_000},
    }
    assert "cpu" not in place.resources(replace(LIMITS, cpus=None))


def test_where_swap_is_counted_there_is_none(tmp_path: Path) -> None:
    place = hybrid(tmp_path)
    (tmp_path / "sys/memory/memory.memsw.limit_in_bytes").touch()
    assert place.resources(LIMITS)["memory"] == {"limit": 1000, "swap": 1000}


def test_counters_of_version_1(tmp_path: Path) -> None:
    group = hybrid(tmp_path).group("box")
    assert (group.oom_kills(), group.peak_memory(), group.cpu_seconds()) == (0, None, None)
    memory, cpu = tmp_path / "sys/memory/box", tmp_path / "sys/cpu/box"
    memory.mkdir()
    cpu.mkdir()
    (memory / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    (memory / "memory.max_usage_in_bytes").write_text("4096\n")
    (cpu / "cpuacct.usage").write_text("2500000000\n")
    assert (group.oom_kills(), group.peak_memory(), group.cpu_seconds()) == (3, 4096, 2.5)


def test_version_2_of_a_machine(tmp_path: Path) -> None:
    root = unified(tmp_path / "sys", "cpuset cpu io memory pids", "", root=True)
    place = find_place(mounts(tmp_path, (root, "cgroup2", "rw")))
    assert place is not None
    assert (place.version, place.unenforced(LIMITS)) == (2, ())
    assert place.resources(LIMITS)["memory"] == {"limit": 1000, "swap": 1000}
    group = place.group("box")
    assert group.directories == (root / "box",)
    (root / "box").mkdir()
    (root / "box/memory.events").write_text("low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\noom_group_kill 0\n")
    (root / "box/cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\n")
    assert (group.oom_kills(), group.peak_memory(), group.cpu_seconds()) == (2, None, 1.5)  # no memory.peak before 5.19
    (root / "box/memory.peak").write_text("77\n")
    assert group.peak_memory() == 77


def test_in_a_container_of_somebody_elses_only_what_was_enabled_holds(tmp_path: Path) -> None:
    root = unified(tmp_path / "sys", "cpu memory pids", "pids")
    place = find_place(mounts(tmp_path, (root, "cgroup2", "rw")))
    assert place is not None
    assert place.unenforced(LIMITS) == ("memory", "cpus")
    assert set(place.resources(LIMITS)) == {"pids"}


def test_a_machine_without_control_groups(tmp_path: Path) -> None:
    assert find_place(mounts(tmp_path)) is None


def own(tmp_path: Path, group: str) -> Path:
    file = tmp_path / "cgroup"
    file.write_text(f"0::{group}\n")
    return file


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root; tried as another user below")
class TestDelegated:
    def test_beside_our_own_group_where_its_parent_is_ours(self, tmp_path: Path) -> None:
        root = unified(tmp_path / "sys", "cpu memory pids", "cpu memory pids")
        unified(root / "user/app", "cpu memory pids", "memory pids")
        unified(root / "user/app/terminal", "memory pids", "")
        file = mounts(tmp_path, (root, "cgroup2", "rw"))
        place = find_delegated_place(file, own(tmp_path, "/user/app/terminal"))
        assert place is not None
        assert (place.parent, place.unenforced(LIMITS)) == (PurePosixPath("/user/app"), ("cpus",))
        assert place.group("box").directories == (root / "user/app/box",)

    def test_below_our_own_group_nothing_is_held(self, tmp_path: Path) -> None:
        root = unified(tmp_path / "sys", "cpu memory pids", "cpu memory pids")
        unified(root / "user/session", "memory pids", "")
        for closed in (root / "user/cgroup.procs", root / "user"):
            closed.mkdir(exist_ok=True) if closed.name == "user" else closed.touch()
            closed.chmod(0o555)
        try:
            place = find_delegated_place(mounts(tmp_path, (root, "cgroup2", "rw")), own(tmp_path, "/user/session"))
        finally:
            (root / "user").chmod(0o755)
        assert place is not None
        assert (place.parent, place.unenforced(LIMITS)) == (PurePosixPath("/user/session"), ("memory", "pids", "cpus"))

    def test_what_belongs_to_others_is_no_place(self, tmp_path: Path) -> None:
        root = unified(tmp_path / "sys", "memory", "memory")
        scope = unified(root / "scope", "memory", "")
        file = mounts(tmp_path, (root, "cgroup2", "rw"))
        for directory in (scope, root):
            directory.chmod(0o555)
        try:
            assert find_delegated_place(file, own(tmp_path, "/scope")) is None
        finally:
            root.chmod(0o755)
            scope.chmod(0o755)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="the class above was tried directly")
def test_delegation_as_another_user() -> None:
    run_as_another_user(f"{__file__}::TestDelegated")


def test_version_1_is_never_delegated(tmp_path: Path) -> None:
    file = mounts(tmp_path, (tmp_path, "cgroup", "rw,memory"), (tmp_path, "cgroup2", "rw"))
    assert find_delegated_place(file, own(tmp_path, "/x")) is None


def test_groups_go_with_what_is_below_them(tmp_path: Path) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "d").mkdir()
    assert remove_groups((tmp_path / "a", tmp_path / "d", tmp_path / "missing"))
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_busy_group_is_waited_for_and_told(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/process").touch()
    assert not remove_groups((tmp_path / "a",), patience=0.02)
    assert (tmp_path / "a").exists()
