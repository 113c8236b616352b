"""What `stagewright-launcher` alone does: it reads staging_info.yml, VCAP_APPLICATION, VCAP_SERVICES and the platform's options.

The clauses are those of contracts/cloudfoundry-staging.md §1.9 and of the reference's launcher_test and shell_test.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.launchers import DROP_IN, CloudFoundryDroplet, Launch

INSTANCE = {"PORT": "8080", "INSTANCE_GUID": "some-instance-guid", "INSTANCE_INDEX": "123"}


@pytest.fixture
def droplet(tmp_path: Path) -> CloudFoundryDroplet:
    return CloudFoundryDroplet(tmp_path / "root")


@pytest.mark.clause("CF-L-01")
@pytest.mark.parametrize("arguments", [[], ["app"], ["app", "env"]])
def test_too_few_arguments(droplet: CloudFoundryDroplet, arguments: list[str]) -> None:
    launch = droplet.run([str(droplet.launcher), *arguments])
    assert (launch.code, launch.whole) == (1, "")
    name = droplet.launcher
    assert launch.err == (
        f"{name}: received only {len(arguments)} arguments\nUsage: {name} <app-directory> <start-command> <metadata>\n"
    )


# --- staging_info.yml -----------------------------------------------------------------------------------------------


@pytest.mark.clause("CF-L-03")
class TestStagingInfo:
    def test_it_may_be_missing(self, droplet: CloudFoundryDroplet) -> None:
        assert droplet.launch("echo here").out == "here\n"

    @pytest.mark.parametrize("text", ["", "---\n", "{}", "detected_buildpack: Ruby", "config:\n", "config: {}"])
    def test_it_may_say_nothing(self, droplet: CloudFoundryDroplet, text: str) -> None:
        droplet.staging_info(text)
        launch = droplet.launch()
        assert launch.code == 1
        assert launch.err == f"{droplet.launcher}: no start command specified or detected in droplet\n"

    def test_yaml(self, droplet: CloudFoundryDroplet) -> None:
        droplet.staging_info("detected_buildpack: Ruby\nstart_command: env; echo running app\n")
        assert droplet.launch().out.endswith("running app\n")

    def test_json_as_go_escapes_it(self, droplet: CloudFoundryDroplet) -> None:
        droplet.staging_info(
            r'{"detected_buildpack":"","start_command":"true \u0026\u0026 echo \u0027\u003ca\"b\u003e\u0027","config":{}}'
        )
        assert droplet.launch().out == '<a"b>\n'

    def test_that_of_the_working_directory_is_read(self, droplet: CloudFoundryDroplet) -> None:
        droplet.write("home/app/staging_info.yml", "start_command: echo of the app directory")
        assert droplet.launch().code == 1

    @pytest.mark.clause("CF-L-05")
    def test_unknown_types_are_let_be(self, droplet: CloudFoundryDroplet) -> None:
        droplet.staging_info(
            "---\nbuildpack_path: !ruby/object:Pathname\n  path: /tmp/buildpacks/null-buildpack\n"
            "detected_buildpack: \nstart_command: echo running app\n"
        )
        assert droplet.launch().out == "running app\n"

    @pytest.mark.clause("CF-L-04")
    @pytest.mark.parametrize(
        "text",
        [
            "start_command: &ruby/object:Pathname",
            "start_command: [a, list]",
            "config: text",
            "config: {entrypoint_prefix: {}}",
            "just text",
            "a: b: c",
            "\x07",
            "[" * 5000,
        ],
    )
    def test_what_cannot_be_read(self, droplet: CloudFoundryDroplet, text: str) -> None:
        droplet.staging_info(text)
        launch = droplet.launch("echo never")
        assert (launch.code, launch.whole) == (1, "")
        assert launch.err.startswith("Invalid staging info - ")
        assert len(launch.err.splitlines()) == 1

    @pytest.mark.clause("CF-L-04")
    def test_a_directory_of_that_name(self, droplet: CloudFoundryDroplet) -> None:
        (droplet.home / "staging_info.yml").mkdir()
        assert droplet.launch("echo never").err.startswith("Invalid staging info - ")


# --- the app directory ----------------------------------------------------------------------------------------------


@pytest.mark.clause("CF-L-06")
@pytest.mark.parametrize("given", ["app", "./app/", "app/../app", "{home}/app", "{home}//app"])
def test_home_is_absolute_and_clean(droplet: CloudFoundryDroplet, given: str) -> None:
    argv = [str(droplet.launcher), given.replace("{home}", str(droplet.home)), 'echo "$HOME $TMPDIR"', ""]
    assert droplet.run([*argv]).out == f"{droplet.app} {droplet.home}/tmp\n"


@pytest.mark.clause("CF-L-06")
def test_a_working_directory_behind_a_link_keeps_its_name(droplet: CloudFoundryDroplet, tmp_path: Path) -> None:
    link = tmp_path / "vcap"
    link.symlink_to(droplet.home)
    shown = ["bash", "-c", f"cd {link} && exec {droplet.launcher} app 'echo $HOME' ''"]
    assert droplet.run([*shown]).out == f"{link}/app\n"


# --- VCAP_APPLICATION -----------------------------------------------------------------------------------------------


def application(launch: Launch) -> Any:
    return json.loads(launch.environment["VCAP_APPLICATION"])


@pytest.mark.clause("CF-L-09")
class TestVcapApplication:
    def test_what_is_the_instances_own_is_added(self, droplet: CloudFoundryDroplet) -> None:
        launch = droplet.launch("env -0", env={**INSTANCE, "VCAP_APPLICATION": '{"foo":1, "host": "x", "users": null}'})
        assert application(launch) == {
            "foo": 1,
            "users": None,
            "host": "0.0.0.0",  # noqa: S104 - what the contract says
            "port": 8080,
            "instance_index": 123,
            "instance_id": "some-instance-guid",
        }

    @pytest.mark.parametrize("number", ["", " 1", "1.0", "0x1", "1_0", "99999999999999999999", "٣"])
    def test_what_is_no_number_is_not(self, droplet: CloudFoundryDroplet, number: str) -> None:
        launch = droplet.launch("env -0", env={"PORT": number, "VCAP_APPLICATION": '{"port": 61001}'})
        assert application(launch) == {"port": 61001, "host": "0.0.0.0", "instance_id": ""}  # noqa: S104 - as above

    @pytest.mark.parametrize(
        "text", ['{"foo":', "[]", "null", '"text"', "1", "", '{"a": NaN}', '{"a": 1e999}', "[" * 9999]
    )
    def test_what_is_no_object_is_left_as_it_is(self, droplet: CloudFoundryDroplet, text: str) -> None:
        assert droplet.launch("env -0", env={"VCAP_APPLICATION": text}).environment["VCAP_APPLICATION"] == text

    def test_it_is_not_made(self, droplet: CloudFoundryDroplet) -> None:
        assert "VCAP_APPLICATION" not in droplet.launch("env -0", env=INSTANCE).environment

    @pytest.mark.parametrize("value", ["größe", "\N{GRINNING FACE}", "\ud800", 2**63 + 1, 0.1, "<&>", "\u2028"])
    def test_values_come_through(self, droplet: CloudFoundryDroplet, value: object) -> None:
        launch = droplet.launch("env -0", env={"VCAP_APPLICATION": json.dumps({"v": value})})
        assert application(launch)["v"] == value


# --- platform options and DATABASE_URL ------------------------------------------------------------------------------

REFERENCE = '{"my-server":[{"credentials":{"credhub-ref":"(//my-server/creds)"}}]}'


@pytest.mark.clause("CF-L-10")
class TestPlatformOptions:
    @pytest.mark.parametrize("options", ["", "{}", "null", '{"credhub-uri": ""}', '{"other": 1}'])
    def test_without_a_credhub_nothing_is_asked(self, droplet: CloudFoundryDroplet, options: str) -> None:
        seen = droplet.launch("env -0", env={"VCAP_SERVICES": REFERENCE, "VCAP_PLATFORM_OPTIONS": options}).environment
        assert seen["VCAP_SERVICES"] == REFERENCE
        assert "VCAP_PLATFORM_OPTIONS" not in seen

    @pytest.mark.parametrize(
        "options", ['\'{"credhub-uri":"missing quote and brace\'', "[]", "1", '{"credhub-uri": 1}', "{", '{"a":NaN}']
    )
    def test_what_cannot_be_read(self, droplet: CloudFoundryDroplet, options: str) -> None:
        launch = droplet.launch("echo never", env={"VCAP_PLATFORM_OPTIONS": options})
        assert (launch.code, launch.whole) == (3, "")
        assert launch.err.startswith("Invalid platform options: ")
        assert "missing quote" not in launch.err


@pytest.mark.clause("CF-L-15")
class TestDatabaseUrl:
    SERVICES = '{"my-server":[{"credentials":{"uri":"postgresql://thing.com/special"}}]}'

    def test_it_is_set(self, droplet: CloudFoundryDroplet) -> None:
        seen = droplet.launch("env -0", env={"VCAP_SERVICES": self.SERVICES}).environment
        assert seen["DATABASE_URL"] == "postgres://thing.com/special"
        assert seen["VCAP_SERVICES"] == self.SERVICES

    def test_over_one_that_is_there(self, droplet: CloudFoundryDroplet) -> None:
        seen = droplet.launch("env -0", env={"VCAP_SERVICES": self.SERVICES, "DATABASE_URL": "original"}).environment
        assert seen["DATABASE_URL"] == "postgres://thing.com/special"

    @pytest.mark.parametrize("services", ["", "{}", "{", REFERENCE, SERVICES.replace("postgresql", "redis")])
    def test_else_it_is_what_it_was(self, droplet: CloudFoundryDroplet, services: str) -> None:
        assert "DATABASE_URL" not in droplet.launch("env -0", env={"VCAP_SERVICES": services}).environment
        kept = droplet.launch("env -0", env={"VCAP_SERVICES": services, "DATABASE_URL": "original"}).environment
        assert kept["DATABASE_URL"] == "original"


# --- metadata and the command's own flags ---------------------------------------------------------------------------


@pytest.mark.clause("CF-L-29")
class TestMetadata:
    @pytest.mark.parametrize("metadata", ["", "{}", '{ "start_command": "echo should not run this" }', "-", "--"])
    def test_it_changes_nothing(self, droplet: CloudFoundryDroplet, metadata: str) -> None:
        assert droplet.run(droplet.argv("echo here", metadata)).out == "here\n"

    def test_flags_in_it_are_read(self, droplet: CloudFoundryDroplet) -> None:
        launch = droplet.run(droplet.argv("echo here", "-credhubRetryDelay=0s", "--credhubConnectAttempts", "1", "x"))
        assert launch.out == "here\n"

    @pytest.mark.parametrize(
        ("flag", "said"),
        [
            ("-foo", "flag provided but not defined: -foo"),
            ("-credhubRetryDelay", "flag needs an argument: -credhubRetryDelay"),
            ("-credhubRetryDelay=1", 'invalid value "1" for flag -credhubRetryDelay: parse error'),
        ],
    )
    def test_wrong_flags(self, droplet: CloudFoundryDroplet, flag: str, said: str) -> None:
        launch = droplet.run(droplet.argv("echo never", flag))
        assert (launch.code, launch.whole) == (2, "")
        assert launch.err.startswith(f"{said}\nUsage of launcher:\n  -credhubConnectAttempts int\n")

    def test_help(self, droplet: CloudFoundryDroplet) -> None:
        launch = droplet.run(droplet.argv("echo never", "-h"))
        assert (launch.code, launch.whole) == (0, "")
        assert launch.err.startswith("Usage of launcher:\n")


@pytest.mark.clause("CF-L-28")
def test_what_bash_cannot_be_given(droplet: CloudFoundryDroplet) -> None:
    """Linux takes no argument of more than 128 KB."""
    droplet.start_command("true " + "x" * 200_000)
    launch = droplet.launch()
    assert (launch.code, launch.whole) == (4, "")
    assert launch.err == "/bin/bash cannot be started: Argument list too long\n"


# --- the shell ------------------------------------------------------------------------------------------------------


@pytest.mark.clause("CF-L-30")
class TestShell:
    SHELL = DROP_IN.with_name("stagewright-shell")

    def enter(self, droplet: CloudFoundryDroplet, *arguments: str, **env: str) -> Launch:
        droplet.write("home/profile.d/stuff", "echo home\n")
        droplet.write("home/app/.profile.d/stuff", "echo app\n")
        droplet.write("home/app/.profile", "echo never\n")
        return droplet.run([str(self.SHELL), *arguments], env)

    def test_a_command(self, droplet: CloudFoundryDroplet) -> None:
        shown = self.enter(droplet, "app", 'echo "$HOME $PWD $CALLERENV"', CALLERENV="some-value")
        assert (shown.code, shown.err) == (0, "")
        assert shown.whole == f"home\napp\n{droplet.app} {droplet.app} some-value\n"

    def test_the_app_directory_may_be_guessed(self, droplet: CloudFoundryDroplet) -> None:
        argv = [str(self.SHELL)]
        env = {"PATH": "/usr/bin:/bin", "HOME": str(droplet.home)}
        shown = subprocess.run(argv, env=env, cwd="/", input="pwd\n", capture_output=True, text=True, check=True)
        assert shown.stdout == f"{droplet.app}\n"

    def test_no_app(self, droplet: CloudFoundryDroplet) -> None:
        missing = self.enter(droplet, "elsewhere")
        assert (missing.code, missing.err) == (1, "Provided app directory does not exist\n")
        unguessed = self.enter(droplet, HOME="/nowhere")
        assert (unguessed.code, unguessed.err) == (1, "Could not infer app directory, please provide one\n")
