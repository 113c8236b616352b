"""Buildpacks and git repositories that tests make: real ones, with a clock and an author of their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

SCRIPTS = ("detect", "supply", "finalize")


def write_buildpack(directory: Path, **files: str) -> Path:
    """A Cloud Foundry buildpack with ``files`` beside its scripts (``__`` stands for ``/``)."""
    for name in SCRIPTS:
        path = directory / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\nexit 0\n")
        path.chmod(0o755)
    for name, content in files.items():
        path = directory / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return directory


class Repository:
    """A git repository with a work tree."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, stdin: bytes | None = None, more: Mapping[str, str] | None = None) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "protocol.file.allow",
            "GIT_CONFIG_VALUE_0": "always",
            **{f"GIT_{who}_{what}": said for who in ("AUTHOR", "COMMITTER") for what, said in _PERSON.items()},
            **(more or {}),
        }
        ended = subprocess.run(
            ["git", *arguments], cwd=self.path, env=environment, input=stdin, capture_output=True, check=False
        )
        assert ended.returncode == 0, ended.stderr.decode()
        return ended.stdout.decode().strip()

    def commit(self, subject: str) -> str:
        """Commit everything, or nothing at all; the new commit."""
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def add_entry(self, mode: str, kind: str, sha: str, name: str) -> None:
        """Put into the next commit what no careful program would."""
        del kind
        self.git("update-index", "--add", "--cacheinfo", f"{mode},{sha},{name}")

    def blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", stdin=content)


_PERSON = {"NAME": "Ada Writer", "EMAIL": "ada@example.com", "DATE": "2024-05-06T07:08:09+00:00"}


def buildpack_repository(path: Path, **files: str) -> Repository:
    repository = Repository(write_buildpack(path, **files))
    repository.commit("Begin")
    return repository
