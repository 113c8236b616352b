"""Heroku's dialect: detect, compile BUILD_DIR CACHE_DIR ENV_DIR, release. Rule of all of it: contracts/heroku.md §4.1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from stagewright.buildpacks.dialects.cloudfoundry import cache_directory, key_directory
from stagewright.model.buildpack import Script
from stagewright.model.layout import SLUG, Layout
from stagewright.model.plan import Role, RunScript, Turn
from stagewright.model.variables import Value, Variables

KNOWS_DEPS = False


def scripts(turn: Turn, *, named: bool, testing: bool) -> tuple[Script, ...]:
    """Every buildpack of the list is compiled; one that was named is asked first, and must say yes. What bin/report says is kept.

    No detect of a post-buildpack is run (contracts/extensions.md, "Post-buildpacks").
    """
    buildpack = turn.buildpack
    asked = (Script.DETECT,) if named and turn.role is not Role.POST and buildpack.has(Script.DETECT) else ()
    compiles = Script.TEST_COMPILE if testing and buildpack.has(Script.TEST_COMPILE) else Script.COMPILE
    reports = (Script.REPORT,) if buildpack.has(Script.REPORT) else ()
    return (*asked, compiles, *reports)


def lacks(turn: Turn) -> tuple[Script, str] | None:
    """Wherever it stands, it needs bin/compile."""
    if turn.buildpack.has(Script.COMPILE):
        return None
    return Script.COMPILE, "a buildpack of Heroku's form needs bin/compile"


def may_release(turn: Turn) -> bool:
    """The last one's release decides; a buildpack without one says nothing of processes."""
    return turn.role is not Role.SUPPLYING and turn.buildpack.has(Script.RELEASE)


def argv(step: RunScript, layout: Layout) -> tuple[PurePosixPath | str, ...]:
    """The command line of a script: BUILD_DIR is /app, as it is at run time."""
    program = layout.buildpacks / key_directory(step.buildpack.key) / "bin" / step.script
    cache = layout.cache / cache_directory(step.turn)
    match step.script:
        case Script.COMPILE | Script.TEST_COMPILE | Script.REPORT:
            return (program, SLUG, cache, layout.env)
        case Script.TEST:
            return (program, SLUG, layout.env)
        case _:
            return (program, SLUG)


def cwd(layout: Layout) -> PurePosixPath:
    del layout
    return SLUG


def environment(variables: Variables) -> Mapping[str, Value]:
    """Config vars and services are *not* in it: a buildpack takes what it wants from ENV_DIR.

    /app is a link; PWD makes a shell call it by that name, as the launcher does at run time.
    """
    return {**variables.platform, "HOME": SLUG, "PWD": SLUG, **variables.heroku}


def env_files(variables: Variables) -> Mapping[str, str]:
    """A file for every config var; what services give are config vars, too."""
    return {**variables.config, **variables.services}
