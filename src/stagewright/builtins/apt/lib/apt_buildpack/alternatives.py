"""What ``update-alternatives`` would have linked: read from the maintainer scripts, which are never run.

``convert`` of ImageMagick, ``nc``, ``php``, ``libblas.so.3`` and many others are no files of a package: its postinst links them.
The scripts are read, not executed: literal words, ``name=value`` and ``for x in a b c`` are understood, and a pair counts only
if the file that it leads to is in the tree.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ASSIGNMENT = re.compile(r"^\s*([A-Za-z_]\w*)=('[^'$`]*'|\"[^\"$`]*\"|[^\s;$`'\"]*)\s*$", re.MULTILINE)
LOOP = re.compile(r"\bfor\s+([A-Za-z_]\w*)\s+in\s+([^;\n]+)")
COMMAND = re.compile(r"\bupdate-alternatives\b([^\n;&|]*)")
VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
MOST_VALUES = 1000
"""A script whose loops multiply to more is not read further."""


def link_alternatives(archives: Sequence[Path], tree: Path) -> list[str]:
    """Make the links of all postinst scripts whose target is in the tree; gives their paths below the tree.

    Where several packages offer the same link, the highest priority wins, and a file of a package wins over all.
    """
    offers: dict[str, tuple[int, str]] = {}
    for archive in sorted(archives):
        for link, target, priority in pairs(_postinst(archive)):
            inside = target.lstrip("/")
            if os.path.lexists(tree / inside) and priority > offers.get(link, (-1, ""))[0]:
                offers[link] = (priority, inside)
    made = []
    for link, (_, inside) in sorted(offers.items()):
        place = tree / link.lstrip("/")
        place = place.parent.resolve() / place.name
        if not os.path.lexists(place) and place.parent.is_dir():
            place.symlink_to(os.path.relpath((tree / inside).parent.resolve() / Path(inside).name, place.parent))
            made.append(link.lstrip("/"))
    return made


def pairs(script: str) -> Iterator[tuple[str, str, int]]:
    """(link, target, priority) of every ``update-alternatives --install`` and ``--slave`` of a shell script."""
    script = script.replace("\\\n", " ")
    values: dict[str, list[str]] = {name: [_unquoted(value)] for name, value in ASSIGNMENT.findall(script)}
    for name, words in LOOP.findall(script):
        expanded = [word for text in _expansions(words, values) for word in text.split()]
        values.setdefault(name, [])
        values[name] = [*values[name], *expanded]
    for command in COMMAND.findall(script):
        for text in _expansions(command, values):
            yield from _read_command(text)


def _read_command(text: str) -> Iterator[tuple[str, str, int]]:
    try:
        words = shlex.split(text)
    except ValueError:
        return
    if "--install" not in words:
        return
    start = words.index("--install")
    if len(words) < start + 5 or not words[start + 4].isdigit():
        return
    priority = int(words[start + 4])
    yield words[start + 1], words[start + 3], priority
    for position, word in enumerate(words):
        if word == "--slave" and len(words) > position + 3:
            yield words[position + 1], words[position + 3], priority


def _expansions(text: str, values: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The text with its known variables replaced, once for each combination of their values; unknown ones are empty words."""
    names = list(dict.fromkeys(first or second for first, second in VARIABLE.findall(text)))
    choices = [list(dict.fromkeys(values.get(name, [""]))) or [""] for name in names]
    for combination in itertools.islice(itertools.product(*choices), MOST_VALUES):
        yield _replaced(text, {name: combination[position] for position, name in enumerate(names)})


def _replaced(text: str, chosen: Mapping[str, str]) -> str:
    return VARIABLE.sub(lambda match: chosen[match[1] or match[2]], text)


def _unquoted(value: str) -> str:
    return value[1:-1] if value[:1] in ("'", '"') else value


def _postinst(archive: Path) -> str:
    shown = subprocess.run(["dpkg-deb", "--info", archive, "postinst"], capture_output=True, check=False)
    return shown.stdout.decode("utf-8", "replace") if shown.returncode == 0 else ""
