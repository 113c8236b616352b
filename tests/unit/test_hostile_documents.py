"""What strangers write (Procfile, launch.yml, config.yml, release output), as odd as YAML allows: the parsers give values
that are text throughout, or refuse with a Problem of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.values import buildpack

from stagewright.buildpacks.dialects.cloudfoundry import (
    BadBuildpackDocument,
    parse_config,
    parse_launch,
    parse_release,
)
from stagewright.model.process import Processes
from stagewright.packages import BadProcfile
from stagewright.packages.procfile import parse_procfile

PYTHON = buildpack("python")

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**4300, max_value=10**4400)
    | st.floats()
    | st.dates()
    | st.datetimes()
    | st.binary(max_size=20)
    | st.text(max_size=30)
    | st.sampled_from(
        ["web", "worker", "", "processes", "web\0", "\u2028", "a: b", "../../etc/passwd", "!!python/object:os.system"]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(
            st.text(max_size=10) | st.integers() | st.none() | st.booleans() | st.dates(), children, max_size=4
        )
    ),
    max_leaves=12,
)
KNOWN = st.sampled_from(
    [
        *("processes", "type", "command", "limits", "memory", "platforms", "cloudfoundry", "sidecar_for", "web"),
        *("default_process_types", "config_vars", "addons", "name", "version", "config", "entrypoint_prefix"),
        "output_metadata",
    ]
)
SHAPED = st.recursive(
    SCALARS,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(KNOWN, children, max_size=5),
    max_leaves=20,
)
ENTRY = st.fixed_dictionaries(
    {"type": SCALARS, "command": SCALARS},
    optional={
        "limits": VALUES | st.fixed_dictionaries({"memory": SCALARS}),
        "platforms": VALUES | st.fixed_dictionaries({"cloudfoundry": st.fixed_dictionaries({"sidecar_for": VALUES})}),
    },
)
YAML = st.sampled_from([yaml.safe_dump, json.dumps])
HOSTILE = [
    b"\xff\xfe",
    b"\xef\xbb\xbfweb: x",
    b"a: &a [*a]",
    b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
    b"<<: {web: x}\nweb: y",
    b"<<: 1",
    b"!!python/object/apply:os.system [id]",
    b"!!binary aGVsbG8=",
    b"web: !!binary aGVsbG8=",
    b"web: !!set {a, b}",
    b"web: 2001-01-01\nworker: 2001-12-14t21:59:43.10-05:00",
    b"2001-01-01: x",
    b"[1, 2]: x",
    b"{a: b}: x",
    b"? web\n: x",
    b"web: .inf\nworker: .nan\nclock: 0o17\nsix: 1:30",
    b"web: 2001-99-99",
    b"--- web: x\n--- web: y",
    b"%YAML 9.9\n---\nweb: x",
    b"web: |\n  a\n  b\n",
    b"{" * 5000,
    b"[" * 70 + b"]" * 70,
    b"- " * 5000,
    b"processes: [{type: web, command: x, limits: {memory: .inf}}]",
    b"processes: [{type: web, command: x, limits: {memory: .nan}}]",
    b"processes: [{type: web, command: x, limits: {memory: " + b"9" * 5000 + b"}}]",
    b"processes: [{type: a, command: x, platforms: {cloudfoundry: {sidecar_for: {web: x}}}}]",
    b"processes: [{type: a, command: x, platforms: {cloudfoundry: {sidecar_for: [[web]]}}}]",
    b"processes: {type: web, command: x}",
    b"processes: [web]",
    b"processes: [[type, web]]",
    b"config: [entrypoint_prefix]\nname: [x]\nversion: {a: b}\noutput_metadata: x",
    b"output_metadata: {a: .nan, b: .inf, c: 2001-01-01, 1: [!!set {x}], ~: !!binary aGVsbG8=}",
    b"default_process_types: {web: ~, [a]: b}",
    b"default_process_types: {1: 2, true: false, ~: x}",
]


def texts(processes: Processes) -> Iterable[object]:
    for process in processes.types:
        yield from (process.type, process.command)
    for sidecar in processes.sidecars:
        yield from (sidecar.name, sidecar.command, *sidecar.process_types)


def check_processes(processes: Processes) -> None:
    assert isinstance(processes, Processes)
    assert all(type(text) is str for text in texts(processes))
    assert all(type(sidecar.memory) in (int, type(None)) for sidecar in processes.sidecars)


def read_procfile(text: bytes) -> None:
    try:
        check_processes(parse_procfile(text))
    except BadProcfile as problem:
        assert "Procfile" in problem.brief()


def read_buildpack_documents(text: bytes) -> None:
    for parse in (parse_launch, parse_release):
        try:
            check_processes(parse(text, PYTHON))
        except BadBuildpackDocument as problem:
            assert "python" in problem.brief()
    try:
        config = parse_config(text, PYTHON)
    except BadBuildpackDocument as problem:
        assert "config.yml" in problem.brief()
        return
    assert type(config.name) is str
    assert type(config.version) in (str, type(None))
    assert type(config.entrypoint_prefix) in (str, type(None))
    written = json.dumps(config.output_metadata, allow_nan=False)
    assert json.loads(written) == config.output_metadata


READERS = [read_procfile, read_buildpack_documents]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_people_have_thought_of(read: Callable[[bytes], None], text: bytes) -> None:
    read(text)


def test_a_text_is_no_list_of_its_letters() -> None:
    with pytest.raises(BadBuildpackDocument):
        parse_launch(b"processes: [{type: a, command: x, platforms: {cloudfoundry: {sidecar_for: web}}}]", PYTHON)


def test_what_json_has_no_number_for_is_text() -> None:
    assert parse_config(b"output_metadata: {a: .nan, b: -.inf}", PYTHON).output_metadata == {"a": "nan", "b": "-inf"}


@given(value=VALUES | SHAPED, dump=YAML)
@settings(max_examples=300, deadline=None)
def test_any_value_of_yaml(value: object, dump: Callable[[object], str]) -> None:
    try:
        text = dump(value).encode("utf-8", "surrogatepass")
    except (TypeError, ValueError):
        return
    read_procfile(text)
    read_buildpack_documents(text)


@given(entries=st.lists(ENTRY, max_size=4))
@settings(max_examples=200, deadline=None)
@example(entries=[{"type": "web", "command": "x"}, {"type": "web", "command": "y"}])
def test_any_entries_of_launch_yml(entries: list[object]) -> None:
    try:
        text = yaml.safe_dump({"processes": entries})
    except ValueError:
        return
    read_buildpack_documents(text.encode("utf-8", "surrogatepass"))


@given(types=st.dictionaries(SCALARS.filter(lambda value: not isinstance(value, float)), VALUES, max_size=5))
@settings(max_examples=200, deadline=None)
def test_any_types_of_a_procfile_and_of_release(types: dict[object, object]) -> None:
    try:
        text, released = yaml.safe_dump(types), yaml.safe_dump({"default_process_types": types})
    except ValueError:
        return
    read_procfile(text.encode("utf-8", "surrogatepass"))
    read_buildpack_documents(released.encode("utf-8", "surrogatepass"))


@given(start=st.sampled_from(HOSTILE), cut=st.integers(0, 60), more=st.binary(max_size=20))
@settings(max_examples=200, deadline=None)
def test_any_text_that_was_cut_and_continued(start: bytes, cut: int, more: bytes) -> None:
    text = start[:cut] + more + start[cut:]
    read_procfile(text)
    read_buildpack_documents(text)
