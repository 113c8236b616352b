"""Layers: what an image asks of one, and layers that lie in files.

The port is small; what can be derived from it (verified reading, a descriptor) is a function over it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from stagewright.errors import AppProblem, PlatformProblem, UsageProblem
from stagewright.images.descriptor import Descriptor
from stagewright.images.media_types import AnyMediaType, MediaType
from stagewright.model.digest import Digest
from stagewright.model.tree import Owner
from stagewright.ports.progress import Progress, silent
from stagewright.trees import Compression, Packed, Placed, escape_name, pack

CHUNK = 1 << 20
_WHITEOUT = b".wh."


class Layer(Protocol):
    """A tar of files on its way into an image, compressed or not."""

    @property
    def media_type(self) -> AnyMediaType: ...

    @property
    def digest(self) -> Digest:
        """Of the bytes that `open` gives."""
        ...

    @property
    def diff_id(self) -> Digest:
        """Of the tar, when uncompressed: the identity of what the layer holds."""
        ...

    @property
    def size(self) -> int:
        """Bytes that `open` gives."""
        ...

    @property
    def annotations(self) -> Mapping[str, str]: ...

    def open(self) -> BinaryIO:
        """The bytes as they are stored, in a file that has a descriptor. Raises Problem where they cannot be had.

        They may turn out to be others than the digest says; `chunks` finds that out.
        """
        ...


@dataclass(eq=False)
class ContentMismatch(UsageProblem):
    """Bytes that are not what their digest says: damaged, or exchanged."""

    source: str
    expected: Digest
    found: str
    """The digest that was found, or how many bytes."""

    def brief(self) -> str:
        return f"{self.source} is not what it claims to be: expected {self.expected}, found {self.found}."

    def hint(self) -> str:
        return "It was damaged or exchanged; write or copy the image again."


@dataclass(eq=False)
class LayerUnreadable(PlatformProblem):
    """A file of a layer that is gone or cannot be read."""

    path: Path
    reason: str

    def brief(self) -> str:
        return f"The layer in {self.path} cannot be read: {self.reason}."


@dataclass(eq=False)
class NameOfWhiteout(AppProblem):
    """A file that an image cannot hold (layer.md, "Whiteouts")."""

    name: str
    """Escaped."""

    def brief(self) -> str:
        return f"An image cannot hold '{self.name}': a name that begins with .wh. stands for a deleted file there."

    def hint(self) -> str:
        return "Rename it, or leave it out with a .cfignore. A droplet can hold it."


@dataclass(frozen=True)
class FileLayer:
    """A layer in a file that we made ourselves."""

    path: Path
    digest: Digest
    diff_id: Digest
    size: int
    media_type: AnyMediaType = MediaType.LAYER_GZIP
    annotations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, packed: Packed, compression: Compression = Compression.GZIP) -> Self:
        """What `stagewright.trees.pack` wrote."""
        media_type = MediaType.LAYER_GZIP if compression is Compression.GZIP else MediaType.LAYER
        return cls(packed.path, packed.digest, packed.diff_id, packed.size, media_type)

    def open(self) -> BinaryIO:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise LayerUnreadable(self.path, error.strerror or str(error)) from error


def pack_layer(
    placed: Sequence[Placed],
    destination: Path,
    *,
    compression: Compression = Compression.GZIP,
    owner: Owner,
    keep_owner: bool = False,
    progress: Progress = silent,
) -> FileLayer:
    """Write ``placed`` as a layer, parent directories included, to ``destination``.

    Raises NameOfWhiteout, and what `stagewright.trees.pack` raises.
    """
    for one in placed:
        _refuse_whiteouts(one)
    packed = pack(
        placed,
        destination,
        compression=compression,
        owner=owner,
        keep_owner=keep_owner,
        parents=True,
        progress=progress,
    )
    return FileLayer.of(packed, compression)


def _refuse_whiteouts(placed: Placed) -> None:
    for part in placed.at.parts:
        if os.fsencode(part).startswith(_WHITEOUT):
            raise NameOfWhiteout(escape_name(os.fsencode(placed.at)))
    if placed.source is None:
        return
    for directory, directories, files in os.walk(os.fsencode(placed.source)):
        for name in (*directories, *files):
            if name.startswith(_WHITEOUT):
                raise NameOfWhiteout(escape_name(directory + b"/" + name))


def descriptor_of(layer: Layer) -> Descriptor:
    return Descriptor(layer.media_type, layer.digest, layer.size, annotations=layer.annotations)


def chunks(layer: Layer) -> Iterator[bytes]:
    """The bytes of ``layer``, in pieces of at most 1 MiB, never more of them than it claims to have.

    Raises ContentMismatch, at the end at the latest, where they are not what its digest says: use nothing before that.
    """
    source = f"The layer {layer.digest}"
    sha, left = hashlib.sha256(), layer.size
    with layer.open() as stream:
        while piece := stream.read(CHUNK):
            left -= len(piece)
            if left < 0:
                raise ContentMismatch(source, layer.digest, f"more than {layer.size} bytes")
            sha.update(piece)
            yield piece
    if left:
        raise ContentMismatch(source, layer.digest, f"{layer.size - left} of {layer.size} bytes")
    if sha.hexdigest() != layer.digest.hex:
        raise ContentMismatch(source, layer.digest, f"sha256:{sha.hexdigest()}")
