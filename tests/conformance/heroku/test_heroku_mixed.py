"""Buildpacks of several forms in one build: shared tools, variables, profile scripts. docs/explanation/mixing-buildpacks.md."""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.conformance.heroku.conftest import Stage, Staged
from tests.conformance.heroku.probes import finalizing, heroku, supplying
from tests.e2e.conftest import Installation

FORMS = {"supplies": supplying, "finalizes": finalizing, "heroku": heroku}
ORDERS = [order for length in (2, 3) for order in permutations(FORMS, length) if order[-1] != "supplies"]
"""What only supplies comes before another. Of three that are four orders, of two four."""
SEARCHED = {
    "PATH": "bin",
    "LD_LIBRARY_PATH": "lib",
    "LIBRARY_PATH": "lib",
    "CPATH": "include",
    "PKG_CONFIG_PATH": "pkgconfig",
}


@pytest.fixture(scope="module", params=ORDERS, ids="-".join)
def mixed(request: pytest.FixtureRequest, stage: Stage) -> tuple[tuple[str, ...], Staged]:
    order: tuple[str, ...] = request.param
    tells = "; ".join(f"tool-of-{name}" for name in order if name != "heroku")
    environment = "; ".join(f"echo $PROFILE_OF_{name}" for name in order if name != "heroku")
    procfile = f"web: ({tells}; {environment}) > told.txt; exec python3 -m http.server $PORT\n"
    buildpacks = [FORMS[name](name) for name in order]
    return order, stage(*buildpacks, files={"Procfile": procfile}, env={"CONFIGURED": "value"})


Mixed = tuple[tuple[str, ...], Staged]


@pytest.mark.clause("HK-31")
def test_heroku_s_scripts_find_what_those_before_them_supplied(mixed: Mixed) -> None:
    order, staged = mixed
    if "heroku" not in order:
        pytest.skip("nobody of Heroku's in this order")
    place = order.index("heroku")
    for script in ("detect", "compile"):
        seen = staged.seen("heroku", script)
        for variable, directory in SEARCHED.items():
            wanted = [f"/home/vcap/deps/{index}/{directory}" for index in reversed(range(place))]
            assert [one for one in seen.search(variable) if one.startswith("/home/vcap/deps")] == wanted
        assert seen.search("PATH")[-1] == "/sbin"
        for name in FORMS:
            expected = f"value of {name}" if name in order[:place] else None
            assert seen.environment.get(f"OF_{name}") == expected


@pytest.mark.clause("HK-32")
def test_heroku_s_keep_an_index_and_an_empty_directory(mixed: Mixed) -> None:
    order, staged = mixed
    assert [one["index"] for one in staged.ended.result["buildpacks"]] == [str(place) for place in range(len(order))]
    if "heroku" in order:
        assert list((staged.root / "deps" / str(order.index("heroku"))).iterdir()) == []


@pytest.mark.clause("HK-33")
@pytest.mark.clause("HK-34")
def test_the_platform_writes_what_libbuildpack_would_where_the_last_is_heroku_s(mixed: Mixed) -> None:
    """And only there: the files of a last one of Cloud Foundry's are its own."""
    order, staged = mixed
    profile_d = staged.root / "profile.d"
    suppliers = [str(place) for place, name in enumerate(order) if name != "heroku"]
    written = (profile_d / "000_multi-supply.sh").read_text()
    assert {file.name for file in profile_d.iterdir()} == {"000_multi-supply.sh"} | {f"{i}_own.sh" for i in suppliers}
    assert ("LD_LIBRARY_PATH" in written) == (order[-1] == "heroku")


@pytest.mark.clause("HK-09")
def test_config_vars_are_in_env_dir_for_heroku_s_and_in_the_environment_for_cloud_foundry_s(mixed: Mixed) -> None:
    _, staged = mixed
    for line in staged.order:
        name, script = line.split()
        seen = staged.seen(name, script)
        if name == "heroku":
            assert "CONFIGURED" not in seen.environment
            assert seen.config == {"CONFIGURED": b"value"}
        else:
            assert seen.environment["CONFIGURED"] == "value"
            assert seen.config is None
            assert "STACK" not in seen.environment


@pytest.mark.clause("HK-35")
def test_at_run_time_the_tools_of_all_are_found(mixed: Mixed, installation: Installation) -> None:
    order, staged = mixed
    suppliers = [name for name in order if name != "heroku"]
    told = [*(f"the tool of {name}" for name in suppliers), *("sourced" for _ in suppliers)]
    with installation.running(staged.droplet) as app:
        assert app.get("/told.txt").text.splitlines() == told


@pytest.mark.clause("HK-36")
def test_what_only_supplies_cannot_be_the_last(stage: Stage) -> None:
    staged = stage(heroku("heroku"), supplying("supplies"), files={"Procfile": "web: true"})
    assert staged.code == 11
    assert "supplies" in staged.failure["brief"]


@pytest.mark.clause("HK-38")
def test_what_was_detected_is_not_what_an_earlier_one_s_detect_said(stage: Stage) -> None:
    staged = stage(heroku("heroku"), finalizing("finalizes"))
    assert staged.ended.result["detected_buildpack"] == ""
