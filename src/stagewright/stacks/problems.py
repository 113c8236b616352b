"""What can go wrong with stacks that are kept; what can go wrong while one is made lies beside the code that makes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stagewright.errors import PlatformProblem, UsageProblem
from stagewright.model.names import StackName


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) if names else "none"


@dataclass(eq=False)
class UnknownStack(UsageProblem):
    name: StackName
    known: tuple[str, ...]

    def brief(self) -> str:
        return f"There is no stack {self.name} on this machine; there are: {_listed(self.known)}."

    def hint(self) -> str:
        from stagewright.stacks.definition import builtin_names

        if str(self.name) in builtin_names():
            return f"Make it with: stagewright stack create {self.name}"
        return f"Make it of a definition of your own (stagewright stack create {self.name} -f FILE), or import it."


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
