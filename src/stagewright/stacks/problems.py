"""What can go wrong with stacks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stagewright.errors import Fault, PlatformProblem, UsageProblem
from stagewright.model.names import StackName


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) if names else "none"


@dataclass(eq=False)
class BadDefinition(UsageProblem):
    """A definition file that does not say what a stack is made of."""

    path: Path
    where: str
    """The key, as in ``run.packages``; empty for the file as a whole."""
    reason: str

    def brief(self) -> str:
        where = f", {self.where}" if self.where else ""
        return f"The stack definition {self.path}{where}: {self.reason}."

    def hint(self) -> str:
        return "`stagewright stack show debian12 --definition` prints one that works, with comments."


@dataclass(eq=False)
class UnknownDefinition(UsageProblem):
    name: str
    known: tuple[str, ...]

    def brief(self) -> str:
        return f"There is no built-in definition of a stack {self.name!r}; there are: {_listed(self.known)}."

    def hint(self) -> str:
        return "Give the path of a definition file, with a / in it, to make a stack of your own."


@dataclass(eq=False)
class UnknownStack(UsageProblem):
    name: StackName
    known: tuple[str, ...]

    def brief(self) -> str:
        return f"There is no stack {self.name} on this machine; there are: {_listed(self.known)}."

    def hint(self) -> str:
        return f"Make it with: stagewright stack create {self.name}"


@dataclass(eq=False)
class StackExists(UsageProblem):
    name: StackName

    def brief(self) -> str:
        return f"There is a stack {self.name} already, and stacks are never changed."

    def hint(self) -> str:
        return f"Take another name, or first: stagewright stack remove {self.name}"


@dataclass(eq=False)
class StackInUse(UsageProblem):
    name: StackName

    def brief(self) -> str:
        return f"The stack {self.name} is in use by a running build or app."

    def hint(self) -> str:
        return "Try again when it has ended."


@dataclass(eq=False)
class StackUnreadable(PlatformProblem):
    """A directory in the store that holds no stack that this version can read."""

    name: StackName
    reason: str

    def brief(self) -> str:
        return f"The stack {self.name} cannot be read: {self.reason}."

    def hint(self) -> str:
        return f"Make it again: stagewright stack remove {self.name} && stagewright stack create {self.name}"


@dataclass(eq=False)
class StackDamaged(PlatformProblem):
    """The content of a root is not what it was when it was made."""

    name: StackName
    root: str
    expected: str
    found: str

    def brief(self) -> str:
        return f"The {self.root} root of the stack {self.name} was changed: it is {self.found} and was {self.expected}."

    def hint(self) -> str:
        return f"Make it again: stagewright stack remove {self.name} && stagewright stack create {self.name}"


@dataclass(eq=False)
class StoreFailure(PlatformProblem):
    """The directory of the stacks refuses what must be done there."""

    path: Path
    reason: str

    def brief(self) -> str:
        return f"Stacks cannot be kept in {self.path}: {self.reason}."

    def hint(self) -> str:
        return "STAGEWRIGHT_STACKS names another directory."


@dataclass(eq=False)
class ProgramMissing(PlatformProblem):
    """Programs that stacks are made with are not installed."""

    programs: tuple[str, ...]
    packages: tuple[str, ...]

    def brief(self) -> str:
        return f"Not installed: {_listed(self.programs)}."

    def hint(self) -> str:
        return f"Run as root: apt-get update && apt-get install --yes {' '.join(self.packages)}"


@dataclass(eq=False)
class NoSubordinateIds(PlatformProblem):
    """Without root a stack is made in a user namespace, which needs a range of ids of this user's own."""

    user: str
    file: str

    def brief(self) -> str:
        return f"The user {self.user} has no range of at least 65536 subordinate ids in {self.file}."

    def hint(self) -> str:
        return f"Run as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {self.user}"


@dataclass(eq=False)
class NamespaceRefused(PlatformProblem):
    """The kernel or the container around us does not allow the namespaces in which roots are made."""

    reason: str
    root: bool

    def brief(self) -> str:
        return f"The namespaces in which a stack is made are refused here: {self.reason}."

    def hint(self) -> str:
        if self.root:
            return "This root lacks CAP_SYS_ADMIN: run it on the machine itself, or in a privileged container."
        return (
            "Unprivileged user namespaces are switched off: as root, sysctl kernel.unprivileged_userns_clone=1"
            " (or kernel.apparmor_restrict_unprivileged_userns=0), or create the stack as root in a shared"
            " STAGEWRIGHT_STACKS directory."
        )


@dataclass(eq=False)
class MirrorUnreachable(PlatformProblem):
    """The network is gone, or the mirror is."""

    root: str
    reason: str
    """What apt said, in one line."""
    lines: tuple[str, ...]

    def brief(self) -> str:
        return f"The Debian mirror could not be reached while the {self.root} root was made: {self.reason}."

    def hint(self) -> str:
        return (
            "Check the network, the proxy variables and the resolver;"
            " STAGEWRIGHT_APT_SOURCES names a file with the sources of a mirror of your own."
        )

    def details(self) -> str:
        return "\n".join(self.lines)


@dataclass(eq=False)
class PackageNotFound(UsageProblem):
    packages: tuple[str, ...]
    definition: str
    lines: tuple[str, ...]

    def brief(self) -> str:
        return f"The mirror has no package {_listed(self.packages)}, which the stack {self.definition} asks for."

    def hint(self) -> str:
        return "Correct the name in the definition, or name sources that have it with STAGEWRIGHT_APT_SOURCES."

    def details(self) -> str:
        return "\n".join(self.lines)


@dataclass(eq=False)
class MakingFailed(PlatformProblem):
    """mmdebstrap failed in a way that has no name of its own."""

    root: str
    code: int
    lines: tuple[str, ...]

    def brief(self) -> str:
        return f"mmdebstrap failed with exit code {self.code} while the {self.root} root was made."

    def details(self) -> str:
        return "\n".join(self.lines)


@dataclass(eq=False)
class FailedInside(PlatformProblem):
    """A problem from the other side of a namespace, as it was told there."""

    text: str
    advice: str = ""
    evidence: str = ""
    at_fault: Fault = Fault.PLATFORM

    def brief(self) -> str:
        return self.text

    def hint(self) -> str:
        return self.advice

    def details(self) -> str:
        return self.evidence

    def whose_fault(self) -> Fault:
        return self.at_fault


@dataclass(eq=False)
class NotARoot(UsageProblem):
    """What was to be imported lacks what every stack must have."""

    source: str
    lacks: tuple[str, ...]

    def brief(self) -> str:
        return f"{self.source} cannot be a root of a stack: {'; '.join(self.lacks)}."

    def hint(self) -> str:
        return "A root needs bash, /bin/sh and the user id 2000 free or named vcap."


@dataclass(eq=False)
class NothingToImport(UsageProblem):
    source: str
    reason: str

    def brief(self) -> str:
        return f"{self.source} cannot be imported: {self.reason}."

    def hint(self) -> str:
        return "Give a directory, a tar of a root file system, or oci:DIRECTORY[:TAG]."


@dataclass(eq=False)
class ArchitecturesDiffer(UsageProblem):
    run: str
    build: str

    def brief(self) -> str:
        return f"The two roots are of different architectures: run is {self.run}, build is {self.build}."

    def hint(self) -> str:
        return "Import two roots of one architecture."
