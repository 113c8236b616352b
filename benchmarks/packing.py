"""Packing the droplet of a tree of 400 MB and 17,000 files, against what the reference does.

Cloud Foundry's builder copies the app with ``cp -a`` and packs it with ``tar -czf``. Ours is `stagewright.trees.pack`:
one pass that walks, writes the tar, digests and compresses. Both begin with files that are in memory.

    python benchmarks/packing.py [--runs 3] [--size 400M] [--files 17000] [--dir DIR] [--parts]

The tree is made of what an app with dependencies is made of, the same on every run: sources and shared objects of the
Python that runs this, cut and varied so that no two files are equal, and many small files as in node_modules.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stagewright.model.quantities import parse_size
from stagewright.model.tree import Bounds
from stagewright.trees import Placed, copy_tree, pack, remove_tree, snapshot, tree_digest, unpack
from stagewright.trees.entries import LinkPolicy

SEED = 20240229
TIME_TARGET = 5.0
SIZE_TARGET = 1.15


@dataclass(frozen=True)
class Share:
    """Files of one sort: what part of the files and of the bytes they are, and what their names end with."""

    directory: str
    files: float
    bytes: float
    suffix: str
    sources: tuple[bytes, ...]


def main() -> int:
    """Make the tree, run both, print the table; 1 where a target was missed."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.dir, prefix="packing-") as name:
        work = Path(name)
        app = work / "app"
        files, size = make_tree(app, options.files, parse_size(options.size))
        print(f"{files:,} files, {size / 1e6:.0f} MB, {os.cpu_count()} processors, Python {sys.version.split()[0]}")
        rivals = {"reference: cp -a, tar -czf": lambda: _reference(app, work), "stagewright": lambda: _ours(app, work)}
        found = _alternate(rivals, options.runs)
        met = _table(found, size)
        if options.parts:
            _parts(app, work, size)
        remove_tree(app)
    return 0 if met else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--size", default="400M")
    parser.add_argument("--files", type=int, default=17_000)
    parser.add_argument("--dir", type=Path, default=None, help="where to make the tree; the default temporary place")
    parser.add_argument("--parts", action="store_true", help="also time the other verbs of trees on the same tree")
    return parser.parse_args()


def make_tree(root: Path, files: int, size: int) -> tuple[int, int]:
    """Fill ``root``; returns how many files and bytes there are. The same arguments give the same tree."""
    dice = random.Random(SEED)  # noqa: S311 - it must be the same every time
    made = written = 0
    for share in _shares():
        count = round(files * share.files)
        mean = size * share.bytes / count
        for number, length in enumerate(_lengths(dice, count, mean)):
            place = root / share.directory / f"pkg-{number // 40:03d}" / ("lib" if number % 3 else "dist")
            place.mkdir(parents=True, exist_ok=True)
            (place / f"module_{number:05d}{share.suffix}").write_bytes(_content(dice, share.sources, length))
            made, written = made + 1, written + length
    for number in range(200):
        (root / "bin").mkdir(exist_ok=True)
        (root / "bin" / f"tool-{number}").symlink_to(f"../vendor/pkg-{number % 9:03d}/lib/module_00001.py")
    return made, written


def _shares() -> tuple[Share, ...]:
    library = Path(sysconfig.get_paths()["stdlib"])
    sources = _read(sorted(library.glob("*.py")))
    compiled = _read(sorted(library.glob("__pycache__/*.pyc")))
    shared = _read(sorted((library / "lib-dynload").glob("*.so"))) + _read([Path(sys.executable).resolve()])
    return (
        Share("node_modules", 0.62, 0.14, ".js", sources),
        Share("vendor", 0.25, 0.21, ".py", sources),
        Share("vendor", 0.12, 0.15, ".pyc", compiled or sources),
        Share("vendor/libs", 0.01, 0.50, ".so", shared),
    )


def _read(paths: list[Path]) -> tuple[bytes, ...]:
    return tuple(content for path in paths if len(content := path.read_bytes()) > 1000)


