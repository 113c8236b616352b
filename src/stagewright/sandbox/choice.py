"""Which sandbox it will be."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from stagewright.ports.sandbox import Sandbox
from stagewright.sandbox.problems import NoSuchSandbox, NotLinux
from stagewright.sandbox.rootful import Rootful
from stagewright.sandbox.rootless import Rootless
from stagewright.sandbox.unconfined import Unconfined

KINDS = ("auto", "rootful", "rootless", "none")


def choose(kind: str, *, runtime: str | None, state: Path) -> Sandbox:
    """The sandbox that ``--sandbox kind`` names; ``auto`` is rootful for root and rootless for everybody else, never none.

    ``runtime`` as in Settings; ``state`` is a directory for records of what runs. Raises NotLinux,
    NoSuchSandbox.
    """
    if sys.platform != "linux":
        raise NotLinux(os.uname().sysname)
    if kind == "auto":
        kind = "rootful" if os.geteuid() == 0 else "rootless"
    match kind:
        case "rootful":
            return Rootful(runtime, state)
        case "rootless":
            return Rootless(runtime, state)
        case "none":
            return Unconfined()
        case _:
            raise NoSuchSandbox(kind, KINDS)
