"""OCI images as values: what they are made of, pure changes to them, and the places where they lie.

    media_types, documents      words and JSON of the specification: parsed with the field at fault named, written canonically
    descriptor, config, manifest    the documents of an image (OCI image-spec 1.1)
    references                  names of images and of places: ``oci:DIR:TAG``, ``docker-archive:FILE:NAME``
    layer                       the port of a layer, and layers in files
    image                       the value, and the verbs `empty`, `append_layers`, `with_config`, `with_annotations`
    blobs, layout               images in a directory: `write_layout`, `read_layout`, `prune_layout`
    docker_archive              images in a file for ``docker load``: `write_archive`
    unpack                      layers applied to a directory: `unpack_image`
    summary                     what ``stagewright inspect`` tells: `summarise`

It knows no droplet, no buildpack and no stack. The public names load their modules when they are first used: every command parses
the name of an image's place, few of them touch an image.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stagewright.images.blobs import BlobMissing, NotALayout
    from stagewright.images.config import History, ImageConfig, Port, Protocol
    from stagewright.images.descriptor import Descriptor, Platform
    from stagewright.images.docker_archive import write_archive
    from stagewright.images.documents import BadDocument
    from stagewright.images.image import Addition, Image, append_layers, empty, with_annotations, with_config
    from stagewright.images.layer import ContentMismatch, FileLayer, Layer, LayerUnreadable, NameOfWhiteout, pack_layer
    from stagewright.images.layout import (
        NoSuchImage,
        Pruned,
        Written,
        prune_layout,
        read_index,
        read_layout,
        write_layout,
    )
    from stagewright.images.manifest import Index, Manifest
    from stagewright.images.media_types import MediaType, OtherMediaType
    from stagewright.images.references import (
        LATEST,
        ArchivePlace,
        BadImagePlace,
        ImageName,
        LayoutPlace,
        Place,
        RefName,
        parse_place,
    )
    from stagewright.images.summary import ImageSummary, LayerSummary, summarise
    from stagewright.images.unpack import LayerNotRead, unpack_image

__all__ = [
    "LATEST",
    "Addition",
    "ArchivePlace",
    "BadDocument",
    "BadImagePlace",
    "BlobMissing",
    "ContentMismatch",
    "Descriptor",
    "FileLayer",
    "History",
    "Image",
    "ImageConfig",
    "ImageName",
    "ImageSummary",
    "Index",
    "Layer",
    "LayerNotRead",
    "LayerSummary",
    "LayerUnreadable",
    "LayoutPlace",
    "Manifest",
    "MediaType",
    "NameOfWhiteout",
    "NoSuchImage",
    "NotALayout",
    "OtherMediaType",
    "Place",
    "Platform",
    "Port",
    "Protocol",
    "Pruned",
    "RefName",
    "Written",
    "append_layers",
    "empty",
    "pack_layer",
    "parse_place",
    "prune_layout",
    "read_index",
    "read_layout",
    "summarise",
    "unpack_image",
    "with_annotations",
    "with_config",
    "write_archive",
    "write_layout",
]

_MODULES = {
    "blobs": (
        "BlobMissing",
        "NotALayout",
    ),
    "config": (
        "History",
        "ImageConfig",
        "Port",
        "Protocol",
    ),
    "descriptor": (
        "Descriptor",
        "Platform",
    ),
    "docker_archive": ("write_archive",),
    "documents": ("BadDocument",),
    "image": (
        "Addition",
        "Image",
        "append_layers",
        "empty",
        "with_annotations",
        "with_config",
    ),
    "layer": (
        "ContentMismatch",
        "FileLayer",
        "Layer",
        "LayerUnreadable",
        "NameOfWhiteout",
        "pack_layer",
    ),
    "layout": (
        "NoSuchImage",
        "Pruned",
        "Written",
        "prune_layout",
        "read_index",
        "read_layout",
        "write_layout",
    ),
    "manifest": (
        "Index",
        "Manifest",
    ),
    "media_types": (
        "MediaType",
        "OtherMediaType",
    ),
    "references": (
        "LATEST",
        "ArchivePlace",
        "BadImagePlace",
        "ImageName",
        "LayoutPlace",
        "Place",
        "RefName",
        "parse_place",
    ),
    "summary": (
        "ImageSummary",
        "LayerSummary",
        "summarise",
    ),
    "unpack": (
        "LayerNotRead",
        "unpack_image",
    ),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """PEP 562: the first use of a public name loads the module that has it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
