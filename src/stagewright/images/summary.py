"""What a person wants to know of an image, as one value: for ``stagewright inspect``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stagewright.images.config import History, ImageConfig
from stagewright.images.descriptor import Platform
from stagewright.images.image import Image
from stagewright.images.media_types import AnyMediaType
from stagewright.model.digest import Digest


@dataclass(frozen=True)
class LayerSummary:
    """One layer, and the item of the history that made it."""

    digest: Digest
    diff_id: Digest
    media_type: AnyMediaType
    size: int
    """Bytes as they are stored."""
    history: History | None
    annotations: Mapping[str, str]

    @property
    def made_by(self) -> str:
        """What the history says of it, in a few words."""
        return "" if self.history is None else self.history.created_by or self.history.comment


@dataclass(frozen=True)
class ImageSummary:
    """An image as it lies there; nothing of it was unpacked."""

    digest: Digest
    id: Digest
    media_type: AnyMediaType
    platform: Platform
    size: int
    """Bytes of manifest, config and layers."""
    layers: tuple[LayerSummary, ...]
    """Lowest first."""
    config: ImageConfig
    annotations: Mapping[str, str]
    """Of the manifest."""

    @property
    def labels(self) -> Mapping[str, str]:
        return self.config.labels


def summarise(image: Image) -> ImageSummary:
    """Raises BadDocument."""
    manifest, config = image.manifest, image.config
    made = [item for item in config.history if not item.empty_layer]
    histories = made if len(made) == len(image.layers) else [None] * len(image.layers)
    layers = tuple(
        LayerSummary(layer.digest, layer.diff_id, layer.media_type, layer.size, history, layer.annotations)
        for layer, history in zip(image.layers, histories, strict=True)
    )
    return ImageSummary(
        digest=image.digest,
        id=image.id,
        media_type=manifest.media_type,
        platform=config.platform,
        size=image.size,
        layers=layers,
        config=config,
        annotations=manifest.annotations,
    )
