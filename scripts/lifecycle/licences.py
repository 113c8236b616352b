"""The terms on which others' work is in the archive: their own words, and Debian's of them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from material import Material

_COMMON = re.compile(rb"/usr/share/common-licenses/([A-Za-z0-9.-]*[A-Za-z0-9])")
_ABOUT = """\
The files here are the licences of what the archive holds. NAME-VERSION.dist-info are Python packages from PyPI; the others
are Debian's copyright files, by package, and the licences that they name, in common-licenses. Nothing was changed but that
symbols were stripped of compiled modules, and that Python modules are here as byte code.

`apt-get source NAME=VERSION` has the sources of a Debian package, with name and version as in VERSIONS. A library in lib can
be exchanged for another file of its name.
"""


def write_licences(project: Path, wheels: Path, material: Material, packages: list[str], place: Path) -> None:
    """Copy the licence of the project, of the wheels and of ``packages`` to ``place``. Raises OSError where one has none."""
    place.mkdir()
    (place / "README").write_text(_ABOUT)
    shutil.copyfile(project / "LICENSE", place / "stagewright")
    for file in sorted([*wheels.rglob("LICENSE*")]):
        if file.is_file():
            destination = place / file.relative_to(wheels)
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, destination)
    share = material.debian / "usr/share"
    named: set[str] = set()
    for package in packages:
        text = (share / "doc" / package / "copyright").read_bytes()
        (place / package).write_bytes(text)
        named.update(name.decode() for name in _COMMON.findall(text))
    (place / "common-licenses").mkdir()
    for name in sorted(named):
        shutil.copyfile(share / "common-licenses" / name, place / "common-licenses" / name)
