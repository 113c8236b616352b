"""pkg-config files that find the tree by their own place, wherever deps lie (``pcfiledir`` is a variable of pkg-config)."""

from __future__ import annotations

import re
from pathlib import Path

ABSOLUTE = re.compile(
    r"(?P<before>^|[\s=:\"']|-[ILB]|-isystem)(?P<path>/(?:usr|lib|etc|opt)(?=[/\s\"']|$))", re.MULTILINE
)


def relocated(text: str, way: str) -> str:
    """The text of a .pc file with its paths of a root led into the tree. ``way``: from the file's directory to the tree."""
    return ABSOLUTE.sub(rf"\g<before>${{pcfiledir}}/{way}\g<path>", text)


def write_pkgconfig(tree: Path, into: Path, way: str) -> int:
    """Copies of all .pc files of the tree, relocated; gives how many."""
    written = 0
    for directory in sorted(
        [*tree.glob("usr/lib/*/pkgconfig"), *tree.glob("usr/lib/pkgconfig"), *tree.glob("usr/share/pkgconfig")]
    ):
        for file in sorted(directory.glob("*.pc")):
            if not file.is_file() or (into / file.name).exists():
                continue
            into.mkdir(parents=True, exist_ok=True)
            text = file.read_text(encoding="utf-8", errors="surrogateescape")
            (into / file.name).write_text(relocated(text, way), encoding="utf-8", errors="surrogateescape")
            written += 1
    return written
