"""What node, npm, yarn and pnpm see: the app's own environment, what other buildpacks supplied, and quiet, cached defaults.

A variable that the app or the operator set, in either case, is never replaced.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from buildpack import BuildpackError, Staging, capture, supplied_environment
from cache import Cache

from nodejs_buildpack.managers import BerrySettings, Manager
from nodejs_buildpack.runtime import Node

HEADERS_ARE_CURRENT = "999"
"""node-gyp takes headers in its cache as they are where the install version beside them is not below its own (11 in 2026)."""

NPM_DEFAULTS = {
    "npm_config_audit": "false",
    "npm_config_fund": "false",
    "npm_config_progress": "false",
    "npm_config_update_notifier": "false",
}


def base_environment(staging: Staging) -> dict[str, str]:
    """Ours with what lower indices supplied, our programs first in PATH, and production where nothing else is said."""
    environment = supplied_environment(staging)
    environment["PATH"] = f"{staging.own / 'bin'}:{environment.get('PATH', os.defpath)}"
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    environment.setdefault("NODE_ENV", "production")
    for name, value in NPM_DEFAULTS.items():
        _default(environment, name, value)
    # npm and yarn stumble over these; what they say becomes a flag of the command.
    for name in ("npm_config_production", "NPM_CONFIG_PRODUCTION", "YARN_PRODUCTION"):
        environment.pop(name, None)
    return environment


def manager_environment(
    base: Mapping[str, str], staging: Staging, cache: Cache, manager: Manager, berry: BerrySettings, scratch: Path
) -> dict[str, str]:
    """``base`` with the package manager's download cache, and with npm's registry for those that do not read npm's settings."""
    environment = dict(base)
    if manager.name == "npm":
        _default(environment, "npm_config_cache", str(cache.directory_for("npm-cache")))
        return environment
    _default(environment, "npm_config_cache", str(scratch / "npm-cache"))
    registry = _registry(environment, staging, scratch)
    _add_operators_npmrc(environment, scratch)
    if manager.name == "yarn":
        _default(environment, "YARN_CACHE_FOLDER", str(cache.directory_for("yarn-cache")))
        if not _mentions(staging.build / ".yarnrc", "registry"):
            _default(environment, "npm_config_registry", registry)
    elif manager.name == "berry":
        _add_berry(environment, staging, cache, berry, scratch, registry)
    else:
        _add_pnpm(environment, cache, registry)
    return environment


def _add_berry(
    environment: dict[str, str], staging: Staging, cache: Cache, berry: BerrySettings, scratch: Path, registry: str
) -> None:
    # The packages of an app without node_modules lie in its own .yarn/cache, as do those that a developer committed there.
    own_cache = berry.is_pnp or (staging.build / ".yarn" / "cache").is_dir()
    settings = {
        "YARN_ENABLE_COLORS": "0",
        "YARN_ENABLE_INLINE_BUILDS": "1",
        "YARN_ENABLE_PROGRESS_BARS": "0",
        "YARN_ENABLE_TELEMETRY": "0",
        "YARN_ENABLE_GLOBAL_CACHE": "0" if own_cache else "1",
        "YARN_GLOBAL_FOLDER": str(cache.directory_for("yarn-berry")),
    }
    if not berry.is_pnp:
        # Without node_modules `yarn start` needs to know what was installed; else nobody does, and it stays out of the droplet.
        settings["YARN_INSTALL_STATE_PATH"] = str(scratch / "yarn-install-state.gz")
    if registry and not berry.registry:
        settings["YARN_NPM_REGISTRY_SERVER"] = registry
    for name, value in settings.items():
        environment.setdefault(name, value)


def _add_pnpm(environment: dict[str, str], cache: Cache, registry: str) -> None:
    settings = {
        "registry": registry,
        "store_dir": str(cache.directory_for("pnpm-store")),
        "cache_dir": str(cache.directory_for("pnpm-cache")),
        "state_dir": str(cache.directory_for("pnpm-cache")),
        "package_import_method": "copy",
        # Else the programs in node_modules/.bin would name the place of the build.
        "extend_node_path": "false",
        "confirm_modules_purge": "false",
        "verify_deps_before_run": "false",
        "update_notifier": "false",
        # The version was chosen and brought already.
        "manage_package_manager_versions": "false",
        "pm_on_fail": "ignore",
    }
    for name, value in settings.items():
        # pnpm before 11 reads the first, later ones the second.
        _default(environment, f"npm_config_{name}", value)
        _default(environment, f"pnpm_config_{name}", value)


def add_headers(environment: dict[str, str], node: Node, staging: Staging, scratch: Path) -> bool:
    """Let node-gyp find the headers of this very Node.js, which it would else fetch from a host that is no registry.

    They are put where node-gyp keeps what it fetched; that holds for every node-gyp, whoever brings it. False where Node.js came
    without headers.
    """
    headers = node.home / "include" / "node"
    if not (headers / "node.h").is_file():
        return False
    kept = scratch / "cache" / "node-gyp" / str(node.version)
    kept.mkdir(parents=True)
    (kept / "include").symlink_to(node.home / "include")
    (kept / "installVersion").write_text(HEADERS_ARE_CURRENT + "\n")
    environment["XDG_CACHE_HOME"] = str(scratch / "cache")
    # No path of the build inside what is compiled.
    for name in ("CFLAGS", "CXXFLAGS"):
        environment[name] = " ".join(filter(None, [environment.get(name), f"-ffile-prefix-map={staging.build}=."]))
    return True


def _default(environment: dict[str, str], name: str, value: str) -> None:
    """npm reads its settings in both cases; so neither may be there already."""
    if value and name.lower() not in {given.lower() for given in environment}:
        environment[name] = value


def _add_operators_npmrc(environment: dict[str, str], scratch: Path) -> None:
    """yarn and pnpm do not look at npm's global configuration, but at the user's: the operator's settings take its place.

    As a copy: npm refuses to read one file as both.
    """
    given = environment.get("NPM_CONFIG_GLOBALCONFIG") or environment.get("npm_config_globalconfig") or ""
    users = Path(environment.get("HOME", "/nonexistent")) / ".npmrc"
    if given and Path(given).is_file() and not users.is_file():
        copy = scratch / "npmrc"
        copy.write_bytes(Path(given).read_bytes())
        _default(environment, "npm_config_userconfig", str(copy))


def _registry(environment: Mapping[str, str], staging: Staging, scratch: Path) -> str:
    """The registry that npm would use for the app: the operator's, or that of the app's .npmrc.

    Asked from another directory, since npm does not even answer where package.json forbids npm.
    """
    npm = staging.own / "node" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    npmrc = staging.build / ".npmrc"
    asking = {**environment, "npm_config_userconfig": str(npmrc)} if npmrc.is_file() else environment
    try:
        told = capture([staging.own / "bin" / "node", npm, "config", "get", "registry"], cwd=scratch, env=asking)
    except BuildpackError:
        # An .npmrc that npm does not read; the install says more.
        return ""
    return told.strip() if told.strip() != "undefined" else ""


def _mentions(file: Path, word: str) -> bool:
    return file.is_file() and word in file.read_text(encoding="utf-8", errors="replace")
