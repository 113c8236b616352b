"""The launcher against contracts/cloudfoundry-staging.md §1.9 and the specs of the reference's launcher_test, clause by clause.

It runs with this machine's bash in a temporary directory: what it needs in an image is bash alone.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagewright.model.process import process_file_name

LAUNCHER = Path(str(files("stagewright").joinpath("droplets", "launcher.sh")))
PRE_START = "Invoking pre-start scripts.\n"
START = "Invoking start command.\n"


@dataclass(frozen=True)
class Launch:
    """How a launch ended. ``out`` is what came after the launcher's own two lines, where it got that far."""

    code: int
    out: str
    err: str
    announced: bool


@dataclass
class Droplet:
    """The directories that the launcher finds in an image."""

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

    def process(self, type_: str, command: str | bytes) -> None:
        content = command if isinstance(command, bytes) else command.encode()
        (self.root / "lifecycle/process" / process_file_name(type_)).write_bytes(content)

    def write(self, name: str, content: str, mode: int = 0o644) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(mode)
        return path

    def launch(self, *arguments: str | bytes, env: Mapping[str, str] | None = None) -> Launch:
        whole = {
            "PATH": "/usr/bin:/bin",
            "STAGEWRIGHT_LIFECYCLE": str(self.root / "lifecycle"),
            "STAGEWRIGHT_HOME_DIR": str(self.home),
            **(env or {}),
        }
        done = subprocess.run(
            ["bash", LAUNCHER, *arguments], env=whole, cwd="/", capture_output=True, check=False, timeout=30
        )
        out, err = (stream.decode("utf-8", "surrogateescape") for stream in (done.stdout, done.stderr))
        before, found, after = out.partition(START)
        announced = bool(found) and before.startswith(PRE_START)
        return Launch(done.returncode, after if found else out, err, announced)


@pytest.fixture
def droplet(tmp_path: Path) -> Droplet:
    return Droplet(tmp_path / "image")


def environment_of(launch: Launch) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in launch.out.split("\0") if line)


# --- the environment of a process (§1.9 "Env set", "LRP env") -------------------------------------------------------

ENVIRONMENT: Sequence[tuple[str, Mapping[str, str], str, str]] = [
    ("HOME is the app directory", {}, "HOME", "{home}/app"),
    ("HOME of the platform is replaced", {"HOME": "/home/vcap"}, "HOME", "{home}/app"),
    ("TMPDIR is beside the app", {}, "TMPDIR", "{home}/tmp"),
    ("TMPDIR of the platform is replaced", {"TMPDIR": "/tmp"}, "TMPDIR", "{home}/tmp"),
    ("DEPS_DIR is beside the app", {}, "DEPS_DIR", "{home}/deps"),
    ("PORT is 8080", {}, "PORT", "8080"),
    ("PORT of the platform is kept", {"PORT": "9999"}, "PORT", "9999"),
    ("an empty PORT is no PORT", {"PORT": ""}, "PORT", "8080"),
    ("VCAP_APP_PORT follows PORT", {"PORT": "9999"}, "VCAP_APP_PORT", "9999"),
    ("VCAP_APP_PORT of the platform is kept", {"VCAP_APP_PORT": "1234"}, "VCAP_APP_PORT", "1234"),
    ("VCAP_APP_HOST is every address", {}, "VCAP_APP_HOST", str(IPv4Address(0))),
    ("LANG is UTF-8 on every stack", {}, "LANG", "C.UTF-8"),
    ("LANG of the platform is kept", {"LANG": "en_US.UTF-8"}, "LANG", "en_US.UTF-8"),
    ("USER is vcap", {}, "USER", "vcap"),
    ("the app's own variables come through", {"FOO": "a b\n$c 'd'"}, "FOO", "a b\n$c 'd'"),
    ("VCAP_SERVICES comes through", {"VCAP_SERVICES": '{"x": []}'}, "VCAP_SERVICES", '{"x": []}'),
    ("PWD is the app directory", {}, "PWD", "{home}/app"),
]


