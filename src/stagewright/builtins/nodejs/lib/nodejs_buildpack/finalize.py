"""``bin/finalize``: the place of node_modules, the start command, and the environment of the running app."""

from __future__ import annotations

import os

from buildpack import Staging, detail, read_procfile, step, warn, write_launch, write_launch_environment

from nodejs_buildpack.modules import move_to_deps, why_it_stays
from nodejs_buildpack.package_json import read_package
from nodejs_buildpack.start import no_start_hint, start


def finalize(staging: Staging) -> None:
    _place_modules(staging)
    package = read_package(staging.build)
    found = start(staging.build, package)
    if found.command is not None:
        step(f"Start command: {found.command} ({found.because})")
    elif found.because:
        step(f"The start command is that of {found.because}")
    elif not read_procfile(staging.build):
        warn(no_start_hint(package))
    write_launch(staging, {"web": found.command} if found.command else {})
    write_launch_environment(staging)


def _place_modules(staging: Staging) -> None:
    modules = staging.build / "node_modules"
    if modules.is_symlink() or not modules.is_dir():
        return
    staying = why_it_stays(staging.build, os.environ)
    if staying is not None:
        detail(f"node_modules stays in the app: {staying}")
        return
    move_to_deps(staging)
