"""Where mount points come from, when the root may not be written."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from stagewright.model.containers import ContainerSpec, Limits, Mount
from stagewright.sandbox.mount_plan import MountPlan, make_points, plan_mounts
from stagewright.sandbox.problems import HostRefused, MountPointMissing, MountSourceMissing

HOME = PurePosixPath("/home/vcap")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for place in ("home/vcap", "tmp", "buildpacks", "trust", "proc", "etc"):
        (root / place).mkdir(parents=True)
    (root / "etc/hosts").touch()
    return root


def source(tmp_path: Path, name: str, *, file: bool = False) -> Path:
    path = tmp_path / name
    if file:
        path.write_text("x")
    else:
        path.mkdir()
    return path


def plan(root: Path, *mounts: Mount) -> MountPlan:
    return plan_mounts(ContainerSpec("x", root, mounts, Limits(), root))


def test_outer_mounts_come_before_inner_ones(tmp_path: Path, root: Path) -> None:
    home, app, deep = (source(tmp_path, name) for name in ("home", "app", "deep"))
    planned = plan(root, Mount(deep, HOME / "app/deep"), Mount(app, HOME / "app", True), Mount(home, HOME, True))
    assert [mount.source for mount in planned.mounts] == [home, app, deep]


def test_what_the_root_lacks_is_put_into_memory(tmp_path: Path, root: Path) -> None:
    a = source(tmp_path, "a")
    planned = plan(
        root,
        Mount(a, PurePosixPath("/buildpacks/x/y")),
        Mount(a, PurePosixPath("/buildpacks/z")),
        Mount(a, PurePosixPath("/trust/t")),
        Mount(a, PurePosixPath("/etc/hosts")),
    )
    assert set(planned.small) == {PurePosixPath("/buildpacks"), PurePosixPath("/trust")}
    assert planned.missing == ()


@pytest.mark.parametrize("target", ["/opt/x", "/proc/x", "/sys/x", "/etc/x", "/run/x"])
def test_where_no_place_was_made_nothing_is_mounted(tmp_path: Path, root: Path, target: str) -> None:
    with pytest.raises(MountPointMissing) as caught:
        plan(root, Mount(source(tmp_path, "a"), PurePosixPath(target)))
    assert target in caught.value.brief()


def test_a_missing_source_is_named(tmp_path: Path, root: Path) -> None:
    with pytest.raises(MountSourceMissing, match="nothing-here"):
        plan(root, Mount(tmp_path / "nothing-here", HOME))


def test_points_are_made_in_writable_mounts_alone(tmp_path: Path, root: Path) -> None:
    home, a, f = source(tmp_path, "home"), source(tmp_path, "a"), source(tmp_path, "f", file=True)
    planned = plan(root, Mount(home, HOME, True), Mount(a, HOME / "d/e"), Mount(f, HOME / "etc/file"))
    make_points(planned, None)
    assert (home / "d/e").is_dir()
    assert (home / "etc/file").is_file()
    assert plan(root, *planned.mounts).missing == ()
    with pytest.raises(MountPointMissing):
        plan(root, Mount(a, HOME), Mount(home, HOME / "x"))


def test_points_are_never_made_through_a_link(tmp_path: Path, root: Path) -> None:
    home, a, outside = source(tmp_path, "home"), source(tmp_path, "a"), source(tmp_path, "outside")
    (home / "link").symlink_to(outside)
    with pytest.raises(HostRefused, match="link/x"):
        make_points(plan(root, Mount(home, HOME, True), Mount(a, HOME / "link/x")), None)
    assert list(outside.iterdir()) == []


def test_a_tree_inside_another_is_counted_once(tmp_path: Path, root: Path) -> None:
    home, other = source(tmp_path, "home"), source(tmp_path, "other")
    (home / "app").mkdir()
    (tmp_path / "home2").mkdir()
    planned = plan(
        root,
        Mount(home, HOME, True),
        Mount(home / "app", HOME / "app", True),
        Mount(other, HOME / "other", False),
        Mount(tmp_path / "home2", PurePosixPath("/tmp"), True),
    )
    assert set(planned.writable_sources) == {home, tmp_path / "home2"}
