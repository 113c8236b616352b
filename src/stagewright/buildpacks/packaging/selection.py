"""What goes into a package: the stack, the dependencies that are left, and the name that tells of both
(contracts/cloudfoundry-staging.md §2.2). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from stagewright.buildpacks.packaging.manifest import Dependency, Manifest
from stagewright.buildpacks.packaging.problems import BadPackageOrder, CannotPackage
from stagewright.model.names import StackName


@dataclass(frozen=True)
class Wanted:
    """What a person asks of a package."""

    stack: StackName | None = None
    any_stack: bool = False
    cached: bool = False
    profile: str = ""
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()


@dataclass(frozen=True)
class Selection:
    """What was chosen."""

    stack: StackName | None
    """None: for every stack that the manifest names."""
    dependencies: tuple[Dependency, ...]
    cached: bool
    variant: str = ""
    """Of the name of the file: ``-minimal``, ``-minimal+custom``, ``-custom``, or nothing."""

    def file_name(self, language: str, version: str) -> str:
        """``<language>_buildpack[-cached][-profile[+custom]][-<stack>]-v<version>.zip``."""
        cached = "-cached" if self.cached else ""
        stack = f"-{self.stack}" if self.stack is not None else ""
        return f"{language}_buildpack{cached}{self.variant}{stack}-v{version}.zip"


def select(manifest: Manifest, wanted: Wanted) -> Selection:
    """Raises CannotPackage for a manifest that was packaged before, that lacks the stack or a default for it;
    BadPackageOrder for flags that do not fit it."""
    if manifest.stack is not None:
        raise CannotPackage(
            f"its manifest.yml has a stack ({manifest.stack}), so it is a package already",
            "Package the source of the buildpack.",
        )
    stack = _stack(manifest, wanted)
    _check_defaults(manifest, stack)
    excluded, variant = _excluded(manifest, wanted)
    for_stack = manifest.entries_for(stack) if stack is not None else _with_stacks(manifest)
    left = tuple(dependency for dependency in for_stack if dependency.name not in excluded)
    return Selection(stack, left, wanted.cached, variant)


def _stack(manifest: Manifest, wanted: Wanted) -> StackName | None:
    named = manifest.stacks
    listed = ", ".join(map(str, named))
    if wanted.any_stack:
        if wanted.stack is not None:
            raise BadPackageOrder("--stack and --any-stack cannot both be given", "Give one of them.")
        return None
    if wanted.stack is not None:
        if manifest.dependencies and wanted.stack not in named:
            raise BadPackageOrder(
                f"--stack: no dependency of the buildpack is for {wanted.stack}", f"Its stacks are {listed or 'none'}."
            )
        return wanted.stack
    if len(named) == 1:
        return named[0]
    if named:
        raise BadPackageOrder(
            f"The dependencies are for several stacks: {listed}", "Choose with --stack, or --any-stack."
        )
    raise BadPackageOrder("The buildpack names no stack", "Name one with --stack, or give --any-stack.")


def _check_defaults(manifest: Manifest, stack: StackName | None) -> None:
    """Each default must mean a version on the stack; for any stack the reference does not ask."""
    for default in manifest.defaults if stack is not None else ():
        if stack is not None and manifest.resolve(default, stack) is None:
            raise CannotPackage(
                f"default_versions has {default.name} {default.version}, and no dependency for {stack} matches that",
                f"Add one to the dependencies, or change {default.place}.",
            )


def _with_stacks(manifest: Manifest) -> tuple[Dependency, ...]:
    return tuple(dependency for dependency in manifest.dependencies if dependency.stacks)


def _excluded(manifest: Manifest, wanted: Wanted) -> tuple[frozenset[str], str]:
    """Names that are left out, and how the name of the file tells of it."""
    if not wanted.cached and (wanted.profile or wanted.exclude or wanted.include):
        raise BadPackageOrder(
            "--profile, --exclude and --include choose what a cached package holds", "Give --cached with them."
        )
    if wanted.include and not wanted.profile:
        raise BadPackageOrder("--include takes back what a profile excludes", "Give --profile with it.")
    known = {dependency.name for dependency in manifest.dependencies}
    excluded = set(_of_profile(manifest, wanted.profile, known)) if wanted.profile else set()
    for flag, names in (("--exclude", wanted.exclude), ("--include", wanted.include)):
        unknown = [name for name in names if name not in known]
        if unknown:
            raise BadPackageOrder(
                f"{flag}: there is no dependency {unknown[0]!r}", f"They are {', '.join(sorted(known)) or 'none'}."
            )
    excluded |= set(wanted.exclude)
    idle = [name for name in wanted.include if name not in excluded]
    if idle:
        raise BadPackageOrder(f"--include: {idle[0]} is not excluded", "Leave it away.")
    custom = bool(wanted.exclude or wanted.include)
    if wanted.profile:
        return frozenset(excluded - set(wanted.include)), f"-{wanted.profile}{'+custom' if custom else ''}"
    return frozenset(excluded), "-custom" if custom else ""


def _of_profile(manifest: Manifest, name: str, known: set[str]) -> tuple[str, ...]:
    profile = manifest.profiles.get(name)
    if profile is None:
        listed = ", ".join(sorted(manifest.profiles)) or "none"
        raise BadPackageOrder(f"--profile: there is no packaging profile {name!r}", f"The manifest has {listed}.")
    unknown = [one for one in profile.exclude if one not in known]
    if unknown:
        raise CannotPackage(f"the profile {name} excludes {unknown[0]!r}, and there is no dependency of that name")
    return profile.exclude
