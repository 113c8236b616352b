"""The scripts of the python buildpack as any Cloud Foundry platform calls them: built in one place, launched in another."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

BUILDPACK = Path(__file__).resolve().parents[2] / "src/stagewright/builtins/python"
APP = Path(__file__).resolve().parents[1] / "e2e/apps/python-pipfile"

LAUNCHER = 'cd "$0"; for f in ../profile.d/*; do . "$f"; done; exec bash -c "$1"'
"""What Cloud Foundry's launcher does with a droplet, as far as this app needs it."""


def script(name: str, *arguments: Path | str, **env: str) -> None:
    subprocess.run([BUILDPACK / "bin" / name, *map(str, arguments)], env={**os.environ, **env}, check=True, timeout=300)


def build(root: Path) -> Path:
    """A droplet's tree, staged where no platform of ours would, as the second of two buildpacks."""
    (root / "droplet/deps/0/env").mkdir(parents=True)
    (root / "droplet/deps/0/env/BOTTLE_COLOUR").write_text("green")
    (root / "cache").mkdir()
    shutil.copytree(APP, root / "checked out")
    (root / "checked out/Pipfile").write_text('[packages]\nbottle = "*"\nwaitress = "*"\n')
    arguments = (root / "checked out", root / "cache", root / "droplet/deps", "1")
    script("detect", root / "checked out")
    script("supply", *arguments)
    script("finalize", *arguments, root / "droplet/profile.d")
    script("release", root / "checked out")
    (root / "checked out").rename(root / "droplet/app")
    return root / "droplet"


def knows(tree: Path, path: Path) -> list[Path]:
    """The files below a tree that hold a path."""
    needle = os.fsencode(path)
    files = (file for file in tree.rglob("*") if file.is_file() and not file.is_symlink())
    return [file.relative_to(tree) for file in files if needle in file.read_bytes()]


@pytest.mark.slow
def test_a_droplet_runs_elsewhere_than_it_was_built(tmp_path: Path) -> None:
    built = build(tmp_path / "built")
    assert knows(built, tmp_path) == []
    droplet = tmp_path / "moved/here"
    droplet.parent.mkdir()
    built.rename(droplet)
    shutil.rmtree(tmp_path / "built")
    launch = yaml.safe_load((droplet / "deps/1/launch.yml").read_text())
    command = launch["processes"][0]["command"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {"PATH": os.environ["PATH"], "DEPS_DIR": f"{droplet}/deps", "PORT": str(port), "PYTHONHOME": "/nowhere"}
    with subprocess.Popen(["/bin/bash", "-c", LAUNCHER, droplet / "app", command], env=env) as process:
        try:
            assert ask(port) == "hello from Bottle"
        finally:
            process.terminate()


def ask(port: int) -> str:
    end = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
