from __future__ import annotations

import os
import platform
import shlex
from pathlib import Path

from buildpack import Staging, detail, read_procfile, step, warn, write_launch, write_launch_environment

MACHINES = {"x86_64": 62, "aarch64": 183}
"""e_machine of an ELF header, by the name that the kernel gives the machine."""


def finalize(staging: Staging) -> None:
    """What earlier buildpacks supplied reaches the app. The start command is the person's: a Procfile, or one given beside it."""
    commands = read_procfile(staging.build) or {}
    step("Nothing to build: the app runs as it is")
    if not commands:
        detail(
            "There is no Procfile: the app will start only with a command (--command, or `command` in manifest.yml)."
        )
    for kind, command in commands.items():
        trouble = doubt(staging.build, command)
        if trouble:
            warn(f"{kind}: {trouble}")
    write_launch(staging, {})
    write_launch_environment(staging)


def doubt(build: Path, command: str) -> str | None:
    """Why a start command will hardly work, judged by the app's file that it names first; None if nothing speaks against it."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        return None
    words = [word for word in words if word != "exec" and not ("=" in word and "/" not in word.partition("=")[0])]
    if not words or "/" not in words[0] or words[0].startswith("/") or "$" in words[0]:
        return None
    program = build / words[0]
    if not program.is_file():
        return f"the app has no file {words[0]}"
    if not os.access(program, os.X_OK):
        return f"{words[0]} is not executable (chmod +x, and upload it by a way that keeps modes)"
    return _wrong_machine(program, words[0])


def _wrong_machine(program: Path, shown: str) -> str | None:
    with program.open("rb") as file:
        head = file.read(20)
    if head[:4] == b"\x7fELF":
        expected = MACHINES.get(platform.machine())
        found = int.from_bytes(head[18:20], "little")
        return (
            None if expected in (None, found) else f"{shown} is a program for another processor (ELF machine {found})"
        )
    if head[:2] == b"MZ":
        return f"{shown} is a program for Windows"
    if head[:4] in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe"):
        return f"{shown} is a program for macOS"
    return None
