"""The slices of a droplet as layers: who owns what in the image."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stagewright.droplets import launch_files, slices
from stagewright.images import Addition, Platform, append_layers, empty, pack_layer, unpack_image
from stagewright.model.process import Processes
from stagewright.model.tree import Bounds, Owner

VCAP = Owner(2000, 2000)


def unpacked(work: Path, *deps: str) -> Path:
    for name in ("app", "deps", "profile.d", *(f"deps/{index}/bin" for index in deps)):
        (work / name).mkdir(parents=True)
    launch = launch_files(Processes.of([("web", "run"), ("a b", "other")]), "wrap")
    cut = slices(work / "app", work / "deps", work / "profile.d", b"{}", launch)
    layers = [pack_layer(one.placed, work / f"{number}.tgz", owner=VCAP) for number, one in enumerate(cut)]
    image = append_layers(empty(Platform("amd64")), *(Addition(layer) for layer in layers))
    unpack_image(image, work / "root", bounds=Bounds(), keep_owner=os.geteuid() == 0)
    return work / "root"


@pytest.mark.parametrize("deps", [(), ("0", "1")])
def test_every_place_of_a_running_app_is_there(tmp_path: Path, deps: tuple[str, ...]) -> None:
    root = unpacked(tmp_path, *deps)
    places = {str(path.relative_to(root)) for path in root.rglob("*")}
    assert places == {
        *("home", "home/vcap", "home/vcap/app", "home/vcap/deps", "home/vcap/logs", "home/vcap/profile.d"),
        *("home/vcap/staging_info.yml", "home/vcap/tmp", "lifecycle", "lifecycle/launcher", "lifecycle/process"),
        *("lifecycle/entrypoint_prefix", "lifecycle/process/web", "lifecycle/process/a%20b"),
        *(f"home/vcap/deps/{index}{part}" for index in deps for part in ("", "/bin")),
    }


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
@pytest.mark.parametrize("deps", [(), ("0", "1")])
def test_the_app_owns_its_home_and_root_the_launcher(tmp_path: Path, deps: tuple[str, ...]) -> None:
    root = unpacked(tmp_path, *deps)
    for path in root.rglob("*"):
        inside = path.is_relative_to(root / "home/vcap")
        assert path.lstat().st_uid == (2000 if inside else 0), path
