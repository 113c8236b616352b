"""Records that nobody keeps: a cell is gone when its staging is."""

from __future__ import annotations

from collections.abc import Mapping

from stagewright.model.names import BuildId


class ForgottenRecords:
    """The BuildRecords of `ports.keeping` for a build whose platform keeps what it wants to know."""

    def save(self, build: BuildId, document: Mapping[str, object]) -> None:
        del build, document

    def keep_trace(self, build: BuildId, document: Mapping[str, object]) -> None:
        del build, document
