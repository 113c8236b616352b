"""What the launcher in images does beyond Cloud Foundry's: process types, programs, a platform that sets nothing.

Its manual is docs/reference/launcher.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagewright.model.process import process_file_name
from tests.launchers import ImageDroplet


@pytest.fixture
def droplet(tmp_path: Path) -> ImageDroplet:
    return ImageDroplet(tmp_path / "image")


# --- the environment, where no platform has made one (§1.9 "LRP env") -----------------------------------------------

ENVIRONMENT: Sequence[tuple[str, Mapping[str, str], str, str]] = [
    ("PORT is 8080", {}, "PORT", "8080"),
    ("PORT of the platform is kept", {"PORT": "9999"}, "PORT", "9999"),
    ("an empty PORT is no PORT", {"PORT": ""}, "PORT", "8080"),
    ("VCAP_APP_PORT follows PORT", {"PORT": "9999"}, "VCAP_APP_PORT", "9999"),
    ("VCAP_APP_PORT of the platform is kept", {"VCAP_APP_PORT": "1234"}, "VCAP_APP_PORT", "1234"),
    ("VCAP_APP_HOST is every address", {}, "VCAP_APP_HOST", str(IPv4Address(0))),
    ("LANG is UTF-8 on every stack", {}, "LANG", "C.UTF-8"),
    ("LANG of the platform is kept", {"LANG": "en_US.UTF-8"}, "LANG", "en_US.UTF-8"),
    ("USER is vcap", {}, "USER", "vcap"),
]


@pytest.mark.parametrize(("clause", "given_env", "name", "value"), ENVIRONMENT, ids=[row[0] for row in ENVIRONMENT])
def test_environment(droplet: ImageDroplet, clause: str, given_env: Mapping[str, str], name: str, value: str) -> None:
    droplet.process("web", "env -0")
    assert droplet.launch(env=given_env).environment[name] == value, clause


def test_home_of_a_heroku_app_is_what_the_image_says(droplet: ImageDroplet) -> None:
    """design.md, "Where things lie in a build": HOME is /app if any buildpack of the build was Heroku's."""
    link = droplet.root / "app"
    link.symlink_to(droplet.app)
    droplet.write("lifecycle/home", f"{link}\n")
    droplet.process("web", 'echo "$HOME $PWD $DEPS_DIR"')
    assert droplet.launch().out == f"{link} {link} {droplet.home}/deps\n"


# --- which command is run -------------------------------------------------------------------------------------------

PROCESSES = {
    "web": "echo the web",
    "worker": "echo the worker",
    "a b.c/d": "echo odd",
    "größe": "echo grown",
    "none": "",
}


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        pytest.param([], "the web\n", id="web is the default"),
        pytest.param([""], "the web\n", id="an empty command is none, as the Cloud Controller passes it"),
        pytest.param(["web"], "the web\n", id="web by name"),
        pytest.param(["worker"], "the worker\n", id="another type"),
        pytest.param(["a b.c/d"], "odd\n", id="a type with odd characters"),
        pytest.param(["größe"], "grown\n", id="a type that is not ASCII"),
        pytest.param(["echo $((1 + 1)) | cat"], "2\n", id="a shell command"),
        pytest.param(["--", "echo", "$HOME", "a  b", "*"], "$HOME a  b *\n", id="a program, its arguments untouched"),
        pytest.param(["echo", "$HOME", "a  b"], "$HOME a  b\n", id="several arguments are a program, too"),
        pytest.param(["--", "web"], None, id="after -- nothing is a process type"),
    ],
)
def test_choice_of_command(droplet: ImageDroplet, arguments: list[str], out: str | None) -> None:
    for type_, command in PROCESSES.items():
        droplet.process(type_, command)
    launch = droplet.call(*arguments)
    assert launch.announced
    if out is None:
        assert launch.code == 127
    else:
        assert (launch.code, launch.out, launch.err) == (0, out, "")


