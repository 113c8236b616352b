"""The tree that packing is measured on: 400 MB in 17,000 files.

It is made of what an app with dependencies is made of, the same on every run: sources and shared objects of the Python that runs
this, cut and varied so that no two files are equal, and many small files as in node_modules.
"""

from __future__ import annotations

import random
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SEED = 20240229
FILES = 17_000
BYTES = 400_000_000


@dataclass(frozen=True)
class SampleTree:
    """The tree, and how many files and bytes are in it."""

    path: Path
    files: int
    bytes: int


@dataclass(frozen=True)
class Share:
    """Files of one sort: what part of the files and of the bytes they are, and what their names end with."""

    directory: str
    of_files: float
    of_bytes: float
    suffix: str
    sources: tuple[bytes, ...]


def make_tree(root: Path, files: int = FILES, size: int = BYTES) -> SampleTree:
    """Fill ``root``. The same arguments give the same tree on the same Python."""
    dice = random.Random(SEED)  # noqa: S311 - it must be the same every time
    made = written = 0
    for share in _shares():
        count = round(files * share.of_files)
        mean = size * share.of_bytes / count
        for number, length in enumerate(_lengths(dice, count, mean)):
            place = root / share.directory / f"pkg-{number // 40:03d}" / ("lib" if number % 3 else "dist")
            place.mkdir(parents=True, exist_ok=True)
            (place / f"module_{number:05d}{share.suffix}").write_bytes(_content(dice, share.sources, length))
            made, written = made + 1, written + length
    for number in range(200):
        (root / "bin").mkdir(exist_ok=True)
        (root / "bin" / f"tool-{number}").symlink_to(f"../vendor/pkg-{number % 9:03d}/lib/module_00001.py")
    return SampleTree(root, made, written)


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
