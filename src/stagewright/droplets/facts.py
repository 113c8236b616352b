"""FILE.tgz.json: what Stagewright knows of a droplet and Cloud Foundry's layout has no place for. Schema:
docs/reference/droplet.md.

Nothing timed is in it: the same staging gives the same file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stagewright.model.build import Droplet, UsedBuildpack
from stagewright.model.buildpack import Dialect
from stagewright.model.digest import Digest
from stagewright.model.names import AppName, StackName
from stagewright.model.process import Process, Processes, Sidecar
from stagewright.trees.problems import writing

SCHEMA = "stagewright.droplet.v1"


def facts_path(droplet: Path) -> Path:
    """Where the facts of a droplet lie: beside it."""
    return droplet.with_name(droplet.name + ".json")


def facts_document(droplet: Droplet) -> dict[str, object]:
    """The facts as JSON values."""
    return {
        "schema": SCHEMA,
        "app": str(droplet.app),
        "droplet": {
            "digest": str(droplet.digest),
            "tree": str(droplet.tree),
            "size": droplet.size,
            "unpacked_size": droplet.unpacked_size,
        },
        "stack": {"name": str(droplet.stack), "digest": str(droplet.stack_digest)},
        "package": str(droplet.package) if droplet.package else None,
        "plan": str(droplet.plan) if droplet.plan else None,
        "detected_buildpack": droplet.detected,
        "buildpacks": [_buildpack(used) for used in droplet.buildpacks],
        "processes": [{"type": p.type, "command": p.command} for p in droplet.processes.types],
        "sidecars": [
            {"name": s.name, "command": s.command, "process_types": list(s.process_types), "memory": s.memory}
            for s in droplet.processes.sidecars
        ],
        "entrypoint_prefix": droplet.entrypoint_prefix,
    }


def _buildpack(used: UsedBuildpack) -> dict[str, object]:
    return {
        "index": used.index,
        "key": used.key,
        "name": used.name,
        "version": used.version,
        "digest": str(used.digest),
        "entrypoint_prefix": used.entrypoint_prefix,
        "output_metadata": dict(used.output_metadata),
        "config": used.has_config,
        "dialect": used.dialect.value,
        "reference": used.reference,
        "post": used.post,
    }


def write_facts(droplet: Droplet) -> None:
    """Write the facts beside the droplet, by a rename."""
    path = facts_path(droplet.path)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with writing(path.parent):
        part.write_text(json.dumps(facts_document(droplet), indent=2, sort_keys=True) + "\n", encoding="utf-8")
        part.replace(path)


def read_facts(droplet: Path) -> Droplet | None:
    """The facts beside a droplet; None where there are none, or none that can be read: a droplet is whole without them."""
    try:
        document = json.loads(facts_path(droplet).read_bytes())
        return droplet_from(document, droplet)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def droplet_from(document: Mapping[str, Any], path: Path) -> Droplet:
    """The droplet that a facts document describes. Raises ValueError, KeyError or TypeError for another document."""
    if document["schema"] != SCHEMA:
        raise ValueError(f"unknown schema {document['schema']!r}")
    return Droplet(
        path=path,
        digest=Digest.parse(document["droplet"]["digest"]),
        tree=Digest.parse(document["droplet"]["tree"]),
        size=int(document["droplet"]["size"]),
        unpacked_size=int(document["droplet"]["unpacked_size"]),
        app=AppName(document["app"]),
        stack=StackName(document["stack"]["name"]),
        stack_digest=Digest.parse(document["stack"]["digest"]),
        buildpacks=tuple(_used(entry) for entry in document["buildpacks"]),
        detected=str(document["detected_buildpack"]),
        processes=Processes(
            tuple(Process(str(entry["type"]), str(entry["command"])) for entry in document["processes"]),
            tuple(
                Sidecar(str(e["name"]), str(e["command"]), tuple(map(str, e["process_types"])), e["memory"])
                for e in document["sidecars"]
            ),
        ),
        entrypoint_prefix=document["entrypoint_prefix"],
        package=Digest.parse(document["package"]) if document["package"] else None,
        plan=Digest.parse(document["plan"]) if document["plan"] else None,
    )


def _used(entry: Mapping[str, Any]) -> UsedBuildpack:
    return UsedBuildpack(
        key=str(entry["key"]),
        name=str(entry["name"]),
        version=entry["version"],
        digest=Digest.parse(entry["digest"]),
        index=str(entry["index"]),
        entrypoint_prefix=entry["entrypoint_prefix"],
        output_metadata=dict(entry["output_metadata"]),
        has_config=bool(entry.get("config", False)),
        dialect=Dialect(entry.get("dialect", Dialect.CLOUD_FOUNDRY)),
        reference=str(entry.get("reference", "")),
        post=bool(entry.get("post", False)),
    )
