"""The main road: source → buildpacks → droplet and image → run, by the installed command."""

from __future__ import annotations

import json
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.e2e.conftest import Installation, Running, Stage
from tests.e2e.shell_buildpacks import RELEASE, serving, write_app, write_buildpack


def test_a_shell_buildpack_makes_a_droplet_that_answers(tmp_path: Path, stage: Stage, running: Running) -> None:
    buildpack = serving(tmp_path / "bp", finalize='echo "<h1>made at build</h1>" > "$1/index.html"')
    droplet, ended = stage(write_app(tmp_path / "app"), "--buildpack", buildpack)
    assert ended.result["event"] == "build.staged"
    assert ended.result["droplet"]["size"] == droplet.stat().st_size
    with running(droplet) as app:
        assert app.get("/").text == "<h1>made at build</h1>\n"


def test_the_droplet_is_laid_out_as_cloud_foundry_does(tmp_path: Path, stage: Stage) -> None:
    """contracts/cloudfoundry-staging.md §1.5 and §1.6."""
    buildpack = serving(tmp_path / "bp", supply='mkdir -p "$3/$4/bin"; echo x > "$3/$4/bin/tool"', detect="exit 1")
    droplet, _ = stage(write_app(tmp_path / "app"), "--buildpack", buildpack)
    with tarfile.open(droplet) as archive:
        members = {member.name: member for member in archive}
        names = [member.name for member in archive]
        info = archive.extractfile("./staging_info.yml")
        assert info is not None
        assert json.loads(info.read()) == {
            "detected_buildpack": "",
            "start_command": "exec python3 -m http.server $PORT",
        }
    assert names[0] == "."
    assert members["."].mode == 0o700
    assert {"./app", "./deps", "./profile.d", "./tmp", "./logs", "./staging_info.yml"} <= set(names)
    assert members["./deps/0/bin/tool"].isfile()
    assert {(member.uid, member.gid) for member in members.values()} == {(2000, 2000)}


def test_every_script_sees_what_the_contract_promises(tmp_path: Path, stage: Stage) -> None:
    """contracts/cloudfoundry-staging.md §1.2, §1.8; design: build path, cwd, HOME."""
    report = 'env | sort > "$1/env"; pwd > "$1/cwd"; id -u > "$1/uid"; echo "$@" > "$1/args"; umask > "$1/umask"'
    buildpack = serving(tmp_path / "bp", finalize=report)
    droplet, _ = stage(
        write_app(tmp_path / "app"), "-b", buildpack, "--env", "GREETING=hello", "--memory", "512M", "--name", "seen"
    )
    with tarfile.open(droplet) as archive:

        def text(name: str) -> str:
            file = archive.extractfile(f"./app/{name}")
            assert file is not None
            return file.read().decode().strip()

        env = dict(line.split("=", 1) for line in text("env").splitlines())
        assert text("cwd") == "/home/vcap"
        assert text("uid") == "2000"
        assert text("umask") == "0022"
        assert text("args") == "/home/vcap/app /home/vcap/cache/final /home/vcap/deps 0 /home/vcap/profile.d"
    assert env["HOME"] == "/home/vcap"
    assert env["CF_STACK"] == "debian12"
    assert env["GREETING"] == "hello"
    assert env["MEMORY_LIMIT"] == "512m"
    assert json.loads(env["VCAP_APPLICATION"])["name"] == "seen"
    assert "PORT" not in env
    assert "DEPS_DIR" not in env
    assert env["SOURCE_DATE_EPOCH"] == "315532801"
    assert not [name for name in env if name.startswith("STAGEWRIGHT_") and name != "STAGEWRIGHT_RUN_DPKG_STATUS"]


def test_supply_then_finalize_and_deps_reach_the_app(tmp_path: Path, stage: Stage, running: Running) -> None:
    tools = write_buildpack(
        tmp_path / "tools",
        supply="""
mkdir -p "$3/$4/bin" "$3/$4/profile.d"
printf '#!/bin/bash\\necho from the tool\\n' > "$3/$4/bin/tool"; chmod +x "$3/$4/bin/tool"
echo "export PATH=\\$DEPS_DIR/$4/bin:\\$PATH" > "$3/$4/profile.d/path.sh"
""",
    )
    final = serving(
        tmp_path / "final",
        finalize='cp "$3"/0/profile.d/path.sh "$5"/0_path.sh; "$3"/0/bin/tool > "$1/at-build"',
        release="#!/bin/bash\necho 'default_process_types: {web: \"tool > at-run; exec python3 -m http.server $PORT\"}'\n",
    )
    droplet, _ = stage(write_app(tmp_path / "app"), "-b", tools, "-b", final)
    with running(droplet) as app:
        assert app.get("/at-build").text == "from the tool\n"
        assert app.get("/at-run").text == "from the tool\n"