@pytest.mark.parametrize(("clause", "given_env", "name", "value"), ENVIRONMENT, ids=[row[0] for row in ENVIRONMENT])
def test_environment(droplet: Droplet, clause: str, given_env: Mapping[str, str], name: str, value: str) -> None:
    droplet.process("web", "env -0")
    launch = droplet.launch(env=given_env)
    assert environment_of(launch)[name] == value.replace("{home}", str(droplet.home)), clause


@pytest.mark.parametrize("name", ["VCAP_PLATFORM_OPTIONS", "STAGEWRIGHT_LIFECYCLE", "STAGEWRIGHT_HOME_DIR", "LC_ALL"])
def test_what_the_app_does_not_see(droplet: Droplet, name: str) -> None:
    droplet.process("web", "env -0")
    seen = environment_of(droplet.launch(env={"VCAP_PLATFORM_OPTIONS": "{}"}))
    assert name not in seen
    assert not [variable for variable in seen if variable.lower().startswith("stagewright")]


def test_home_of_a_heroku_app_is_what_the_image_says(droplet: Droplet) -> None:
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
def test_choice_of_command(droplet: Droplet, arguments: list[str], out: str | None) -> None:
    for type_, command in PROCESSES.items():
        droplet.process(type_, command)
    launch = droplet.launch(*arguments)
    assert launch.announced
    if out is None:
        assert launch.code == 127
    else:
        assert (launch.code, launch.out, launch.err) == (0, out, "")


def test_process_type_in_any_locale(droplet: Droplet) -> None:
    droplet.process("größe", "echo grown")
    for locale in ("C", "C.UTF-8"):
        assert droplet.launch("größe", env={"LC_ALL": locale}).out == "grown\n"


ODD_COMMANDS = {
    "quotes": """printf '%s|' "it's" 'a "b"' """,
    "dollar": """X='a b'; printf '%s|' "$X" \\$X""",
    "newlines": "printf a\nprintf b\n\n",
    "here document": "cat <<END\n$((20 + 3))\nEND\n",
    "backslashes": r"printf '%s' 'a\b\\c\n'",
    "percent": "printf '%s' 100%",
    "leading dash": "-nope || printf went on",
    "glob": "cd / && printf '%s' '*'",
    "semicolon and background": "printf a & wait; printf b",
    "comment at the end": "printf x # it's a comment",
    "not UTF-8": b"printf '\xff\xfe' | od -An -tx1",
}


@pytest.mark.parametrize("name", ODD_COMMANDS)
def test_odd_commands_are_run_as_bash_would(droplet: Droplet, name: str) -> None:
    command = ODD_COMMANDS[name]
    droplet.process("web", command)
    bash = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, cwd=droplet.app)
    launch = droplet.launch()
    assert (launch.code, launch.out) == (bash.returncode, bash.stdout)
    assert droplet.launch(command).out == bash.stdout  # the same as an argument


@given(arguments=st.lists(st.binary(max_size=40).filter(lambda raw: b"\0" not in raw), max_size=6))
@settings(max_examples=25, deadline=None)
def test_arguments_reach_the_program_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, arguments: list[bytes]
) -> None:
    droplet = Droplet(tmp_path_factory.mktemp("launcher") / "image")
    launch = droplet.launch("--", "printf", r"%s\0", b"first", *arguments)
    assert launch.out.encode("utf-8", "surrogateescape") == b"".join(raw + b"\0" for raw in [b"first", *arguments])


@given(type_=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30))
@settings(max_examples=25, deadline=None)
def test_every_process_type_is_found(tmp_path_factory: pytest.TempPathFactory, type_: str) -> None:
    droplet = Droplet(tmp_path_factory.mktemp("launcher") / "image")
    droplet.process(type_, "echo found")
    if type_ == "--":
        return
    assert droplet.launch(type_).out == "found\n"


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
def test_no_start_command(droplet: Droplet, types: Mapping[str, str], arguments: list[str], said: str) -> None:
    for type_, command in types.items():
        droplet.process(type_, command)
    launch = droplet.launch(*arguments)
    assert (launch.code, launch.out) == (1, "")
    assert launch.err == f"launcher: no start command specified or detected in droplet\nlauncher: {said}\n"


