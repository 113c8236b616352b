"""What the log of a staging says before the scripts of a buildpack with a manifest.yml run.

libbuildpack says the same from inside supply, of what it installs; here it is said of all, and for every script that reads the
manifest some other way. The words depend on the day, so they go to the log and into nothing that has a digest.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from stagewright.buildpacks.packaging.manifest import NAME, Deprecation, Manifest
from stagewright.buildpacks.packaging.ranges import VersionRange
from stagewright.buildpacks.packaging.reading import read_manifest
from stagewright.model.names import StackName

NOTICE = timedelta(days=30)
"""How long before the day libbuildpack warns (``thirtyDays`` of its manifest.go)."""
_MOST = 20
_LONGEST = 400


def manifest_warnings(root: Path, stack: str, today: date) -> tuple[str, ...]:
    """Sentences about the manifest.yml in ``root`` for a staging on ``stack``; none where there is no such file.

    Deprecation dates that are past or less than 30 days away, defaults without a version for the stack, a stack that it does
    not support. Never raises: what is wrong with the manifest is a warning too. At most 20, each of at most 400 characters.
    """
    if not (root / NAME).is_file():
        return ()
    reading = read_manifest(root)
    said = [str(flaw) for flaw in reading.flaws]
    if reading.manifest is not None:
        said += _about(reading.manifest, stack, today)
    shown = [one if len(one) <= _LONGEST else f"{one[: _LONGEST - 1]}…" for one in said]
    if len(shown) > _MOST:
        shown = [*shown[: _MOST - 1], f"{NAME}: {len(shown) - _MOST + 1} more warnings are not shown"]
    return tuple(shown)


def _about(manifest: Manifest, stack: str, today: date) -> list[str]:
    try:
        on = StackName(stack)
    except ValueError:
        return []
    if not manifest.supports(on):
        named = ", ".join(map(str, manifest.stacks)) or "no stack"
        return [f"{NAME}: nothing in it is for the stack {stack} (it names {named}); libbuildpack ends supply with 11"]
    missing = [
        f"{default.place}: no dependency for the stack {stack} matches the default version {default.version}"
        for default in manifest.defaults
        if manifest.resolve(default, on) is None
    ]
    known = [one for one in manifest.deprecations if _concerns(manifest, one, on)]
    ended = (deprecation_sentence(one, today) for one in known)
    return [*missing, *(one for one in ended if one is not None)]


def deprecation_sentence(deprecation: Deprecation, today: date) -> str | None:
    """What to say of a line of versions on ``today``; None while its end is 30 days away or more."""
    if deprecation.day - today >= NOTICE:
        return None
    line = f"{deprecation.name} {deprecation.version_line}".strip()
    tense = "is no longer maintained since" if deprecation.day <= today else "will no longer be maintained after"
    more = f" (see {deprecation.link})" if deprecation.link else ""
    return f"{deprecation.place}: {line} {tense} {deprecation.day.isoformat()}{more}"


def _concerns(manifest: Manifest, deprecation: Deprecation, stack: StackName) -> bool:
    """Whether the buildpack could install of that line; where the line cannot be read, it may."""
    line = VersionRange.parse(deprecation.version_line)
    versions = [entry.semantic for entry in manifest.versions(deprecation.name, stack)]
    if not deprecation.name or line is None or None in versions:
        return True
    return any(version in line for version in versions if version is not None)
