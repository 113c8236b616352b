"""A small Debian for tests that need a container's root, made once."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from stagewright.model.layout import MOUNT_POINTS

_PACKAGES = "bash,coreutils,util-linux,procps,python3,usr-is-merged"
_LEFT_OUT = ("man", "doc", "locale", "info")
_EDITION = "1"
"""To be raised when what is done here changes."""


def root_filesystem() -> Path:
    """The root, shared by all tests and never written by one. Takes a quarter of a minute the first time.

    It lies below STAGEWRIGHT_TEST_CACHE; without that where another user can reach it, too: tests of root run as others.
    """
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    edition = hashlib.sha256(f"{_PACKAGES}{_LEFT_OUT}{_EDITION}".encode()).hexdigest()[:12]
    root = cache / f"root-{edition}"
    if root.is_dir():
        return root
    with (cache / f"root-{edition}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.is_dir():
            unfinished = cache / f"root-{edition}.part"
            shutil.rmtree(unfinished, ignore_errors=True)
            _make(unfinished)
            unfinished.rename(root)
    return root


def _cache() -> Path:
    named = os.environ.get("STAGEWRIGHT_TEST_CACHE")
    if named:
        return Path(named)
    return Path("/var/cache/stagewright-tests") if os.geteuid() == 0 else Path.home() / ".cache/stagewright-tests"


def _make(root: Path) -> None:
    archive = root.with_suffix(".tar")
    exclusions = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT]
    subprocess.run(
        [
            *("mmdebstrap", "--quiet", "--variant=essential", f"--include={_PACKAGES}"),
            *("--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr", '--aptopt=Apt::Install-Recommends "false"'),
            *(*exclusions, "bookworm", str(archive)),
        ],
        check=True,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
    )
    root.mkdir()
    subprocess.run(["tar", "-xpf", str(archive), "-C", str(root), "--numeric-owner", "--exclude=./dev/*"], check=True)
    archive.unlink()
    for place in (*MOUNT_POINTS, Path("/etc")):
        (root / str(place).lstrip("/")).mkdir(parents=True, exist_ok=True)
    for name in ("resolv.conf", "hosts"):
        (root / "etc" / name).unlink(missing_ok=True)
        (root / "etc" / name).touch()
    for name, line in (("passwd", "vcap:x:2000:2000::/home/vcap:/bin/bash"), ("group", "vcap:x:2000:")):
        with (root / "etc" / name).open("a") as file:
            file.write(f"{line}\n")
