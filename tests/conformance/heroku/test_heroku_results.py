"""What comes of Heroku's buildpacks: failures, processes, caches, and the app as it runs. contracts/heroku.md §4.1."""

from __future__ import annotations

import pytest

from tests.conformance.heroku.conftest import Stage, Staged
from tests.conformance.heroku.probes import SERVES, heroku
from tests.e2e.conftest import Installation


@pytest.mark.clause("HK-02")
def test_a_detect_that_says_no_ends_the_build_and_is_named(stage: Stage) -> None:
    no = heroku("no", detect="echo 'no such file: Gemfile'; exit 1")
    staged = stage(heroku("yes"), no, heroku("never"))
    assert staged.code == 10
    assert "no: its bin/detect says no" in staged.failure["brief"] and "Gemfile" in staged.failure["brief"]
    started = [event["step"] for event in staged.ended.events if event["event"] == "action.started"]
    assert started == ["detect yes", "compile yes", "detect no"]


@pytest.mark.clause("HK-25")
def test_a_compile_that_fails_is_named_with_its_exit_code(stage: Stage) -> None:
    staged = stage(heroku("bad", compile="echo 'could not find it' >&2; exit 7"), heroku("never"))
    assert staged.code == 14
    failure = staged.failure
    assert "bad" in failure["brief"] and "exit code 7" in failure["brief"] and "could not find it" in failure["details"]


@pytest.mark.clause("HK-26")
def test_a_buildpack_without_compile_is_refused_before_any_script(stage: Stage) -> None:
    staged = stage(heroku("first"), heroku("odd", compile=""))
    assert staged.code == 11
    assert "odd" in staged.failure["brief"] and "bin/compile" in staged.failure["brief"]
    assert not [event for event in staged.ended.events if event["event"] == "action.started"]


@pytest.mark.clause("HK-17")
@pytest.mark.clause("HK-24")
def test_each_has_a_cache_that_the_next_staging_finds(stage: Stage) -> None:
    """And a report, whatever it is: YAML, words, or a failure, is no failure of the build."""
    counts = 'echo run >> "$2/runs"; wc -l < "$2/runs" > "$1/runs-of-$NAME"'
    several = (
        heroku("one", compile=counts, report="echo 'a: {b: [1, 2]}'"),
        heroku("two", compile=counts, report="exit 3"),
        heroku("three", compile=f"{counts}\n{counts}", report="echo 'no: yaml: at: all'"),
    )
    stage(*several, name="again")
    staged = stage(*several, name="again")
    runs = [int((staged.root / "app" / f"runs-of-{name}").read_text()) for name in ("one", "two", "three")]
    assert runs == [2, 2, 4]
    assert staged.ended.result["reports"] == {"one": {"a": {"b": [1, 2]}}, "two": None, "three": "no: yaml: at: all\n"}
    assert "bin/report of two ended with exit code 3" in staged.warnings


@pytest.mark.clause("HK-19")
@pytest.mark.clause("HK-21")
def test_a_procfile_wins_and_release_may_be_missing_or_empty(stage: Stage) -> None:
    files = {"Procfile": "web: of the app\n"}
    says = "echo 'default_process_types: {web: of release, worker: of release}'"
    assert stage(heroku("says", release=says), files=files).processes == {"web": "of the app", "worker": "of release"}
    for release in ("", "true", "echo '--- {}'", "echo ---"):
        staged = stage(heroku("silent", release=release), files=files)
        assert staged.processes == {"web": "of the app"}


@pytest.mark.clause("HK-20")
def test_config_vars_and_addons_of_a_release_are_not_read(stage: Stage) -> None:
    release = "echo '{config_vars: {A_NAME: given, PATH: /nosuch}, addons: [heroku-postgresql], default_process_types: {web: x}}'"
    staged = stage(heroku("old", release=release))
    assert staged.processes == {"web": "x"}
    assert "A_NAME" not in "".join(
        file.read_text() for file in staged.root.rglob("*") if file.is_file() and ".seen" not in file.parts
    )


@pytest.mark.clause("HK-22")
@pytest.mark.clause("HK-23")
def test_the_app_runs_at_its_place_with_its_profile_scripts(stage: Stage, installation: Installation) -> None:
    """From the droplet, and from an image."""
    compile_ = 'mkdir -p "$1/.profile.d"; echo "export PROFILED=\\$HOME/sourced" > "$1/.profile.d/one.sh"'
    tells = 'echo "$HOME $PROFILED $(pwd) $(cd /app && pwd -P)" > told.txt'
    image = installation.place / "image-at-app"
    staged = stage(
        heroku("profiles", compile=compile_, release=SERVES),
        files={"Procfile": f"web: {tells}; exec python3 -m http.server $PORT"},
        flags=("--image", f"oci:{image}"),
    )
    for what in (staged.droplet, f"oci:{image}"):
        with installation.running(what) as app:
            assert app.get("/told.txt").text == "/app /app/sourced /app /home/vcap/app\n"


@pytest.fixture(scope="module")
def selected(stage: Stage) -> Staged:
    return stage(heroku("only"), env={"A": "1"}, flags=("--strict-cf",))


@pytest.mark.clause("HK-27")
def test_strictly_cloud_foundry_s_it_gets_two_arguments_and_cloud_foundry_s_surroundings(selected: Staged) -> None:
    seen = selected.seen("only", "compile")
    assert seen.arguments == ["/home/vcap/app", "/home/vcap/cache/final"]
    assert (seen.cwd, seen.environment["HOME"], seen.environment["A"]) == ("/home/vcap", "/home/vcap", "1")
    assert seen.environment["CF_STACK"] == "debian12"
    assert not {"STACK", "REQUEST_ID", "APP_DIR"} & seen.environment.keys()
    assert seen.config is None
    assert selected.order == ["only compile", "only release"]