def test_no_command_after_the_dashes(droplet: Droplet) -> None:
    launch = droplet.launch("--")
    assert launch.code == 1
    assert launch.err.startswith("launcher: no command after --\n")


def test_no_app_directory(droplet: Droplet) -> None:
    droplet.process("web", "true")
    droplet.app.rmdir()
    launch = droplet.launch()
    assert launch.code == 1
    assert f"launcher: the directory of the app is not there: {droplet.app}" in launch.err


# --- the working directory and the profile scripts ------------------------------------------------------------------


def test_working_directory(droplet: Droplet) -> None:
    droplet.process("web", "pwd -P; echo $OLDPWD")
    assert droplet.launch().out.splitlines()[0] == str(droplet.app.resolve())


def test_profile_scripts_run_in_order(droplet: Droplet) -> None:
    """§1.9: ../profile.d/*, then .profile.d/*, then .profile; A, B and C=AB as in the reference's specs."""
    droplet.write("home/profile.d/a.sh", "echo sourcing a; export A=A\n")
    droplet.write("home/app/.profile.d/b.sh", "echo sourcing b; export B=B\n")
    droplet.write("home/app/.profile", "echo sourcing .profile; export C=$A$B\n")
    droplet.process("web", "echo running $A$B$C")
    launch = droplet.launch()
    assert (launch.out, launch.err) == ("running ABAB\n", "")
    assert launch.announced


