"""Records of a cell, which is gone when its staging is: nothing is kept but a trace, where the platform finds it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stagewright.model.names import BuildId


@dataclass(frozen=True)
class CellRecords:
    """The BuildRecords of `ports.keeping` for a build whose platform keeps what it wants to know."""

    trace: Path
    """Where the trace of a traced build is written."""

    def save(self, build: BuildId, document: Mapping[str, object]) -> None:
        del build, document

    def keep_trace(self, build: BuildId, document: Mapping[str, object]) -> None:
        """Write a trace, whole or not at all. Raises OSError."""
        del build
        part = self.trace.with_name(f".{self.trace.name}.{os.getpid()}")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(document, file)
            part.replace(self.trace)
        finally:
            part.unlink(missing_ok=True)
