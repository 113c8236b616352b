"""Manifests, which list what an image is made of, and indexes, which list manifests (manifest.md, image-index.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from stagewright.images.descriptor import REF_NAME, Descriptor, read_media_type, without_empty
from stagewright.images.documents import JSON, Fields, canonical, parse
from stagewright.images.media_types import IMAGES, INDEXES, AnyMediaType, MediaType
from stagewright.images.references import RefName


@dataclass(frozen=True)
class Manifest:
    """A config and layers, lowest first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    media_type: MediaType = MediaType.MANIFEST
    annotations: Mapping[str, str] = field(default_factory=dict)
    subject: Descriptor | None = None
    """The manifest that this one says something about: what the referrers API lists."""
    artifact_type: AnyMediaType | None = None
    extra: Mapping[str, JSON] = field(default_factory=dict)

    @classmethod
    def parse(cls, content: bytes, source: str) -> Self:
        """Read an OCI or a Docker schema 2 manifest. Raises BadDocument."""
        fields = parse(content, source)
        _schema_two(fields)
        if fields.has("manifests"):
            raise fields.problem("manifests", "it belongs to an index, and this is a manifest")
        return cls(
            media_type=_media_type(fields, MediaType.MANIFEST, IMAGES),
            config=Descriptor.read(fields.required_object("config")),
            layers=tuple(Descriptor.read(layer) for layer in fields.objects("layers")),
            annotations=fields.mapping("annotations"),
            subject=_optional_descriptor(fields, "subject"),
            artifact_type=read_media_type(fields, "artifactType"),
            extra=fields.rest(),
        )

    def document(self) -> dict[str, JSON]:
        return {
            **self.extra,
            "schemaVersion": 2,
            "mediaType": str(self.media_type),
            "config": self.config.document(),
            "layers": [layer.document() for layer in self.layers],
            **_shared_members(self.annotations, self.subject, self.artifact_type),
        }

    def to_bytes(self) -> bytes:
        """The canonical form."""
        return canonical(self.document())


@dataclass(frozen=True)
class Index:
    """Manifests, and indexes of manifests: one per platform, or one per tag in a layout's index.json."""

    manifests: tuple[Descriptor, ...] = ()
    media_type: MediaType = MediaType.INDEX
    annotations: Mapping[str, str] = field(default_factory=dict)
    subject: Descriptor | None = None
    artifact_type: AnyMediaType | None = None
    extra: Mapping[str, JSON] = field(default_factory=dict)

    @classmethod
    def parse(cls, content: bytes, source: str) -> Self:
        """Read an OCI index or a Docker manifest list. Raises BadDocument."""
        fields = parse(content, source)
        _schema_two(fields)
        for name in ("config", "layers"):
            if fields.has(name):
                raise fields.problem(name, "it belongs to a manifest, and this is an index")
        return cls(
            media_type=_media_type(fields, MediaType.INDEX, INDEXES),
            manifests=tuple(Descriptor.read(manifest) for manifest in fields.objects("manifests")),
            annotations=fields.mapping("annotations"),
            subject=_optional_descriptor(fields, "subject"),
            artifact_type=read_media_type(fields, "artifactType"),
            extra=fields.rest(),
        )

    def document(self) -> dict[str, JSON]:
        return {
            **self.extra,
            "schemaVersion": 2,
            "mediaType": str(self.media_type),
            "manifests": [manifest.document() for manifest in self.manifests],
            **_shared_members(self.annotations, self.subject, self.artifact_type),
        }

    def to_bytes(self) -> bytes:
        """The canonical form."""
        return canonical(self.document())

    @property
    def tags(self) -> tuple[str, ...]:
        """The names that its descriptors carry, each once, in order."""
        return tuple(dict.fromkeys(entry.ref_name for entry in self.manifests if entry.ref_name is not None))

    def named(self, tag: RefName) -> tuple[Descriptor, ...]:
        """The descriptors that carry ``tag``: one, or one per platform."""
        return tuple(entry for entry in self.manifests if entry.ref_name == tag.text)

    def with_tag(self, tag: RefName, descriptor: Descriptor) -> Index:
        """``descriptor`` as ``tag``, in the place of what carried the tag before; all others as they are."""
        named = replace(descriptor, annotations={**descriptor.annotations, REF_NAME: tag.text})
        others = tuple(entry for entry in self.manifests if entry.ref_name != tag.text)
        return replace(self, manifests=(*others, named))


def _schema_two(fields: Fields) -> None:
    version = fields.integer("schemaVersion")
    if version != 2:
        raise fields.problem("schemaVersion", f"it is {version}, and only 2 can be read")


def _media_type(fields: Fields, default: MediaType, allowed: frozenset[MediaType]) -> MediaType:
    """The document's own word for its type must be right where it is there: CVE-2021-41190 is about documents that lie."""
    found = read_media_type(fields, "mediaType") or default
    if isinstance(found, MediaType) and found in allowed:
        return found
    raise fields.problem("mediaType", f"it is {str(found)!r}, not {str(default)!r}")


def _optional_descriptor(fields: Fields, name: str) -> Descriptor | None:
    found = fields.object(name)
    return None if found is None else Descriptor.read(found)


def _shared_members(
    annotations: Mapping[str, str], subject: Descriptor | None, artifact_type: AnyMediaType | None
) -> dict[str, JSON]:
    return without_empty(
        {
            "annotations": dict(annotations),
            "subject": subject.document() if subject else None,
            "artifactType": str(artifact_type) if artifact_type else None,
        }
    )