def test_pre_start_lines_stand_around_what_the_scripts_print(droplet: Droplet) -> None:
    droplet.write("home/profile.d/a.sh", "echo from the script\n")
    droplet.process("web", "echo from the app")
    whole = subprocess.run(
        ["bash", LAUNCHER],
        env={
            "PATH": "/usr/bin:/bin",
            "STAGEWRIGHT_LIFECYCLE": str(droplet.root / "lifecycle"),
            "STAGEWRIGHT_HOME_DIR": str(droplet.home),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert whole.stdout == f"{PRE_START}from the script\n{START}from the app\n"


@pytest.mark.parametrize("locale", [{}, {"LANG": "en_US.UTF-8"}, {"LC_ALL": "C.UTF-8"}])
def test_order_is_that_of_the_c_locale(droplet: Droplet, locale: Mapping[str, str]) -> None:
    """Glob order in C: upper case before lower case, digits first, bytes above ASCII last; every file, whatever its name."""
    for name in ("b.sh", "A", "a.sh", "10_x", "9_x", "Z.sh", "ä", "B c.sh"):
        droplet.write(f"home/profile.d/{name}", f"ORDER+=' {name}'\n")
    droplet.process("web", "echo $ORDER")
    assert droplet.launch(env={"ORDER": "", **locale}).out == "10_x 9_x A B c.sh Z.sh a.sh b.sh ä\n"


FAILING = {
    "returns": "return 3",
    "last command fails": "false",
    "command not found": "no-such-command-at-all",
    "syntax error": "if then fi (",
    "set -e": "set -e\nfalse\ntrue",
    "set -e for those after it": "set -e",
    "set -u for those after it": "set -u",
    "set -f for those after it": "set -f",
    "cd elsewhere and back": "cd / && false; cd - >/dev/null",
    "its own arguments": "set -- x y z; shift 9",
    "dotglob and nullglob": "shopt -s dotglob nullglob failglob",
    "names of ours": "name=x file=x command=x files=x types=x i=7 byte=z",
    "IFS": "IFS=/",
    "LC_ALL": "export LC_ALL=C.UTF-8",
}


@pytest.mark.parametrize("name", FAILING)
def test_a_failing_profile_script_does_not_stop_the_launch(droplet: Droplet, name: str) -> None:
    droplet.write("home/profile.d/0.sh", f"{FAILING[name]}\n")
    droplet.write("home/profile.d/1.sh", "echo $NOT_SET >/dev/null; false\nexport LATER=yes\n")
    droplet.write("home/app/.profile.d/2.sh", "false\nexport LATEST=yes\n")
    droplet.process("web", "echo went on $LATER $LATEST; pwd")
    launch = droplet.launch()
    assert (launch.code, launch.out) == (0, f"went on yes yes\n{droplet.app}\n")


def test_a_profile_script_may_change_the_directory(droplet: Droplet) -> None:
    """As in the reference: what .profile leaves is where the app starts, and the scripts after it are found all the same."""
    droplet.write("home/app/sub/file", "")
    droplet.write("home/profile.d/a.sh", "cd sub\n")
    droplet.write("home/app/.profile.d/b.sh", "export B=found\n")
    droplet.process("web", "echo $B; pwd")
    assert droplet.launch().out == f"found\n{droplet.app}/sub\n"


def test_a_profile_script_that_exits_ends_the_launch(droplet: Droplet) -> None:
    """As in the reference, whose scripts are sourced by the shell that launches."""
    droplet.write("home/app/.profile", "exit 7\n")
    droplet.process("web", "echo never")
    launch = droplet.launch()
    assert (launch.code, launch.out) == (7, PRE_START)


def test_nothing_on_stderr_where_there_are_no_scripts(droplet: Droplet) -> None:
    droplet.process("web", "echo here")
    (droplet.home / "profile.d").rmdir()
    launch = droplet.launch()
    assert (launch.out, launch.err) == ("here\n", "")
    (droplet.app / ".profile.d").mkdir()
    (droplet.home / "profile.d").mkdir()
    (droplet.home / "profile.d" / "directory").mkdir()
    assert droplet.launch().err == ""


def test_deps_profile_d_is_not_sourced(droplet: Droplet) -> None:
    """§1.9: libbuildpack copies deps/I/profile.d/X to profile.d/I_X; the launcher reads profile.d alone."""
    droplet.write("home/deps/0/profile.d/x.sh", "export X=sourced\n")
    droplet.process("web", "echo ${X-not sourced}")
    assert droplet.launch().out == "not sourced\n"


def test_variables_of_profile_scripts_need_export(droplet: Droplet) -> None:
    droplet.write("home/profile.d/a.sh", "A=a\nexport B=b\nf() { :; }\n")
    droplet.process("web", "echo ${A-none} $B; type f 2>/dev/null || echo no f")
    assert droplet.launch().out == "none b\nno f\n"


# --- exit codes and streams -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("exit 26", 26),
        ("no-such-command-at-all", 127),
        ("./plain", 126),
        ("kill -TERM $$", -15),
        ("(exit 255)", 255),
    ],
)
def test_exit_codes_pass(droplet: Droplet, command: str, code: int) -> None:
    droplet.write("home/app/plain", "not a program", mode=0o644)
    droplet.process("web", command)
    assert droplet.launch().code == code


@pytest.mark.parametrize(("program", "code"), [("./plain", 126), ("no-such-command-at-all", 127), ("./odd", 26)])
def test_exit_codes_of_a_program_pass(droplet: Droplet, program: str, code: int) -> None:
    droplet.write("home/app/plain", "not a program", mode=0o644)
    droplet.write("home/app/odd", "#!/bin/bash\nexit 26\n", mode=0o755)
    assert droplet.launch("--", program).code == code


def test_streams_are_the_apps(droplet: Droplet) -> None:
    droplet.process("web", "echo out; echo err >&2")
    launch = droplet.launch()
    assert (launch.out, launch.err) == ("out\n", "err\n")


