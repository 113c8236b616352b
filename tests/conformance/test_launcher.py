"""Both launchers against contracts/cloudfoundry-staging.md §1.9 and the specs of the reference's launcher_test, clause by clause.

What an image's launcher alone does is in test_launcher_image, what the drop-in command alone does in test_launcher_drop_in and
test_launcher_credhub.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.launchers import DROP_IN_SCRIPT, LAUNCHER, PATH, PRE_START, START, CloudFoundryDroplet, Droplet, ImageDroplet

BOTH = {"image": ImageDroplet, "drop-in": CloudFoundryDroplet}


@pytest.fixture(params=list(BOTH))
def droplet(request: pytest.FixtureRequest, tmp_path: Path) -> Droplet:
    return BOTH[request.param](tmp_path / "root")


# --- which command is run -------------------------------------------------------------------------------------------


@pytest.mark.clause("CF-L-02")
class TestChoiceOfCommand:
    def test_the_droplets_own_where_none_is_given(self, droplet: Droplet) -> None:
        droplet.start_command("echo of the droplet")
        launch = droplet.launch()
        assert launch.announced
        assert (launch.code, launch.out, launch.err) == (0, "of the droplet\n", "")

    def test_a_given_command_goes_first(self, droplet: Droplet) -> None:
        droplet.start_command("echo should not run this")
        assert droplet.launch("echo $((1 + 1)) | cat").out == "2\n"

    def test_nothing_to_start(self, droplet: Droplet) -> None:
        launch = droplet.launch()
        assert (launch.code, launch.whole) == (1, "")
        assert "launcher: no start command specified or detected in droplet\n" in launch.err

    def test_an_empty_command_is_none(self, droplet: Droplet) -> None:
        droplet.start_command("")
        assert droplet.launch().code == 1


ODD_COMMANDS: dict[str, str | bytes] = {
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
    "what JSON escapes": "printf '<&>\\n' && printf '\N{SNOWMAN}\N{GRINNING FACE}\t/'",
    "not UTF-8": b"printf '\xff\xfe' | od -An -tx1",
}


@pytest.mark.clause("CF-L-25")
class TestCommandIsShellText:
    @pytest.mark.parametrize("name", ODD_COMMANDS)
    def test_as_bash_would_run_it(self, droplet: Droplet, name: str) -> None:
        command = ODD_COMMANDS[name]
        bash = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, cwd=droplet.app)
        launches = [droplet.launch(command)]
        if isinstance(command, str):
            droplet.start_command(command)
            launches.append(droplet.launch())
        for launch in launches:
            assert (launch.code, launch.out) == (bash.returncode, bash.stdout)

    def test_a_program_of_the_app(self, droplet: Droplet) -> None:
        droplet.write("home/app/hello", "#!/bin/bash\necho app is running\n", mode=0o755)
        assert droplet.launch("./hello").out == "app is running\n"

    def test_a_program_on_the_path_of_a_profile_script(self, droplet: Droplet) -> None:
        droplet.write("home/app/tmp/hello", "#!/bin/bash\necho app is running\n", mode=0o755)
        droplet.write("home/app/.profile.d/a.sh", "export PATH=$PATH:$HOME/tmp\n")
        assert droplet.launch("hello").out == "app is running\n"


# --- the environment ------------------------------------------------------------------------------------------------

ENVIRONMENT = [
    pytest.param({}, "HOME", "{home}/app", id="HOME", marks=pytest.mark.clause("CF-L-06")),
    pytest.param({"HOME": "/x"}, "HOME", "{home}/app", id="HOME again", marks=pytest.mark.clause("CF-L-06")),
    pytest.param({}, "TMPDIR", "{home}/tmp", id="TMPDIR", marks=pytest.mark.clause("CF-L-07")),
    pytest.param({"TMPDIR": "/x"}, "TMPDIR", "{home}/tmp", id="TMPDIR again", marks=pytest.mark.clause("CF-L-07")),
    pytest.param({}, "DEPS_DIR", "{home}/deps", id="DEPS_DIR", marks=pytest.mark.clause("CF-L-08")),
    pytest.param({"DEPS_DIR": "/x"}, "DEPS_DIR", "{home}/deps", id="DEPS_DIR 2", marks=pytest.mark.clause("CF-L-08")),
    pytest.param({"FOO": "a b\n$c 'd'"}, "FOO", "a b\n$c 'd'", id="own", marks=pytest.mark.clause("CF-L-16")),
    pytest.param({"FOO": "\udcff="}, "FOO", "\udcff=", id="own, not UTF-8", marks=pytest.mark.clause("CF-L-16")),
    pytest.param({"FOO": ""}, "FOO", "", id="own and empty", marks=pytest.mark.clause("CF-L-16")),
    pytest.param({"PORT": "9999"}, "PORT", "9999", id="PORT", marks=pytest.mark.clause("CF-L-16")),
    pytest.param({"VCAP_SERVICES": '{"x": []}'}, "VCAP_SERVICES", '{"x": []}', marks=pytest.mark.clause("CF-L-16")),
    pytest.param({}, "PWD", "{home}/app", id="PWD", marks=pytest.mark.clause("CF-L-17")),
]


class TestEnvironment:
    @pytest.mark.parametrize(("given_env", "name", "value"), ENVIRONMENT)
    def test_variable(self, droplet: Droplet, given_env: Mapping[str, str], name: str, value: str) -> None:
        seen = droplet.launch("env -0", env=given_env).environment
        assert seen[name] == value.replace("{home}", str(droplet.home))

    @pytest.mark.clause("CF-L-11")
    @pytest.mark.parametrize("options", ["", "{}"])
    def test_platform_options_are_not_the_apps(self, droplet: Droplet, options: str) -> None:
        assert "VCAP_PLATFORM_OPTIONS" not in droplet.launch("env", env={"VCAP_PLATFORM_OPTIONS": options}).out

    @pytest.mark.clause("CF-L-16")
    @pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C"}, {"LANG": "C.UTF-8"}])
    def test_nothing_of_ours_is_in_it(self, droplet: Droplet, locale: Mapping[str, str]) -> None:
        seen = droplet.launch("env -0", env=locale).environment
        assert not [name for name in seen if "stagewright" in name.lower() or name.startswith(("PYTHON", "VIRTUAL_"))]
        assert {name for name in seen if name.startswith("LC_")} == {name for name in locale if name.startswith("LC_")}

    @pytest.mark.clause("CF-L-17")
    def test_working_directory(self, droplet: Droplet) -> None:
        assert droplet.launch("pwd -P").out == f"{droplet.app.resolve()}\n"

    def test_no_app_directory(self, droplet: Droplet) -> None:
        droplet.app.rmdir()
        launch = droplet.launch("true")
        assert (launch.code, launch.whole) == (1, "")
        assert f"launcher: the directory of the app is not there: {droplet.app}\n" in launch.err


# --- the profile scripts --------------------------------------------------------------------------------------------

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
    "set -a for those after it": "set -a",
}


@pytest.mark.clause("CF-L-18")
class TestProfileScripts:
    def test_order(self, droplet: Droplet) -> None:
        """../profile.d/*, then .profile.d/*, then .profile; A, B and C=AB as in the reference's specs."""
        droplet.write("home/profile.d/a.sh", "echo sourcing a; export A=A\n")
        droplet.write("home/app/.profile.d/b.sh", "echo sourcing b; export B=B\n")
        droplet.write("home/app/.profile", "echo sourcing .profile; export C=$A$B\n")
        launch = droplet.launch("echo running $A$B$C")
        assert (launch.out, launch.err) == ("running ABAB\n", "")
        assert launch.whole.startswith(f"{PRE_START}sourcing a\nsourcing b\nsourcing .profile\n")

    @pytest.mark.parametrize("locale", [{}, {"LANG": "en_US.UTF-8"}, {"LC_ALL": "C.UTF-8"}])
    def test_order_is_that_of_the_c_locale(self, droplet: Droplet, locale: Mapping[str, str]) -> None:
        """Upper case before lower case, digits first, bytes above ASCII last; every file, whatever its name."""
        for name in ("b.sh", "A", "a.sh", "10_x", "9_x", "Z.sh", "ä", "B c.sh"):
            droplet.write(f"home/profile.d/{name}", f"ORDER+=' {name}'\n")
        launch = droplet.launch("echo $ORDER", env={"ORDER": "", **locale})
        assert launch.out == "10_x 9_x A B c.sh Z.sh a.sh b.sh ä\n"

    def test_they_may_change_the_directory(self, droplet: Droplet) -> None:
        """As in the reference: what .profile leaves is where the app starts. Here the scripts after it are found all the same."""
        droplet.write("home/app/sub/file", "")
        droplet.write("home/profile.d/a.sh", "cd sub\n")
        droplet.write("home/app/.profile.d/b.sh", "export B=found\n")
        assert droplet.launch("echo $B; pwd").out == f"found\n{droplet.app}/sub\n"

    def test_one_that_exits_ends_the_launch(self, droplet: Droplet) -> None:
        droplet.write("home/app/.profile", "exit 7\n")
        launch = droplet.launch("echo never")
        assert (launch.code, launch.whole) == (7, PRE_START)

    def test_what_they_set_needs_export(self, droplet: Droplet) -> None:
        droplet.write("home/profile.d/a.sh", "A=a\nexport B=b\nf() { :; }\n")
        assert droplet.launch("echo ${A-none} $B; type f 2>/dev/null || echo no f").out == "none b\nno f\n"

    @pytest.mark.clause("CF-L-19")
    def test_two_lines_stand_around_what_they_print(self, droplet: Droplet) -> None:
        droplet.write("home/profile.d/a.sh", "echo from the script\n")
        assert droplet.launch("echo from the app").whole == f"{PRE_START}from the script\n{START}from the app\n"

    @pytest.mark.clause("CF-L-20")
    def test_nothing_on_stderr_where_there_are_none(self, droplet: Droplet) -> None:
        (droplet.home / "profile.d").rmdir()
        launch = droplet.launch("echo here")
        assert (launch.out, launch.err) == ("here\n", "")
        (droplet.app / ".profile.d").mkdir()
        (droplet.home / "profile.d").mkdir()
        assert droplet.launch("true").err == ""
        (droplet.home / "profile.d" / "directory").mkdir()
        assert droplet.launch("true").err == ""

    @pytest.mark.clause("CF-L-21")
    @pytest.mark.parametrize("name", FAILING)
    def test_a_failing_one_does_not_stop_the_launch(self, droplet: Droplet, name: str) -> None:
        droplet.write("home/profile.d/0.sh", f"{FAILING[name]}\n")
        droplet.write("home/profile.d/1.sh", "echo $NOT_SET >/dev/null; false\nexport LATER=yes\n")
        droplet.write("home/app/.profile.d/2.sh", "false\nexport LATEST=yes\n")
        launch = droplet.launch("echo went on $LATER $LATEST; pwd")
        assert (launch.code, launch.out) == (0, f"went on yes yes\n{droplet.app}\n")

    @pytest.mark.clause("CF-L-22")
    def test_those_of_deps_are_left_to_libbuildpack(self, droplet: Droplet) -> None:
        droplet.write("home/deps/0/profile.d/x.sh", "export X=sourced\n")
        assert droplet.launch("echo ${X-not sourced}").out == "not sourced\n"


# --- entrypoint_prefix ----------------------------------------------------------------------------------------------

WRAPPER = '#!/bin/bash\necho "wrapped <$*> $#"\n'


@pytest.mark.clause("CF-L-23")
class TestEntrypointPrefix:
    def test_absolute_path(self, droplet: Droplet) -> None:
        wrapper = droplet.write("wrap", WRAPPER, mode=0o755)
        droplet.entrypoint_prefix(str(wrapper))
        droplet.start_command("echo 'a  b' $HOME")
        assert droplet.launch().out == "wrapped <echo 'a  b' $HOME> 1\n"
        assert droplet.launch("another command").out == "wrapped <another command> 1\n"

    def test_on_a_path_that_a_profile_script_sets(self, droplet: Droplet) -> None:
        droplet.write("home/deps/0/bin/wrap", WRAPPER, mode=0o755)
        droplet.write("home/profile.d/0.sh", "export PATH=$DEPS_DIR/0/bin:$PATH\n")
        droplet.entrypoint_prefix("wrap")
        assert droplet.launch("the command").out == "wrapped <the command> 1\n"

    def test_several_words(self, droplet: Droplet) -> None:
        """The reference writes the prefix into shell text: words are split and variables expanded, after the profile scripts."""
        droplet.write("home/deps/0/bin/wrap", WRAPPER, mode=0o755)
        droplet.entrypoint_prefix("$DEPS_DIR/0/bin/wrap --flag 'a b'")
        assert droplet.launch("the command").out == "wrapped <--flag a b the command> 3\n"

    @pytest.mark.clause("CF-L-24")
    def test_not_there(self, droplet: Droplet) -> None:
        droplet.entrypoint_prefix("no-such-prefix-at-all")
        launch = droplet.launch("true")
        assert (launch.code, launch.out) == (127, "")
        assert "exec: no-such-prefix-at-all: not found" in launch.err

    @pytest.mark.parametrize("content", ["", "\n", " \n"])
    def test_an_empty_one_is_none(self, droplet: Droplet, content: str) -> None:
        droplet.entrypoint_prefix(content)
        assert droplet.launch("echo plain").out == "plain\n"


# --- how it ends ----------------------------------------------------------------------------------------------------


class TestTheAppTakesOver:
    @pytest.mark.clause("CF-L-26")
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
    def test_exit_codes_pass(self, droplet: Droplet, command: str, code: int) -> None:
        droplet.write("home/app/plain", "not a program", mode=0o644)
        assert droplet.launch(command).code == code

    @pytest.mark.clause("CF-L-27")
    def test_streams_are_the_apps(self, droplet: Droplet) -> None:
        launch = droplet.launch("echo out; echo err >&2")
        assert (launch.out, launch.err) == ("out\n", "err\n")

    @pytest.mark.clause("CF-L-28")
    def test_in_the_same_process(self, droplet: Droplet) -> None:
        with started(droplet, "exec sleep 60") as process:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == -signal.SIGTERM

    @pytest.mark.clause("CF-L-28")
    def test_no_signal_is_ignored_or_blocked(self, droplet: Droplet) -> None:
        """Python ignores SIGPIPE and SIGXFSZ: an app that inherited that would write into a closed pipe for ever."""
        status = droplet.launch("exec grep -E '^Sig(Ign|Blk)' /proc/self/status").out
        found = dict(line.split() for line in status.splitlines())
        ours = dict(line.split() for line in Path("/proc/self/status").read_text().splitlines() if line[:3] == "Sig")
        assert int(found["SigBlk:"], 16) == 0
        # What the caller ignores stays ignored: a shell's background job, say.
        of_python = (1 << signal.SIGPIPE - 1) | (1 << signal.SIGXFSZ - 1)
        assert int(found["SigIgn:"], 16) == int(ours["SigIgn:"], 16) & ~of_python

    @pytest.mark.clause("CF-L-28")
    def test_no_file_of_ours_stays_open(self, droplet: Droplet) -> None:
        assert set(droplet.launch("exec ls /proc/self/fd").out.split()) <= {"0", "1", "2", "3"}  # 3 is of ls itself


def started(droplet: Droplet, command: str) -> subprocess.Popen[bytes]:
    """A launch that has come as far as its start command."""
    process = subprocess.Popen(
        droplet.argv(command), env={"PATH": PATH, **droplet.surroundings()}, cwd=droplet.home, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    said = b""
    while START.encode() not in said:
        said += os.read(process.stdout.fileno(), 100)
    return process


@pytest.mark.parametrize("script", [LAUNCHER, DROP_IN_SCRIPT], ids=["image", "drop-in"])
def test_it_is_clean_in_the_eyes_of_shellcheck(script: Path) -> None:
    try:
        done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("shellcheck is not installed (apt install shellcheck)")
    assert done.returncode == 0, done.stdout
