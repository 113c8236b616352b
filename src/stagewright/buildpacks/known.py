"""Directories that were copied into the store before, known again by a look *at* each of their files and not into it.

Every staging without a named buildpack obtains all that detection tries; to copy and to digest them again each time would
take longer than the rest of its preparation. What `lstat` says of a file changes whenever the file does: ctime cannot be set
back. Only a file that was changed in the very moment of the look could be mistaken, so a directory with files that were
changed shortly before is not remembered yet (git does the same: Documentation/technical/racy-git.txt).
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stagewright import __version__
from stagewright.model.digest import Digest
from stagewright.trees.problems import UnreadableFile, reason_of
from stagewright.trees.walk import walk

SETTLED_AFTER = 2.0
"""Seconds without a change: as long as the coarsest clock of a file system takes for one tick."""

_FORM = 1
"""Raised when the same directory gives another copy than before."""


@dataclass(frozen=True)
class Look:
    """What was seen of a directory. Two looks are equal if nothing was touched between them."""

    fingerprint: str
    changed: float
    """When a file of it last changed, in seconds since the epoch."""

    def settled(self, after: float) -> bool:
        """Whether the last change is at least ``after`` seconds ago, so that no clock could hide another."""
        return self.changed <= time.time() - after


def look_at(source: Path, ignored: Callable[[str, bool], bool], rules: object) -> Look:
    """Look at everything below ``source`` but what is ``ignored``, through links, too. ``rules`` is what else decides the copy.

    Raises UnreadableFile, TreeTooDeep.
    """
    seen = hashlib.sha256(repr((_FORM, __version__, rules)).encode())
    changed = 0
    for found in walk(source, ignored=lambda path, is_directory: ignored(os.fsdecode(path), is_directory), follow=True):
        status = found.status
        if stat.S_ISDIR(status.st_mode):
            # Its times and size change with what lies in it, also with what is ignored.
            seen.update(repr((found.path, status.st_mode)).encode())
            continue
        states = [status]
        if stat.S_ISLNK(status.st_mode):
            with suppress(OSError):
                states.append(os.stat(found.name, dir_fd=found.descriptor))
        for state in states:
            changed = max(changed, state.st_ctime_ns)
            facts = (state.st_mode, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_dev, state.st_ino)
            seen.update(repr((found.path, facts)).encode())
    return Look(seen.hexdigest(), changed / 1e9)


def look_at_file(path: Path) -> Look:
    """Look at one file, such as an archive. Raises UnreadableFile."""
    try:
        status = path.stat()
    except OSError as error:
        raise UnreadableFile(path, reason_of(error)) from error
    facts = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_dev, status.st_ino)
    return Look(hashlib.sha256(repr((_FORM, facts)).encode()).hexdigest(), status.st_ctime_ns / 1e9)


@dataclass(frozen=True)
class KnownSources:
    """``directory`` holds a small JSON file for each directory that was copied. Losing it costs time only."""

    directory: Path
    settled_after: float = SETTLED_AFTER

    def recall(self, source: Path, look: Look) -> Digest | None:
        """The digest of the copy that was made when ``source`` looked the same."""
        try:
            known = json.loads(self._file(source).read_bytes())
            if (known["source"], known["fingerprint"]) == (str(source), look.fingerprint):
                return Digest.parse(known["digest"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None

    def remember(self, source: Path, look: Look, digest: Digest) -> None:
        """Keep the digest of the copy of ``source``, which looked so before and after it was copied."""
        if not look.settled(self.settled_after):
            return
        file = self._file(source)
        part = file.with_name(f".{file.name}.{os.urandom(6).hex()}")
        known = {"source": str(source), "fingerprint": look.fingerprint, "digest": str(digest)}
        with suppress(OSError):
            self.directory.mkdir(exist_ok=True)
            part.write_text(json.dumps(known), encoding="utf-8")
            part.replace(file)

    def _file(self, source: Path) -> Path:
        return self.directory / f"{hashlib.sha256(os.fsencode(source)).hexdigest()[:32]}.json"
