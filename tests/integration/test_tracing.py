"""Tracing around a real sandbox: hostile scripts, an operator's secrets, a signal amid a script, a disk that refuses."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from tests.e2e.shell_buildpacks import write_buildpack
from tests.values import buildpack, request

from stagewright.buildpacks.dialects.cloudfoundry import key_directory
from stagewright.errors import Cancelled
from stagewright.model.buildpack import Script
from stagewright.model.containers import Command, ContainerSpec, Limits, Mount, Network, Stream
from stagewright.model.digest import Digest
from stagewright.model.events import ActionStarted, Event, Noted, ScriptTraced, Warned
from stagewright.model.layout import Layout
from stagewright.model.names import BuildId
from stagewright.model.plan import Action, Role, RunScript, Turn, Verb
from stagewright.model.settings import Trust
from stagewright.model.tree import Bounds
from stagewright.model.variables import Variables
from stagewright.ports.keeping import BuildRecords, Workspace
from stagewright.sandbox.cell import Cell
from stagewright.staging.building import Tools
from stagewright.staging.tracing import traced, with_debug_switches
from stagewright.storage.forgetting import CellRecords

PASSWORD = "0per4tor+secret"


@dataclass
class Kept:
    """Records in memory."""

    trace: dict[str, Any] = field(default_factory=dict)

    def save(self, build: BuildId, document: Mapping[str, object]) -> None:
        pass

    def keep_trace(self, build: BuildId, document: Mapping[str, object]) -> None:
        self.trace = dict(document)


class Bench:
    """A traced build on a cell, whose only script is the ``supply`` of a buildpack."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.kept = Kept()
        self.events: list[Event] = []
        self.workspace = Workspace.below(place / "work")
        self.printed = b""

    def tools(self, records: BuildRecords | None) -> Tools:
        return Tools(
            sandbox=Cell(),
            records=records or self.kept,
            variables=Variables(platform={"PATH": os.environ["PATH"], "PROXY": f"http://me:{PASSWORD}@a.example"}),
            secrets=frozenset(),
            trust=Trust(),
            network=Network.HOST,
            events=self.events.append,
            bounds=Bounds(),
            layers=self.place,
        )

    def run(
        self, body: str, output: Callable[[bytes], None] = lambda _: None, records: BuildRecords | None = None
    ) -> None:
        """Run ``body`` to its end, and end the build."""
        for path in (self.workspace.app, self.workspace.deps, self.workspace.tmp, self.workspace.scratch):
            path.mkdir(parents=True)
        root = write_buildpack(self.place / "bp", supply=body)
        chosen = replace(buildpack("bp", Script.SUPPLY, root=root), in_place=True)
        action = Action(
            RunScript(Script.SUPPLY, Turn(chosen, Role.FINAL, 0, 1)), Verb.RUN, "it is a test", Digest.of(b"")
        )
        place = Layout().buildpacks / key_directory(chosen.key)
        spec = ContainerSpec("trace", Path("/"), (Mount(root, place),), Limits(), self.workspace.scratch)
        with (
            traced(self.tools(records), request(chosen), self.workspace, "stagewright trace show it") as tools,
            tools.sandbox.open(spec) as session,
        ):
            tools.events(ActionStarted(action))
            environment = {name: str(value) for name, value in tools.variables.platform.items()}
            app = self.workspace.app
            earlier = Command(("/bin/bash", "-c", "echo before"), PurePosixPath(app), environment)
            session.run(earlier, lambda _stream, _chunk: None)
            program = str(session.path_of(place / "bin" / "supply"))
            command = Command((program, str(app)), PurePosixPath(app), environment)
            session.run(command, lambda stream, chunk: self._hear(stream, chunk, output))

    def _hear(self, stream: Stream, chunk: bytes, output: Callable[[bytes], None]) -> None:
        self.printed += chunk
        output(chunk)

    @property
    def script(self) -> dict[str, Any]:
        (script,) = self.kept.trace["scripts"]
        return dict(script)

    @property
    def commands(self) -> list[str]:
        return [one["text"] for one in self.script["xtrace"]["commands"]]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_script_alone_is_traced_and_its_file_is_gone_afterwards(bench: Bench) -> None:
    bench.run('echo made > "$1/made"')
    assert bench.commands == ["set -e", "echo made"]
    assert bench.script["argv"] == [str(bench.place / "bp" / "bin" / "supply"), str(bench.workspace.app)]
    assert bench.script["wrote"]["app"]["bytes_added"] == 5
    assert [path.name for path in (bench.workspace.scratch / "trace" / "told").iterdir()] == []
    assert [type(event) for event in bench.events] == [ActionStarted, ScriptTraced, Noted]


def test_what_the_operator_keeps_secret_is_not_told(bench: Bench) -> None:
    bench.run(f': "$PROXY" {PASSWORD}; curl -H "Authorization: Bearer abcdefgh" http://127.0.0.1:1/ || :')
    said = str(bench.kept.trace)
    assert PASSWORD not in said
    assert "abcdefgh" not in said
    assert bench.script["environment"]["added"]["PROXY"] == "[redacted]"


@pytest.mark.parametrize(
    "body",
    [
        'rm -f "$STAGEWRIGHT_XTRACE_FILE"',
        'rm -f "$STAGEWRIGHT_XTRACE_FILE"; ln -s /etc/passwd "$STAGEWRIGHT_XTRACE_FILE"',
        'rm -f "$STAGEWRIGHT_XTRACE_FILE"; mkfifo "$STAGEWRIGHT_XTRACE_FILE"',
        'rm -f "$STAGEWRIGHT_XTRACE_FILE"; mkdir -p "$STAGEWRIGHT_XTRACE_FILE/a/b"',
        'rm -rf "$1"; ln -s /etc "$1"',
        "exec env -i bash -c true",
        "printf '+\\037%s\\037\\n' $STAGEWRIGHT_XTRACE_MARK >> $STAGEWRIGHT_XTRACE_FILE; kill -9 $$",
    ],
)
def test_a_script_that_is_at_war_with_its_trace_gets_no_further_than_itself(bench: Bench, body: str) -> None:
    bench.run(body)
    assert bench.script["xtrace"]["coverage"] == "bash"
    assert "root:" not in str(bench.kept.trace)
    assert bench.script["wrote"].get("app", {}).get("added", 0) == 0


def test_a_signal_in_the_middle_of_a_script_leaves_a_trace(bench: Bench) -> None:
    def cancel(chunk: bytes) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        bench.run("echo now; sleep 100", cancel)
    assert bench.script["exit_code"] == 137
    assert bench.kept.trace["outcome"] == Cancelled().brief()
    assert "echo now" in bench.commands


def test_a_trace_that_cannot_be_kept_is_warned_of_and_fails_nothing(bench: Bench) -> None:
    bench.run("true", records=CellRecords(bench.place / "no such directory" / "trace.json"))
    (warned,) = (event for event in bench.events if isinstance(event, Warned))
    assert "could not be kept" in warned.text


def test_switches_leave_what_the_app_set_and_reach_both_dialects() -> None:
    variables = with_debug_switches(Variables(platform={"PATH": "/bin"}, config={"BP_DEBUG": "no"}))
    assert variables.config["BP_DEBUG"] == "no"
    assert "BP_DEBUG" not in variables.platform
    assert variables.platform["BP_LOG_LEVEL"] == variables.config["BP_LOG_LEVEL"] == "DEBUG"
