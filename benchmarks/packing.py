"""Packing the droplet of a tree of 400 MB and 17,000 files, against what the reference does: ``cp -a``, then ``tar -czf``.

(buildpackapplifecycle/builder/runner.go: the app and its deps are copied into a directory laid out as the droplet, and that is
given to tar.) Measured twice: `trees.pack` alone in a process of its own, and the droplet action of a whole staging.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from benchmarks.command import Installation, do_nothing_buildpack
from benchmarks.report import Figure, Report, Samples, Table, Target
from benchmarks.sample_tree import SampleTree, make_tree
from stagewright.model.tree import Bounds
from stagewright.trees import (
    LinkPolicy,
    Placed,
    copy_tree,
    disk_use,
    pack,
    remove_tree,
    snapshot,
    tree_digest,
    unpack,
)

FASTER = Target(at_least=5)
LARGER = Target(at_most=1.15)

_ALONE = """
import json, sys, time
from pathlib import Path, PurePosixPath
from stagewright.trees import Placed, pack
began = time.monotonic()
packed = pack([Placed(Path(sys.argv[1]), PurePosixPath("app"))], Path(sys.argv[2]), prefix_dot=True)
print(json.dumps({"seconds": time.monotonic() - began, "size": packed.size}))
"""


@dataclass(frozen=True)
class _Packing:
    seconds: float
    size: int


def measure(place: Path, rounds: int) -> Report:
    """Rounds go in turn through the peer and both of ours, so that a busy moment of the machine meets all of them."""
    tree = make_tree(place / "tree")
    buildpack = do_nothing_buildpack(place / "nothing")
    installation = Installation(place / "installation")
    peer, alone, staged = [], [], []
    for _ in range(rounds):
        peer.append(_reference(tree, place / "reference"))
        alone.append(_alone(tree, place / "alone.tgz"))
        staged.append(_staged(tree, installation, buildpack))
    seconds, sizes = _samples(peer)
    figures = []
    for what, packings in (("trees.pack alone", alone), ("droplet of a staging", staged)):
        ours, size = _samples(packings)
        figures.append(Figure.faster(f"{what}: how many times faster", ours, seconds, FASTER))
        figures.append(Figure.share(f"{what}: size of the .tgz", size, sizes, LARGER))
    return Report(
        name="packing",
        against="cp -a, then tar -czf",
        figures=tuple(figures),
        tables=(_verbs(tree, place / "verbs"),),
        notes=(f"the tree: {tree.files:,} files, {tree.bytes / 1e6:.0f} MB, in memory when it is packed",),
    )


def _reference(tree: SampleTree, work: Path) -> _Packing:
    laid_out, droplet = work / "droplet", work / "droplet.tgz"
    laid_out.mkdir(parents=True)
    began = time.monotonic()
    subprocess.run(["cp", "-a", str(tree.path), str(laid_out / "app")], check=True)
    subprocess.run(["tar", "-czf", str(droplet), "-C", str(laid_out), "."], check=True)
    seconds = time.monotonic() - began
    found = _Packing(seconds, droplet.stat().st_size)
    shutil.rmtree(work)
    _settle()
    return found


def _alone(tree: SampleTree, droplet: Path) -> _Packing:
    call = [sys.executable, "-c", _ALONE, str(tree.path), str(droplet)]
    said = json.loads(subprocess.run(call, check=True, capture_output=True).stdout)
    droplet.unlink()
    _settle()
    return _Packing(said["seconds"], said["size"])


def _staged(tree: SampleTree, installation: Installation, buildpack: Path) -> _Packing:
    run = installation.stage(tree.path, "--buildpack", buildpack)
    _settle()
    return _Packing(run.action("droplet"), run.result["droplet"]["size"])


def _settle() -> None:
    """What one wrote must not be on its way to the disk while the next is measured."""
    os.sync()


def _verbs(tree: SampleTree, work: Path) -> Table:
    """What the other verbs of `trees` take on the same tree, once each."""
    work.mkdir()
    packed = pack([Placed(tree.path, PurePosixPath())], work / "parts.tgz")
    verbs: dict[str, Callable[[], object]] = {
        "tree_digest": lambda: tree_digest(tree.path),
        "snapshot": lambda: snapshot(tree.path),
        "disk_use": lambda: disk_use(tree.path),
        "copy_tree": lambda: copy_tree(tree.path, work / "copy", bounds=Bounds(), links=LinkPolicy.KEEP),
        "unpack": lambda: unpack(packed.path, work / "unpacked", bounds=Bounds(), links=LinkPolicy.KEEP),
        "remove_tree": lambda: remove_tree(work / "copy"),
    }
    rows = []
    for name, verb in verbs.items():
        _settle()
        began = time.monotonic()
        verb()
        seconds = time.monotonic() - began
        rows.append((name, f"{seconds:.2f}", f"{tree.bytes / 1e6 / seconds:.0f}"))
    remove_tree(work)
    return Table("other verbs of trees on this tree, once each", ("verb", "s", "MB/s"), tuple(rows))


def _samples(packings: list[_Packing]) -> tuple[Samples, Samples]:
    seconds = Samples(tuple(packing.seconds for packing in packings))
    return seconds, Samples(tuple(packing.size / 1e6 for packing in packings), "MB")
