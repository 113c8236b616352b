"""The app's packages and scripts: what is run with which flags, and whether development dependencies come and go."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from buildpack import detail, run, step, warn

from nodejs_buildpack.managers import BerrySettings, Manager
from nodejs_buildpack.package_json import AppPackage
from nodejs_buildpack.semver import Version

SKIP_PRUNING = ("NPM_SKIP_PRUNING", "YARN_SKIP_PRUNING", "YARN2_SKIP_PRUNING", "PNPM_SKIP_PRUNING")


@dataclass(frozen=True)
class Development:
    """Whether development dependencies are installed, whether they are removed again, and why not."""

    install: bool
    prune: bool
    because: str = ""


def development(package: AppPackage, environment: Mapping[str, str]) -> Development:
    """They are there for the scripts that may need them, and gone after these: Heroku's rules and variables."""
    if not package.has_dev_dependencies and not package.has_workspaces:
        return Development(install=False, prune=False)
    production = _setting(environment, "NPM_CONFIG_PRODUCTION") or _setting(environment, "YARN_PRODUCTION")
    if production == "true":
        return Development(install=False, prune=False, because="NPM_CONFIG_PRODUCTION is true")
    skipped = next((name for name in SKIP_PRUNING if _setting(environment, name) == "true"), None)
    node_env = environment.get("NODE_ENV") or "production"
    if production == "false":
        return Development(install=True, prune=False, because="NPM_CONFIG_PRODUCTION is false")
    if skipped is not None:
        return Development(install=True, prune=False, because=f"{skipped} is true")
    if node_env != "production":
        return Development(install=True, prune=False, because=f"NODE_ENV is {node_env}")
    scripts = ("heroku-prebuild", "heroku-postbuild", "build", "heroku-cleanup")
    needed = package.runs_own_install_scripts or any(package.scripts.get(name) for name in scripts)
    return Development(install=needed, prune=needed)


def _setting(environment: Mapping[str, str], name: str) -> str:
    return (environment.get(name) or environment.get(name.lower()) or "").strip().lower()


@dataclass(frozen=True)
class Installer:
    """A package manager at work in the app's directory."""

    build: Path
    manager: Manager
    version: Version
    program: Sequence[str]
    """The command that runs it: ``("npm",)``, or node and a release of yarn that lies in the app."""
    environment: Mapping[str, str]
    berry: BerrySettings
    note: Path
    """In the cache: the digest of the lock file that was last installed by."""

    def install(self, dev: bool) -> None:
        """Raises ``CommandError`` with a hint."""
        lock = self._lock_digest()
        known = bool(lock) and self.note.is_file() and self.note.read_text() == lock
        arguments = install_arguments(self.manager, self.version, dev, cached=known)
        by = self.manager.lock or "package.json"
        step(f"Installing packages: {self.manager.command} {arguments[0]} (by {by})")
        if self.manager.lock is None:
            warn(_no_lock(self.manager))
        if not self.berry.is_pnp or self.manager.name != "berry":
            self._remove_uploaded_modules()
        self._run(arguments, _install_hint(self.manager))
        if lock:
            self.note.write_text(lock)

    def _lock_digest(self) -> str:
        """Empty where there is no lock file."""
        return hashlib.sha256((self.build / self.manager.lock).read_bytes()).hexdigest() if self.manager.lock else ""

    def _remove_uploaded_modules(self) -> None:
        modules = self.build / "node_modules"
        if modules.is_symlink() or modules.is_file():
            modules.unlink()
        elif modules.is_dir():
            detail(
                f"node_modules came with the app, and is replaced by what {self.manager.lock or 'package.json'} says."
            )
            detail("Name it in .cfignore to leave it at home.")
            shutil.rmtree(modules)

    def rebuild(self) -> None:
        """For modules that were uploaded on purpose, for a build that cannot reach a registry: fit them to this Node.js."""
        step("Keeping the uploaded node_modules, since npm is told to be offline")
        self._run(["rebuild"], "")

    def run_script(self, script: str) -> None:
        step(f"Running the script {script}")
        self._run(["run", script], f'The script "{script}" of package.json failed; its own lines above say why.')

    def prune(self) -> None:
        arguments = prune_arguments(self.manager, self.version)
        if arguments is None:
            detail(f"yarn {self.version} cannot remove development dependencies without a plugin; they stay.")
            return
        step("Removing development dependencies")
        self._run(arguments, "")

    def _run(self, arguments: Sequence[str], hint: str) -> None:
        name = (
            " ".join([self.manager.command, *arguments[:2]])
            if arguments[0] == "run"
            else f"{self.manager.command} {arguments[0]}"
        )
        run([*self.program, *arguments], cwd=self.build, env=self.environment, name=name, hint=hint)


def install_arguments(manager: Manager, version: Version, dev: bool, cached: bool = False) -> list[str]:
    """Installing exactly what the lock file says, or failing; without a lock file, what the ranges allow today.

    ``cached`` says that the cache holds all that this lock file needs. npm would else not see that a package has a newer version
    than it had at the last staging: with --prefer-offline it takes the list of versions that it has for the truth.
    """
    locked = manager.lock is not None
    offline = ["--prefer-offline"] if cached else []
    if manager.name == "npm":
        # npm 6 knows neither --include nor --omit.
        flag = ("--include=dev" if dev else "--omit=dev") if version.major >= 7 else f"--production={_flag(not dev)}"
        return ["ci", flag, *offline] if locked else ["install", "--no-package-lock", flag]
    if manager.name == "yarn":
        lock = "--frozen-lockfile" if locked else "--no-lockfile"
        return ["install", lock, "--ignore-engines", "--non-interactive", f"--production={_flag(not dev)}", *offline]
    if manager.name == "berry":
        return ["install", "--immutable" if locked else "--no-immutable"]
    lock = "--frozen-lockfile" if locked else "--no-lockfile"
    return ["install", lock, "--prod=false" if dev else "--prod", *offline]


def prune_arguments(manager: Manager, version: Version) -> list[str] | None:
    """Removing development dependencies after the build; None where the manager cannot."""
    if manager.name == "npm":
        return ["prune", "--omit=dev"] if version.major >= 7 else ["prune", "--production"]
    if manager.name == "yarn":
        lock = "--frozen-lockfile" if manager.lock else "--no-lockfile"
        options = ["--ignore-engines", "--ignore-scripts", "--non-interactive", "--prefer-offline"]
        return ["install", lock, *options, "--production=true"]
    if manager.name == "berry":
        # Without the plugin workspace-tools, which is part of yarn 4, there is no such command.
        return ["workspaces", "focus", "--all", "--production"] if version.major >= 4 else None
    return ["prune", "--prod", "--ignore-scripts"]


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _no_lock(manager: Manager) -> str:
    name = {"npm": "package-lock.json", "pnpm": "pnpm-lock.yaml"}.get(manager.name, "yarn.lock")
    return (
        f"There is no {name}: this staging cannot be repeated, since every one takes the versions of its day.\n"
        f"Run `{manager.command} install` and commit {name}."
    )


def _install_hint(manager: Manager) -> str:
    if manager.lock is None:
        return ""
    return f"If {manager.lock} and package.json disagree: run `{manager.command} install` and commit {manager.lock}."


def npm_is_offline(build: Path, environment: Mapping[str, str]) -> bool:
    """Whether the app or the operator told npm to reach no registry (``offline=true``)."""
    if _setting(environment, "NPM_CONFIG_OFFLINE") == "true":
        return True
    file = build / ".npmrc"
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    return any(line.replace(" ", "") == "offline=true" for line in lines)
