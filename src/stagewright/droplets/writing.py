"""The droplet: app, deps, profile.d, empty tmp and logs, and staging_info.yml (contracts/cloudfoundry-staging.md §1.5, §1.6)."""

from __future__ import annotations

import json
import os
from pathlib import Path, PurePosixPath

from stagewright.model.process import Processes
from stagewright.model.tree import Owner
from stagewright.ports.progress import Progress, silent
from stagewright.trees import VCAP, Packed, Placed, pack


def staging_info(detected: str, processes: Processes, entrypoint_prefix: str | None, has_config: bool = False) -> bytes:
    """staging_info.yml: JSON content, ``config`` only where the final buildpack's config.yml has one, be it empty (§1.5).
    Always the same bytes for the same facts."""
    document: dict[str, object] = {"detected_buildpack": detected, "start_command": processes.command("web") or ""}
    if entrypoint_prefix or has_config:
        document["config"] = {"entrypoint_prefix": entrypoint_prefix} if entrypoint_prefix else {}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogateescape")


def write_droplet(
    app: Path,
    deps: Path,
    profile_d: Path,
    info: bytes,
    destination: Path,
    *,
    keep_owner: bool = False,
    progress: Progress = silent,
) -> Packed:
    """Write the droplet of three trees to ``destination``, whole or not at all. The trees are left as they are.

    Everything in it is vcap's; with ``keep_owner`` whoever's it is on disk, and ours where it is on none (§1.6).

    Raises what `trees.pack` raises: DiskFull, files that no archive can hold.
    """
    placed = [
        Placed(source=app, at=PurePosixPath("app")),
        Placed(source=deps, at=PurePosixPath("deps")),
        Placed(source=None, at=PurePosixPath("logs"), mode=0o755),
        Placed(source=profile_d, at=PurePosixPath("profile.d")),
        Placed(source=None, at=PurePosixPath("staging_info.yml"), mode=0o644, content=info),
        Placed(source=None, at=PurePosixPath("tmp"), mode=0o755),
    ]
    destination.parent.mkdir(parents=True, exist_ok=True)
    owner = Owner(os.geteuid(), os.getegid()) if keep_owner else VCAP
    return pack(placed, destination, owner=owner, keep_owner=keep_owner, prefix_dot=True, progress=progress)