def test_a_lone_compile_gets_exactly_two_arguments_where_cloud_foundry_is_strict(tmp_path: Path, stage: Stage) -> None:
    buildpack = write_buildpack(tmp_path / "bp", detect="true", compile='echo "$# $1 $2" > "$1/args"', release=RELEASE)
    droplet, _ = stage(write_app(tmp_path / "app"), "-b", buildpack, "--strict-cf")
    with tarfile.open(droplet) as archive:
        file = archive.extractfile("./app/args")
        assert file is not None
        assert file.read().decode() == "2 /home/vcap/app /home/vcap/cache/final\n"
        assert archive.getmember("./deps").isdir()


def test_procfile_wins_over_release_and_command_over_all(tmp_path: Path, stage: Stage) -> None:
    app = write_app(tmp_path / "app", Procfile="web: from procfile\nworker: work\n")
    buildpack = serving(tmp_path / "bp")
    _, ended = stage(app, "-b", buildpack)
    assert ended.result["processes"] == [
        {"type": "web", "command": "from procfile"},
        {"type": "worker", "command": "work"},
    ]
    _, ended = stage(app, "-b", buildpack, "--command", "from the flag")
    assert ended.result["processes"][0] == {"type": "web", "command": "from the flag"}


def test_the_manifest_is_read_and_flags_win(tmp_path: Path, stage: Stage) -> None:
    serving(tmp_path / "app" / "bp", finalize='echo "$A $B" > "$1/env"')
    manifest = "applications: [{name: declared, buildpacks: [./bp], env: {A: 1, B: 2}, command: start me, memory: 2G}]"
    app = write_app(tmp_path / "app", manifest__yml=manifest)
    droplet, ended = stage(app, "--env", "B=3")
    assert ended.result["app"] == "declared"
    assert ended.result["processes"] == [{"type": "web", "command": "start me"}]
    with tarfile.open(droplet) as archive:
        file = archive.extractfile("./app/env")
        assert file is not None
        assert file.read() == b"1 3\n"
        assert "./app/manifest.yml" not in archive.getnames()


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "jar"])
def test_an_archive_is_staged_as_its_directory_is(tmp_path: Path, stage: Stage, kind: str) -> None:
    app = write_app(tmp_path / "app")
    archive = tmp_path / f"app.{kind}"
    if kind == "tar.gz":
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(app, ".")
    else:
        with zipfile.ZipFile(archive, "w") as zipped:
            zipped.write(app / "index.html", "index.html")
    buildpack = serving(tmp_path / "bp")
    _, from_archive = stage(archive, "-b", buildpack, "--name", "same")
    _, from_directory = stage(app, "-b", buildpack, "--name", "same")
    if kind == "tar.gz":
        assert from_archive.result["droplet"]["tree"] == from_directory.result["droplet"]["tree"]
    assert from_archive.result["processes"] == from_directory.result["processes"]


def test_the_cache_comes_back_to_the_next_staging_and_no_cache_begins_without(tmp_path: Path, stage: Stage) -> None:
    buildpack = serving(
        tmp_path / "bp", supply='echo "times: $(cat "$2/count" 2>/dev/null | wc -l)"; echo x >> "$2/count"'
    )
    app = write_app(tmp_path / "app")
    seen = []
    for flags in ([], [], ["--no-cache"], []):
        _, ended = stage(app, "-b", buildpack, "--name", "cached", *flags)
        seen.append(ended.script_lines())
    assert seen == ["times: 0", "times: 1", "times: 0", "times: 1"]


def test_the_same_source_gives_the_same_droplet_and_the_same_image(tmp_path: Path, stage: Stage) -> None:
    buildpack = serving(tmp_path / "bp", finalize='date > /dev/null; echo built > "$1/built"; mkdir -p "$3/0/lib"')
    app = write_app(tmp_path / "app")
    results = []
    for number in (1, 2):
        _, ended = stage(app, "-b", buildpack, "--name", "twice", "--image", f"oci:{tmp_path / str(number)}")
        results.append((ended.result["droplet"]["digest"], ended.result["images"][0]["digest"]))
    assert results[0] == results[1]


