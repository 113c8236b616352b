"""Post-buildpacks of every form: contracts/extensions.md, "Post-buildpacks"."""

from __future__ import annotations

import pytest

from tests.conformance.heroku.conftest import Stage, Staged
from tests.conformance.heroku.probes import compiling, finalizing, heroku, supplying
from tests.e2e.conftest import Installation

LAUNCH = "printf 'processes:\\n- {type: agent, command: of launch.yml}\\n' > \"$3/$4/launch.yml\""
COUNTS = 'echo run >> "$2/runs"; wc -l < "$2/runs" > "$1/runs-of-$NAME"'
TELLS = (
    "(tool-of-supplies; tool-of-finalizes; echo $LD_LIBRARY_PATH $PROFILE_OF_supplies $PROFILE_OF_finalizes) > told.txt"
)


@pytest.fixture(scope="module")
def staged(stage: Stage) -> Staged:
    """One of Heroku's, and after it one of each form; twice, so that caches can be seen."""
    exports = 'echo "export CHAIN=exported" > "$(dirname "$0")/../export"'
    posts = (
        supplying("supplies", supply=COUNTS),
        finalizing("finalizes", finalize=f"{COUNTS}\n{LAUNCH}", release="exit 1"),
        heroku("heroku", detect="exit 1", compile=COUNTS, release="echo 'default_process_types: {clock: of release}'"),
        compiling("lone", compile=COUNTS),
    )
    files = {"Procfile": f"web: {TELLS}; exec python3 -m http.server $PORT\n"}
    for _ in range(2):
        staged = stage(heroku("main", compile=exports), posts=posts, files=files, env={"A": "1"}, name="posted")
    return staged


NAMES = ("main", "supplies", "finalizes", "heroku", "lone")


@pytest.mark.clause("HK-40")
def test_they_come_after_the_last_and_each_has_an_index_of_its_own(staged: Staged) -> None:
    built = [line for line in staged.order if line.split()[1] in ("supply", "finalize", "compile")]
    scripts = ["main compile", "supplies supply", "finalizes supply", "finalizes finalize", "heroku compile"]
    assert built == [*scripts, "lone compile"]
    used = staged.ended.result["buildpacks"]
    assert [one["index"] for one in used] == ["0", "1", "2", "3", "4"]
    assert staged.seen("supplies", "supply").arguments[3] == "1"
    assert staged.seen("supplies", "supply").deps[:6] == [".", "./0", "./1", "./2", "./3", "./4"]
    assert "heroku detect" not in staged.order


@pytest.mark.clause("HK-41")
def test_each_has_a_cache_of_its_own_that_lasts(staged: Staged) -> None:
    caches = {
        staged.seen(*line.split()).arguments[1] for line in staged.order if line.split()[1] in ("supply", "compile")
    }
    assert len(caches) == len(NAMES)
    assert {int((staged.root / "app" / f"runs-of-{name}").read_text()) for name in NAMES[1:]} == {2}


@pytest.mark.clause("HK-42")
@pytest.mark.clause("HK-43")
def test_what_they_supply_is_found_at_run_time(staged: Staged, installation: Installation) -> None:
    names = {file.name for file in (staged.root / "profile.d").iterdir()}
    assert {"1_own.sh", "2_own.sh"} <= names
    with installation.running(staged.droplet) as app:
        tools, libraries = app.get("/told.txt").text.splitlines()[:2], app.get("/told.txt").text.splitlines()[2]
    assert tools == ["the tool of supplies", "the tool of finalizes"]
    searched, *sourced = libraries.split()
    assert {"/home/vcap/deps/1/lib", "/home/vcap/deps/2/lib"} <= set(searched.split(":"))
    assert sourced == ["sourced", "sourced"]


@pytest.mark.clause("HK-44")
def test_their_processes_are_merged_from_launch_yml_or_else_release(staged: Staged) -> None:
    assert staged.processes["agent"] == "of launch.yml"
    assert staged.processes["clock"] == "of release"
    assert "http.server" in staged.processes["web"]
    assert "finalizes release" not in staged.order


@pytest.mark.clause("HK-37")
def test_an_export_and_config_vars_reach_them_in_the_way_of_their_form(staged: Staged) -> None:
    for name, script in (("supplies", "supply"), ("finalizes", "finalize"), ("heroku", "compile"), ("lone", "compile")):
        seen = staged.seen(name, script)
        assert seen.environment["CHAIN"] == "exported"
        by_file = name in ("heroku", "lone")
        assert (seen.config or {}).get("A") == (b"1" if by_file else None)
        assert seen.environment.get("A") == (None if by_file else "1")


@pytest.mark.clause("HK-45")
@pytest.mark.parametrize("form", [supplying, heroku], ids=["cloud foundry", "heroku"])
def test_a_failure_of_one_is_named_as_one(stage: Stage, form: type) -> None:
    script = "supply" if form is supplying else "compile"
    staged = stage(heroku("main"), posts=(form("bad", **{script: "exit 9"}),))
    assert staged.code == (13 if form is supplying else 14)
    assert "post-buildpack bad" in staged.failure["brief"] and "exit code 9" in staged.failure["brief"]


@pytest.mark.clause("HK-46")
def test_a_variable_names_them_too(stage: Stage, installation: Installation) -> None:
    written = supplying("by-variable").write(installation.place / "by-variable")
    staged = stage(heroku("main"), env={"POST_BUILDPACK": str(written)})
    assert [one["name"] for one in staged.ended.result["buildpacks"]] == ["main", "by-variable"]
