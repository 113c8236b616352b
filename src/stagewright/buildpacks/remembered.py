"""What was brought from elsewhere before, so that it is not brought again. Losing it costs time and network only."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stagewright.model.digest import Digest
from stagewright.trees.problems import writing

_FORM = 1
"""Raised when the same reference gives another tree than before."""


@dataclass(frozen=True)
class Remembered:
    """``directory`` holds a small JSON file for each fact. Facts are named by HMAC with a key that lies beside them: an address
    may hold a password, and nobody shall be able to try passwords against a name."""

    directory: Path

    def name(self, *facts: object) -> str:
        """The name of what is known under ``facts``. Raises DiskFull, TreeFailure."""
        text = json.dumps([_FORM, *(None if fact is None else str(fact) for fact in facts)])
        return hmac.new(self._key(), text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:40]

    def recall(self, name: str) -> Mapping[str, Any]:
        """What is known under ``name``; nothing where it cannot be read."""
        with suppress(OSError, ValueError):
            known = json.loads(self._file(name).read_bytes())
            if isinstance(known, dict):
                return known
        return {}

    def recall_digest(self, name: str) -> Digest | None:
        """The digest of a tree that is known under ``name``."""
        return digest_in(self.recall(name))

    def remember(self, name: str, known: Mapping[str, object]) -> None:
        """Keep ``known``, which holds no secret. A disk that refuses it costs a fetch later."""
        file = self._file(name)
        part = file.with_name(f".{file.name}.{os.urandom(6).hex()}")
        with suppress(OSError):
            part.write_text(json.dumps(known), encoding="utf-8")
            part.replace(file)

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """One at a time brings what ``name`` names; whoever waited finds it here."""
        with writing(self.directory):
            self._made()
            descriptor = os.open(self.directory / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _file(self, name: str) -> Path:
        return self.directory / f"{name}.json"

    def _made(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _key(self) -> bytes:
        """32 bytes of this store's own, made once, whole or not at all."""
        file = self.directory / "key"
        with writing(self.directory):
            with suppress(FileNotFoundError):
                return file.read_bytes()
            self._made()
            part = file.with_name(f".key.{os.urandom(6).hex()}")
            part.write_bytes(os.urandom(32))
            part.chmod(0o600)
            with suppress(FileExistsError):
                os.link(part, file)
            part.unlink()
            return file.read_bytes()


def digest_in(known: Mapping[str, Any], name: str = "digest") -> Digest | None:
    """A digest of a record; None where there is none that can be read."""
    try:
        return Digest.parse(str(known[name]))
    except (KeyError, ValueError):
        return None
