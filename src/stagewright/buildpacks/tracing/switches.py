"""The variables by which families of buildpacks are asked to tell more. Data: each says where it was found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DebugSwitch:
    """One variable, and the value that turns it on for all who know it."""

    name: str
    value: str
    known_to: str
    source: str


DEBUG_SWITCHES = (
    DebugSwitch(
        "BP_DEBUG",
        "true",
        "Cloud Foundry's buildpacks in Go, and older Paketo buildpacks",
        "cloudfoundry/libbuildpack logger.go, snapshot/dir_snapshot.go; paketo-buildpacks/libpak bard: set and not empty",
    ),
    DebugSwitch(
        "BP_LOG_LEVEL",
        "DEBUG",
        "Paketo buildpacks",
        'paketo-buildpacks READMEs, "Logging Configurations": INFO or DEBUG; libpak bard: in any case',
    ),
    DebugSwitch(
        "JBP_LOG_LEVEL",
        "DEBUG",
        "Cloud Foundry's Java buildpack",
        "cloudfoundry/java-buildpack docs/debugging-the-buildpack.md",
    ),
    DebugSwitch(
        "BUILDPACK_DEBUG",
        "true",
        "Heroku and Scalingo buildpacks in shell",
        "Scalingo's buildpacks and their lib/debug.sh: some ask whether it is set, some whether it is true",
    ),
    DebugSwitch(
        "BUILDPACK_XTRACE",
        "true",
        "older Heroku buildpacks in shell, and Mendix's",
        "heroku/heroku-buildpack-python bin/compile: set; mendix/cf-mendix-buildpack buildpack/util.py: true",
    ),
    DebugSwitch(
        "HEROKU_BUILDPACK_DEBUG",
        "true",
        "Heroku's Cloud Native buildpacks",
        "heroku/buildpacks-jvm README.md: set",
    ),
)


def debug_environment(given: frozenset[str] = frozenset()) -> dict[str, str]:
    """The switches, turned on, but for those that the app's config vars set by themselves (``given``)."""
    return {switch.name: switch.value for switch in DEBUG_SWITCHES if switch.name not in given}
