"""What ``stagewright doctor`` found out about a machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters."""

    MISSING = "missing"
    """A staging cannot run without it."""
    WEAK = "weak"
    """Stagings run, but slower or less protected."""
    GOOD = "good"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at on this machine."""

    subject: str
    """What was looked at, in two or three words."""
    severity: Severity
    says: str
    """One sentence: what is there, or what its lack means."""
    remedy: str = ""
    """The command that mends it; empty where nothing is to be mended."""
