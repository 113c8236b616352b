"""Node.js itself and the programs that come from npm as one package each: fetched, cached, and placed into deps.

In deps they lie as Node.js itself lays them out, ``node/bin/node`` and ``node/lib/node_modules/npm``, with links in ``bin`` that
later buildpacks and the running app find. The headers stay in the cache: only compilers need them.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath

from buildpack import BuildpackError, CommandError, Staging, detail, fail, link_program, run, step, warn
from cache import Cache

from nodejs_buildpack.choice import OLDEST, Chosen, advice, choose, unmet
from nodejs_buildpack.registry import check_hash, extract, program_files
from nodejs_buildpack.request import NodeRequest
from nodejs_buildpack.semver import Version
from nodejs_buildpack.toolbox import NODE_HINT, Toolbox, architecture

NOTES = "notes"
"""The directory of the cache for what we remember ourselves."""

FRESH = 3600
"""Seconds for which an answer of npm about versions holds."""


@dataclass(frozen=True)
class Node:
    version: Version
    home: Path
    """In the cache: ``bin/node``, and the headers in ``include/node`` where they came with it."""

    @property
    def cache_name(self) -> str:
        return self.home.name


def install_node(staging: Staging, cache: Cache, toolbox: Toolbox, request: NodeRequest | None) -> Node:
    """The Node.js that the app asks for, in the cache and as ``node`` in deps."""
    chosen = _chosen(cache, toolbox, request)
    step(f"Node.js {chosen.version} ({chosen.because})")
    for line in advice(request, chosen.version, date.today()):
        warn(line)
    if chosen.version < OLDEST:
        fail(
            f"Node.js {chosen.version} is older than {OLDEST}, the first that an npm of this buildpack runs on.",
            "Ask for a newer line.",
        )
    name = f"node-{chosen.version}-linux-{architecture()}"

    def make(into: Path) -> None:
        if chosen.version == toolbox.bootstrap_version:
            for part in ("bin/node", "include/node"):
                toolbox.from_wheel(part, into)
            return
        detail(f"Fetching node {chosen.version} from npm")
        archive = toolbox.registry.pack(_package(), chosen.version)
        extract(archive, into, _program_or_header)

    home = cache.have(name, str(chosen.version), make, shown=f"node {chosen.version}")
    program = staging.own / "node" / "bin" / "node"
    program.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(home / "bin" / "node", program)
    program.chmod(0o755)
    link_program(staging, program)
    return Node(chosen.version, home)


def _package() -> str:
    return f"node-linux-{architecture()}"


def _program_or_header(path: PurePosixPath) -> bool:
    return path == PurePosixPath("bin/node") or path.parts[:2] == ("include", "node")


def _chosen(cache: Cache, toolbox: Toolbox, request: NodeRequest | None) -> Chosen:
    bootstrap = toolbox.bootstrap_version
    if request is None:
        return Chosen(bootstrap, "the one that comes with this buildpack, since the app asks for none")
    cached = [version for name, version in cache.held().items() if name.startswith("node-")]
    known = {bootstrap, *map(Version.parse, cached)}
    exact = request.range.exact
    if exact is not None and exact in known:
        return Chosen(exact, f"{request.source} asks for exactly that")
    try:
        known.update(_published(cache, toolbox, time.time()))
    except CommandError as failure:
        chosen = choose(request, known)
        if chosen is None:
            message, hint = unmet(request, known, architecture())
            raise BuildpackError(
                f"{message}\nnpm could not tell which versions there are: {failure.message}.", f"{hint}\n{NODE_HINT}"
            ) from failure
        warn(f"npm could not tell which versions of Node.js there are; {chosen.version} is at hand.")
        return chosen
    chosen = choose(request, known)
    if chosen is None:
        fail(*unmet(request, known, architecture()))
    return chosen


def _published(cache: Cache, toolbox: Toolbox, now: float) -> list[Version]:
    """The versions that npm has; what it said less than an hour ago is not asked again."""
    note = cache.directory_for(NOTES) / f"{_package()}.json"
    try:
        said = json.loads(note.read_text(encoding="utf-8"))
        if 0 <= now - float(said["asked"]) < FRESH:
            return [Version.parse(text) for text in said["versions"]]
    except (OSError, ValueError, KeyError, TypeError):
        # None yet, or not ours: ask.
        pass
    versions = toolbox.registry.versions(_package())
    note.write_text(json.dumps({"asked": now, "versions": [str(version) for version in versions]}) + "\n")
    return versions


@dataclass(frozen=True)
class Program:
    """A package of npm that brings programs: npm, yarn or pnpm in one exact version."""

    tool: str
    package: str
    version: Version
    hash: tuple[str, str] | None = None
    """Algorithm and hex digest of the package's archive, where the app names them."""

    @property
    def names(self) -> Sequence[str]:
        return {"npm": ("npm", "npx"), "yarn": ("yarn", "yarnpkg"), "pnpm": ("pnpm", "pnpx")}[self.tool]

    @property
    def cache_name(self) -> str:
        return f"{self.tool}-{self.version}"


def install_program(staging: Staging, cache: Cache, program: Program, toolbox: Toolbox) -> None:
    """Place the program into deps, beside node."""

    def fetch(into: Path) -> None:
        detail(f"Fetching {program.tool} {program.version} from npm")
        archive = toolbox.registry.pack(program.package, program.version)
        if program.hash is not None:
            check_hash(archive, *program.hash, f"{program.tool} {program.version}")
        extract(archive, into, lambda path: path.parts[0] not in ("docs", "man"))
        _add_native_pnpm(program, into, toolbox)

    version = f"{program.version}{'+' + '.'.join(program.hash) if program.hash else ''}"
    place = cache.have(program.cache_name, version, fetch, shown=f"{program.tool} {program.version}")
    target = staging.own / "node" / "lib" / "node_modules" / program.package
    target.parent.mkdir(parents=True, exist_ok=True)
    # Thousands of small files: a quarter of the time that Python takes for them.
    run(["cp", "-R", "--preserve=mode", "--", place, target])
    for name, file in program_files(target, program.names).items():
        link_program(staging, file, name)


def _add_native_pnpm(program: Program, into: Path, toolbox: Toolbox) -> None:
    """pnpm 12 is a native program: its package's own script would put it in the place of this file."""
    native = f"@pnpm/exe.linux-{architecture()}"
    if program.tool != "pnpm" or native not in (into / "package.json").read_text(encoding="utf-8"):
        return
    archive = toolbox.registry.pack(native, program.version)
    extract(archive, into, lambda path: path == PurePosixPath("pnpm"))
