"""stack.json: what a stack is, written once beside its roots. Read by every build, so it is small and needs no hashing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stagewright.model.digest import Digest
from stagewright.model.names import StackName
from stagewright.model.stack import PackageVersion, Stack, StackLayer, StackRoot
from stagewright.stacks.problems import StackUnreadable

SCHEMA = 1
FILE = "stack.json"
RUN = "run"
BUILD = "build"
LAYER = "run.tar.gz"


@dataclass(frozen=True)
class StackRecord:
    """A stack and how it came to be."""

    stack: Stack
    definition: Digest | None
    """Of what it was made from; None where it was imported."""
    contents: Mapping[str, Digest]
    """The digests of the roots without owners, by name, where owners could not be kept on disk; else empty."""
    notes: tuple[str, ...] = ()


def write_record(directory: Path, record: StackRecord) -> None:
    stack = record.stack
    document = {
        "schema": SCHEMA,
        "name": str(stack.name),
        "architecture": stack.architecture,
        "digest": str(stack.digest),
        "definition": str(record.definition) if record.definition else None,
        "roots": {RUN: _root_document(stack.run), BUILD: _root_document(stack.build)},
        "layer": {
            "digest": str(stack.layer.digest),
            "diff_id": str(stack.layer.diff_id),
            "size": stack.layer.size,
        },
        "contents": {name: str(digest) for name, digest in record.contents.items()},
        "notes": list(record.notes),
    }
    (directory / FILE).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_record(directory: Path) -> StackRecord:
    """Raises StackUnreadable, FileNotFoundError where there is none."""
    name = StackName(directory.name)
    try:
        document = json.loads((directory / FILE).read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise StackUnreadable(name, f"it was kept by another version (schema {document['schema']})")
        return _record(directory, name, document)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StackUnreadable(name, f"{FILE}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StackUnreadable(name, f"{FILE} is damaged") from error


def _record(directory: Path, name: StackName, document: Mapping[str, Any]) -> StackRecord:
    layer = document["layer"]
    stack = Stack(
        name,
        document["architecture"],
        _root(directory / RUN, document["roots"][RUN]),
        _root(directory / BUILD, document["roots"][BUILD]),
        StackLayer(directory / LAYER, Digest.parse(layer["digest"]), Digest.parse(layer["diff_id"]), layer["size"]),
    )
    definition = document["definition"]
    contents = {root: Digest.parse(text) for root, text in document["contents"].items()}
    return StackRecord(stack, Digest.parse(definition) if definition else None, contents, tuple(document["notes"]))


def _root_document(root: StackRoot) -> Mapping[str, object]:
    packages = [[package.name, package.version, package.architecture] for package in root.packages]
    return {"digest": str(root.digest), "size": root.size, "packages": packages}


def _root(path: Path, document: Mapping[str, Any]) -> StackRoot:
    packages = tuple(PackageVersion(*package) for package in document["packages"])
    return StackRoot(path, Digest.parse(document["digest"]), document["size"], packages)
