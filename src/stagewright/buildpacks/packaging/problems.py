"""Why a buildpack cannot be packaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stagewright.buildpacks.packaging.flaws import Flaw
from stagewright.errors import AppProblem, BuildpackProblem, PlatformProblem, UsageProblem
from stagewright.trees.problems import shown


@dataclass(eq=False)
class BadManifest(BuildpackProblem):
    """manifest.yml does not have its form; all that is wrong is said at once."""

    directory: Path
    flaws: tuple[Flaw, ...]

    def brief(self) -> str:
        if len(self.flaws) == 1:
            return f"The manifest of the buildpack {shown(self.directory)} is malformed: {self.flaws[0]}."
        return f"The manifest of the buildpack {shown(self.directory)} is malformed in {len(self.flaws)} places."

    def hint(self) -> str:
        return "'stagewright buildpack validate' tells all that is wrong; docs/reference/buildpack-manifest.md has the form."

    def details(self) -> str:
        return "\n".join(map(str, self.flaws)) if len(self.flaws) > 1 else ""


@dataclass(eq=False)
class CannotPackage(BuildpackProblem):
    """The buildpack is well-formed, and yet no package comes of it as it is asked for."""

    says: str
    advice: str = ""

    def brief(self) -> str:
        return f"The buildpack cannot be packaged: {self.says}."

    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class BadPackageOrder(UsageProblem):
    """Flags that the manifest does not bear out, or that do not go together."""

    says: str
    advice: str = ""

    def brief(self) -> str:
        return f"{self.says}."

    def hint(self) -> str:
        return self.advice


@dataclass(eq=False)
class PrePackageFailed(BuildpackProblem):
    """The program that the manifest names in ``pre_package`` ended with an error, or was ended."""

    program: str
    how: str
    last: tuple[str, ...]

    def brief(self) -> str:
        return f"pre_package, {self.program}, {self.how}."

    def hint(self) -> str:
        return (
            "It runs in the root of a copy of the buildpack, on the build root of the default stack. --build-stack names a stack "
            "that has what it needs (a Go compiler, for instance); --sandbox none runs it on this machine, if you trust it."
        )

    def details(self) -> str:
        return "\n".join(self.last)


@dataclass(eq=False)
class DependencyMismatch(BuildpackProblem):
    """What came is not what the manifest promises."""

    dependency: str
    source: str
    expected: str
    actual: str

    def brief(self) -> str:
        return f"{self.dependency} from {self.source} has the sha256 {self.actual}, while manifest.yml says {self.expected}."

    def hint(self) -> str:
        return "Either the file was changed where it lies, or manifest.yml is wrong. Nothing of it was kept."


@dataclass(eq=False)
class DependencyUnreachable(PlatformProblem):
    """A dependency could not be fetched."""

    dependency: str
    source: str
    reason: str

    def brief(self) -> str:
        return f"{self.dependency} could not be fetched from {self.source}: {self.reason}."

    def hint(self) -> str:
        return "Check the network and the proxy variables, or mend uri in manifest.yml."


@contextmanager
def of_buildpack() -> Iterator[None]:
    """What `trees` lays to an app's charge is here the buildpack's."""
    try:
        yield
    except AppProblem as problem:
        raise CannotPackage(problem.brief().rstrip(".")) from problem
