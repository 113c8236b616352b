"""Cloud Foundry's dialect: which scripts run, with which arguments, and what their documents mean.

Rule of all of it: contracts/cloudfoundry-staging.md §1.2. Pure but for the two readers at the end, which read what scripts wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import xxhash

from stagewright.documents import NotReadable, load_yaml, plain, scalar_text
from stagewright.errors import BuildpackProblem
from stagewright.model.buildpack import Buildpack, Script
from stagewright.model.layout import Layout
from stagewright.model.plan import Role, RunScript, Turn
from stagewright.model.process import Process, Processes, Sidecar
from stagewright.model.variables import Value, Variables

KNOWS_DEPS = True
_RELEASE = "The release output"


def key_directory(key: str) -> str:
    """The name of a buildpack's directory and cache: xxhash64 of its key, 16 hexadecimal digits (§1.1)."""
    return xxhash.xxh64_hexdigest(key.encode())


def cache_directory(turn: Turn) -> str:
    """The name of a buildpack's cache below the build's: the final one's is ``final`` (§1.2 steps 2 and 3)."""
    match turn.role:
        case Role.FINAL:
            return "final"
        case Role.POST:
            return f"post-{key_directory(turn.buildpack.key)}"
        case _:
            return key_directory(turn.buildpack.key)


def scripts(turn: Turn, *, named: bool, testing: bool) -> tuple[Script, ...]:
    """What builds the app: supply before the last; of the last finalize, with supply before it where it has one, else compile
    (§1.2 steps 2 and 3). A post-buildpack may have only a supply (contracts/extensions.md, "Post-buildpacks")."""
    del named, testing  # Cloud Foundry asks nobody whom it was told to run, and knows no tests
    buildpack = turn.buildpack
    if turn.role is Role.SUPPLYING:
        return (Script.SUPPLY,)
    if buildpack.has(Script.FINALIZE):
        return (Script.SUPPLY, Script.FINALIZE) if buildpack.has(Script.SUPPLY) else (Script.FINALIZE,)
    if turn.role is Role.POST and not buildpack.has(Script.COMPILE):
        return (Script.SUPPLY,)
    return (Script.COMPILE,)


def lacks(turn: Turn) -> tuple[Script, str] | None:
    """Every buildpack but the last must have bin/supply; the last needs finalize or compile (§1.2 step 2)."""
    has = turn.buildpack.has
    if turn.role is Role.SUPPLYING and not has(Script.SUPPLY):
        return Script.SUPPLY, "it cannot supply dependencies to the buildpacks after it"
    if turn.role is Role.FINAL and not (has(Script.FINALIZE) or has(Script.COMPILE)):
        return Script.FINALIZE, "the last buildpack of the list needs bin/finalize, or bin/compile"
    if turn.role is Role.POST and not (has(Script.SUPPLY) or has(Script.FINALIZE) or has(Script.COMPILE)):
        return Script.FINALIZE, "a post-buildpack needs bin/supply, bin/finalize or bin/compile"
    return None


def may_release(turn: Turn) -> bool:
    """A last buildpack with neither release nor launch.yml fails in release, as in the reference; so it is always asked."""
    return turn.role is Role.FINAL or turn.buildpack.has(Script.RELEASE)


def argv(step: RunScript, layout: Layout) -> tuple[PurePosixPath | str, ...]:
    """The command line of a script (§1.2). Nothing but these arguments is passed: fixtures tell a third of compile apart."""
    program = layout.buildpacks / key_directory(step.buildpack.key) / "bin" / step.script
    cache = layout.cache / cache_directory(step.turn)
    match step.script:
        case Script.SUPPLY:
            return (program, layout.app, cache, layout.deps, step.turn.index)
        case Script.FINALIZE:
            return (program, layout.app, cache, layout.deps, step.turn.index, layout.profile_d)
        case Script.COMPILE:
            return (program, layout.app, cache)
        case _:
            return (program, layout.app)


def cwd(layout: Layout) -> PurePosixPath:
    """Not the app: the home (§1.2)."""
    return layout.home


def environment(variables: Variables) -> Mapping[str, Value]:
    """All of it is in the environment of the process (§1.8); Heroku's own names are not."""
    return {**variables.platform, **variables.config, **variables.cloudfoundry, **variables.services}


def env_files(variables: Variables) -> Mapping[str, str]:
    """None: ENV_DIR is Heroku's."""
    del variables
    return {}


@dataclass(eq=False)
class BadBuildpackDocument(BuildpackProblem):
    """A file or an output of a buildpack does not have the form of its contract."""

    buildpack: str
    document: str
    says: str
    role: Role = Role.FINAL

    def brief(self) -> str:
        kind = "post-buildpack" if self.role is Role.POST else "buildpack"
        return f"{self.document} of the {kind} {self.buildpack} cannot be read: {self.says}."

    def hint(self) -> str:
        return "This is for the buildpack's author to mend; try another version of it."