def _lengths(dice: random.Random, count: int, mean: float) -> Iterator[int]:
    """Most files are small and a few are large, as in every tree of dependencies."""
    weights = [dice.lognormvariate(0, 1.2) for _ in range(count)]
    scale = mean * count / sum(weights)
    return (max(1, int(weight * scale)) for weight in weights)


def _content(dice: random.Random, sources: tuple[bytes, ...], length: int) -> bytes:
    """Pieces of real files, each from a place of its own, with a line of its own between them."""
    parts: list[bytes] = []
    have = 0
    while have < length:
        source = dice.choice(sources)
        start = dice.randrange(len(source))
        piece = source[start : start + dice.randrange(500, 40_000)]
        parts += [piece, b"\n# %032x\n" % dice.getrandbits(128)]
        have += len(piece) + 36
    return b"".join(parts)[:length]


def _reference(app: Path, work: Path) -> tuple[float, int]:
    """What the reference's builder does once its scripts have ended."""
    contents, droplet = work / "contents", work / "reference.tgz"
    contents.mkdir()
    begin = time.perf_counter()
    subprocess.run(["cp", "-a", app, contents / "app"], check=True)
    subprocess.run(["tar", "-czf", droplet, "-C", contents, "."], check=True)
    seconds = time.perf_counter() - begin
    size = droplet.stat().st_size
    remove_tree(contents)
    droplet.unlink()
    return seconds, size


def _ours(app: Path, work: Path) -> tuple[float, int]:
    begin = time.perf_counter()
    packed = pack([Placed(app, PurePosixPath("app"))], work / "ours.tgz", prefix_dot=True)
    seconds = time.perf_counter() - begin
    packed.path.unlink()
    return seconds, packed.size


def _alternate(rivals: dict[str, Callable[[], tuple[float, int]]], runs: int) -> dict[str, tuple[list[float], int]]:
    """One after the other, again and again, so that a busy moment of the machine meets both."""
    found: dict[str, tuple[list[float], int]] = {name: ([], 0) for name in rivals}
    for run in range(runs + 1):
        for name, rival in rivals.items():
            if run == 0 and name != "stagewright":
                continue  # one run of ours brings all files into memory for everybody
            seconds, size = rival()
            if run:
                found[name] = ([*found[name][0], seconds], size)
    return found


def _table(found: dict[str, tuple[list[float], int]], size: int) -> bool:
    (theirs, their_size), (ours, our_size) = found.values()
    print(f"\n{'':28} {'median s':>9} {'min s':>7} {'max s':>7} {'MB/s':>6} {'MB':>7}")
    for name, (seconds, packed) in found.items():
        median = statistics.median(seconds)
        print(
            f"{name:28} {median:9.2f} {min(seconds):7.2f} {max(seconds):7.2f} {size / 1e6 / median:6.0f} {packed / 1e6:7.1f}"
        )
    faster = statistics.median(theirs) / statistics.median(ours)
    larger = our_size / their_size
    print(
        f"\ntimes faster: {faster:.1f} (target: {TIME_TARGET:.0f}); size: {larger:.3f} of the reference's (target: {SIZE_TARGET})"
    )
    return faster >= TIME_TARGET and larger <= SIZE_TARGET


def _parts(app: Path, work: Path, size: int) -> None:
    """What the other verbs take, once each."""
    packed = pack([Placed(app, PurePosixPath())], work / "parts.tgz")
    verbs: dict[str, Callable[[], object]] = {
        "tree_digest": lambda: tree_digest(app),
        "snapshot": lambda: snapshot(app),
        "copy_tree": lambda: copy_tree(app, work / "copy", bounds=Bounds(), links=LinkPolicy.KEEP),
        "unpack": lambda: unpack(packed.path, work / "unpacked", bounds=Bounds(), links=LinkPolicy.KEEP),
        "remove_tree": lambda: remove_tree(work / "copy"),
    }
    print()
    for name, verb in verbs.items():
        begin = time.perf_counter()
        verb()
        seconds = time.perf_counter() - begin
        print(f"{name:28} {seconds:9.2f} s {size / 1e6 / seconds:25.0f} MB/s")
    remove_tree(work / "unpacked")


if __name__ == "__main__":
    sys.exit(main())
