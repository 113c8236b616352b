"""The file that ``docker save`` writes and ``docker load`` reads: manifest.json, a config, layers.

Docker and skopeo tell by content whether a layer is compressed, so layers go in as they are. The same image gives the same bytes.
"""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from pathlib import Path, PurePosixPath

from stagewright.images.blobs import BlobLayer
from stagewright.images.image import Image
from stagewright.images.layer import FileLayer, Layer, chunks
from stagewright.images.media_types import LayerCompression
from stagewright.images.references import ArchivePlace, ImageName
from stagewright.model.tree import Owner
from stagewright.ports.progress import Progress, silent
from stagewright.trees import Compression, Packed, Placed, pack
from stagewright.trees.problems import writing

_ROOT = Owner(0, 0)
_EXTENSIONS = {
    LayerCompression.NONE: "tar",
    LayerCompression.GZIP: "tar.gz",
    LayerCompression.ZSTD: "tar.zst",
    None: "tar",
}


def write_archive(place: ArchivePlace, image: Image, *, progress: Progress = silent) -> Packed:
    """Write ``image`` to the file of ``place``, which appears whole or not at all; ``docker load`` gives it the name there.

    Raises ContentMismatch where a layer is not what it claims, and what `stagewright.trees.pack` raises.
    """
    file = place.file
    borrowed: list[Path] = []
    layers = {_file_name(layer): layer for layer in image.layers}
    try:
        placed = [
            Placed(_file_of(layer, file, borrowed), PurePosixPath(file_name), mode=0o644)
            for file_name, layer in layers.items()
        ]
        config_name = f"{image.id.hex}.json"
        placed.append(Placed(None, PurePosixPath(config_name), content=image.config_bytes))
        placed.append(Placed(None, PurePosixPath("manifest.json"), content=_manifest(image, config_name, place.name)))
        with writing(file.parent):
            file.parent.mkdir(parents=True, exist_ok=True)
        return pack(placed, file, compression=Compression.NONE, owner=_ROOT, progress=progress)
    finally:
        for path in borrowed:
            with suppress(OSError):
                path.unlink()


def _manifest(image: Image, config_name: str, name: ImageName | None) -> bytes:
    """Docker's image specification 1.2, "Combined Image JSON + Filesystem Changeset Format"."""
    entry = {
        "Config": config_name,
        "RepoTags": [str(name)] if name else None,
        "Layers": [_file_name(layer) for layer in image.layers],
    }
    return json.dumps([entry], sort_keys=True, separators=(",", ":")).encode()


def _file_name(layer: Layer) -> str:
    return f"{layer.digest.hex}.{_EXTENSIONS[layer.media_type.compression]}"


def _file_of(layer: Layer, beside: Path, borrowed: list[Path]) -> Path:
    """A file with the bytes of ``layer``: its own where it has one, else a copy that is noted in ``borrowed``."""
    if isinstance(layer, FileLayer):
        return layer.path
    if isinstance(layer, BlobLayer):
        for _ in chunks(layer):
            pass  # somebody else's file: read once to see that it is what it claims to be
        return layer.path
    copy = beside.with_name(f".{layer.digest.hex}.{secrets.token_hex(6)}.part")
    borrowed.append(copy)
    with writing(beside.parent), copy.open("wb") as stream:
        stream.writelines(chunks(layer))
    return copy
