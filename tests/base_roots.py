"""Root file systems for tests that run an image: of a stack that is there, or the least that bash needs, from this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from stagewright.settings import from_environment
from stagewright.stacks.store import StackStore

_LIBRARY = re.compile(r"(/\S+) \(0x[0-9a-f]+\)")


def stack_run_root() -> Path | None:
    """The run root of a stack in the store that the environment names, else of the default store; None where there is none."""
    stacks = StackStore(from_environment().stacks).list()
    return stacks[0].run.path if stacks else None


def make_least_root(root: Path, *programs: str) -> None:
    """A root with ``programs`` of this machine, the libraries that they name, and the directories that a runtime wants."""
    for name in ("etc", "proc", "dev", "sys", "tmp", "bin", "usr/bin", "home/vcap"):
        (root / name).mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/bash\nvcap:x:2000:2000::/home/vcap:/bin/bash\n")
    (root / "etc/group").write_text("root:x:0:\nvcap:x:2000:\n")
    for program in programs:
        found = shutil.which(program)
        assert found is not None, f"{program} is not on this machine"
        shutil.copy(found, root / "bin" / program)
        listed = subprocess.run(["ldd", found], capture_output=True, text=True, check=True).stdout
        for library in _LIBRARY.findall(listed):
            copy = root / library.lstrip("/")
            if not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(library, copy)
