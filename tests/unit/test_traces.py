"""The values of a trace, and its document both ways."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.trace_values import TRACE

from stagewright.model.fields import Malformed
from stagewright.model.trace import (
    ChangedVariable,
    EnvironmentChange,
    TracedCommand,
    Xtrace,
    environment_change,
    script_trace,
)
from stagewright.model.trace_document import bounded, parse_trace, read_trace, trace_document
from stagewright.model.trace_timing import Place, places, with_durations
from stagewright.model.tree import Difference, WrittenFile

DOCUMENT: dict[str, Any] = trace_document(TRACE)


def hide(text: str) -> str:
    return text.replace("s3cret", "[redacted]")


def test_there_and_back() -> None:
    assert parse_trace(json.dumps(DOCUMENT).encode()) == TRACE
    assert read_trace(DOCUMENT) == TRACE


def test_more_commands_than_can_be_kept_are_thinned_out_the_slower_half_stays() -> None:
    many = tuple(replace(command(number, text="\x01" * 100), seconds=float(number % 7)) for number in range(1000))
    small, large = (replace(TRACE.scripts[1], xtrace=Xtrace("bash", commands)) for commands in (many[:10], many))
    kept = bounded(replace(TRACE, scripts=(small, large)), heaviest=300_000)
    assert kept.scripts[0] == small, "the one with most gives"
    told = kept.scripts[1].xtrace
    assert told.truncated
    assert len(told.commands) == 250
    assert {one.seconds for one in told.commands} == {5.0, 6.0}
    assert list(told.commands) == sorted(told.commands, key=lambda one: one.offset)
    assert bounded(TRACE) == TRACE


def test_the_heaviest_trace_can_be_read_again() -> None:
    worst = tuple(
        TracedCommand(float(n), "ä" * 2000, "f" * 1000, 10**8, "g" * 1000, 3, 10**6, 1.5) for n in range(20_000)
    )
    trace = replace(TRACE, scripts=(replace(TRACE.scripts[1], xtrace=Xtrace("bash", worst)),) * 2)
    content = json.dumps(trace_document(trace)).encode()
    assert parse_trace(content).scripts[0].xtrace.truncated
    plain = tuple(TracedCommand(n + 0.123456, "", "", 10**8, "", 3, 10**6, 1.123456) for n in range(250_000))
    trace = replace(TRACE, scripts=(replace(TRACE.scripts[1], xtrace=Xtrace("bash", plain)),))
    assert parse_trace(json.dumps(trace_document(trace)).encode())


def test_unknown_fields_are_left_out() -> None:
    assert read_trace({**DOCUMENT, "new": 1}) == TRACE


def test_what_changed_in_an_environment_is_masked() -> None:
    change = environment_change(
        {"A": "1", "GONE": "s3cret", "SAME": "x", "BASH_ENV": "a"},
        {"A": "s3cret 2", "NEW": "s3cret", "SAME": "x", "BASH_ENV": "b"},
        against="the build's environment",
        mask=hide,
        without={"BASH_ENV"},
    )
    assert change == EnvironmentChange(
        "the build's environment", {"NEW": "[redacted]"}, {"A": ChangedVariable("1", "[redacted] 2")}, ("GONE",)
    )
    assert change
    assert not environment_change({}, {"BASH_ENV": "b"}, against="", mask=hide, without={"BASH_ENV"})


def test_arguments_and_names_of_files_are_masked() -> None:
    made = script_trace(
        buildpack=0,
        script="supply",
        position=0,
        argv=["bin/supply", "s3cret"],
        cwd="/s3cret",
        environment=EnvironmentChange(),
        started=0,
        seconds=1,
        exit_code=0,
        mask=hide,
        wrote={"app": Difference(added=1, largest=(WrittenFile("s3cret", 1, True),)), "deps": Difference()},
    )
    assert (made.argv, made.cwd) == (("bin/supply", "[redacted]"), "/[redacted]")
    assert [file.path for file in made.wrote["app"].largest] == ["[redacted]"]
    assert "deps" not in made.wrote, "it was left alone"


def command(offset: float, process: int = 1, function: str = "", text: str = "x") -> TracedCommand:
    return TracedCommand(offset, text, "a.sh", 1, function, 0, process)


def test_a_command_lasts_until_its_shell_goes_on() -> None:
    # 1 starts a pipe of 2 and 3, goes on at 5, starts another shell 4, which ends with the script.
    told = [command(0), command(1, 2), command(1.5, 3), command(5), command(6, 4), command(7, 4)]
    assert [one.seconds for one in with_durations(told, 10)] == [5, 4, 3.5, 5, 1, 3]
    assert with_durations([], 1) == ()


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(1, 4)), max_size=60))
def test_no_command_lasts_longer_than_the_script(told: list[tuple[float, int]]) -> None:
    commands = [command(offset, process) for offset, process in sorted(told)]
    for one in with_durations(commands, 100):
        assert 0 <= one.seconds <= 100 - one.offset


def test_many_commands_are_timed_in_little_time() -> None:
    with_durations([command(number, number % 5000) for number in range(100_000)], 100_000)


def test_places_are_sorted_by_time_in_which_any_of_them_ran() -> None:
    told = [replace(command(0, function="f"), seconds=2), replace(command(1, function="f"), seconds=2)]
    told.append(replace(command(3, function="g"), seconds=3.5))
    assert [(str(one.place), one.seconds) for one in places(told)] == [("a.sh: g", 3.5), ("a.sh: f", 3.0)]
    assert str(Place("", "")) == "(bash -c)"


SCRIPT = DOCUMENT["scripts"][0]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"format": "other"}, "format"),
        ({"build": "../../etc/passwd"}, "build"),
        ({"app": "a b"}, "app"),
        ({"stack": []}, "stack"),
        ({"started": "yesterday"}, "started"),
        ({"started": "0001-01-01T00:00:00+23:59"}, "started"),
        ({"buildpacks": [{}]}, "buildpacks[0].reference"),
        ({"scripts": [{**SCRIPT, "buildpack": 99}]}, "scripts[0].buildpack"),
        ({"scripts": [{**SCRIPT, "buildpack": True}]}, "scripts[0].buildpack"),
        ({"scripts": [{**SCRIPT, "seconds": float("nan")}]}, "scripts[0].seconds"),
        ({"scripts": [{**SCRIPT, "seconds": -1}]}, "scripts[0].seconds"),
        ({"scripts": [{**SCRIPT, "seconds": 10**400}]}, "scripts[0].seconds"),
        ({"scripts": [{**SCRIPT, "argv": ["x" * 300_000]}]}, "scripts[0].argv[0]"),
        ({"scripts": [{**SCRIPT, "wrote": {"app": 1}}]}, "scripts[0].wrote.app"),
        ({"scripts": [SCRIPT] * 501}, "scripts"),
        ({"scripts": {}}, "scripts"),
    ],
)
def test_a_malformed_document_is_refused_with_the_place(change: dict[str, object], where: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_trace({**DOCUMENT, **change})
    assert refused.value.where == where
    assert refused.value.says


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[",
        b"[" * 100_000,
        b"\xff\xfe",
        b"null",
        b"[]",
        b"1" * 10_000,
        b'{"format": "stagewright.trace.v1"}',
        b" " * (65 << 20),
    ],
)
def test_any_content_is_read_or_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        parse_trace(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    max_leaves=10,
)


@given(st.sampled_from(sorted(DOCUMENT)), JSON)
def test_any_value_in_any_place_is_read_or_refused(name: str, value: object) -> None:
    with suppress(Malformed):
        read_trace({**DOCUMENT, name: value})


def test_texts_can_be_written_afterwards() -> None:
    read = read_trace({**DOCUMENT, "outcome": "a\udce4"})
    assert read.outcome == "a?"
    origin = {"kind": "git", "remote": "\ud800", "commits": [{"date": None}]}
    document = {**DOCUMENT, "buildpacks": [{**DOCUMENT["buildpacks"][0], "origin": origin}] * 3}
    assert read_trace(document).buildpacks[0].origin["remote"] == "?"
    deep: object = 1
    for _ in range(50):
        deep = [deep]
    with pytest.raises(Malformed):
        read_trace({**DOCUMENT, "buildpacks": [{**DOCUMENT["buildpacks"][0], "origin": {"a": deep}}]})
