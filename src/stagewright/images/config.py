"""What an image runs, and how it came to be: its configuration (OCI image-spec 1.1, config.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from stagewright.images.descriptor import Platform, without_empty
from stagewright.images.documents import JSON, Fields, canonical, parse
from stagewright.model.digest import Digest

_PORT = re.compile(r"([0-9]{1,5})(?:/(tcp|udp|sctp))?")


class Protocol(StrEnum):
    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"


@dataclass(frozen=True, order=True)
class Port:
    """A port that an image listens on."""

    number: int
    protocol: Protocol = Protocol.TCP

    @classmethod
    def parse_text(cls, text: str) -> Self:
        """Read ``8080/tcp`` or ``8080``. Raises ValueError."""
        match = _PORT.fullmatch(text)
        if match is None or not 0 < int(match[1]) < 1 << 16:
            raise ValueError(f"{text!r} is not a port; it should be like 8080/tcp")
        return cls(int(match[1]), Protocol(match[2] or "tcp"))

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol}"


@dataclass(frozen=True)
class History:
    """How one layer came to be, or a change that made none (``empty_layer``)."""

    created_by: str = ""
    comment: str = ""
    author: str = ""
    created: str = ""
    """RFC 3339. Ours is always the fixed time or empty: nothing timed is inside what has a digest."""
    empty_layer: bool = False
    extra: Mapping[str, JSON] = field(default_factory=dict)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        return cls(
            created_by=fields.optional_text("created_by") or "",
            comment=fields.optional_text("comment") or "",
            author=fields.optional_text("author") or "",
            created=fields.optional_text("created") or "",
            empty_layer=fields.flag("empty_layer"),
            extra=fields.rest(),
        )

    def document(self) -> dict[str, JSON]:
        members: dict[str, JSON] = {
            "created_by": self.created_by,
            "comment": self.comment,
            "author": self.author,
            "created": self.created,
            "empty_layer": self.empty_layer,
        }
        return {**self.extra, **without_empty(members)}


@dataclass(frozen=True)
class ImageConfig:
    """What a container of the image runs, and the identities of its layers.

    Equal configs are written as equal bytes: what is a set or a map in meaning is written sorted.
    """

    platform: Platform
    env: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    ports: frozenset[Port] = frozenset()
    volumes: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""
    diff_ids: tuple[Digest, ...] = ()
    """Of the layers, lowest first: digests of their tars as they are when uncompressed."""
    history: tuple[History, ...] = ()
    created: str = ""
    author: str = ""
    extra: Mapping[str, JSON] = field(default_factory=dict)
    """Fields of others beside ours, kept."""
    run_extra: Mapping[str, JSON] = field(default_factory=dict)
    """Fields of others within ``config``, such as Docker's Healthcheck, kept."""

    @classmethod
    def parse(cls, content: bytes, source: str) -> Self:
        """Read a config of anybody's. Raises BadDocument, which names ``source`` and the field."""
        fields = parse(content, source)
        run = fields.object("config") or Fields({}, source, "config")
        rootfs = fields.required_object("rootfs")
        rootfs.parsed("type", _layers_only)
        return cls(
            platform=Platform.read(fields),
            env=dict(run.all_parsed("Env", _variable)),
            entrypoint=run.texts("Entrypoint"),
            cmd=run.texts("Cmd"),
            user=run.optional_text("User") or "",
            working_dir=run.optional_text("WorkingDir") or "",
            ports=frozenset(run.parsed_keys("ExposedPorts", Port.parse_text)),
            volumes=frozenset(run.keys("Volumes")),
            labels=run.mapping("Labels"),
            stop_signal=run.optional_text("StopSignal") or "",
            diff_ids=rootfs.all_parsed("diff_ids", Digest.parse),
            history=tuple(History.read(item) for item in fields.objects("history")),
            created=fields.optional_text("created") or "",
            author=fields.optional_text("author") or "",
            extra=fields.rest(),
            run_extra=run.rest(),
        )

    def document(self) -> dict[str, JSON]:
        members: dict[str, JSON] = {
            "config": {**self.run_extra, **without_empty(self._run_document())},
            "history": [item.document() for item in self.history],
            "created": self.created,
            "author": self.author,
        }
        rootfs: dict[str, JSON] = {"type": "layers", "diff_ids": [str(diff_id) for diff_id in self.diff_ids]}
        return {**self.extra, **self.platform.document(), "rootfs": rootfs, **without_empty(members)}

    def to_bytes(self) -> bytes:
        """The canonical form."""
        return canonical(self.document())

    def _run_document(self) -> dict[str, JSON]:
        return {
            "Env": [f"{name}={self.env[name]}" for name in sorted(self.env)],
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.cmd),
            "User": self.user,
            "WorkingDir": self.working_dir,
            "ExposedPorts": {str(port): {} for port in self.ports},
            "Volumes": {volume: {} for volume in self.volumes},
            "Labels": dict(self.labels),
            "StopSignal": self.stop_signal,
        }


def _layers_only(text: str) -> str:
    if text != "layers":
        raise ValueError(f"{text!r} is unknown; only 'layers' can be unpacked")  # config.md: an error is a MUST
    return text


def _variable(text: str) -> tuple[str, str]:
    """``NAME=VALUE``. A name alone, which old Docker images hold, is an empty variable."""
    name, _, value = text.partition("=")
    if not name:
        raise ValueError(f"{text!r} names no variable")
    return name, value
