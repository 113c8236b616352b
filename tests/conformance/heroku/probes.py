"""Buildpacks of all forms that write down what they find, into the app: a droplet holds it, and no log has masked it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.conformance.staging.buildpacks import Buildpack

SERVES = "echo 'default_process_types: {web: \"exec python3 -m http.server $PORT\"}'"

_LOOK = r"""
seen="$1/.seen/$NAME-$(basename "$0")"
mkdir -p "$seen"
printf '%s\n' "$@" > "$seen/arguments"
pwd > "$seen/cwd"
env -0 > "$seen/environment"
echo "$NAME $(basename "$0")" >> "$1/.seen/order"
ls -A /home/vcap > "$seen/home"
if [ -d /home/vcap/env ]; then cp -R /home/vcap/env "$seen/env_dir"; fi
if [ -d /home/vcap/deps ]; then (cd /home/vcap/deps && find . | sort) > "$seen/deps"; fi
"""
"""Every script's first argument is the app, whatever its dialect."""

_SUPPLIES = r"""
mkdir -p "$3/$4/bin" "$3/$4/lib" "$3/$4/include" "$3/$4/pkgconfig" "$3/$4/env" "$3/$4/profile.d"
printf '#!/bin/sh\necho the tool of %s\n' "$NAME" > "$3/$4/bin/tool-of-$NAME"
chmod +x "$3/$4/bin/tool-of-$NAME"
printf 'value of %s' "$NAME" > "$3/$4/env/OF_$NAME"
echo "export PROFILE_OF_$NAME=sourced" > "$3/$4/profile.d/own.sh"
"""
_MULTI_SUPPLY = r"""
for d in "$3"/*/; do i=$(basename "$d")
if [ -d "$d/bin" ]; then echo "export PATH=\$DEPS_DIR/$i/bin:\$PATH"; fi; done > "$5/000_multi-supply.sh"
for f in "$3"/*/profile.d/*; do i=$(basename "$(dirname "$(dirname "$f")")"); cp "$f" "$5/${i}_$(basename "$f")"; done
"""
"""What libbuildpack does at the end of finalize, as far as these tests need it."""


def heroku(key: str, **scripts: str) -> Buildpack:
    """A buildpack of Heroku's form; the script that is given comes after the look around."""
    own = {"detect": f"echo 'This is {key}'", "compile": "true", "release": SERVES, **scripts}
    return Buildpack(key, {name: _LOOK + body for name, body in own.items() if body})


def supplying(key: str, **scripts: str) -> Buildpack:
    """A buildpack of Cloud Foundry's form for any place but the last."""
    return Buildpack(key, {"supply": _LOOK + _SUPPLIES + scripts.get("supply", "")})


def finalizing(key: str, **scripts: str) -> Buildpack:
    """A buildpack of Cloud Foundry's form for any place; as the last it does what libbuildpack does."""
    own = {
        "supply": _SUPPLIES + scripts.get("supply", ""),
        "finalize": _MULTI_SUPPLY + scripts.get("finalize", ""),
        "release": scripts.get("release", SERVES),
    }
    return Buildpack(key, {name: _LOOK + body for name, body in own.items()})


def compiling(key: str, **scripts: str) -> Buildpack:
    """A lone bin/compile: Heroku's, or strictly Cloud Foundry's."""
    return Buildpack(key, {"compile": _LOOK + scripts.get("compile", ""), "release": SERVES})


@dataclass(frozen=True)
class Seen:
    """What one script found."""

    place: Path

    @property
    def arguments(self) -> list[str]:
        return (self.place / "arguments").read_text().splitlines()

    @property
    def cwd(self) -> str:
        return (self.place / "cwd").read_text().strip()

    @property
    def environment(self) -> dict[str, str]:
        read = (self.place / "environment").read_bytes().decode("utf-8", "surrogateescape")
        return dict(line.split("=", 1) for line in read.split("\0") if line)

    @property
    def config(self) -> dict[str, bytes] | None:
        """What ENV_DIR held, by file; None where there was none."""
        directory = self.place / "env_dir"
        return {file.name: file.read_bytes() for file in directory.iterdir()} if directory.is_dir() else None

    @property
    def deps(self) -> list[str]:
        return (self.place / "deps").read_text().split()

    @property
    def home(self) -> list[str]:
        return (self.place / "home").read_text().split()

    def search(self, name: str) -> list[str]:
        """The directories of a search path."""
        return self.environment.get(name, "").split(":")
