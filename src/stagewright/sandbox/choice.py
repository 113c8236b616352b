"""Which sandbox it will be."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from stagewright.ports.sandbox import Sandbox
from stagewright.sandbox.problems import NotLinux
from stagewright.sandbox.rootful import Rootful


def choose(kind: str, *, runtime: str | None, state: Path) -> Sandbox:
    """The sandbox that ``--sandbox kind`` names; ``auto`` is rootful for root and rootless for everybody else, never none.

    Raises NotLinux; ValueError for a kind that does not exist.
    """
    if sys.platform != "linux":
        raise NotLinux(os.uname().sysname)
    match kind:
        case "rootful" | "auto":
            return Rootful(runtime, state)
        case _:
            raise ValueError(kind)
