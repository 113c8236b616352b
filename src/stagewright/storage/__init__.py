"""What outlives a build, on the disk of one machine: working places, caches, records. A later floor mate keeps them elsewhere."""

from stagewright.storage.caches import DiskCaches
from stagewright.storage.records import DiskRecords
from stagewright.storage.workspaces import DiskWorkspaces

__all__ = ["DiskCaches", "DiskRecords", "DiskWorkspaces"]