def test_if_changed_reuses_and_says_so_and_a_change_is_seen(tmp_path: Path, fresh: Installation) -> None:
    buildpack = serving(tmp_path / "bp", supply="echo scripts ran")
    app = write_app(tmp_path / "app")
    flags = ("-b", buildpack, "--if-changed", "--name", "lazy")
    assert "scripts ran" in fresh.stage(app, *flags)[1].script_lines()
    droplet, ended = fresh.stage(app, *flags, "--image", f"oci:{tmp_path / 'image'}")
    assert ended.script_lines() == ""
    assert ended.result["reused"] is True
    assert ended.result["images"]
    assert droplet.stat().st_size == ended.result["droplet"]["size"]
    assert "scripts ran" in fresh.stage(app, *flags, "--env", "A=1")[1].script_lines()
    (app / "index.html").write_text("other")
    assert "scripts ran" in fresh.stage(app, *flags)[1].script_lines()


def test_plan_runs_detect_alone_and_names_reasons(tmp_path: Path, stagewright: Installation) -> None:
    app = write_app(tmp_path / "app")
    buildpack = serving(tmp_path / "bp", finalize="echo FINALIZE RAN; exit 1")
    planned = stagewright("plan", app, "-b", buildpack, "--json")
    assert planned.code == 0, planned.err
    steps = {action["step"]: action for action in planned.result["actions"]}
    assert steps["finalize bp"]["because"] == "it was named"
    detected = stagewright("plan", app)
    assert detected.code == 0, detected.err
    assert "detect staticfile" in detected.out
    assert "because" in detected.out


def test_check_reproducible_names_the_paths_that_differ(tmp_path: Path, stagewright: Installation) -> None:
    app = write_app(tmp_path / "app")
    good = stagewright("stage", app, "-b", serving(tmp_path / "good"), "--check-reproducible", "-d", tmp_path / "g.tgz")
    assert good.code == 0, good.err
    assert "Reproducible" in good.out
    bad = serving(tmp_path / "bad", finalize='echo $RANDOM$RANDOM > "$1/noise"')
    ended = stagewright("stage", app, "-b", bad, "--check-reproducible", "-d", tmp_path / "b.tgz")
    assert ended.code == 17
    assert "changed: ./app/noise" in ended.err + ended.out
    assert sorted(path.name for path in tmp_path.glob(".b.tgz*")) == []


def test_a_pipe_gets_plain_lines_and_control_characters_do_nothing(tmp_path: Path, stagewright: Installation) -> None:
    buildpack = serving(
        tmp_path / "bp", finalize=r"""printf '\033[2J\033]0;owned\007\033[31mred\033[0m\x9b5n\xe2\x80\xae\n'"""
    )
    ended = stagewright("stage", write_app(tmp_path / "app"), "-b", buildpack, "-d", tmp_path / "d.tgz")
    assert ended.code == 0, ended.err
    assert "\x1b" not in ended.out
    assert "owned" not in ended.out
    assert "\u202e" not in ended.out
    assert "red" in ended.out


def test_the_image_is_read_and_run_by_others(tmp_path: Path, stage: Stage) -> None:
    """umoci unpacks it, runc runs it, and its page is got: nothing of ours is needed."""
    _, ended = stage(
        write_app(tmp_path / "app"), "-b", serving(tmp_path / "bp"), "--image", f"oci:{tmp_path / 'image'}:v1"
    )
    labels = json.loads(
        subprocess.run(
            ["skopeo", "inspect", f"oci:{tmp_path / 'image'}:v1"], capture_output=True, check=True, text=True
        ).stdout
    )["Labels"]
    assert labels["io.stagewright.droplet"] == ended.result["droplet"]["tree"]
    assert labels["org.opencontainers.image.base.digest"].startswith("sha256:")


def test_a_change_of_code_reuses_every_layer_but_the_apps(tmp_path: Path, stage: Stage) -> None:
    buildpack = serving(tmp_path / "bp", supply='mkdir -p "$3/$4"; head -c 100000 /dev/zero > "$3/$4/big"')
    app = write_app(tmp_path / "app")
    stage(app, "-b", buildpack, "--name", "layers", "--image", f"oci:{tmp_path / 'image'}")
    (app / "index.html").write_text("changed")
    _, ended = stage(app, "-b", buildpack, "--name", "layers", "--image", f"oci:{tmp_path / 'image'}")
    new = [layer["what"] for layer in ended.result["images"][0]["layers"] if not layer["reused"]]
    assert new == ["app"]


def test_docker_archive_is_read_by_skopeo(tmp_path: Path, stage: Stage) -> None:
    file = tmp_path / "image.tar"
    stage(write_app(tmp_path / "app"), "-b", serving(tmp_path / "bp"), "--image", f"docker-archive:{file}")
    inspected = subprocess.run(
        ["skopeo", "inspect", f"docker-archive:{file}"], capture_output=True, check=True, text=True
    )
    assert json.loads(inspected.stdout)["Architecture"] in ("amd64", "arm64")
    with tarfile.open(file) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        assert json.loads(manifest.read())[0]["RepoTags"] == ["app:latest"]


