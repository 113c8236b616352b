"""Buildpacks of shell scripts, as tests write them. They are our own; the reference's fixtures were read, not copied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

RELEASE = "echo 'default_process_types: {web: the start command}'"
SUPPLY = 'echo "$NAME supply $# $*"; echo "$NAME" > "$2/supplied"; echo "$NAME" > "$3/$4/supplied"'
COMPILE = 'echo "$NAME compile $# $*"; echo "$NAME" > "$1/compiled"; echo "$NAME" > "$2/compiled"'
FINALIZE = (
    'echo "$NAME finalize $# $*"; echo "$NAME" > "$1/finalized"; echo "$NAME" > "$2/finalized"; '
    'echo "$NAME" > "$3/$4/finalized"; echo "export FINALIZED=$NAME" > "$5/finalized.sh"'
)


@dataclass(frozen=True)
class Buildpack:
    """A buildpack to be: its key, and the bodies of its scripts. In a script ``$NAME`` is the key."""

    key: str
    scripts: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    modes: Mapping[str, int] = field(default_factory=dict)
    """Modes of scripts, where they are not 0755."""
    directory: str | None = None
    """Where below the directory of buildpacks the drop-in finds it; its xxhash64 where nothing is said."""
    elsewhere: bool = False
    """It is fetched from the URL that is its key."""

    def with_scripts(self, **scripts: str) -> Buildpack:
        return replace(self, scripts={**self.scripts, **scripts})

    def without(self, *names: str) -> Buildpack:
        return replace(self, scripts={name: body for name, body in self.scripts.items() if name not in names})

    def at(self, directory: str) -> Buildpack:
        return replace(self, directory=directory)

    def write(self, directory: Path) -> Path:
        """Write it into a directory that is not there yet."""
        for name, text in self.files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        directory.mkdir(parents=True, exist_ok=True)
        for name, body in self.scripts.items():
            script = directory / "bin" / name
            script.parent.mkdir(exist_ok=True)
            script.write_text(f"#!/bin/bash\nset -e\nNAME='{self.key}'\n{body}\n")
            script.chmod(self.modes.get(name, 0o755))
        return directory


def compiling(key: str, **scripts: str) -> Buildpack:
    """A buildpack with detect, compile and release."""
    return Buildpack(key, {"detect": f"echo 'This is {key}'", "compile": COMPILE, "release": RELEASE, **scripts})


def supplying(key: str, **scripts: str) -> Buildpack:
    """A buildpack that can come before others: with bin/supply, and a compile for where it comes last."""
    return compiling(key, **{"supply": SUPPLY, **scripts})


def finalizing(key: str, **scripts: str) -> Buildpack:
    """A buildpack with supply and finalize, and a compile that must never run."""
    return supplying(key, **{"finalize": FINALIZE, **scripts})


def config_yml(text: str) -> str:
    """A script's line that writes ``deps/INDEX/config.yml``."""
    return f"cat > \"$3/$4/config.yml\" <<'END'\n{text}\nEND"


def launch_yml(text: str) -> str:
    """A script's line that writes ``deps/INDEX/launch.yml``."""
    return f"cat > \"$3/$4/launch.yml\" <<'END'\n{text}\nEND"
