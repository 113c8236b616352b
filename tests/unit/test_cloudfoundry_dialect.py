"""Cloud Foundry's dialect: names, arguments and documents, against values of the contract (§1.1, §1.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.values import buildpack

from stagewright.buildpacks.dialects import cloudfoundry
from stagewright.buildpacks.dialects.cloudfoundry import (
    BadBuildpackDocument,
    BadRelease,
    key_directory,
    parse_config,
    parse_launch,
    parse_release,
)
from stagewright.model.buildpack import Script
from stagewright.model.layout import Layout, deps_index
from stagewright.model.plan import Role, RunScript, Turn
from stagewright.model.process import Process, Sidecar

PYTHON = buildpack("python")


@pytest.mark.parametrize(
    ("key", "directory"),
    [
        ("my-buildpack/key/::", "dc91f5556d3ae859"),
        ("https://github.com/cloudfoundry/ruby-buildpack", "0e1df1251578f504"),
    ],
)
def test_directories_have_the_names_that_the_reference_gives_them(key: str, directory: str) -> None:
    assert key_directory(key) == directory


@pytest.mark.parametrize(("count", "first", "last"), [(1, "0", "0"), (9, "0", "8"), (10, "00", "09"), (11, "00", "10")])
def test_deps_indices_are_padded(count: int, first: str, last: str) -> None:
    assert (deps_index(0, count), deps_index(count - 1, count)) == (first, last)


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        (Script.DETECT, ["/home/vcap/app"]),
        (Script.RELEASE, ["/home/vcap/app"]),
        (Script.SUPPLY, ["/home/vcap/app", "/home/vcap/cache/final", "/home/vcap/deps", "1"]),
        (
            Script.FINALIZE,
            ["/home/vcap/app", "/home/vcap/cache/final", "/home/vcap/deps", "1", "/home/vcap/profile.d"],
        ),
        (Script.COMPILE, ["/home/vcap/app", "/home/vcap/cache/final"]),
    ],
)
def test_arguments_of_the_final_buildpack(script: Script, arguments: list[str]) -> None:
    step = RunScript(script, Turn(PYTHON, Role.FINAL, 1, 2))
    program, *given_arguments = map(str, cloudfoundry.argv(step, Layout()))
    assert program == f"/buildpacks/{key_directory('python')}/bin/{script}"
    assert given_arguments == arguments


def test_a_supply_buildpack_has_a_cache_of_its_own() -> None:
    step = RunScript(Script.SUPPLY, Turn(PYTHON, Role.SUPPLYING, 0, 2))
    assert str(cloudfoundry.argv(step, Layout())[2]) == f"/home/vcap/cache/{key_directory('python')}"


def test_release_says_default_process_types_and_nothing_else_counts() -> None:
    text = b"---\naddons: [x]\nconfig_vars: {A: b}\ndefault_process_types:\n  web: run me\n  worker: 1\n"
    assert parse_release(text, PYTHON).types == (Process("web", "run me"), Process("worker", "1"))


@pytest.mark.parametrize("text", [b"", b"--- {}", b"---\n"])
def test_a_release_that_says_nothing_is_no_process(text: bytes) -> None:
    assert parse_release(text, PYTHON).types == ()


@pytest.mark.parametrize(
    "text", [b"just words", b"default_process_types: [web]", b"default_process_types: {web: [a]}", b"a: b: c"]
)
def test_a_release_of_another_form_is_a_failure_of_release(text: bytes) -> None:
    with pytest.raises(BadRelease):
        parse_release(text, PYTHON)


def test_launch_yml_gives_processes_and_sidecars() -> None:
    text = b"""
processes:
- {type: web, command: serve}
- type: agent
  command: watch
  limits: {memory: 10}
  platforms: {cloudfoundry: {sidecar_for: [web, worker]}}
"""
    launch = parse_launch(text, PYTHON)
    assert launch.types == (Process("web", "serve"),)
    assert launch.sidecars == (Sidecar("agent", "watch", ("web", "worker"), 10),)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_launch_yml_or_a_clear_refusal(content: bytes) -> None:
    for parse in (parse_launch, parse_config, parse_release):
        try:
            parse(content, PYTHON)
        except BadBuildpackDocument as problem:
            assert "python" in problem.brief()


def test_config_yml_keeps_what_is_known_and_ignores_the_rest() -> None:
    text = b"name: python\nversion: 1.2\nconfig: {entrypoint_prefix: wrap}\noutput_metadata: {a: [1]}\nother: x\n"
    config = parse_config(text, PYTHON)
    assert (config.name, config.version, config.entrypoint_prefix) == ("python", "1.2", "wrap")
    assert config.output_metadata == {"a": [1]}
