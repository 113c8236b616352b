"""Records as JSON files: what was planned, what came of it, and results by the key of all that went in."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stagewright.model.digest import Digest
from stagewright.model.names import BuildId
from stagewright.ports.keeping import KeptBuild
from stagewright.trees.files import open_regular
from stagewright.trees.private import make_private
from stagewright.trees.problems import writing

_KEPT = 200
"""Builds whose records are kept; the oldest go first."""
_KEPT_TRACES = 50
"""Traces are large: each may hold every command of every script."""
_LARGEST_TRACE = 64 << 20


@dataclass(frozen=True)
class DiskRecords:
    """``directory`` holds ``builds/``, ``results/``, ``traces/`` with ``trace-list/``, and the installation's key."""

    directory: Path

    def save(self, build: BuildId, document: Mapping[str, object]) -> None:
        """Keep the record of a build, in place of an earlier one of the same build."""
        builds = self.directory / "builds"
        fresh = not (builds / f"{build}.json").exists()
        _write(builds / f"{build}.json", document)
        if fresh:
            _keep_newest(builds, _KEPT)

    def builds(self) -> tuple[KeptBuild, ...]:
        return _kept(self.directory / "builds")

    def keep_trace(self, build: BuildId, document: Mapping[str, object]) -> None:
        """Keep a trace, and its plain fields apart, so that a list needs not read all of all of them."""
        traces, listed = self.directory / "traces", self.directory / "trace-list"
        _write(traces / f"{build}.json", document, indent=None)
        plain = {name: value for name, value in document.items() if isinstance(value, str | int | float)}
        _write(listed / f"{build}.json", plain)
        _keep_newest(traces, _KEPT_TRACES)
        _keep_newest(listed, _KEPT_TRACES)

    def trace(self, build: BuildId) -> bytes | None:
        try:
            with open_regular(self.directory / "traces" / f"{build}.json") as file:
                return file.read(_LARGEST_TRACE + 1)
        except OSError:
            return None

    def traces(self) -> tuple[tuple[KeptBuild, Mapping[str, object]], ...]:
        """A list of what can be read: one that was cut off, or is thinned out just now, is left out."""
        found = []
        for kept in _kept(self.directory / "traces"):
            fields = _read(self.directory / "trace-list" / f"{kept.build}.json")
            if fields is not None:
                found.append((kept, fields))
        return tuple(found)

    def remember(self, key: Digest, document: Mapping[str, object]) -> None:
        results = self.directory / "results"
        _write(results / f"{key.hex}.json", document)
        _keep_newest(results, _KEPT)

    def recall(self, key: Digest) -> Mapping[str, Any] | None:
        """The result under ``key``; a record that cannot be read is as good as none."""
        return _read(self.directory / "results" / f"{key.hex}.json")

    def installation_key(self) -> bytes:
        """32 secret bytes, made at the first use."""
        path = self.directory / "installation.key"
        try:
            key = path.read_bytes()
            if len(key) == 32:
                return key
            path.unlink()  # cut off while it was written; a new key only makes earlier results not be found
        except FileNotFoundError:
            pass
        with writing(self.directory):
            self._make_key(path)
        return path.read_bytes()

    def _make_key(self, path: Path) -> None:
        make_private(self.directory)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            # Of two that make it at once the first wins: a link, unlike a rename, never replaces.
            os.link(part, path)
        except FileExistsError:
            pass
        finally:
            part.unlink()


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _kept(directory: Path) -> tuple[KeptBuild, ...]:
    """The builds of which a document lies in ``directory``, newest first."""
    found = []
    with suppress(FileNotFoundError):
        for path in directory.iterdir():
            # What is no build's, and what another run removed meanwhile.
            with suppress(ValueError, FileNotFoundError):
                if path.suffix == ".json":
                    found.append(KeptBuild(BuildId(path.stem), path.stat().st_mtime))
    return tuple(sorted(found, key=lambda one: (-one.kept, one.build)))


def _write(path: Path, document: Mapping[str, object], indent: int | None = 1) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    make_private(path.parent.parent)
    make_private(path.parent)
    with writing(path.parent):
        part.write_text(json.dumps(document, indent=indent), encoding="utf-8")
        part.replace(path)


def _keep_newest(directory: Path, count: int) -> None:
    files = []
    with os.scandir(directory) as entries:
        for entry in entries:
            # Other runs thin out the same directory: what one of them removed meanwhile needs no more thought.
            with suppress(FileNotFoundError):
                if entry.name.endswith(".json"):
                    files.append((entry.stat().st_mtime, entry.path))
    for _, path in sorted(files)[:-count]:
        Path(path).unlink(missing_ok=True)
