"""What is wrong with a buildpack, as values: where, what, and whether it is only a warning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    ERROR = "error"
    """Packaging or staging fails, or does not do what was meant."""
    WARNING = "warning"


@dataclass(frozen=True)
class Flaw:
    """One thing that a buildpack's author should know."""

    weight: Weight
    where: str
    """The file, the line and the entry: ``manifest.yml, line 12, dependencies[0] (python 3.10.1)``."""
    says: str
    """What is wrong, as the end of a sentence without its full stop."""

    def __str__(self) -> str:
        return f"{self.where}: {self.says}"


def error(where: str, says: str) -> Flaw:
    return Flaw(Weight.ERROR, where, says)


def warning(where: str, says: str) -> Flaw:
    return Flaw(Weight.WARNING, where, says)


def errors_in(flaws: Iterable[Flaw]) -> tuple[Flaw, ...]:
    return tuple(flaw for flaw in flaws if flaw.weight is Weight.ERROR)
