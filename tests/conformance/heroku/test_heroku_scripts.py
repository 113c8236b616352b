"""What Heroku's buildpacks are run with: contracts/heroku.md §4.1. One staging of three of them shows most of it."""

from __future__ import annotations

import pytest

from stagewright.trees import tree_digest
from tests.conformance.heroku.conftest import Stage, Staged
from tests.conformance.heroku.probes import heroku

CONFIG = {
    "GREETING": "hello",
    "LINES": "one\ntwo\n",
    "EMPTY": "",
    "WORDS": "größer ☃ 'quoted' \"twice\" $HOME `id`",
    "PATH_LIKE": "/somewhere/else",
    "API_SECRET": "s3cr3t-of-the-app",
    "LD_PRELOAD": "/nosuch/library.so",
}
ODD = {"NOT_UTF8": b"\xff\xfe\x80 odd".decode("utf-8", "surrogateescape")}
EXPORTS = """
cat > "$(dirname "$0")/../export" <<END
export CHAIN="${CHAIN:-start}:$NAME"
export PATH="/app/tools-of-$NAME:\\$PATH"
END
"""


@pytest.fixture(scope="module")
def staged(stage: Stage) -> Staged:
    """Three in a row: the first and the second export, the last reports, all but the last would release otherwise."""
    first = heroku("first", compile=EXPORTS, release="echo 'default_process_types: {web: of the first}'")
    second = heroku("second", compile=EXPORTS, release="exit 1")
    last = heroku("last", compile=EXPORTS, report="echo 'version: 1.2'")
    return stage(first, second, last, env={**CONFIG, **ODD})


SCRIPTS = ("detect", "compile")
NAMES = ("first", "second", "last")


@pytest.mark.clause("HK-01")
def test_detect_of_each_that_was_named_is_asked_in_its_turn(staged: Staged) -> None:
    for name in NAMES:
        assert staged.seen(name, "detect").arguments == ["/app"]
        assert staged.says(f"detect {name}") == f"This is {name}"


@pytest.mark.clause("HK-03")
def test_every_buildpack_of_the_list_is_compiled_in_order(staged: Staged) -> None:
    ran = [f"{name} {script}" for name in NAMES for script in SCRIPTS]
    assert staged.order == [*ran, "last report", "last release"]


@pytest.mark.clause("HK-04")
def test_compile_gets_the_app_a_cache_and_the_config_vars(staged: Staged) -> None:
    caches = set()
    for name in NAMES:
        app, cache, config = staged.seen(name, "compile").arguments
        assert (app, config) == ("/app", "/home/vcap/env")
        caches.add(cache)
    assert len(caches) == 3
    assert staged.seen("last", "report").arguments == staged.seen("last", "compile").arguments
    assert staged.seen("last", "release").arguments == ["/app"]


@pytest.mark.clause("HK-05")
def test_the_app_is_at_its_place_at_run_time_already_when_it_is_built(staged: Staged) -> None:
    for name in NAMES:
        for script in SCRIPTS:
            seen = staged.seen(name, script)
            assert (seen.cwd, seen.environment["HOME"]) == ("/app", "/app")


@pytest.mark.clause("HK-06")
def test_env_dir_holds_the_bytes_of_every_config_var_and_nothing_else(staged: Staged) -> None:
    wanted = {name: value.encode("utf-8", "surrogateescape") for name, value in (CONFIG | ODD).items()}
    for name in NAMES:
        assert staged.seen(name, "compile").config == wanted
    assert staged.seen("last", "report").config == wanted


@pytest.mark.clause("HK-07")
def test_no_config_var_is_in_the_environment_of_a_script(staged: Staged) -> None:
    for name in NAMES:
        for script in SCRIPTS:
            assert not (CONFIG | ODD).keys() & staged.seen(name, script).environment.keys()


@pytest.mark.clause("HK-08")
def test_env_dir_is_no_part_of_the_droplet(staged: Staged) -> None:
    assert not (staged.root / "env").exists()
    assert {path.name for path in staged.root.iterdir()} <= {
        "app",
        "deps",
        "profile.d",
        "tmp",
        "logs",
        "staging_info.yml",
    }


@pytest.mark.clause("HK-10")
def test_what_heroku_says_to_its_buildpacks(staged: Staged) -> None:
    for name in NAMES:
        environment = staged.seen(name, "compile").environment
        assert environment["STACK"] == "debian12"
        assert environment["REQUEST_ID"] == staged.ended.result["build"]
        assert (environment["APP_DIR"], environment["CURL_CONNECT_TIMEOUT"]) == ("/app", "30")
        assert environment["CURL_TIMEOUT"] == "180"
        assert "CF_STACK" not in environment
        assert "SOURCE_VERSION" not in environment


@pytest.mark.clause("HK-12")
def test_an_export_reaches_every_later_script_but_not_its_own(staged: Staged) -> None:
    chains = [staged.seen(name, script).environment.get("CHAIN") for name in NAMES for script in SCRIPTS]
    assert chains == [None, None, "start:first", "start:first", "start:first:second", "start:first:second"]
    assert staged.seen("last", "report").environment["CHAIN"] == "start:first:second"
    assert staged.seen("last", "release").environment["CHAIN"] == "start:first:second"
    assert staged.seen("last", "compile").search("PATH")[:2] == ["/app/tools-of-second", "/app/tools-of-first"]


@pytest.mark.clause("HK-13")
def test_what_sources_an_export_leaves_nothing_of_its_own(staged: Staged) -> None:
    before = staged.seen("first", "compile").environment.keys()
    assert staged.seen("second", "compile").environment.keys() - before == {"CHAIN"}
    assert staged.seen("second", "compile").cwd == "/app"


@pytest.mark.clause("HK-16")
def test_a_buildpack_writes_in_a_copy_of_its_own(staged: Staged) -> None:
    for name in NAMES:
        assert not (staged.buildpacks / name / "export").exists()
    for one in staged.ended.result["buildpacks"]:
        assert str(tree_digest(staged.buildpacks / one["key"])) == one["digest"]


@pytest.mark.clause("HK-18")
def test_release_of_the_last_decides_and_nobody_else_is_asked(staged: Staged) -> None:
    assert staged.processes == {"web": "exec python3 -m http.server $PORT"}


@pytest.mark.clause("HK-30")
def test_each_has_an_index_and_an_empty_directory(staged: Staged) -> None:
    assert staged.seen("last", "compile").deps == [".", "./0", "./1", "./2"]
    assert [one["index"] for one in staged.ended.result["buildpacks"]] == ["0", "1", "2"]
