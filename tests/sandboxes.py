"""What tests of sandboxes work with: directories, commands, and a look at the machine for what should be gone."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from stagewright.model.containers import Command, ContainerSpec, Exit, Limits, Mount, Network, Stream
from stagewright.model.tree import Owner
from stagewright.ports.sandbox import Sandbox, Session

HOME = PurePosixPath("/home/vcap")
TMP = PurePosixPath("/tmp")
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/home/vcap"}
LIMITS = Limits(memory=512 << 20, disk=1 << 30, timeout=60.0, pids=128)


@dataclass
class Written:
    """What a command wrote."""

    stdout: bytes = b""
    stderr: bytes = b""
    threads: set[int] = field(default_factory=set)

    def __call__(self, stream: Stream, chunk: bytes) -> None:
        import threading

        self.threads.add(threading.get_ident())
        if stream is Stream.STDOUT:
            self.stdout += chunk
        else:
            self.stderr += chunk


@dataclass(frozen=True)
class Ran:
    """A command that ran to its end."""

    exit: Exit
    written: Written

    @property
    def out(self) -> str:
        return self.written.stdout.decode()

    @property
    def err(self) -> str:
        return self.written.stderr.decode()


@dataclass(frozen=True)
class Workplace:
    """The directories of one build."""

    at: Path
    root: Path
    owner: Owner | None

    @property
    def home(self) -> Path:
        return self.at / "home"

    @property
    def tmp(self) -> Path:
        return self.at / "tmp"

    @property
    def scratch(self) -> Path:
        return self.at / "scratch"

    def spec(
        self,
        name: str = "test",
        *,
        mounts: Iterable[Mount] = (),
        limits: Limits = LIMITS,
        network: Network = Network.HOST,
    ) -> ContainerSpec:
        own = (Mount(self.home, HOME, writable=True), Mount(self.tmp, TMP, writable=True))
        return ContainerSpec(name, self.root, (*own, *mounts), limits, self.scratch, network)


def workplace(at: Path, root: Path, owner: Owner | None) -> Workplace:
    """Empty directories, of the owner that the sandbox wants."""
    place = Workplace(at, root, owner)
    for directory in (place.home, place.tmp, place.scratch):
        directory.mkdir(parents=True)
    if owner is not None:
        for directory in (place.home, place.tmp):
            os.chown(directory, owner.uid, owner.gid)
    return place


def run(session: Session, *argv: str, env: Mapping[str, str] | None = None, cwd: PurePosixPath = HOME) -> Ran:
    written = Written()
    given = ENVIRONMENT if env is None else env
    return Ran(session.run(Command(argv, session.path_of(cwd), given), written), written)


def bash(session: Session, script: str, env: Mapping[str, str] | None = None) -> Ran:
    return run(session, "/bin/bash", "-c", script, env=env)


def run_once(sandbox: Sandbox, spec: ContainerSpec, script: str) -> Ran:
    with sandbox.open(spec) as session:
        return bash(session, script)


def new_mark() -> str:
    """A number of seconds that no other process sleeps."""
    return f"{86_000 + uuid.uuid4().int % 100}.{uuid.uuid4().int % 10**12:012d}"


def processes_with(mark: str, *, alone: bool = False) -> list[int]:
    """Processes of this machine that have ``mark`` in an argument (``alone``: as an argument), and are no zombies."""
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit() and int(directory.name) != os.getpid():
            try:
                arguments = (directory / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in (arguments.split(b"\0") if alone else arguments):
                found.append(int(directory.name))
    return found


def groups_with(text: str) -> list[Path]:
    """Control groups of this machine whose name holds ``text``."""
    found = []
    for directory, names, _ in os.walk("/sys/fs/cgroup"):
        found.extend(Path(directory) / name for name in names if text in name)
    return found


def soon(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether ``condition`` holds within ``seconds``."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
