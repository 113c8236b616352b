"""Directories as one canonical tar, in one pass: walk, tar, digest, compress, write.

Canonical means that the bytes depend on names, kinds, modes, contents, links and the owner asked for, and on nothing
else: entries are sorted, every time is `FIXED_TIME`, files linked to each other are written once. The digest of that
tar is what identifies a tree (`Packed.diff_id`, OCI's word for the same thing on a layer); the gzip around it is only
how it is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from stagewright.model.digest import Digest
from stagewright.model.layout import VCAP_ID
from stagewright.model.tree import Owner
from stagewright.ports.progress import Progress, silent
from stagewright.trees.appearing import appearing
from stagewright.trees.conveyor import Conveyor, DigestSink, GzipSink, PlainSink
from stagewright.trees.placing import Placed, in_order
from stagewright.trees.tar_writer import Ownership, TarWriter

VCAP = Owner(VCAP_ID, VCAP_ID)


class Compression(StrEnum):
    NONE = "none"
    GZIP = "gzip"


@dataclass(frozen=True)
class Packed:
    """An archive that was written."""

    path: Path
    digest: Digest
    """Of the file as it was written."""
    diff_id: Digest
    """Of the uncompressed tar: the identity of the content."""
    size: int
    """Bytes of the file."""
    unpacked_size: int
    """Bytes of the uncompressed tar."""
    entries: int


def pack(
    placed: Sequence[Placed],
    destination: Path,
    *,
    compression: Compression = Compression.GZIP,
    owner: Owner = VCAP,
    keep_owner: bool = False,
    prefix_dot: bool = False,
    parents: bool = False,
    keep_times: bool = False,
    progress: Progress = silent,
) -> Packed:
    """Write one canonical tar of ``placed`` to ``destination``, which appears whole or not at all.

    ``keep_owner`` takes owners from the disk; ``prefix_dot`` names everything ``./…`` below a first entry ``./`` of mode
    0700, as droplets are; ``parents`` writes the directories that lead to each placement (0755, root's) where none was
    placed; ``keep_times`` takes times from the disk, for archives that nobody names by their digest. ``progress`` counts bytes
    of the tar.
    Raises SpecialFile, FileChanged, UnreadableFile, TreeTooDeep, DiskFull, TreeFailure; ValueError where placements
    overlap.
    """
    ordered = in_order(placed, parents=parents)
    written: type[PlainSink | GzipSink] = GzipSink if compression is Compression.GZIP else PlainSink
    with appearing(destination) as descriptor:
        sink = written(descriptor, destination.parent)
        with Conveyor(sink, progress) as conveyor:
            writer = TarWriter(
                conveyor, Ownership(owner, keep_owner), b"./" if prefix_dot else b"", keep_times=keep_times
            )
            if prefix_dot:
                writer.write_root()
            writer.write_all(ordered)
            writer.close()
    return Packed(destination, sink.digest, sink.diff_id, sink.size, conveyor.length, writer.entries)


def tree_digest(root: Path, *, keep_owner: bool = False) -> Digest:
    """The digest of the canonical tar of what lies below ``root``: `pack`'s ``diff_id`` of it placed at ``.``.

    Raises SpecialFile, FileChanged, UnreadableFile, TreeTooDeep.
    """
    sink = DigestSink()
    with Conveyor(sink, silent) as conveyor:
        writer = TarWriter(conveyor, Ownership(VCAP, keep_owner))
        writer.write_all([Placed(root, PurePosixPath())])
        writer.close()
    return sink.diff_id
