"""``bin/supply``: the interpreter and the packages, into our deps directory."""

from __future__ import annotations

from pathlib import Path

import buildpack
from cache import Cache

from python_buildpack import installation, interpreter, relocation
from python_buildpack import uv as installer
from python_buildpack.project import Kind, Project, python_request, read_project

PROFILE = """\
# Lines of an app's log appear when they are written; a Python home from elsewhere would hide the one staged here.
export PYTHONUNBUFFERED="${PYTHONUNBUFFERED:-1}"
unset PYTHONHOME
"""

NOTICEABLE = 100_000
"""Bytes in the cache of packages from which on its reuse is said; an empty one holds a few of uv's own."""

NOT_READ = {
    "poetry.lock": "poetry.lock is not read: versions are chosen now from what pyproject.toml allows.\n"
    "Pin them with `poetry export --output requirements.txt`."
}


def supply(staging: buildpack.Staging) -> None:
    project = read_project(staging.build)
    request = python_request(project)
    cache = Cache(staging.cache_directory, "python")
    uv = installer.obtain(cache, staging)
    environment = interpreter.provide(request, uv, cache, staging)
    _say(project, cache)
    with buildpack.scratch("python-packages") as scratch:
        installation.Installation(project, environment, uv, Path(scratch)).run()
    _finish(environment, staging)
    installation.trim_packages(cache.directory_for("packages"))
    cache.forget(["uv", "packages", *(["python"] if environment.carries_interpreter else [])])
    buildpack.write_profile(staging, "python.sh", PROFILE)
    buildpack.write_config(staging, "python")


def _say(project: Project, cache: Cache) -> None:
    buildpack.step(f"Installing the packages of {project.kind.value}")
    for name in project.ignored:
        buildpack.warn(NOT_READ.get(name, f"{name} is not read, since there is {project.kind.value}."))
    if project.kind in (Kind.PIPFILE, Kind.PYPROJECT, Kind.SETUP):
        buildpack.warn("There is no lock file that is read here, so versions are chosen now, and others the next time.")
    if project.kind is Kind.REQUIREMENTS and "build-system" in project.pyproject:
        buildpack.detail("The app itself is not installed: requirements.txt does not name it")
    held = installation.size_of(cache.directory_for("packages"))
    if held > NOTICEABLE:
        buildpack.detail(f"Reusing downloads from the cache ({held / 1e6:.1f} MB)")


def _finish(environment: interpreter.Environment, staging: buildpack.Staging) -> None:
    if environment.carries_interpreter:
        relocation.move_in(environment.venv, environment.prefix)
    relocation.tidy(environment.prefix, environment.library)
    python = environment.prefix / "bin/python3"
    packages = environment.library / "site-packages"
    buildpack.detail("Compiling byte code")
    relocation.compile_bytecode(python, staging.deps, [packages])
