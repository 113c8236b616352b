"""One way to install per kind of project; all of them end in ``uv pip install``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import buildpack
from buildpack import BuildpackError, CommandError

from python_buildpack import pipfile, relocation, requirements
from python_buildpack.interpreter import Environment
from python_buildpack.project import Kind, Project, read_json, read_toml
from python_buildpack.requirements import Prepared
from python_buildpack.uv import Uv, has_index

LOCAL_BUILDS = ("sdists-v*/path", "sdists-v*/editable")
"""Where uv keeps what it built from directories, by path and by the change time of a few files. The next staging's app lies at
the same path: what is kept could only be wrong or useless."""

CACHE_LIMIT = 2 << 30
"""Bytes of downloaded packages beyond which the cache begins anew."""


class Installation:
    """The installing of one project's packages into one environment."""

    def __init__(self, project: Project, environment: Environment, uv: Uv, scratch: Path) -> None:
        self._project = project
        self._environment = environment
        self._uv = uv
        self._scratch = scratch

    def run(self) -> None:
        """Install, by the kind of the project. Raises ``BuildpackError`` that names file and line where they are known."""
        ways: Mapping[Kind, Callable[[], None]] = {
            Kind.UV_LOCK: self._uv_lock,
            Kind.REQUIREMENTS: self._requirements,
            Kind.PIPFILE_LOCK: self._pipfile_lock,
            Kind.PIPFILE: self._pipfile,
            Kind.PYPROJECT: self._pyproject,
            Kind.SETUP: self._setup,
            Kind.NOTHING: self._nothing,
        }
        before = relocation.build_leftovers(self._project.root)
        self._forget_local_builds()
        try:
            ways[self._project.kind]()
        finally:
            self._forget_local_builds()
            relocation.remove_leftovers(self._project.root, before)

    def _uv_lock(self) -> None:
        exported = self._scratch / "uv.lock.txt"
        try:
            self._uv.ask(
                *("export", "--frozen", "--no-dev", "--no-editable", "--quiet", "--no-header", "--no-annotate"),
                *("--format", "requirements-txt", "--python", self._environment.python, "--output-file", exported),
                cwd=self._project.root,
            )
        except CommandError as error:
            raise BuildpackError("uv.lock cannot be read", "Run `uv lock` and stage again.") from error
        lines = exported.read_text(encoding="utf-8").splitlines()
        self._install(requirements.generated("uv.lock", lines, self._scratch))

    def _requirements(self) -> None:
        prepared = requirements.prepare(self._project.root, "requirements.txt", self._scratch)
        loose = requirements.without_version(prepared)
        if loose:
            shown = ", ".join(loose[:5]) + (" …" if len(loose) > 5 else "")
            buildpack.warn(f"No exact version is asked for, so the newest that fits is taken now: {shown}")
        self._install(prepared)

    def _pipfile_lock(self) -> None:
        lock = read_json(self._project.root / "Pipfile.lock")
        sources = lock.get("_meta", {}).get("sources", [])
        self._install_pipfile("Pipfile.lock", pipfile.lock_requirements(lock), sources)

    def _pipfile(self) -> None:
        content = read_toml(self._project.root / "Pipfile")
        self._install_pipfile("Pipfile", pipfile.pipfile_requirements(content), content.get("source", []))

    def _install_pipfile(self, name: str, lines: list[str], sources: Sequence[Mapping[str, Any]]) -> None:
        indices = pipfile.index_lines(sources, has_index(self._uv.environment))
        self._install(requirements.generated(name, [*indices, *lines], self._scratch))

    def _pyproject(self) -> None:
        if self._project.is_package:
            self._pip_install("pyproject.toml", ["."], None)
        else:
            self._pip_install("pyproject.toml", ["--requirements", "pyproject.toml"], None)

    def _setup(self) -> None:
        self._pip_install("setup.py", ["."], None)

    def _nothing(self) -> None:
        buildpack.detail("No file names packages: there is nothing to install")

    def _install(self, prepared: Prepared) -> None:
        first = next(iter(prepared.texts))
        if not any(text.strip() for text in prepared.texts.values()):
            buildpack.detail(f"{first} names no packages")
            return
        arguments = [*prepared.arguments, "--requirements", str(prepared.directory / first)]
        self._pip_install(first, arguments, prepared)

    def _pip_install(self, file: str, arguments: Sequence[str], prepared: Prepared | None) -> None:
        try:
            command: list[str | Path] = ["pip", "install", "--python", self._environment.python, *arguments]
            self._uv.run(*command, cwd=self._project.root, hidden=f"{self._scratch}/")
        except CommandError as error:
            line = requirements.blame(error.output, prepared) if prepared else None
            where = f"{line}" if line else file
            raise BuildpackError(f"The packages could not be installed. See {where}", _hint(error.output)) from error

    def _forget_local_builds(self) -> None:
        cache = Path(self._uv.environment["UV_CACHE_DIR"])
        for pattern in LOCAL_BUILDS:
            for directory in cache.glob(pattern):
                shutil.rmtree(directory)


HINTS = (
    (
        "the current Python version",
        "Ask for another Python, in .python-version, or for other versions of the packages.",
    ),
    ("dns error", "The package index cannot be reached: is the network of the build cut off?"),
    ("client error (Connect)", "The package index cannot be reached: is the network of the build cut off?"),
    ("was not found in the package registry", "Is the name spelt right, and is it in the index that this build uses?"),
    (
        "No solution found",
        "No set of versions satisfies all lines and this Python together; the lines above say which do not agree.",
    ),
    ("Hash mismatch", "The file in the index is not the one that was locked. Lock again if that is expected."),
    (
        "Failed to build",
        "It is built from source here. A compiler is there; libraries can be brought by the apt buildpack before this one.",
    ),
    ("Couldn't parse", "Every line is a requirement such as name==1.2, or an option such as -r other.txt."),
)


def _hint(output: str) -> str:
    return next((hint for sign, hint in HINTS if sign in output), "")


def trim_packages(packages: Path) -> None:
    """Begin the cache of downloads anew when it has outgrown its limit."""
    if size_of(packages) > CACHE_LIMIT:
        buildpack.detail("The cache of packages has outgrown its limit and begins anew")
        shutil.rmtree(packages)
        packages.mkdir()


def size_of(directory: Path) -> int:
    """Bytes of the files below a directory, links not followed."""
    size, left = 0, [os.fspath(directory)]
    while left:
        with os.scandir(left.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)
                else:
                    size += entry.stat(follow_symlinks=False).st_size
    return size
