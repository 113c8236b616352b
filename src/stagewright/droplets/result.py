"""result.json: what Cloud Foundry's API reads of a staging on a cell (contracts/cloudfoundry-staging.md §1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stagewright.model.process import Processes, Sidecar


@dataclass(frozen=True)
class BuildpackEntry:
    """One buildpack as result.json tells of it: what its config.yml says, and nothing where there is none."""

    key: str
    name: str = ""
    version: str | None = None
    has_config: bool = False
    entrypoint_prefix: str | None = None
    output_metadata: Mapping[str, object] = field(default_factory=dict)

    def document(self) -> dict[str, object]:
        document: dict[str, object] = {"key": self.key, "name": self.name}
        if self.version:
            document["version"] = self.version
        if self.has_config:
            document["config"] = {"entrypoint_prefix": self.entrypoint_prefix} if self.entrypoint_prefix else {}
        if self.output_metadata:
            document["output_metadata"] = dict(self.output_metadata)
        return document


def result_document(
    buildpacks: tuple[BuildpackEntry, ...], final: BuildpackEntry, processes: Processes | None
) -> dict[str, object]:
    """The document. ``processes`` is None for a staging that failed: its ``process_types`` is null then."""
    metadata: dict[str, object] = {
        "detected_buildpack": final.name,
        "buildpacks": [buildpack.document() for buildpack in buildpacks],
    }
    if final.key:
        metadata["buildpack_key"] = final.key
    types = {process.type: process.command for process in processes.types} if processes is not None else None
    document: dict[str, object] = {"lifecycle_metadata": metadata, "process_types": types}
    if processes is not None and processes.types:
        document["processes"] = [{"type": one.type, "command": one.command} for one in processes.types]
    if processes is not None and processes.sidecars:
        document["sidecars"] = [_sidecar(sidecar) for sidecar in processes.sidecars]
    return {**document, "execution_metadata": "", "lifecycle_type": "buildpack"}


def _sidecar(sidecar: Sidecar) -> dict[str, object]:
    document: dict[str, object] = {
        "name": sidecar.name,
        "process_types": list(sidecar.process_types),
        "command": sidecar.command,
    }
    return {**document, "memory": sidecar.memory} if sidecar.memory else document
