"""Images as values, and the pure verbs on them.

An image *is* its manifest and its config, byte for byte, and layers that can be opened. What was read from elsewhere keeps the
bytes that it came with, and so its digest; what a verb makes is written canonically, always in OCI's own media types (a Docker
manifest that is changed becomes an OCI one: the layers are the same bytes under another name).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

from stagewright.images.config import History, ImageConfig
from stagewright.images.descriptor import Descriptor, Platform
from stagewright.images.layer import Layer, descriptor_of
from stagewright.images.manifest import Manifest
from stagewright.images.media_types import MediaType
from stagewright.model.digest import Digest


@dataclass(frozen=True)
class Addition:
    """A layer to be put on top of others, and how it came to be."""

    layer: Layer
    history: History = field(default_factory=History)


@dataclass(frozen=True)
class Image:
    """Immutable. Two images are equal when their manifests are, byte for byte."""

    manifest_bytes: bytes = field(repr=False)
    config_bytes: bytes = field(repr=False, compare=False)
    layers: tuple[Layer, ...] = field(compare=False)
    """Lowest first."""

    @classmethod
    def of(cls, config: ImageConfig, layers: Iterable[Layer], like: Manifest | None = None) -> Self:
        """A new image. ``like`` gives annotations, subject and whatever else a manifest says beside config and layers.

        Raises ValueError where the config's diff ids are not those of the layers.
        """
        stack = tuple(layers)
        if config.diff_ids != tuple(layer.diff_id for layer in stack):
            raise ValueError("the diff ids of the config are not those of the layers")
        config_bytes = config.to_bytes()
        config_descriptor = Descriptor(MediaType.CONFIG, Digest.of(config_bytes), len(config_bytes))
        descriptors = tuple(_oci(descriptor_of(layer)) for layer in stack)
        if like is None:
            manifest = Manifest(config_descriptor, descriptors)
        else:
            manifest = replace(like, media_type=MediaType.MANIFEST, config=config_descriptor, layers=descriptors)
        return cls(manifest.to_bytes(), config_bytes, stack)

    @cached_property
    def manifest(self) -> Manifest:
        return Manifest.parse(self.manifest_bytes, f"the manifest {self.digest}")

    @cached_property
    def config(self) -> ImageConfig:
        return ImageConfig.parse(self.config_bytes, f"the config {self.manifest.config.digest}")

    @cached_property
    def digest(self) -> Digest:
        """Of the manifest: what a registry knows the image by."""
        return Digest.of(self.manifest_bytes)

    @property
    def id(self) -> Digest:
        """Of the config: what Docker calls the image id (config.md, "ImageID")."""
        return self.manifest.config.digest

    @property
    def platform(self) -> Platform:
        return self.config.platform

    @property
    def descriptor(self) -> Descriptor:
        """What points to this image."""
        return Descriptor(
            self.manifest.media_type, self.digest, len(self.manifest_bytes), platform=self.config.platform
        )

    @property
    def size(self) -> int:
        """Bytes of all that must be moved to have the image somewhere else; a layer that occurs twice counts once."""
        layers = {layer.digest: layer.size for layer in self.layers}
        return len(self.manifest_bytes) + len(self.config_bytes) + sum(layers.values())


def empty(platform: Platform) -> Image:
    """An image without layers, to begin with."""
    return Image.of(ImageConfig(platform), ())


def append_layers(image: Image, *additions: Addition) -> Image:
    """``image`` with layers on top. The history gets an item for each, after one for every layer that had none."""
    if not additions:
        return image
    config, layers = image.config, tuple(addition.layer for addition in additions)
    described = sum(not item.empty_layer for item in config.history)
    missing = (History(comment="unknown"),) * (len(image.layers) - described)
    changed = replace(
        config,
        diff_ids=(*config.diff_ids, *(layer.diff_id for layer in layers)),
        history=(*config.history, *missing, *(addition.history for addition in additions)),
    )
    return Image.of(changed, (*image.layers, *layers), image.manifest)


def with_config(image: Image, config: ImageConfig) -> Image:
    """``image`` with another config for the same layers. Raises ValueError where its diff ids are of other layers."""
    return Image.of(config, image.layers, image.manifest)


def with_annotations(image: Image, annotations: Mapping[str, str]) -> Image:
    """``image`` with ``annotations`` added to its manifest's own."""
    manifest = image.manifest
    return Image.of(image.config, image.layers, replace(manifest, annotations={**manifest.annotations, **annotations}))


def _oci(descriptor: Descriptor) -> Descriptor:
    return replace(descriptor, media_type=descriptor.media_type.oci)
