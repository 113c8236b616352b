"""Real stacks, small ones, by mmdebstrap: the same digest twice, nothing left when it fails or is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stagewright import settings
from stagewright.errors import Problem
from stagewright.model.events import Event, Progressed
from stagewright.model.settings import Settings
from stagewright.model.stack import Stack
from stagewright.ports.events import EventSink, deaf
from stagewright.stacks.bootstrap import MirrorUnreachable, PackageNotFound
from stagewright.stacks.definition import Definition, parse_definition
from stagewright.stacks.machine import MAKERS, lacking_ids, lacking_programs
from stagewright.stacks.making import create, remover
from stagewright.stacks.store import StackStore
from stagewright.trees import DiskFull, tree_digest

_LACKING = lacking_programs(MAKERS) or lacking_ids()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(_LACKING is not None, reason=str(_LACKING)),
]

SMALL = """
schema = 1
suite = "bookworm"
path_excludes = ["/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*"]
[run]
variant = "essential"
packages = []
[build]
variant = "essential"
packages = ["python3-minimal"]
"""


def small(text: str = SMALL) -> Definition:
    return parse_definition(text, Path("small.toml"))


@pytest.fixture(scope="module")
def operator() -> Settings:
    return settings.read(os.environ)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StackStore]:
    """Emptied in the end as the store does it: parts of it may belong to subordinate ids."""
    stacks = StackStore(tmp_path / "stacks")
    yield stacks
    stacks.sweep(remover)
    for name in stacks.names():
        stacks.remove(name, remover)


@pytest.fixture
def make(store: StackStore, operator: Settings) -> Callable[..., Stack]:
    def made(definition: Definition, notify: EventSink = deaf) -> Stack:
        return create(definition, store, sources=operator.apt_sources, trust=operator.trust, notify=notify)

    return made


def left_over(store: StackStore) -> list[str]:
    return sorted(path.name for path in store.directory.iterdir() if not path.name.startswith(".lock-"))


def test_two_runs_give_one_digest(
    store: StackStore, make: Callable[..., Stack], operator: Settings, tmp_path: Path
) -> None:
    events: list[Event] = []
    stack = make(small(), notify=events.append)
    told = {event.what for event in events if isinstance(event, Progressed)}
    for root in ("run", "build"):
        assert f"{root} root: setting up packages" in told
        assert f"{root} root: finishing" in told

    other = StackStore(tmp_path / "other")
    again = create(small(), other, sources=operator.apt_sources, trust=operator.trust)
    try:
        assert again.digest == stack.digest
        assert again.layer.digest == stack.layer.digest, "the layer is the same file"
        assert tree_digest(again.build.path) == tree_digest(stack.build.path), "content, modes and links"
        assert again.run.packages == stack.run.packages
    finally:
        other.remove(small().name, remover)

    assert stack.run.digest == stack.layer.diff_id
    names = {package.name for package in stack.build.packages}
    assert {"bash", "libc6", "usr-is-merged", "python3-minimal"} <= names
    assert "perl" not in names, "usrmerge would have brought it"
    assert (stack.run.path / "home/vcap").is_dir() and (stack.run.path / "app").is_symlink()
    store.verify(stack.name)

    once_more: list[Event] = []
    start = time.monotonic()
    assert make(small(), notify=once_more.append) == stack
    assert time.monotonic() - start < 1, "it is there already"
    make(small(SMALL.replace('"python3-minimal"', "")), notify=once_more.append)
    assert "another definition" in str(once_more[-1])


def test_without_network_it_says_so(store: StackStore, operator: Settings) -> None:
    """In a network namespace of its own, which has no way out."""
    code = """
import sys
from pathlib import Path
from stagewright.ports.events import EventSink, deaf
from stagewright.stacks.bootstrap import MirrorUnreachable
from stagewright.stacks.definition import load_definition
from stagewright.stacks.making import create
from stagewright.stacks.store import StackStore
try:
    create(load_definition(Path(sys.argv[1])), StackStore(Path(sys.argv[2])))
except MirrorUnreachable as problem:
    print(problem.brief(), problem.hint(), problem.details(), sep="\\n")
"""
    definition = store.directory.parent / "small.toml"
    definition.write_text(SMALL)
    cut_off = ["unshare", "--net", *(() if os.geteuid() == 0 else ("--user", "--map-current-user"))]
    said = subprocess.run(
        [*cut_off, sys.executable, "-c", code, str(definition), str(store.directory)],
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = said.stdout.splitlines()
    assert "mirror could not be reached" in lines[0], said.stderr
    assert "Check the network" in lines[1]
    assert len(lines) < 20
    assert left_over(store) == []


def test_a_mirror_of_the_operators_that_is_not_there(store: StackStore, operator: Settings, tmp_path: Path) -> None:
    sources = tmp_path / "sources.list"
    sources.write_text("deb http://127.0.0.1:9/debian bookworm main\n")
    with pytest.raises(MirrorUnreachable, match=r"127\.0\.0\.1:9"):
        create(small(), store, sources=sources, trust=operator.trust)
    assert left_over(store) == []


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system, which needs root")
def test_a_full_disk(operator: Settings, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(disk)], check=True)
    try:
        store = StackStore(disk / "stacks")
        with pytest.raises(DiskFull) as caught:
            create(small(), store, sources=operator.apt_sources, trust=operator.trust)
        assert str(disk) in caught.value.brief()
        assert left_over(store) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


RUN = """
import signal, sys
from pathlib import Path
from stagewright import settings
from stagewright.stacks.definition import load_definition
from stagewright.stacks.making import create
from stagewright.stacks.store import StackStore
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it
operator = settings.from_environment()
create(load_definition(Path(sys.argv[1])), StackStore(Path(sys.argv[2])), sources=operator.apt_sources,
       trust=operator.trust, log=lambda line: print(line, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_maker_that_is_ended_leaves_nothing(store: StackStore, number: signal.Signals) -> None:
    definition = store.directory.parent / "small.toml"
    definition.write_text(SMALL)
    with subprocess.Popen(
        [sys.executable, "-c", RUN, str(definition), str(store.directory)],
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as maker:
        assert maker.stdout is not None
        while "Get:5 " not in maker.stdout.readline():
            assert maker.poll() is None
        assert _working_below(store.directory), "mmdebstrap works there"
        maker.send_signal(number)
        maker.wait(10)
    deadline = time.monotonic() + 5
    while _working_below(store.directory) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _working_below(store.directory) == [], "every process of it is gone"
    assert str(store.directory) not in Path("/proc/self/mounts").read_text()
    assert store.list() == ()
    if number == signal.SIGKILL:
        assert left_over(store) == [".making-small"]
        assert store.sweep(remover) == 1
    assert left_over(store) == []


def test_where_one_root_fails_the_other_is_ended(store: StackStore, make: Callable[..., Stack]) -> None:
    """The problem of the first is told, and nobody waits for the second."""
    problems: list[Problem] = []

    def work() -> None:
        try:
            make(small(SMALL.replace("packages = []", 'packages = ["no-such-package-at-all"]')))
        except Problem as problem:
            problems.append(problem)

    worker = threading.Thread(target=work)
    worker.start()
    worker.join(300)
    assert [type(problem) for problem in problems] == [PackageNotFound]
    assert "no-such-package-at-all" in problems[0].brief()
    assert threading.active_count() == 1
    assert left_over(store) == []


def _working_below(directory: Path) -> list[str]:
    """Command lines of processes that name the directory; what has died but was not waited for has none."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and process.name != str(os.getpid()):
            try:
                line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if str(directory) in line:
                found.append(line)
    return found
