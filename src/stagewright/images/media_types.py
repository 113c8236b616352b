"""Media types of image content (OCI image-spec 1.1, media-types.md), and Docker's schema 2 names for the same things."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_RESTRICTED_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
"""RFC 6838 §4.2, which descriptor.md asks for."""


class LayerCompression(StrEnum):
    """How the tar of a layer is stored."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


class MediaType(StrEnum):
    """Those that we know. What others write and we do not know is an `OtherMediaType`."""

    MANIFEST = "application/vnd.oci.image.manifest.v1+json"
    INDEX = "application/vnd.oci.image.index.v1+json"
    CONFIG = "application/vnd.oci.image.config.v1+json"
    EMPTY = "application/vnd.oci.empty.v1+json"
    LAYER = "application/vnd.oci.image.layer.v1.tar"
    LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
    LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
    FOREIGN_LAYER = "application/vnd.oci.image.layer.nondistributable.v1.tar"
    FOREIGN_LAYER_GZIP = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    FOREIGN_LAYER_ZSTD = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"

    DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
    DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
    DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
    DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
    DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    DOCKER_LAYER_ZSTD = "application/vnd.docker.image.rootfs.diff.tar.zstd"
    DOCKER_FOREIGN_LAYER_GZIP = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"

    @property
    def oci(self) -> MediaType:
        """OCI's name for the same bytes (media-types.md, "Compatibility Matrix")."""
        return _OCI_OF_DOCKER.get(self, self)

    @property
    def compression(self) -> LayerCompression | None:
        """Of a layer; None for what is no layer."""
        return _COMPRESSION.get(self.oci)


@dataclass(frozen=True)
class OtherMediaType:
    """A well-formed media type that we do not know: kept, and never an error by itself (image-index.md)."""

    value: str

    def __post_init__(self) -> None:
        if not _RESTRICTED_NAME.fullmatch(self.value):
            raise ValueError(f"{self.value!r} is not a media type")

    @property
    def oci(self) -> OtherMediaType:
        return self

    @property
    def compression(self) -> None:
        return None

    def __str__(self) -> str:
        return self.value


AnyMediaType = MediaType | OtherMediaType

IMAGES = frozenset({MediaType.MANIFEST, MediaType.DOCKER_MANIFEST})
INDEXES = frozenset({MediaType.INDEX, MediaType.DOCKER_INDEX})
CONFIGS = frozenset({MediaType.CONFIG, MediaType.DOCKER_CONFIG})

_OCI_OF_DOCKER = {
    MediaType.DOCKER_MANIFEST: MediaType.MANIFEST,
    MediaType.DOCKER_INDEX: MediaType.INDEX,
    MediaType.DOCKER_CONFIG: MediaType.CONFIG,
    MediaType.DOCKER_LAYER: MediaType.LAYER,
    MediaType.DOCKER_LAYER_GZIP: MediaType.LAYER_GZIP,
    MediaType.DOCKER_LAYER_ZSTD: MediaType.LAYER_ZSTD,
    MediaType.DOCKER_FOREIGN_LAYER_GZIP: MediaType.FOREIGN_LAYER_GZIP,
}

_COMPRESSION = {
    MediaType.LAYER: LayerCompression.NONE,
    MediaType.LAYER_GZIP: LayerCompression.GZIP,
    MediaType.LAYER_ZSTD: LayerCompression.ZSTD,
    MediaType.FOREIGN_LAYER: LayerCompression.NONE,
    MediaType.FOREIGN_LAYER_GZIP: LayerCompression.GZIP,
    MediaType.FOREIGN_LAYER_ZSTD: LayerCompression.ZSTD,
}


def parse_media_type(text: str) -> AnyMediaType:
    """Raises ValueError for what is not a media type at all."""
    try:
        return MediaType(text)
    except ValueError:
        return OtherMediaType(text)
