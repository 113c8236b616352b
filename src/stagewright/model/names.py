"""Names that were checked once, at the door."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Self

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, order=True)
class _PlainName:
    text: str

    def __post_init__(self) -> None:
        if not _PLAIN.fullmatch(self.text):
            raise ValueError(
                f"{self.text!r} is not a name: use letters, digits, '.', '_' and '-', at most 100, a letter or digit first"
            )

    def __str__(self) -> str:
        return self.text


class AppName(_PlainName):
    """The name of an app: it names caches, droplets and containers."""

    @classmethod
    def from_path_name(cls, name: str) -> Self:
        """The nearest app name to the name of a directory or an archive."""
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("._-")[:100]
        return cls(plain or "app")


class StackName(_PlainName):
    """The name of a stack, as in ``debian12``."""


@dataclass(frozen=True, order=True)
class BuildId:
    """The guid of one build."""

    text: str

    def __post_init__(self) -> None:
        uuid.UUID(self.text)

    @classmethod
    def new(cls) -> Self:
        return cls(str(uuid.uuid4()))

    @property
    def short(self) -> str:
        return self.text[:8]

    def __str__(self) -> str:
        return self.text