def test_an_image_runs_by_stagewright_too(tmp_path: Path, stage: Stage, running: Running) -> None:
    stage(write_app(tmp_path / "app"), "-b", serving(tmp_path / "bp"), "--image", f"oci:{tmp_path / 'image'}")
    with running(f"oci:{tmp_path / 'image'}") as app:
        assert app.get("/index.html").text == "hello"


def test_run_takes_a_process_type_or_a_command_and_gives_the_exit_code(
    tmp_path: Path, stagewright: Installation
) -> None:
    app = write_app(tmp_path / "app", Procfile="web: sleep 100\ntask: 'echo \"$WHO did it in $HOME\"; exit 7'\n")
    droplet, _ = stagewright.stage(app, "-b", serving(tmp_path / "bp"))
    ended = stagewright("run", droplet, "--process", "task", "--env", "WHO=nobody")
    assert (ended.code, ended.out.splitlines()[-1]) == (7, "nobody did it in /home/vcap/app")
    ended = stagewright("run", droplet, "--", "printf", "%s|", "a b", "$HOME", "*")
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "a b|$HOME|*|")
    ended = stagewright("run", droplet, "--process", "nothing")
    assert ended.code == 2
    assert "web, task" in ended.err


def test_inspect_shows_a_droplet_and_an_image(tmp_path: Path, stagewright: Installation) -> None:
    app = write_app(tmp_path / "app")
    droplet, ended = stagewright.stage(app, "-b", serving(tmp_path / "bp"), "--image", f"oci:{tmp_path / 'image'}")
    shown = stagewright("inspect", droplet, "--json")
    assert shown.code == 0, shown.err
    assert shown.result["droplet"]["tree"] == ended.result["droplet"]["tree"]
    assert shown.result["holds"]["app"]["entries"] == 2
    image = stagewright("inspect", f"oci:{tmp_path / 'image'}", "--json")
    assert image.code == 0, image.err
    assert len(image.result["layers"]) == len(ended.result["images"][0]["layers"])
    assert "org.opencontainers.image.base.name" in stagewright("inspect", f"oci:{tmp_path / 'image'}").out


def test_an_image_of_others_is_not_run(tmp_path: Path, stagewright: Installation) -> None:
    layout = tmp_path / "other"
    for arguments in (["init", "--layout", str(layout)], ["new", "--image", f"{layout}:latest"]):
        subprocess.run(["umoci", *arguments], check=True, capture_output=True)
    ended = stagewright("run", f"oci:{layout}")
    assert ended.code == 2
    assert "no launcher" in ended.err


def test_the_same_buildpack_twice_and_two_of_one_name(tmp_path: Path, stage: Stage) -> None:
    """contracts/cloudfoundry-staging.md §1.2: one buildpack twice works; two different ones never share a cache."""
    count = 'echo "$4 sees $(cat "$2/who" 2>/dev/null)"; echo "$4" > "$2/who"; mkdir -p "$3/$4"'
    one = serving(tmp_path / "a" / "same", supply=count)
    other = serving(tmp_path / "b" / "same", supply=count, finalize="true # another")
    app = write_app(tmp_path / "app")
    for second in ("", "again"):
        _, ended = stage(app, "-b", one, "-b", one, "-b", other, "-b", other, "--name", "same-names")
        seen = ended.script_lines().splitlines()
        assert seen == (
            ["0 sees ", "1 sees 0", "2 sees ", "3 sees "]
            if not second
            else ["0 sees 1", "1 sees 0", "2 sees 2", "3 sees 3"]
        )
    keys = [used["key"] for used in ended.result["buildpacks"]]
    assert keys[0] == keys[1] == "same"
    assert keys[2] == keys[3] != "same"
    assert not [key for key in keys if "/" in key]


def test_a_record_of_a_build_says_what_was_planned_and_done(tmp_path: Path, fresh: Installation) -> None:
    _, ended = fresh.stage(
        write_app(tmp_path / "app"), "-b", serving(tmp_path / "bp"), "--env", "TOKEN=hunter2-hunter2"
    )
    record = (fresh.place / "state" / "records" / "builds" / f"{ended.result['build']}.json").read_text()
    assert all(action["done"] for action in json.loads(record)["actions"] if action["verb"] == "run")
    assert json.loads(record)["env"] == ["TOKEN"]
    assert "hunter2" not in record
