"""The store: made once, whole or not at all, by one process at a time, and read in no time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from stagewright.model.digest import Digest
from stagewright.model.events import Event, Noted
from stagewright.model.names import StackName
from stagewright.model.stack import PackageVersion, Stack, StackLayer, StackRoot
from stagewright.stacks.problems import StackDamaged, StackInUse, StackUnreadable, StoreFailure, UnknownStack
from stagewright.stacks.record import StackRecord
from stagewright.stacks.store import Making, StackStore
from stagewright.trees import tree_digest

NAME = StackName("small")


@pytest.fixture
def store(tmp_path: Path) -> StackStore:
    return StackStore(tmp_path / "state" / "stacks")


def fill(making: Making, packages: int = 3) -> StackRecord:
    """Something like two roots, in the place where they are made."""
    roots = []
    for place in (making.run, making.build):
        (place / "usr/bin").mkdir(parents=True)
        (place / "usr/bin/bash").write_text(place.name)
        listed = tuple(PackageVersion(f"package-{number:03}", "1.0", "amd64") for number in range(packages))
        roots.append(StackRoot(place, tree_digest(place, keep_owner=True), 5, listed))
    making.layer.write_bytes(b"layer")
    layer = StackLayer(making.layer, Digest.of(b"layer"), roots[0].digest, 5)
    return StackRecord(
        Stack(making.name, "amd64", roots[0], roots[1], layer), Digest.of(b"definition"), {}, ("a note",)
    )


def make(store: StackStore, name: StackName = NAME, packages: int = 3) -> Stack:
    with store.making(name) as making:
        return making.keep(fill(making, packages))


def left_over(store: StackStore) -> list[str]:
    return sorted(path.name for path in store.directory.iterdir() if not path.name.startswith(".lock-"))


def test_an_empty_store_is_no_failure(store: StackStore) -> None:
    assert store.list() == () and store.names() == () and store.unreadable() == () and store.sweep() == 0
    with pytest.raises(UnknownStack) as caught:
        store.get(NAME)
    assert "there are: none" in caught.value.brief()
    assert "stagewright stack create small -f FILE" in caught.value.hint()
    with pytest.raises(UnknownStack) as caught:
        store.get(StackName("debian12"))
    assert caught.value.hint() == "Make it with: stagewright stack create debian12"


def test_what_was_kept_comes_back(store: StackStore) -> None:
    made = make(store)
    assert made.run.path == store.directory / "small" / "run"
    assert made.layer.path.read_bytes() == b"layer"
    assert store.get(NAME) == made == store.list()[0]
    record = store.record(NAME)
    assert (record.definition, record.notes) == (Digest.of(b"definition"), ("a note",))
    assert left_over(store) == ["small"]
    store.verify(NAME)


def test_what_was_not_kept_is_gone(store: StackStore) -> None:
    with store.making(NAME) as making:
        fill(making)
    with pytest.raises(KeyboardInterrupt), store.making(NAME) as making:
        fill(making)
        raise KeyboardInterrupt
    assert left_over(store) == []


def test_reading_takes_no_time(store: StackStore) -> None:
    """Every build reads its stack: under 5 ms with the packages of a Debian (the best of five, since machines are busy)."""
    make(store, packages=300)

    def once() -> float:
        start = time.perf_counter()
        store.get(NAME)
        return time.perf_counter() - start

    assert min(once() for _ in range(5)) < 0.005


def test_a_second_maker_waits_says_so_and_reuses(store: StackStore) -> None:
    told: list[Event] = []
    found: list[Stack | None] = []

    def second() -> None:
        with store.making(NAME, told.append) as making:
            found.append(making.existing and making.existing.stack)

    with store.making(NAME) as making:
        waiting = threading.Thread(target=second)
        waiting.start()
        while not told:
            time.sleep(0.01)
        assert isinstance(told[0], Noted) and "waiting" in told[0].text
        assert not found
        made = making.keep(fill(making))
    waiting.join(10)
    assert found == [made]


def test_makers_of_different_stacks_do_not_wait(store: StackStore) -> None:
    with store.making(NAME), store.making(StackName("other"), pytest.fail) as other:
        other.keep(fill(other))
    assert left_over(store) == ["other"]


KILLED = """
import sys, time
from pathlib import Path
from stagewright.model.names import StackName
from stagewright.stacks.store import StackStore
with StackStore(Path(sys.argv[1])).making(StackName("small")) as making:
    (making.run / "usr").mkdir(parents=True)
    (making.directory / "stack.json").write_text("{}")
    print("making", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_maker_left_is_no_stack_and_is_swept(store: StackStore) -> None:
    environ = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(store.directory)], stdout=subprocess.PIPE, env=environ
    ) as maker:
        assert maker.stdout is not None and maker.stdout.readline() == b"making\n"
        assert store.sweep() == 0, "it lives, so what it makes is left alone"
        assert left_over(store) == [".making-small"]
        maker.send_signal(signal.SIGKILL)
        maker.wait()
    assert store.list() == () and store.names() == ()
    with pytest.raises(UnknownStack):
        store.get(NAME)
    assert store.sweep() == 1
    assert left_over(store) == []


