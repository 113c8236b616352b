"""``bin/supply``: Node.js, the package manager, the app's packages and its build, in that order.

All of it happens here and not in finalize, as in Cloud Foundry's buildpack, so that an app of another language can have its
assets built by a buildpack that is not the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from buildpack import Staging, capture, detail, fail, scratch, supplied_environment, warn, write_config, write_env
from cache import Cache

from nodejs_buildpack.environment import add_headers, base_environment, manager_environment
from nodejs_buildpack.install import Installer, development, npm_is_offline
from nodejs_buildpack.managers import Manager, berry_settings, choose_manager, lock_texts, program_for
from nodejs_buildpack.package_json import AppPackage, read_package
from nodejs_buildpack.profile import write_profiles
from nodejs_buildpack.request import node_request
from nodejs_buildpack.runtime import NOTES, Node, Program, install_node, install_program
from nodejs_buildpack.semver import Version
from nodejs_buildpack.tidy import tidy
from nodejs_buildpack.toolbox import Toolbox

CACHES = {
    "npm": ("npm-cache",),
    "yarn": ("yarn-cache",),
    "berry": ("yarn-berry",),
    "pnpm": ("pnpm-store", "pnpm-cache"),
}
"""The directories that each package manager keeps in order by itself."""


@dataclass(frozen=True)
class Bench:
    """What every step of a supply works with."""

    staging: Staging
    cache: Cache
    toolbox: Toolbox
    scratch: Path
    environment: Mapping[str, str]
    """What node and npm see."""
    package: AppPackage


def supply(staging: Staging) -> None:
    package = read_package(staging.build)
    cache = Cache(staging.cache_directory, "nodejs")
    environment = base_environment(staging)
    with scratch("nodejs") as directory:
        toolbox = Toolbox(cache, Path(directory), environment, staging.build)
        bench = Bench(staging, cache, toolbox, Path(directory), environment, package or AppPackage())
        node = install_node(staging, cache, toolbox, node_request(staging.build, package))
        manager = choose_manager(bench.package, lock_texts(staging.build))
        _say_manager(staging.build, manager)
        installer, kept = _install_manager(bench, node, manager)
        if package is None:
            warn("There is no package.json: Node.js and npm are brought, and nothing is installed.")
        else:
            _install_packages(bench, installer)
    cache.forget([node.cache_name, NOTES, *kept])
    write_config(staging, "nodejs")
    write_env(staging, "NODE_ENV", environment["NODE_ENV"])
    write_profiles(staging)


def _say_manager(build: Path, manager: Manager) -> None:
    by = manager.lock or "package.json"
    for lock in manager.ignored:
        warn(f"{lock} is passed over: {manager.command} installs by {by}, since {manager.because}.")
        detail("Remove it, so that nobody trusts it.")
    if manager.lock is None:
        for name in ("bun.lock", "bun.lockb"):
            if (build / name).is_file():
                warn(f"{name} is passed over: this buildpack knows npm, yarn and pnpm, but not bun.")


def _install_manager(bench: Bench, node: Node, manager: Manager) -> tuple[Installer, list[str]]:
    """npm always, for ``npm start``, and the manager beside it; with the names of what the cache should keep."""
    staging, berry = bench.staging, berry_settings(bench.staging.build)
    npm = manager if manager.name == "npm" else Manager("npm", bench.package.engines.get("npm", ""), "", None)
    programs = [_install_program(bench, node, npm)]
    command = [str(staging.own / "bin" / manager.command)]
    version = programs[0].version
    if manager.name == "berry" and berry.yarn_path:
        command = [str(staging.own / "bin" / "node"), str(staging.build / berry.yarn_path)]
        version = _release_in_app(bench, berry.yarn_path, command)
    elif manager.name != "npm":
        programs.append(_install_program(bench, node, manager))
        version = programs[1].version
    environment = manager_environment(bench.environment, staging, bench.cache, manager, berry, bench.scratch)
    if not add_headers(environment, node, staging, bench.scratch):
        detail(f"Node.js {node.version} came without headers: a module that must be compiled will try to fetch them.")
    note = bench.cache.directory_for(NOTES) / "lock.sha256"
    installer = Installer(staging.build, manager, version, command, environment, berry, note)
    return installer, [*(program.cache_name for program in programs), *CACHES[manager.name]]


def _release_in_app(bench: Bench, path: str, command: list[str]) -> Version:
    """The version of a yarn that the app brings with it (yarnPath of .yarnrc.yml)."""
    hint = (
        "Commit the file that yarnPath of .yarnrc.yml names, or remove yarnPath and name a version in packageManager."
    )
    if not (bench.staging.build / path).is_file():
        fail(f"yarnPath of .yarnrc.yml names {path}, which is not in the app.", hint)
    said = capture(
        [*command, "--version"], cwd=bench.staging.build, env=bench.environment, name=path, hint=hint
    ).strip()
    detail(f"yarn {said}, which lies in the app: {path}")
    return Version.parse(said)


def _install_program(bench: Bench, node: Node, manager: Manager) -> Program:
    lock = bench.staging.build / (manager.lock or "")
    text = lock.read_text(encoding="utf-8", errors="replace") if manager.lock else ""
    program = program_for(
        manager, node.version, text, lambda package, wanted: bench.toolbox.registry.matching(package, wanted)
    )
    install_program(bench.staging, bench.cache, program, bench.toolbox)
    because = f", since {manager.because}" if manager.because else ", for npm start"
    detail(f"{program.tool} {program.version}{because}")
    return program


def _install_packages(bench: Bench, installer: Installer) -> None:
    package, build = bench.package, bench.staging.build
    dev = development(package, supplied_environment(bench.staging))
    if package.scripts.get("heroku-prebuild"):
        installer.run_script("heroku-prebuild")
    if (
        npm_is_offline(build, bench.environment)
        and (build / "node_modules").is_dir()
        and installer.manager.name == "npm"
    ):
        installer.rebuild()
    elif package.installs_something or installer.manager.lock is not None:
        installer.install(dev.install)
    script = package.build_script
    if script is not None:
        installer.run_script(script)
    if dev.prune:
        installer.prune()
    elif dev.because:
        detail(f"Development dependencies {'stay' if dev.install else 'were not installed'}: {dev.because}.")
    if package.scripts.get("heroku-cleanup"):
        installer.run_script("heroku-cleanup")
    tidy(build)
