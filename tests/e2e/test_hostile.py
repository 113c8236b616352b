"""Droplets and images of strangers: `run` starts them as anybody's, and nothing of this machine is theirs."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.e2e.conftest import Installation
from tests.e2e.shell_buildpacks import serving, write_app


def hostile_droplet(path: Path, *links: tuple[str, str], command: str) -> Path:
    """A droplet with these links and a start command."""
    with tarfile.open(path, "w:gz") as archive:
        for name in ("./", "./app/"):
            directory = tarfile.TarInfo(name)
            directory.type, directory.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(directory)
        for name, target in links:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
        info = json.dumps({"start_command": command}).encode()
        file = tarfile.TarInfo("./staging_info.yml")
        file.size = len(info)
        archive.addfile(file, io.BytesIO(info))
    return path


@pytest.mark.parametrize("name", ["tmp", "logs", "deps", "profile.d"])
@pytest.mark.parametrize("dangling", [True, False])
def test_links_in_the_places_of_a_droplet_lead_nowhere(
    tmp_path: Path, stagewright: Installation, name: str, dangling: bool
) -> None:
    bait = tmp_path / "bait"
    if not dangling:
        bait.mkdir(mode=0o777)
    write = f"echo gotcha > /home/vcap/{name}/written; ls -ld /home/vcap/{name} | cut -c1"
    droplet = hostile_droplet(tmp_path / "d.tgz", (f"./{name}", str(bait)), command=write)
    ended = stagewright("run", droplet)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[-1] == "d"
    assert not bait.exists() or list(bait.iterdir()) == []


def test_a_droplet_whose_app_is_a_link_is_refused(tmp_path: Path, stagewright: Installation) -> None:
    path = tmp_path / "d.tgz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("./app")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(link)
    ended = stagewright("run", path)
    assert ended.code == 3
    assert "not a droplet" in ended.err


@pytest.mark.parametrize("which", ["home", "lifecycle"])
def test_an_image_whose_places_are_links_is_refused(tmp_path: Path, stagewright: Installation, which: str) -> None:
    bait = tmp_path / "bait"
    (bait / "vcap").mkdir(parents=True)
    (bait / "launcher").write_text("#!/bin/sh\n")
    layer = tmp_path / "layer.tar"
    with tarfile.open(layer, "w") as archive:
        for name, inside in (("home", "home/vcap"), ("lifecycle", "lifecycle/launcher")):
            if name == which:
                link = tarfile.TarInfo(name)
                link.type, link.linkname = tarfile.SYMTYPE, str(bait)
                archive.addfile(link)
                continue
            for path, kind in (
                (name, tarfile.DIRTYPE),
                (inside, tarfile.REGTYPE if name == "lifecycle" else tarfile.DIRTYPE),
            ):
                member = tarfile.TarInfo(path)
                member.type, member.mode = kind, 0o755
                archive.addfile(member)
    layout = tmp_path / "layout"
    for arguments in (
        ["init", "--layout", str(layout)],
        ["new", "--image", f"{layout}:latest"],
        ["raw", "add-layer", "--image", f"{layout}:latest", str(layer)],
    ):
        subprocess.run(["umoci", *arguments], check=True, capture_output=True)
    ended = stagewright("run", f"oci:{layout}")
    assert ended.code == 2, ended.out + ended.err
    assert "no launcher" in ended.err


@pytest.mark.parametrize(
    "info",
    [
        "[" * 200_000,
        '{"start_command": ' + "[" * 3000 + "]" * 3000 + "}",
        '{"start_command": 5}',
        "start_command: 2001-01-01",
        '{"start_command": "x", "config": {"entrypoint_prefix": ["a"]}}',
        '{"start_command": "\\ud800"}',
    ],
)
def test_a_hostile_staging_info_ends_in_words(tmp_path: Path, stagewright: Installation, info: str) -> None:
    path = tmp_path / "d.tgz"
    with tarfile.open(path, "w:gz") as archive:
        directory = tarfile.TarInfo("./app")
        directory.type, directory.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(directory)
        file = tarfile.TarInfo("./staging_info.yml")
        file.size = len(info)
        archive.addfile(file, io.BytesIO(info.encode()))
    ended = stagewright("run", path)
    assert ended.code in (2, 3, 126, 127), ended.err
    assert "Traceback" not in ended.err


def test_a_hostile_procfile_does_not_end_the_process(tmp_path: Path, stagewright: Installation) -> None:
    app = write_app(tmp_path / "app", Procfile="web: " + "[" * 500_000)
    ended = stagewright("stage", app, "-b", serving(tmp_path / "bp"), "-d", tmp_path / "d.tgz")
    assert ended.code == 3
    assert "deeper than 64" in ended.out
