"""``bin/finalize``: static files, the start command, and what every start of the app sources."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

import buildpack

from python_buildpack import django, start


def finalize(staging: buildpack.Staging) -> None:
    installed = _installed(staging.own)
    project = django.find_django(staging.build) if "django" in installed else None
    if project:
        # Our own bin is for later buildpacks and the app; collectstatic is the first of those.
        environment = buildpack.supplied_environment(staging)
        python = staging.own / "bin/python3"
        django.collect_static(project, python, environment, staging.build)
    _start_command(staging, installed)
    buildpack.write_launch_environment(staging)


def _installed(own: Path) -> frozenset[str]:
    return frozenset[str]().union(*(start.installed_packages(library) for library in own.glob("lib/python3*")))


def _start_command(staging: buildpack.Staging, installed: Set[str]) -> None:
    named = buildpack.read_procfile(staging.build)
    if named is not None and "web" in named:
        buildpack.step("The start command is the Procfile's")
        return
    guess = start.guess_start(staging.build, installed)
    if guess is None:
        buildpack.warn("No start command could be guessed.")
        buildpack.warn(start.missing_server(staging.build) or start.hint_for_nothing(staging.build))
        return
    buildpack.step(f"Guessed the start command: {guess.command}")
    buildpack.detail(f"{guess.because}; the app will listen on 0.0.0.0:$PORT.")
    buildpack.detail("To start something else, write a Procfile with a line `web: …`.")
    if guess.warning:
        buildpack.warn(guess.warning)
    buildpack.write_launch(staging, {"web": guess.command})