def test_the_app_takes_the_place_of_the_launcher(droplet: Droplet) -> None:
    """One process from the launcher to the app: signals of the platform reach the app itself."""
    droplet.process("web", "exec cat /proc/self/stat")
    environment = {
        "PATH": "/usr/bin:/bin",
        "STAGEWRIGHT_LIFECYCLE": str(droplet.root / "lifecycle"),
        "STAGEWRIGHT_HOME_DIR": str(droplet.home),
    }
    with subprocess.Popen(["bash", LAUNCHER], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        out = process.stdout.read()
    assert int(out.removeprefix(PRE_START + START).split()[0]) == process.pid


# --- entrypoint_prefix ----------------------------------------------------------------------------------------------

WRAPPER = '#!/bin/bash\necho "wrapped <$*> $#"\n'


def test_prefix_by_absolute_path(droplet: Droplet) -> None:
    wrapper = droplet.write("wrap", WRAPPER, mode=0o755)
    droplet.write("lifecycle/entrypoint_prefix", str(wrapper))
    droplet.process("web", "echo 'a  b' $HOME")
    assert droplet.launch().out == "wrapped <echo 'a  b' $HOME> 1\n"
    assert droplet.launch("another command").out == "wrapped <another command> 1\n"


def test_prefix_on_a_path_that_a_profile_script_sets(droplet: Droplet) -> None:
    droplet.write("home/deps/0/bin/wrap", WRAPPER, mode=0o755)
    droplet.write("home/profile.d/0.sh", "export PATH=$DEPS_DIR/0/bin:$PATH\n")
    droplet.write("lifecycle/entrypoint_prefix", "wrap\n")
    droplet.process("web", "the command")
    assert droplet.launch().out == "wrapped <the command> 1\n"


def test_prefix_of_several_words(droplet: Droplet) -> None:
    """The reference writes the prefix into shell text: words are split and variables expanded, after the profile scripts."""
    droplet.write("home/deps/0/bin/wrap", WRAPPER, mode=0o755)
    droplet.write("lifecycle/entrypoint_prefix", "$DEPS_DIR/0/bin/wrap --flag 'a b'")
    droplet.process("web", "the command")
    assert droplet.launch().out == "wrapped <--flag a b the command> 3\n"


def test_prefix_that_is_not_there(droplet: Droplet) -> None:
    droplet.write("lifecycle/entrypoint_prefix", "no-such-prefix-at-all")
    droplet.process("web", "true")
    launch = droplet.launch()
    assert launch.code == 127
    assert "no-such-prefix-at-all" in launch.err


@pytest.mark.parametrize("content", ["", "\n", " \n"])
def test_an_empty_prefix_is_none(droplet: Droplet, content: str) -> None:
    droplet.write("lifecycle/entrypoint_prefix", content)
    droplet.process("web", "echo plain")
    assert droplet.launch().out == "plain\n"


def test_a_program_is_started_without_the_prefix(droplet: Droplet) -> None:
    droplet.write("lifecycle/entrypoint_prefix", "no-such-prefix-at-all")
    assert droplet.launch("--", "echo", "plain").out == "plain\n"


# --- the file itself ------------------------------------------------------------------------------------------------


def test_it_calls_no_program_before_the_app(droplet: Droplet) -> None:
    """With nothing on PATH but bash itself, so that an image needs no coreutils."""
    only_bash = droplet.root / "bin"
    only_bash.mkdir()
    (only_bash / "bash").symlink_to(os.path.realpath("/bin/bash"))
    droplet.write("home/profile.d/a.sh", "export A=a\n")
    droplet.process("web", "echo $A $PATH")
    launch = droplet.launch(env={"PATH": str(only_bash)})
    assert (launch.out, launch.err) == (f"a {only_bash}\n", "")


def test_it_is_clean_in_the_eyes_of_shellcheck() -> None:
    try:
        done = subprocess.run(["shellcheck", LAUNCHER], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("shellcheck is not installed (apt install shellcheck)")
    assert done.returncode == 0, done.stdout


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
