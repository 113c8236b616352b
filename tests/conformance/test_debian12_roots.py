"""The stack that everybody uses: what was promised of its roots. It is looked at where it lies, and not made here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stagewright import settings
from stagewright.model.layout import MOUNT_POINTS
from stagewright.model.names import StackName
from stagewright.model.stack import Stack
from stagewright.stacks import StackStore
from stagewright.stacks.problems import UnknownStack

RUN = ("bash", "ls", "curl", "python3", "tar", "gzip", "xz", "unshare", "setpriv", "ps", "env")
COMPILERS = ("gcc", "g++", "make", "pkg-config", "python3-config")
BUILD = (*COMPILERS, "git", "unzip", "zip", "bzip2", "patch", "file", "rsync", "jq", "apt-get")


@pytest.fixture(scope="module")
def stack() -> Stack:
    try:
        return StackStore(settings.read(os.environ).stacks).get(StackName("debian12"))
    except UnknownStack:
        pytest.skip("there is no stack debian12 on this machine; stagewright stack create debian12 makes it")


def missing(root: Path, programs: tuple[str, ...]) -> list[str]:
    return [name for name in programs if not any((root / place / name).exists() for place in ("usr/bin", "usr/sbin"))]


def test_the_run_root_holds_what_apps_need(stack: Stack) -> None:
    root = stack.run.path
    assert missing(root, RUN) == []
    for place in ("etc/mime.types", "etc/protocols", "usr/share/zoneinfo/Europe/Berlin", "usr/lib/python3.11/venv"):
        assert (root / place).exists(), place
    assert list(root.glob("usr/lib/*/libatomic.so.1")), "Node needs it"
    assert list(root.glob("usr/share/python-wheels/pip-*.whl")), "venv installs pip from it"
    assert (root / "etc/ssl/certs/ca-certificates.crt").stat().st_size > 100_000


def test_the_build_root_holds_the_run_root_and_compilers(stack: Stack) -> None:
    assert missing(stack.build.path, RUN + BUILD) == []
    assert {package.name for package in stack.run.packages} - {
        package.name for package in stack.build.packages
    } == set()


def test_the_layer_is_small(stack: Stack) -> None:
    assert stack.layer.size <= 80_000_000
    assert stack.layer.path.stat().st_size == stack.layer.size
    assert stack.layer.diff_id == stack.run.digest


def test_nothing_has_to_be_made_before_a_mount(stack: Stack) -> None:
    for root in (stack.run.path, stack.build.path):
        for point in MOUNT_POINTS:
            assert (root / str(point)[1:]).is_dir()
        for file in ("etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt"):
            assert (root / file).is_file() and not (root / file).is_symlink()
        assert (root / "app").readlink() == Path("/home/vcap/app")


def test_nothing_of_this_machine_is_in_it(stack: Stack) -> None:
    for root in (stack.run.path, stack.build.path):
        assert (root / "etc/resolv.conf").read_bytes() == (root / "etc/hosts").read_bytes() == b""
        assert list((root / "dev").iterdir()) == list((root / "tmp").iterdir()) == []
        assert not (root / "etc/apt/apt.conf.d/97operator").exists()
        assert not (root / "etc/machine-id").exists() or (root / "etc/machine-id").read_bytes() == b""
