"""`stage --trace`: what buildpacks did is told and kept, the app is what it would have been, and no secret is in any of it."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from tests.conformance.staging.buildpacks import compiling
from tests.conformance.staging.drop_in import xxhash_name
from tests.e2e.conftest import COMMAND, Ended, Installation
from tests.e2e.shell_buildpacks import RELEASE, serving, write_app, write_buildpack
from tests.made_repositories import Repository
from tests.sandboxes import soon
from tests.source_server import SourceServer, source_server

SECRET = "c4n4ry it's+a/p$w:Zq"
PASSWORD = "0therC4n4ry+p/w"
CAPTURES = """
seen=$(bash -c 'echo from a child >&2; exit 3' 2>&1) && code=0 || code=$?
echo "$seen, $code" > "$1/captured"
"""
TELLS = r"""
echo "$MY_TOKEN"; echo "$MY_TOKEN" | base64 -w0; printf '%q\n' "$MY_TOKEN"; printf "%s\n" "${MY_TOKEN@Q}"
encoded=$(printf 'me:%s' "$MY_TOKEN" | base64 -w0); curl -s -H "Authorization: Basic $encoded" http://127.0.0.1:1/ || :
[[ x == *"$MY_TOKEN"* ]] || [[ $MY_TOKEN =~ "$MY_TOKEN" ]]
fetch() { : "http://me:$1@127.0.0.1/" "$(python3 -c 'import sys, urllib.parse as u; print(u.quote_plus(sys.argv[1]))' "$1")"; }
fetch "$MY_TOKEN"; bash -c ': "$0"' "$MY_TOKEN"; export DERIVED="line
$MY_TOKEN"; touch "$1/file of $(basename "$PASS_NAME")"
"""


def forms_of(secret: str) -> set[bytes]:
    raw = secret.encode()
    texts = {
        secret,
        secret.replace("'", "'\\''"),
        secret.replace("'", "'\"'\"'"),
        re.sub(r"([ '$])", r"\\\1", secret),
        re.sub(r"(\W)", r"\\\1", secret),
        "".join(f"\\{letter}" for letter in secret),
        json.dumps(secret)[1:-1],
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        secret.replace("'", "&#x27;"),
    }
    encoded = {base64.b64encode(raw), base64.b64encode(b"me:" + raw), base64.b64encode(raw + b"\n")}
    return {text.encode() for text in texts} | {form.rstrip(b"=") for form in encoded}


def require_untold(*said: bytes) -> None:
    for secret in (SECRET, PASSWORD):
        for form in forms_of(secret):
            for each in said:
                assert form not in each, (form, each[max(0, each.find(form) - 200) :][:500])


def kept(installation: Installation) -> list[Path]:
    return sorted((installation.place / "state" / "records" / "traces").glob("*.json"))


def the_trace(installation: Installation) -> Any:
    (path,) = kept(installation)
    return json.loads(path.read_bytes())


def scripts_of(trace: Any) -> dict[str, Any]:
    """By name of script and buildpack."""
    return {f"{one['script']} {trace['buildpacks'][one['buildpack']]['name']}": one for one in trace["scripts"]}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SourceServer]:
    with source_server() as running:
        running.repositories = tmp_path / "served"
        running.credentials = f"me:{PASSWORD}"
        yield running


def test_both_dialects_are_traced_alike_and_nothing_changes_and_no_secret_is_told(
    tmp_path: Path, fresh: Installation, server: SourceServer
) -> None:
    heroku = write_buildpack(
        tmp_path / "heroku",
        detect="echo heroku",
        compile=CAPTURES + 'ls "$3" | grep -q BP_DEBUG && switches=on || switches=off; echo "debug $switches"\n'
        'echo "export FROM_HEROKU=here" > "$(dirname "$0")/../export"; . "$(dirname "$0")/../lib.sh"; helper',
        release=RELEASE,
    )
    (heroku / "lib.sh").write_text("helper() {\n  echo helped > /dev/null\n}\n")
    repository = Repository(serving(tmp_path / "served" / "cloud", supply=TELLS, finalize=CAPTURES, detect="true"))
    for number in range(6):
        commit = repository.commit(f"Change {number}" + (f" with {SECRET}" if number == 5 else ""))
    url = f"http://me:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/cloud/.git#main"
    app = write_app(tmp_path / "app")
    flags = ("-b", heroku, "-b", url, "--name", "both", "--env", f"MY_TOKEN={SECRET}", "--env", f"PASS_NAME={SECRET}")
    _, plain = fresh.stage(app, *flags)
    assert kept(fresh) == []
    droplet = tmp_path / "traced.tgz"
    ended = fresh("stage", app, *flags, "--trace", "--droplet", droplet)
    assert ended.code == 0, ended.out + ended.err
    facts = json.loads(droplet.with_name("traced.tgz.json").read_bytes())
    assert facts["droplet"]["tree"] == plain.result["droplet"]["tree"]

    trace = the_trace(fresh)
    assert trace["outcome"] == "staged"
    assert [one["dialect"] for one in trace["buildpacks"]] == ["heroku", "cloudfoundry"]
    assert trace["buildpacks"][0]["origin"] == {"kind": "directory", "path": str(heroku)}
    origin = trace["buildpacks"][1]["origin"]
    assert (origin["kind"], origin["branch"], origin["commit"]) == ("git", "main", commit)
    assert [one["subject"] for one in origin["commits"][1:]] == [f"Change {number}" for number in (4, 3, 2, 1)]
    scripts = scripts_of(trace)
    compiled, supplied = scripts["compile heroku"], scripts["supply cloud"]
    assert compiled["argv"][1:] == ["/app", compiled["argv"][2], "/home/vcap/env"]
    assert compiled["wrote"]["app"]["added"] == 1
    assert compiled["xtrace"]["coverage"] == "bash"
    assert ("helper", "echo helped") in {(one["function"], one["text"]) for one in compiled["xtrace"]["commands"]}
    assert "echo from a child" in {one["text"] for one in compiled["xtrace"]["commands"]}
    assert supplied["argv"][0].endswith("/bin/supply")
    assert supplied["environment"]["added"]["FROM_HEROKU"] == "here"
    assert supplied["environment"]["added"]["MY_TOKEN"] == "[redacted]"
    assert "debug on" in ended.out
    assert "debug off" in plain.script_lines()

    (path,) = kept(fresh)
    page = tmp_path / "page.html"
    shown = [fresh("trace", "show", "both", *more) for more in ((), ("--full",), ("--json",), ("--html", page))]
    assert [one.code for one in shown] == [0, 0, 0, 0]
    assert f"trace    stagewright trace show {trace['build']}" in ended.out
    assert "curl -s -H" in shown[1].out
    logged = [one.out.encode() for one in (*shown, ended, plain)] + [one.err.encode() for one in (ended, plain)]
    require_untold(path.read_bytes(), page.read_bytes(), *logged)
    for path in (fresh.place / "state").rglob("*.json"):
        require_untold(path.read_bytes())


def test_the_log_tells_of_each_script_in_one_form(tmp_path: Path, fresh: Installation) -> None:
    """Without a sandbox, too; the events of --json say the same. Of a directory git is asked, too."""
    buildpack = serving(tmp_path / "bp", finalize='sleep 0.1; echo made > "$1/made"')
    commit = Repository(buildpack).commit("Make it")
    (buildpack / "notes").write_text("not committed")
    app = write_app(tmp_path / "app", manifest__yml='applications: [{name: asks, env: {STAGEWRIGHT_TRACE: "1"}}]')
    ended = fresh("stage", app, "-b", buildpack, "--sandbox", "none", "-d", tmp_path / "d.tgz")
    assert ended.code == 0, ended.err
    log = ended.out[ended.out.index("trace    finalize bp") :]
    for part in (
        "exit code 0",
        "argv  ",
        "cwd  ",
        "env  ",
        "wrote      app: 1 added (5 B)",
        "xtrace     bash: 3 commands",
    ):
        assert part in log, (part, log)
    assert re.search(r"slowest +0\.\d s  \S+/bin/finalize:3  sleep 0\.1", log)
    assert ended.out.count("buildpack  kind directory") == 1
    assert re.search(rf"kind directory, path {buildpack}, commit {commit}, branch main, dirty yes\n", ended.out)
    assert re.search(rf"buildpack  {commit[:12]}  \S+  .+: Make it\n", ended.out)
    _, ended = fresh.stage(app, "-b", buildpack, "--sandbox", "none")
    told = [event for event in ended.events if event["event"] == "script.traced"]
    assert [one["script"] for one in told] == ["supply", "finalize", "release"]
    assert [one["first"] for one in told] == [True, False, False]
    assert told[1]["xtrace"] == {"coverage": "bash", "commands": 3, "truncated": False}
    assert fresh("plan", app, "-b", buildpack, "--sandbox", "none").code == 0
    assert len(kept(fresh)) == 2


def test_a_built_in_buildpack_makes_the_same_droplet(tmp_path: Path, fresh: Installation) -> None:
    """Detected, so that every detect that was tried is in the trace."""
    app = write_app(tmp_path / "app")
    _, plain = fresh.stage(app, "--name", "site")
    _, traced = fresh.stage(app, "--name", "site", "--trace")
    assert traced.result["droplet"]["tree"] == plain.result["droplet"]["tree"]
    scripts = scripts_of(the_trace(fresh))
    assert {"detect staticfile", "finalize staticfile"} <= set(scripts)
    assert (
        scripts["detect staticfile"]["peak_memory"] is not None or scripts["detect staticfile"]["cpu_seconds"] is None
    )


def test_a_build_that_fails_keeps_its_trace_and_ends_as_ever(tmp_path: Path, fresh: Installation) -> None:
    buildpack = serving(tmp_path / "bp", finalize='echo half > "$1/half"; false; echo never')
    app = write_app(tmp_path / "app")
    plain = fresh("stage", app, "-b", buildpack, "--name", "broken")
    ended = fresh("stage", app, "-b", buildpack, "--name", "broken", "--env", "STAGEWRIGHT_TRACE=1")
    assert ended.code == plain.code != 0
    trace = the_trace(fresh)
    assert "finalize" in trace["outcome"]
    last = trace["scripts"][-1]
    assert (last["script"], last["exit_code"], last["wrote"]["app"]["added"]) == ("finalize", 1, 1)
    assert [one["text"] for one in last["xtrace"]["commands"]][-1] == "false"
    assert trace["outcome"] in fresh("trace", "show", "broken").out


def test_a_build_that_takes_too_long_or_is_cancelled_keeps_its_trace(tmp_path: Path, fresh: Installation) -> None:
    buildpack = serving(tmp_path / "bp", supply="echo sleeping; sleep 500")
    app = write_app(tmp_path / "app")
    flags = ("stage", str(app), "-b", str(buildpack), "--name", "slow", "--trace")
    assert fresh(*flags, "--timeout", "2s").code != 0
    first = the_trace(fresh)
    assert first["scripts"][-1]["xtrace"]["commands"][-1]["text"] == "sleep 500"
    kept(fresh)[0].unlink()
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [COMMAND, *flags], env=fresh.environment(), stdout=output, stderr=subprocess.STDOUT, cwd=tmp_path
        )
    assert soon(lambda: "sleeping" in log.read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) != 0
    second = the_trace(fresh)
    assert second["scripts"][-1]["exit_code"] == 137
    assert second["outcome"] != first["outcome"]
    assert "Traceback" not in log.read_text()


def test_the_drop_in_writes_a_trace_beside_result_json(tmp_path: Path, fresh: Installation) -> None:
    plain, traced = on_a_cell(tmp_path / "plain"), on_a_cell(tmp_path / "traced", STAGEWRIGHT_TRACE="1")
    assert plain.code == traced.code == 0, traced.out + traced.err
    assert not list((tmp_path / "plain" / "out").glob("*trace*"))
    path = tmp_path / "traced" / "out" / "result.json.trace.json"
    assert f"trace    {path}" in traced.out
    assert "trace    compile shell: exit code 0" in traced.out
    shown = fresh("trace", "show", path)
    assert shown.code == 0, shown.err
    assert "bin/compile" in shown.out
    require_untold(path.read_bytes(), traced.out.encode(), shown.out.encode())
    assert {one.name for one in (tmp_path / "traced" / "tmp").iterdir()} == set()


def on_a_cell(place: Path, **env: str) -> Ended:
    for name in ("app", "home", "tmp"):
        (place / name).mkdir(parents=True)
    (place / "app" / "app.sh").write_text("run\n")
    compiling("shell", compile='echo "$MY_TOKEN" > "$2/kept"; : "$MY_TOKEN"').write(
        place / "buildpacks" / xxhash_name("shell")
    )
    flags = {
        "buildDir": "app", "buildpacksDir": "buildpacks", "buildpackOrder": "shell", "buildpacksDownloadDir": "down",
        "buildArtifactsCacheDir": "cache", "outputDroplet": "out/droplet.tgz", "outputMetadata": "out/result.json",
        "outputBuildArtifactsCache": "out/cache.tgz",
    }  # fmt: skip
    own = {"PATH": "/usr/bin:/bin", "HOME": str(place / "home"), "TMPDIR": str(place / "tmp"), "MY_TOKEN": SECRET}
    ended = subprocess.run(
        [COMMAND.with_name("stagewright-builder"), *(f"-{name}={value}" for name, value in flags.items())],
        cwd=place,
        env={**own, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
