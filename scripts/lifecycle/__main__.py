"""Packs lifecycle.tgz out of what `make-lifecycle` has downloaded, and says what it is.

    python3.11 scripts/lifecycle PROJECT MATERIAL TREE ARCHIVE

It runs by the Python of MATERIAL, without the libraries of Stagewright's own environment. TREE does not exist yet.
"""

from __future__ import annotations

import sys
from pathlib import Path

from archive import pack
from contents import Contents, lay_out
from material import Material


def main() -> None:
    project, materials, tree, archive = (Path(argument).absolute() for argument in sys.argv[1:])
    material = Material(materials / "debian", materials / "wheels")
    contents = lay_out(project, material, tree)
    digest = pack(tree, archive)
    print(summary(contents, archive, digest))


def summary(contents: Contents, archive: Path, digest: str) -> str:
    """What a person wants to know of the archive."""
    return "\n".join(
        (
            f"{archive}",
            f"  {archive.stat().st_size:,} bytes, unpacked {contents.size:,}",
            f"  sha256 {digest}",
            f"  needs no Python and no C library of the cell: {contents.versions['libc6']} of glibc is inside",
            f"  needs bash, and Linux 5.3 (pidfd_open); its C library alone would do with Linux {contents.kernel}",
            f"  {contents.modules} modules, {contents.libraries} libraries, {len(contents.versions)} packages (VERSIONS)",
        )
    )


if __name__ == "__main__":
    main()