def test_the_next_maker_sweeps_too(store: StackStore) -> None:
    (store.directory / ".making-small/run/usr").mkdir(parents=True)
    (store.directory / ".removing-small/run").mkdir(parents=True)
    make(store)
    assert left_over(store) == ["small"]


def test_removal(store: StackStore) -> None:
    make(store)
    store.remove(NAME)
    assert left_over(store) == []
    with pytest.raises(UnknownStack):
        store.remove(NAME)


def test_nobody_removes_a_stack_that_is_stood_on(store: StackStore) -> None:
    make(store)
    with store.hold(NAME) as stack, store.hold(NAME):
        with pytest.raises(StackInUse) as caught:
            store.remove(NAME)
        assert stack.run.path.is_dir()
        assert "in use" in caught.value.brief()
    store.remove(NAME)


def test_a_changed_root_is_found(store: StackStore) -> None:
    stack = make(store)
    (stack.build.path / "usr/bin/bash").write_text("other")
    with pytest.raises(StackDamaged) as caught:
        store.verify(NAME)
    assert "build root" in caught.value.brief() and str(stack.build.digest) in caught.value.brief()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"schema": 1}', '{"schema": 99}', '{"schema": 1, "architecture": "a", "roots": {"run": 1}}'],
)
def test_what_cannot_be_read_is_said_and_hides_nothing_else(store: StackStore, content: str) -> None:
    make(store)
    broken = store.directory / "broken"
    broken.mkdir()
    (broken / "stack.json").write_text(content)
    with pytest.raises(StackUnreadable) as caught:
        store.get(StackName("broken"))
    assert "stagewright stack remove broken" in caught.value.hint()
    assert [str(stack.name) for stack in store.list()] == ["small"]
    assert [str(problem.name) for problem in store.unreadable()] == ["broken"]
    store.remove(StackName("broken"))


def test_a_directory_without_a_record_is_no_stack(store: StackStore) -> None:
    (store.directory / "half").mkdir(parents=True)
    with pytest.raises(StackUnreadable, match=r"has no stack\.json"):
        store.get(StackName("half"))
    store.remove(StackName("half"))
    assert left_over(store) == []


def test_owners_that_could_not_be_kept(store: StackStore) -> None:
    """Then the digest is that of the layer, and what lies on disk is told by its content alone."""
    with store.making(NAME) as making:
        record = fill(making)
        stack = record.stack
        lost = {"run": tree_digest(making.run), "build": tree_digest(making.build)}
        foreign = Stack(stack.name, "amd64", _with_digest(stack.run), _with_digest(stack.build), stack.layer)
        making.keep(StackRecord(foreign, record.definition, lost))
    store.verify(NAME)
    (store.get(NAME).run.path / "usr/bin/bash").write_text("other")
    with pytest.raises(StackDamaged):
        store.verify(NAME)


def _with_digest(root: StackRoot) -> StackRoot:
    return StackRoot(root.path, Digest.of(b"with the owners of a tar"), root.size, root.packages)


def test_the_record_is_plain_json(store: StackStore) -> None:
    stack = make(store)
    document = json.loads((store.directory / "small/stack.json").read_text())
    assert document["digest"] == str(stack.digest)
    assert document["roots"]["run"]["packages"][0] == ["package-000", "1.0", "amd64"]


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailure) as caught:
        make(StackStore(tmp_path / "file" / "stacks"))
    assert "STAGEWRIGHT_STACKS" in caught.value.hint()