def test_process_type_in_any_locale(droplet: ImageDroplet) -> None:
    droplet.process("größe", "echo grown")
    for locale in ("C", "C.UTF-8"):
        assert droplet.launch("größe", env={"LC_ALL": locale}).out == "grown\n"


def test_a_process_that_is_not_utf_8(droplet: ImageDroplet) -> None:
    droplet.process("web", b"printf '\xff\xfe' | od -An -tx1")
    assert droplet.launch().out == " ff fe\n"


@given(arguments=st.lists(st.binary(max_size=40).filter(lambda raw: b"\0" not in raw), max_size=6))
@settings(max_examples=25, deadline=None)
def test_arguments_reach_the_program_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, arguments: list[bytes]
) -> None:
    droplet = ImageDroplet(tmp_path_factory.mktemp("launcher") / "image")
    launch = droplet.call("--", "printf", r"%s\0", b"first", *arguments)
    assert launch.out.encode("utf-8", "surrogateescape") == b"".join(raw + b"\0" for raw in [b"first", *arguments])


@given(
    type_=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
        lambda text: text != "--"
    )
)
@settings(max_examples=25, deadline=None)
def test_every_process_type_is_found(tmp_path_factory: pytest.TempPathFactory, type_: str) -> None:
    droplet = ImageDroplet(tmp_path_factory.mktemp("launcher") / "image")
    droplet.process(type_, "echo found")
    assert droplet.call(type_).out == "found\n"


# --- nothing to start -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("types", "arguments", "said"),
    [
        ({}, [], "this droplet has no process types"),
        ({"worker": "w", "a b": "x"}, [], r"the process types of this droplet are: a\ b worker"),
        ({"worker": "w"}, ["web"], "the process types of this droplet are: worker"),
        ({"web": "", "esc\x1b[2J": "x"}, [], r"the process types of this droplet are: $'esc\E[2J' web"),
    ],
)
def test_no_start_command(droplet: ImageDroplet, types: Mapping[str, str], arguments: list[str], said: str) -> None:
    for type_, command in types.items():
        droplet.process(type_, command)
    launch = droplet.call(*arguments)
    assert (launch.code, launch.whole) == (1, "")
    assert launch.err == f"launcher: no start command specified or detected in droplet\nlauncher: {said}\n"


def test_no_command_after_the_dashes(droplet: ImageDroplet) -> None:
    launch = droplet.call("--")
    assert launch.code == 1
    assert launch.err.startswith("launcher: no command after --\n")


# --- programs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("program", "code"), [("./plain", 126), ("no-such-command-at-all", 127), ("./odd", 26)])
def test_exit_codes_of_a_program_pass(droplet: ImageDroplet, program: str, code: int) -> None:
    droplet.write("home/app/plain", "not a program", mode=0o644)
    droplet.write("home/app/odd", "#!/bin/bash\nexit 26\n", mode=0o755)
    assert droplet.call("--", program).code == code


def test_a_program_is_started_without_the_prefix(droplet: ImageDroplet) -> None:
    droplet.entrypoint_prefix("no-such-prefix-at-all")
    assert droplet.call("--", "echo", "plain").out == "plain\n"


# --- the file itself ------------------------------------------------------------------------------------------------


def test_it_calls_no_program_before_the_app(droplet: ImageDroplet) -> None:
    """With nothing on PATH but bash itself, so that an image needs no coreutils."""
    only_bash = droplet.root / "bin"
    only_bash.mkdir()
    (only_bash / "bash").symlink_to(Path("/bin/bash").resolve())
    droplet.write("home/profile.d/a.sh", "export A=a\n")
    droplet.process("web", "echo $A $PATH")
    launch = droplet.launch(env={"PATH": str(only_bash)})
    assert (launch.out, launch.err) == (f"a {only_bash}\n", "")


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("web", "web"),
        ("a b", "a%20b"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        ("x/y", "x%2Fy"),
        ("100%", "100%25"),
        ("ä", "%C3%A4"),
    ],
)
def test_file_names_of_process_types(type_: str, name: str) -> None:
    assert process_file_name(type_) == name
