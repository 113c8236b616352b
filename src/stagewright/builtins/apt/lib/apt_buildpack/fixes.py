"""Known packages that look for their files in /usr and /etc, or whose maintainer script makes a file that they need.

This is a list of cases, not a cure: a package that is not here and has such a path compiled in wants a variable of its own in
the app's .profile.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from buildpack import warn

FONTS = "etc/fonts/fonts.conf"


@dataclass(frozen=True)
class Place:
    """A variable that leads a program to its files: the first match of each pattern below the tree."""

    variable: str
    patterns: tuple[str, ...]
    keeps: bool = False
    """Whether the value that the variable has already stays behind ours (a search path)."""


PLACES = (
    Place("GVBINDIR", ("usr/lib/*/graphviz",)),
    Place("FONTCONFIG_PATH", ("etc/fonts",)),
    Place("MAGICK_CONFIGURE_PATH", ("etc/ImageMagick-*",)),
    Place("MAGICK_CODER_MODULE_PATH", ("usr/lib/*/ImageMagick-*/modules-*/coders",)),
    Place("MAGICK_CODER_FILTER_PATH", ("usr/lib/*/ImageMagick-*/modules-*/filters",)),
    Place(
        "GS_LIB",
        (
            "usr/share/ghostscript/*/Resource/Init",
            "usr/share/ghostscript/*/lib",
            "usr/share/ghostscript/*/Resource/Font",
            "usr/share/ghostscript/*/iccprofiles",
        ),
    ),
    Place(
        "PERL5LIB",
        (
            "usr/lib/*/perl5/[0-9]*",
            "usr/share/perl5",
            "usr/lib/*/perl/[0-9]*.[0-9][0-9]",
            "usr/share/perl/[0-9]*.[0-9][0-9]",
            "usr/lib/*/perl-base",
        ),
        keeps=True,
    ),
    Place(
        "RUBYLIB",
        ("usr/lib/ruby/vendor_ruby", "usr/lib/ruby/[0-9]*", "usr/lib/*/ruby/[0-9]*"),
        keeps=True,
    ),
    Place("TESSDATA_PREFIX", ("usr/share/tesseract-ocr/*/tessdata",)),
    Place("MAGIC", ("usr/lib/file/magic.mgc",)),
    Place("GIT_EXEC_PATH", ("usr/lib/git-core",)),
    Place("GIT_TEMPLATE_DIR", ("usr/share/git-core/templates",)),
    Place("JAVA_HOME", ("usr/lib/jvm/java-*-openjdk-*",)),
    Place("GI_TYPELIB_PATH", ("usr/lib/*/girepository-1.0",), keeps=True),
    Place("GDK_PIXBUF_MODULEDIR", ("usr/lib/*/gdk-pixbuf-2.0/*/loaders",)),
)

PYTHON = Place("PYTHONPATH", ("usr/lib/python3/dist-packages",), keeps=True)


def launch_lines(tree: Path, at_run: str, *, python: bool) -> Iterator[str]:
    """``export`` lines for the app. ``at_run`` names the tree there, ``python`` says that its modules were asked for by name."""
    for place in (*PLACES, *([PYTHON] if python else [])):
        found = [matches[0] for pattern in place.patterns for matches in [sorted(tree.glob(pattern))] if matches]
        if found:
            value = ":".join(f"{at_run}/{path.relative_to(tree)}" for path in found)
            kept = f"${{{place.variable}:+:${place.variable}}}" if place.keeps else ""
            yield f'export {place.variable}="{value}{kept}"'


def complete(tree: Path, libraries: Path) -> None:
    """Make what maintainer scripts would have made, where it is cheap. ``libraries``: our lib directory, filled already."""
    _relocate_fonts(tree)
    _configure_graphviz(tree, libraries)


def _relocate_fonts(tree: Path) -> None:
    """Fonts of the tree as well as those of the stack: fontconfig takes a directory relative to its file."""
    file = tree / FONTS
    if not file.is_file():
        return
    relative = os.path.relpath(tree / "usr/share/fonts", file.parent)
    text = file.read_text(encoding="utf-8")
    original = "<dir>/usr/share/fonts</dir>"
    file.write_text(
        text.replace(original, f'<dir prefix="relative">{relative}</dir>\n\t{original}', 1), encoding="utf-8"
    )


def _configure_graphviz(tree: Path, libraries: Path) -> None:
    """``dot -c`` writes the list of plug-ins, without which graphviz knows no format; its content holds names, no paths."""
    dot = tree / "usr/sbin/libgvc6-config-update"
    program = tree / "usr/bin/dot"
    plugins = next(iter(sorted(tree.glob("usr/lib/*/graphviz"))), None)
    if plugins is None or not (program.is_file() or dot.is_file()):
        return
    process = subprocess.run(
        [program if program.is_file() else dot, "-c"],
        env={**os.environ, "LD_LIBRARY_PATH": str(libraries), "GVBINDIR": str(plugins)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if process.returncode:
        warn(
            f"`dot -c` failed, so graphviz may know no formats:\n{process.stdout.decode('utf-8', 'replace').strip()[-500:]}"
        )
