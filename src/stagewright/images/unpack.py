"""Images unpacked: their layers applied to a directory, one over another (OCI image-spec 1.1, layer.md)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stagewright.errors import UsageProblem
from stagewright.images.image import Image
from stagewright.images.layer import ContentMismatch, Layer, chunks
from stagewright.images.media_types import LayerCompression
from stagewright.model.tree import Bounds
from stagewright.ports.progress import Progress, silent
from stagewright.trees import Unpacked
from stagewright.trees.inflation import Compressed
from stagewright.trees.layers import LayeredTree

_COMPRESSED = {LayerCompression.NONE: Compressed.NOT, LayerCompression.GZIP: Compressed.GZIP}


@dataclass(eq=False)
class LayerNotRead(UsageProblem):
    """A layer of a kind that is not read here."""

    layer: str
    media_type: str

    def brief(self) -> str:
        return f"The layer {self.layer} is {self.media_type!r}, which cannot be unpacked."

    def hint(self) -> str:
        return "Copy the image with gzipped layers, as in: skopeo copy --dest-compress-format gzip oci:FROM oci:TO"


def unpack_image(
    image: Image, into: Path, *, bounds: Bounds, keep_owner: bool = False, progress: Progress = silent
) -> Unpacked:
    """Apply the layers of ``image`` to ``into``, which must be empty or missing.

    ``keep_owner`` gives everything to whom the layers say, which needs root; else all is the caller's and nothing is setuid.
    ``bounds`` hold for all layers together. Every layer is verified before its content is looked at.
    Raises LayerNotRead, ContentMismatch, UnsafeArchive, ArchiveTooLarge, UnreadableArchive, NotEmpty, DiskFull, TreeFailure.
    What is left in ``into`` after a failure is the caller's to remove.
    """
    readable = [(layer, _compressed(layer)) for layer in image.layers]
    total, before = sum(layer.size for layer in image.layers), 0
    with LayeredTree(into, bounds=bounds, keep_owner=keep_owner) as tree:
        for layer, compressed in readable:
            _apply(tree, layer, compressed, partial(_further, progress, before, total))
            before += layer.size
        return tree.settle()


def _further(progress: Progress, before: int, whole: int, done: int, total: int | None) -> None:
    del total
    progress(before + done, whole)


def _apply(tree: LayeredTree, layer: Layer, compressed: Compressed, progress: Progress) -> None:
    for _ in chunks(layer):
        pass  # verified before it is looked at
    with layer.open() as stream:
        diff_id = tree.apply(stream.fileno(), compressed, Path(f"layer {layer.digest}"), progress)
    if diff_id != layer.diff_id:
        raise ContentMismatch(f"The content of the layer {layer.digest}", layer.diff_id, str(diff_id))


def _compressed(layer: Layer) -> Compressed:
    compression = layer.media_type.compression
    if compression is None or compression not in _COMPRESSED:
        raise LayerNotRead(str(layer.digest), str(layer.media_type))
    return _COMPRESSED[compression]
