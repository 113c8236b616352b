"""Descriptors, which point to content, and the platforms that images are made for (OCI image-spec 1.1, descriptor.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from stagewright.images.documents import JSON, Fields
from stagewright.images.media_types import AnyMediaType, parse_media_type
from stagewright.model.digest import Digest

REF_NAME = "org.opencontainers.image.ref.name"
"""The annotation of a descriptor in a layout's index.json that holds its tag (annotations.md)."""


@dataclass(frozen=True, order=True)
class Platform:
    """An operating system on a processor, in Go's words (image-index.md)."""

    architecture: str
    os: str = "linux"
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.architecture or not self.os:
            raise ValueError("a platform has an operating system and an architecture")

    @classmethod
    def parse_text(cls, text: str) -> Self:
        """Read ``linux/amd64`` or ``linux/arm/v7``. Raises ValueError."""
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(parts):
            raise ValueError(f"{text!r} is not a platform; write it like linux/amd64")
        return cls(os=parts[0], architecture=parts[1], variant=parts[2] if len(parts) == 3 else "")

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """The members of a platform object, which a config has among its own."""
        return cls(
            architecture=fields.parsed("architecture", _not_empty),
            os=fields.parsed("os", _not_empty),
            variant=fields.optional_text("variant") or "",
            os_version=fields.optional_text("os.version") or "",
            os_features=fields.texts("os.features"),
        )

    def document(self) -> dict[str, JSON]:
        return without_empty(
            {
                "architecture": self.architecture,
                "os": self.os,
                "variant": self.variant,
                "os.version": self.os_version,
                "os.features": list(self.os_features),
            }
        )

    def runs_on(self, wanted: Platform) -> bool:
        """Whether what is made for this platform serves ``wanted``: a side that names no variant takes any."""
        same_variant = not self.variant or not wanted.variant or self.variant == wanted.variant
        return (self.os, self.architecture) == (wanted.os, wanted.architecture) and same_variant

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True)
class Descriptor:
    """Points to content: of which type it is, its digest, how many bytes."""

    media_type: AnyMediaType
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: Platform | None = None
    urls: tuple[str, ...] = ()
    artifact_type: AnyMediaType | None = None
    extra: Mapping[str, JSON] = field(default_factory=dict)
    """Fields of others, kept. ``data`` is among them and never used: the content itself is what was verified."""

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Raises BadDocument."""
        platform = fields.object("platform")
        return cls(
            media_type=fields.parsed("mediaType", parse_media_type),
            digest=fields.digest("digest"),
            size=fields.integer("size"),
            annotations=fields.mapping("annotations"),
            platform=None if platform is None else Platform.read(platform),
            urls=fields.texts("urls"),
            artifact_type=read_media_type(fields, "artifactType"),
            extra=fields.rest(),
        )

    def document(self) -> dict[str, JSON]:
        return {
            **self.extra,
            "mediaType": str(self.media_type),
            "digest": str(self.digest),
            "size": self.size,
            **without_empty(
                {
                    "annotations": dict(self.annotations),
                    "platform": self.platform.document() if self.platform else None,
                    "urls": list(self.urls),
                    "artifactType": str(self.artifact_type) if self.artifact_type else None,
                }
            ),
        }

    @property
    def ref_name(self) -> str | None:
        """The tag that a layout's index.json gives it."""
        return self.annotations.get(REF_NAME)


def read_media_type(fields: Fields, name: str) -> AnyMediaType | None:
    """An optional media type. Empty text counts as absent: some writers leave it so."""
    return fields.parsed(name, parse_media_type) if fields.optional_text(name) else None


def without_empty(members: Mapping[str, JSON]) -> dict[str, JSON]:
    """What a canonical document leaves out: nulls, empty texts, lists and objects, and false."""
    return {name: value for name, value in members.items() if value}


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("it is empty")
    return text
