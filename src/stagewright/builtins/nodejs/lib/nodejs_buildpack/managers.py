"""Which package manager installs the app's packages, and in which version: pure rules, then the look-ups that a range needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from buildpack import fail

from nodejs_buildpack.lines import NPM, PNPM, YARN_BERRY, YARN_CLASSIC, Tool, tool_for
from nodejs_buildpack.package_json import AppPackage
from nodejs_buildpack.registry import Published
from nodejs_buildpack.runtime import Program
from nodejs_buildpack.semver import InvalidRange, Range, Version

LOCK_FILES = (
    ("yarn.lock", "yarn"),
    ("pnpm-lock.yaml", "pnpm"),
    ("npm-shrinkwrap.json", "npm"),
    ("package-lock.json", "npm"),
)
"""Where nothing but lock files speaks, the first that is there decides (yarn first, as Cloud Foundry's buildpack has it)."""

_FIELD = re.compile(r"(?P<name>[a-z]+)@(?P<version>[^+]+)(?:\+(?P<algorithm>[a-z0-9]+)\.(?P<digest>[0-9a-fA-F]+))?")
_BERRY = re.compile(r"^__metadata:\s*\n\s+version:\s*['\"]?(?P<version>\d+)", re.MULTILINE)
_PNPM_LOCK = re.compile(r"^lockfileVersion:\s*['\"]?(?P<version>[\d.]+)", re.MULTILINE)
_YARN_PATH = re.compile(r"^yarnPath:\s*['\"]?(?P<path>[^'\"\s#]+)", re.MULTILINE)
_NODE_LINKER = re.compile(r"^nodeLinker:\s*['\"]?(?P<linker>[a-z-]+)", re.MULTILINE)


@dataclass(frozen=True)
class Manager:
    """A package manager as the app asks for it."""

    name: str
    """``npm``, ``yarn`` (classic, 1.x), ``berry`` (yarn 2 and later) or ``pnpm``."""
    wanted: str
    """A version or range; empty where the app leaves it open."""
    because: str
    lock: str | None
    """The lock file that it installs by."""
    ignored: tuple[str, ...] = ()
    """Lock files of other managers."""
    hash: tuple[str, str] | None = None

    @property
    def command(self) -> str:
        return "yarn" if self.name == "berry" else self.name


def choose_manager(package: AppPackage, files: Mapping[str, str]) -> Manager:
    """``files``: the text of the lock files that are there, by name.

    First packageManager of package.json decides, then devEngines.packageManager, then the lock files in the order of the table.
    """
    present = [(lock, name) for lock, name in LOCK_FILES if lock in files]
    name, wanted, because, digest = _named(package)
    if not name:
        name = present[0][1] if present else "npm"
        because = f"{present[0][0]} is there" if present else "no lock file names another"
    if not wanted:
        wanted = package.engines.get(name, "")
    lock = next((file for file, of in present if of == name), None)
    ignored = tuple(file for file, _of in present if file != lock)
    if name == "yarn" and _is_berry(wanted, files.get("yarn.lock", "")):
        name = "berry"
    return Manager(name, wanted, because, lock, ignored, digest)


def _named(package: AppPackage) -> tuple[str, str, str, tuple[str, str] | None]:
    source, name, wanted, digest = "", "", "", None
    if package.package_manager:
        source = "packageManager of package.json"
        match = _FIELD.fullmatch(package.package_manager)
        if match is None:
            fail(f"{source} is {package.package_manager!r}.", 'It must look like "pnpm@9.15.9".')
        name, wanted = match["name"], match["version"]
        digest = (match["algorithm"], match["digest"]) if match["algorithm"] else None
    elif package.dev_package_manager is not None:
        source = "devEngines.packageManager of package.json"
        name, wanted = package.dev_package_manager
    if name and name not in ("npm", "yarn", "pnpm"):
        fail(f"{source} names {name!r}, which this buildpack does not know.", "It knows npm, yarn and pnpm.")
    return name, wanted, f"{source} names {name}", digest


def _is_berry(wanted: str, lock: str) -> bool:
    """Whether yarn means yarn 2 or later: by the lock file's own mark, else by the version that is asked for."""
    if _BERRY.search(lock):
        return True
    if "# yarn lockfile v1" in lock:
        return False
    range_ = _range(wanted) if wanted else None
    return (
        range_ is not None and not range_.allows(YARN_CLASSIC.version) and not (range_.exact and range_.exact.major < 2)
    )


def _range(wanted: str) -> Range | None:
    try:
        return Range.parse(wanted)
    except InvalidRange:
        return None


def default_tool(manager: Manager, node: Version, lock: str) -> Tool | None:
    """What is taken where the app leaves the version open; None where nothing at hand runs on this Node.js or reads the lock."""
    if manager.name == "npm":
        return tool_for(NPM, node)
    if manager.name == "yarn":
        return YARN_CLASSIC if YARN_CLASSIC.node.allows(node) else None
    tools, mark = (YARN_BERRY, _BERRY) if manager.name == "berry" else (PNPM, _PNPM_LOCK)
    match = mark.search(lock)
    return tool_for(tools, node, match["version"] if match else None)


PACKAGES = {"npm": "npm", "yarn": "yarn", "berry": "@yarnpkg/cli-dist", "pnpm": "pnpm"}


def program_for(
    manager: Manager, node: Version, lock: str, matching: Callable[[str, str], Sequence[Published]]
) -> Program:
    """The exact program; ``matching`` asks the registry for the versions of a package in a range."""
    package = PACKAGES[manager.name]
    default = default_tool(manager, node, lock)
    # What corepack hashes of yarn 2 and later is a file that the registry does not have.
    digest = manager.hash if manager.name != "berry" else None
    if not manager.wanted:
        if default is None:
            fail(
                f"No {manager.command} at hand runs on Node.js {node} and reads {manager.lock}.",
                f'Name one in package.json: "packageManager": "{manager.command}@…".',
            )
        return Program(manager.command, package, default.version)
    range_ = _range(manager.wanted)
    if range_ is None:
        fail(f"package.json asks for {manager.command} {manager.wanted!r}, which is not a range of versions.")
    if range_.exact is not None:
        return Program(manager.command, package, range_.exact, digest)
    if default is not None and range_.allows(default.version):
        return Program(manager.command, package, default.version)
    published = [found for found in matching(package, manager.wanted) if range_.allows(found.version)]
    newest = max((found.version for found in published if found.node.allows(node)), default=None)
    if newest is None:
        fail(*_no_program(manager, node, published))
    return Program(manager.command, package, newest)


def _no_program(manager: Manager, node: Version, published: Iterable[Published]) -> tuple[str, str]:
    newest = max(published, key=lambda found: found.version, default=None)
    if newest is None:
        return f"No {manager.command} in the range {manager.wanted} is published.", "Mend the range in package.json."
    return (
        f"No {manager.command} in the range {manager.wanted} runs on Node.js {node}.",
        f"{manager.command} {newest.version} needs Node.js {newest.node.text}.",
    )


# ------------------------------------------------------------------------------------------------------------------ yarn 2 up
@dataclass(frozen=True)
class BerrySettings:
    """The part of .yarnrc.yml that a staging depends on."""

    linker: str = "pnp"
    yarn_path: str = ""
    """A release of yarn that lies in the app, relative to it."""
    registry: bool = False
    """Whether the app names its registry there."""

    @property
    def is_pnp(self) -> bool:
        return self.linker == "pnp"


def berry_settings(build: Path) -> BerrySettings:
    file = build / ".yarnrc.yml"
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    linker, path = _NODE_LINKER.search(text), _YARN_PATH.search(text)
    return BerrySettings(
        linker["linker"] if linker else "pnp",
        path["path"] if path else "",
        re.search(r"^npmRegistryServer:", text, re.MULTILINE) is not None,
    )


def lock_texts(build: Path) -> dict[str, str]:
    """The lock files of the app that are there."""
    names = (name for name, _manager in LOCK_FILES if (build / name).is_file())
    return {name: (build / name).read_text(encoding="utf-8", errors="replace") for name in names}
