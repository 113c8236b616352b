"""How the app starts: its Procfile, else ``npm start``, else server.js, as npm itself would take it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from buildpack import read_procfile

from nodejs_buildpack.managers import berry_settings, choose_manager, lock_texts
from nodejs_buildpack.package_json import AppPackage, read_package

SERVER = "server.js"


@dataclass(frozen=True)
class Start:
    """The command of the process type web; None where the app does not say."""

    command: str | None
    because: str


def start(build: Path, package: AppPackage | None) -> Start:
    """What is in a Procfile goes over this by the platform's own rule; here it is only known, so that nobody is warned."""
    if (read_procfile(build) or {}).get("web"):
        return Start(None, "Procfile")
    if package is not None and package.scripts.get("start"):
        return Start(_start_script(build, package), "the script start of package.json")
    if (build / SERVER).is_file():
        return Start(f"node {SERVER}", f"{SERVER} is there, and package.json has no script start")
    return Start(None, "")


def _start_script(build: Path, package: AppPackage) -> str:
    """npm runs the script of any app but two: packages without node_modules, and those that forbid npm."""
    manager = choose_manager(package, lock_texts(build))
    if manager.name == "berry":
        settings = berry_settings(build)
        if settings.is_pnp:
            return f"node {settings.yarn_path} start" if settings.yarn_path else "yarn start"
    if manager.name != "npm" and package.dev_package_manager is not None:
        return f"{manager.command} start"
    return "npm start"


def no_start_hint(package: AppPackage | None) -> str:
    """What to write into package.json, guessing at the file from ``main``."""
    file = package.main if package is not None and package.main else "index.js"
    return (
        "Nothing says how the app starts.\n"
        f'Add to package.json: "scripts": {{ "start": "node {file}" }}, or a Procfile with a web line.'
    )


def release(build: Path) -> str:
    """The output of ``bin/release``."""
    command = start(build, read_package(build)).command
    return f"default_process_types: {json.dumps({'web': command} if command else {})}\n"
