"""The contracts that buildpacks were written to. A dialect is a file here, and all of them have the same shape, `Rules`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Protocol

from stagewright.buildpacks.dialects import cloudfoundry, heroku
from stagewright.model.buildpack import Buildpack, Dialect, Script
from stagewright.model.layout import Layout
from stagewright.model.plan import RunScript, Turn
from stagewright.model.variables import Value, Variables


class Rules(Protocol):
    """What a dialect decides. A module is one."""

    KNOWS_DEPS: bool
    """Whether its buildpacks read and write deps and profile.d themselves; else the platform does it for them."""

    def scripts(self, turn: Turn, *, named: bool, testing: bool) -> tuple[Script, ...]:
        """The scripts that build the app, in their order, when ``turn`` comes."""
        ...

    def lacks(self, turn: Turn) -> tuple[Script, str] | None:
        """The script without which a buildpack cannot play its part, and what that means; None where it has all."""
        ...

    def may_release(self, turn: Turn) -> bool:
        """Whether bin/release is asked, should no launch.yml be written."""
        ...

    def argv(self, step: RunScript, layout: Layout) -> tuple[PurePosixPath | str, ...]:
        """The command line of a script. Places are paths, so that a sandbox without a root of its own can say where they are."""
        ...

    def cwd(self, layout: Layout) -> PurePosixPath:
        """Where its scripts start."""
        ...

    def environment(self, variables: Variables) -> Mapping[str, Value]:
        """What its scripts find in their environment."""
        ...

    def env_files(self, variables: Variables) -> Mapping[str, str]:
        """What its scripts find in ENV_DIR."""
        ...


_RULES: Mapping[Dialect, Rules] = {Dialect.CLOUD_FOUNDRY: cloudfoundry, Dialect.HEROKU: heroku}


def rules_of(buildpack: Buildpack) -> Rules:
    """The rules of a buildpack's dialect. Raises KeyError for one that the planner has to refuse (`is_supported`)."""
    return _RULES[buildpack.dialect]


def is_supported(dialect: Dialect) -> bool:
    return dialect in _RULES


def cache_directory(turn: Turn) -> str:
    """The name of a buildpack's cache below the build's: the final one's is ``final`` (contracts/cloudfoundry-staging.md §1.2
    steps 2 and 3), a post-buildpack has one of its own."""
    return cloudfoundry.cache_directory(turn)


def scripts_of(root: Path) -> frozenset[Script]:
    """The scripts that a buildpack's ``bin`` holds, executable or not."""
    return frozenset(script for script in Script if (root / "bin" / script).is_file())


def dialect_of(root: Path, scripts: frozenset[Script]) -> Dialect:
    """First match (shared design, "Dialect"): supply, finalize or manifest.yml → Cloud Foundry; buildpack.toml with ``api`` →
    Cloud Native; else Heroku."""
    if scripts & {Script.SUPPLY, Script.FINALIZE} or (root / "manifest.yml").is_file():
        return Dialect.CLOUD_FOUNDRY
    toml = root / "buildpack.toml"
    if toml.is_file() and any(
        line.lstrip().startswith("api") for line in toml.read_text("utf-8", "replace").splitlines()
    ):
        return Dialect.CLOUD_NATIVE
    return Dialect.HEROKU


def strictly_cloudfoundry(buildpack: Buildpack) -> Buildpack:
    """The same buildpack where a lone ``bin/compile`` is Cloud Foundry's and gets two arguments (--strict-cf, the drop-in)."""
    return replace(buildpack, dialect=Dialect.CLOUD_FOUNDRY) if buildpack.dialect is Dialect.HEROKU else buildpack
