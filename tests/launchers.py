"""Droplets on disk and the two launchers that start them: the bash one of images, and the drop-in command.

Both run with this machine's bash in a temporary directory, and in no container: what they need of a stack is bash alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from stagewright.model.process import process_file_name

LAUNCHER = Path(str(files("stagewright").joinpath("droplets", "launcher.sh")))
DROP_IN_SCRIPT = Path(str(files("stagewright").joinpath("lifecycle", "launch.sh")))
DROP_IN = Path(sys.executable).with_name("stagewright-launcher")
PATH = "/usr/bin:/bin"
PRE_START = "Invoking pre-start scripts.\n"
START = "Invoking start command.\n"


@dataclass(frozen=True)
class Launch:
    """How a launch ended. ``out`` is what came after the launcher's own two lines, where it got that far."""

    code: int
    whole: str
    err: str

    @property
    def announced(self) -> bool:
        return self.whole.startswith(PRE_START) and START in self.whole

    @property
    def out(self) -> str:
        _, found, after = self.whole.partition(START)
        return after if found else self.whole

    @property
    def environment(self) -> dict[str, str]:
        """What ``env -0`` printed."""
        return dict(line.partition("=")[::2] for line in self.out.split("\0") if line)


@dataclass
class Droplet(ABC):
    """The directories of a droplet below ``root``, as a launcher finds them."""

    root: Path

    def __post_init__(self) -> None:
        for name in ("home/app", "home/deps", "home/profile.d", "home/tmp", "lifecycle/process"):
            (self.root / name).mkdir(parents=True)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def app(self) -> Path:
        return self.home / "app"

    def write(self, name: str, content: str, mode: int = 0o644) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(mode)
        return path

    @abstractmethod
    def start_command(self, command: str) -> None:
        """Make ``command`` what the droplet itself would start."""

    @abstractmethod
    def entrypoint_prefix(self, prefix: str) -> None:
        """Make ``prefix`` what the start command is handed to."""

    @abstractmethod
    def argv(self, command: str | bytes = "") -> list[str | bytes]:
        """The command line that starts ``command``, and the droplet's own where that is empty."""

    @abstractmethod
    def surroundings(self) -> dict[str, str]:
        """What the launcher needs in its environment to find the droplet."""

    def launch(self, command: str | bytes = "", env: Mapping[str, str] | None = None) -> Launch:
        return self.run(self.argv(command), env)

    def run(self, argv: list[str | bytes], env: Mapping[str, str] | None = None) -> Launch:
        whole = {"PATH": PATH, **self.surroundings(), **(env or {})}
        done = subprocess.run(argv, env=whole, cwd=self.home, capture_output=True, check=False, timeout=30)
        return Launch(
            done.returncode,
            done.stdout.decode("utf-8", "surrogateescape"),
            done.stderr.decode("utf-8", "surrogateescape"),
        )


class ImageDroplet(Droplet):
    """A droplet in an image: plain files tell the launcher what to start."""

    def start_command(self, command: str) -> None:
        self.process("web", command)

    def process(self, type_: str, command: str | bytes) -> None:
        content = command if isinstance(command, bytes) else command.encode()
        (self.root / "lifecycle/process" / process_file_name(type_)).write_bytes(content)

    def entrypoint_prefix(self, prefix: str) -> None:
        self.write("lifecycle/entrypoint_prefix", prefix)

    def argv(self, command: str | bytes = "") -> list[str | bytes]:
        return ["bash", str(LAUNCHER), *([command] if command else [])]

    def surroundings(self) -> dict[str, str]:
        return {"STAGEWRIGHT_LIFECYCLE": str(self.root / "lifecycle"), "STAGEWRIGHT_HOME_DIR": str(self.home)}

    def call(self, *arguments: str | bytes, env: Mapping[str, str] | None = None) -> Launch:
        return self.run(["bash", str(LAUNCHER), *arguments], env)


class CloudFoundryDroplet(Droplet):
    """A droplet as a Cloud Foundry cell unpacks it: staging_info.yml beside the app, the launcher where it is told to be."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.launcher = self.root / "lifecycle" / "launcher"
        self.launcher.symlink_to(DROP_IN)
        self._info: dict[str, object] = {}

    def start_command(self, command: str) -> None:
        self._tell(start_command=command)

    def entrypoint_prefix(self, prefix: str) -> None:
        self._tell(config={"entrypoint_prefix": prefix})

    def _tell(self, **facts: object) -> None:
        self._info |= facts
        self.staging_info(json.dumps({"detected_buildpack": "Some", **self._info}, ensure_ascii=False))

    def staging_info(self, text: str) -> None:
        self.write("home/staging_info.yml", text)

    def argv(self, command: str | bytes = "", *metadata: str) -> list[str | bytes]:
        return [str(self.launcher), "app", command, *(metadata or ("",))]

    def surroundings(self) -> dict[str, str]:
        return {}
