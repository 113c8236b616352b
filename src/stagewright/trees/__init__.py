"""Directories as content: hostile until read, canonical when written.

`pack` writes the one canonical tar of a tree and `tree_digest` names a tree by it; `unpack` and `copy_tree` bring in
what somebody else made; `snapshot` and `difference` tell what a script did; `disk_use`, `chown_tree` and `remove_tree`
keep house.
"""

from stagewright.trees.copy import copy_tree
from stagewright.trees.entries import LinkPolicy, Modes, Times, Unpacked
from stagewright.trees.kinds import ArchiveKind, archive_kind
from stagewright.trees.names import escape_name, unescape_name
from stagewright.trees.pack import VCAP, Compression, Packed, pack, tree_digest
from stagewright.trees.placing import Placed
from stagewright.trees.problems import (
    ArchiveTooLarge,
    DiskFull,
    FileChanged,
    NotEmpty,
    SpecialFile,
    TreeFailure,
    TreeTooDeep,
    UnreadableArchive,
    UnreadableFile,
    UnsafeArchive,
)
from stagewright.trees.removal import remove_tree
from stagewright.trees.snapshot import Snapshot, TooManyFiles, difference, snapshot
from stagewright.trees.unpack import unpack
from stagewright.trees.upkeep import chown_tree, disk_use

__all__ = [
    "VCAP",
    "ArchiveKind",
    "ArchiveTooLarge",
    "Compression",
    "DiskFull",
    "FileChanged",
    "LinkPolicy",
    "Modes",
    "NotEmpty",
    "Packed",
    "Placed",
    "Snapshot",
    "SpecialFile",
    "Times",
    "TooManyFiles",
    "TreeFailure",
    "TreeTooDeep",
    "Unpacked",
    "UnreadableArchive",
    "UnreadableFile",
    "UnsafeArchive",
    "archive_kind",
    "chown_tree",
    "copy_tree",
    "difference",
    "disk_use",
    "escape_name",
    "pack",
    "remove_tree",
    "snapshot",
    "tree_digest",
    "unescape_name",
    "unpack",
]