@dataclass(eq=False)
class BadRelease(BadBuildpackDocument):
    """What bin/release printed is not what it should be: a failure of release (§1.3, 224)."""


@dataclass(frozen=True)
class BuildpackConfig:
    """config.yml of a deps directory; other keys are ignored (§1.4)."""

    name: str = ""
    version: str | None = None
    entrypoint_prefix: str | None = None
    output_metadata: Mapping[str, object] = field(default_factory=dict)
    has_config: bool = False
    """Whether there is a ``config``, be it empty: libbuildpack always writes one."""


def parse_release(text: bytes, buildpack: Buildpack) -> Processes:
    """``default_process_types`` of a release script's output; nothing printed is no process. Raises BadRelease."""
    try:
        types = _map(text, buildpack, _RELEASE).get("default_process_types") or {}
    except BadBuildpackDocument as error:
        raise BadRelease(error.buildpack, error.document, error.says) from error
    if not isinstance(types, dict):
        raise BadRelease(str(buildpack), _RELEASE, "default_process_types is not a map")
    commands = [(str(type_), scalar_text(command)) for type_, command in types.items()]
    bad = [type_ for type_, command in commands if command is None]
    if bad:
        raise BadRelease(str(buildpack), _RELEASE, f"the command of {bad[0]!r} is not a text")
    return Processes.of((type_, command) for type_, command in commands if command is not None)


def parse_launch(text: bytes, buildpack: Buildpack) -> Processes:
    """launch.yml: process types and sidecars (§1.2 step 4). Raises BadBuildpackDocument."""
    document = _map(text, buildpack, "launch.yml")
    types: list[Process] = []
    sidecars: list[Sidecar] = []
    entries = document.get("processes") or []
    if not isinstance(entries, list):
        raise BadBuildpackDocument(str(buildpack), "launch.yml", "processes is not a list")
    for number, entry in enumerate(entries, start=1):
        try:
            type_, command = _text(entry["type"]), _text(entry["command"])
            limits = entry.get("limits") or {}
            cloudfoundry = (entry.get("platforms") or {}).get("cloudfoundry") or {}
            beside = _texts(cloudfoundry.get("sidecar_for") or [])
            memory = int(limits["memory"]) if limits.get("memory") is not None else None
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise BadBuildpackDocument(str(buildpack), "launch.yml", f"process {number} of it is malformed") from error
        if beside:
            sidecars.append(Sidecar(type_, command, beside, memory))
        else:
            types.append(Process(type_, command))
    return Processes(tuple(types), tuple(sidecars))


def _text(value: object) -> str:
    """Raises ValueError for what is no scalar."""
    text = scalar_text(value)
    if text is None:
        raise ValueError("not a text")
    return text


def _texts(values: object) -> tuple[str, ...]:
    """Raises ValueError for what is no list of scalars: of a text alone it would take the letters."""
    if not isinstance(values, list):
        raise ValueError("not a list")
    return tuple(map(_text, values))


def parse_config(text: bytes, buildpack: Buildpack) -> BuildpackConfig:
    """config.yml. Raises BadBuildpackDocument."""
    document = _map(text, buildpack, "config.yml")
    config = document.get("config")
    metadata = document.get("output_metadata")
    prefix = config.get("entrypoint_prefix") if isinstance(config, dict) else None
    return BuildpackConfig(
        name=scalar_text(document.get("name")) or "",
        version=scalar_text(document.get("version")) or None,
        entrypoint_prefix=scalar_text(prefix) or None,
        output_metadata=plain(metadata) if isinstance(metadata, dict) else {},
        has_config=isinstance(config, dict),
    )


def read_launch(deps: Path, index: str, buildpack: Buildpack) -> Processes | None:
    """What ``deps/INDEX/launch.yml`` says; None where there is none. The padded index is right: the reference's unpadded look-up
    of ten and more buildpacks is a bug (docs/reference/conformance.md). Raises BadBuildpackDocument."""
    text = _read(deps / index / "launch.yml")
    return None if text is None else parse_launch(text, buildpack)


def read_config(deps: Path, index: str, buildpack: Buildpack) -> BuildpackConfig:
    """What ``deps/INDEX/config.yml`` says; nothing where it is missing, and where it cannot be read: as in the reference no
    staging fails for what only describes it."""
    text = _read(deps / index / "config.yml")
    try:
        return BuildpackConfig() if text is None else parse_config(text, buildpack)
    except BadBuildpackDocument:
        return BuildpackConfig()


def _read(path: Path) -> bytes | None:
    """A script wrote this tree: its links lead where it likes, so none is followed."""
    if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        return file.read((1 << 20) + 1)


def _map(text: bytes, buildpack: Buildpack, document: str) -> dict[str, Any]:
    try:
        value = load_yaml(text)
    except NotReadable as error:
        raise BadBuildpackDocument(str(buildpack), document, str(error)) from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadBuildpackDocument(str(buildpack), document, f"it is a {type(value).__name__}, not a map")
    return value
