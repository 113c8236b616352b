"""What makes the result the same wherever and whenever it was built: no path of the build, no time, byte code without a clock."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import buildpack

ACTIVATION = ("activate", "activate.*", "activate_this.py", "deactivate.bat", "pydoc.bat")
"""Programs for shells that a person sits at; in ``bin`` they would be commands of the app."""

VENV_MARKS = (".lock", ".gitignore", "CACHEDIR.TAG")

ORIGIN_RECORDS = ("direct_url.json", "uv_cache.json", "uv_build.json")
"""In the metadata of a package built from a local directory: its path, and when its files were changed."""

BUILD_LEFTOVERS = ("build", "*.egg-info")
"""What setuptools leaves beside a setup.py or pyproject.toml that it builds."""

NEUTRAL_PREFIX = "/install"
"""What python-build-standalone calls its own prefix before uv writes the real one over it."""

NOT_COMPILED = r"/python3[^/]*/(test|idlelib|lib2to3|turtledemo)/"
"""Parts of the standard library that no app imports."""

DEAD_WEIGHT = ("lib/python3*/test", "lib/python3*/config-*/*.a", "lib/python3*/site-packages/pip", "bin/pip*")
"""Of an interpreter: what only its own developers need, and its pip, since packages come from uv alone."""


def tidy(prefix: Path, library: Path) -> None:
    """Remove from the installed packages what tells of the build."""
    for pattern in ACTIVATION:
        for file in (prefix / "bin").glob(pattern):
            file.unlink()
    for name in VENV_MARKS:
        (prefix / name).unlink(missing_ok=True)
    for metadata in sorted((library / "site-packages").glob("*.dist-info")):
        if _came_from_disk(metadata):
            _forget_origin(metadata)


def _came_from_disk(metadata: Path) -> bool:
    file = metadata / "direct_url.json"
    return file.is_file() and str(json.loads(file.read_text(encoding="utf-8")).get("url", "")).startswith("file:")


def _forget_origin(metadata: Path) -> None:
    for name in ORIGIN_RECORDS:
        (metadata / name).unlink(missing_ok=True)
    record = metadata / "RECORD"
    gone = {f"{metadata.name}/{name}" for name in ORIGIN_RECORDS}
    rows = [row for row in csv.reader(io.StringIO(record.read_text(encoding="utf-8"))) if row and row[0] not in gone]
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    record.write_text(written.getvalue(), encoding="utf-8")


def move_in(venv: Path, prefix: Path) -> None:
    """Move what is installed in a virtual environment over an interpreter's own tree; scripts find ``python`` beside them."""
    skipped = {"pyvenv.cfg", "lib64", *VENV_MARKS}
    for directory, _, names in os.walk(venv):
        below = Path(directory).relative_to(venv)
        for name in names:
            interpreter = below == Path("bin") and name.startswith("python")
            if not interpreter and str(below / name) not in skipped:
                (prefix / below).mkdir(parents=True, exist_ok=True)
                (Path(directory) / name).replace(prefix / below / name)
    shutil.rmtree(venv)


def neutralise_interpreter(root: Path, installed_at: Path) -> None:
    """Undo what ``uv python install`` wrote into an interpreter for the place where it installed it.

    sysconfig's data, the pkg-config files and the like go back to the neutral prefix; the mark that keeps installers out goes.
    """
    for pattern in (*DEAD_WEIGHT, "lib/python3*/EXTERNALLY-MANAGED", "lib/python3*/site-packages/pip-*.dist-info"):
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for cache in list(root.rglob("__pycache__")):
        shutil.rmtree(cache)
    # The interpreter's directory, or uv's link to it that bears the minor version.
    places = b"|".join(re.escape(os.fsencode(place)) for place in (installed_at, installed_at.resolve()))
    prefix = re.compile(rb"(?:" + places + rb")/cpython-[^/\s'\"]+")
    for file in _text_files(root):
        content = file.read_bytes()
        neutral = prefix.sub(NEUTRAL_PREFIX.encode(), content)
        if neutral != content:
            file.write_bytes(neutral)


def _text_files(root: Path) -> Iterator[Path]:
    """The files that hold the prefix: sysconfig's data, pkg-config files, ``python3-config`` and scripts."""
    candidates = (*root.glob("lib/python3*/_sysconfig*"), *root.glob("lib/pkgconfig/*.pc"), *root.glob("bin/*"))
    for file in (*candidates, *root.glob("lib/python3*/config-*/Makefile")):
        if file.is_file() and not file.is_symlink() and b"\0" not in file.read_bytes()[:4096]:
            yield file


def compile_bytecode(python: Path, stripped: Path, directories: Sequence[Path]) -> None:
    """Byte code that is never checked against its source's time, and that does not know the directory ``stripped``.

    What is there already is made anew: running an interpreter leaves byte code that looks at times. One process, so that the same
    sources always give the same bytes. Files that do not compile (templates, other versions) are passed over, as pip does.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment = {**inherited, "PYTHONHASHSEED": "0", "PYTHONSAFEPATH": "1"}
    options = ("-f", "-qq", "--invalidation-mode", "unchecked-hash", "-x", NOT_COMPILED, "-s", str(stripped))
    try:
        buildpack.capture(
            [python, "-s", "-W", "ignore", "-m", "compileall", *options, *directories],
            env=environment,
            name="compileall",
            quiet=True,
        )
    except buildpack.CommandError as error:
        if error.status != 1:
            raise


def build_leftovers(app: Path) -> frozenset[Path]:
    """What in the app looks like the left-overs of a build: taken before and after, the difference is ours to remove."""
    found = {path for pattern in BUILD_LEFTOVERS for path in app.glob(pattern)}
    for directory in (entry for entry in app.iterdir() if entry.is_dir() and not entry.is_symlink()):
        found |= {path for pattern in BUILD_LEFTOVERS for path in directory.glob(pattern)}
        found |= {path for pattern in BUILD_LEFTOVERS for path in directory.glob(f"*/{pattern}")}
    return frozenset(found)


def remove_leftovers(app: Path, before: frozenset[Path]) -> None:
    for path in build_leftovers(app) - before:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
