"""Supply, finalize and compile (contracts/cloudfoundry-staging.md §1.2 steps 1 to 3): who runs, in which order, with what."""

from __future__ import annotations

import os.path

import pytest

from tests.conformance.staging.buildpacks import RELEASE, Buildpack, compiling, finalizing, supplying
from tests.conformance.staging.conftest import Stage

KEY, HASH = "my-buildpack/key/::", "dc91f5556d3ae859"
"""A key and its xxhash64, as the reference's builder_config_test pins them."""
NOT_COMPATIBLE = (
    "Warning: the last buildpack is not compatible with multi-buildpack apps and cannot make use of any dependencies "
    "supplied by the buildpacks specified before it"
)
WHICH_CACHE = 'echo "$NAME" > "$2/mine"'


@pytest.mark.clause("CF-S-03", "CF-S-05", "CF-S-06", "CF-S-15", "CF-T-06")
def test_all_but_the_last_supply_and_the_last_supplies_and_finalizes(stage: Stage) -> None:
    ended = stage(supplying(KEY), supplying("second"), finalizing("last"))
    assert ended.code == 0
    ran = [
        line.split()[:3] for line in ended.lines if " supply " in line or " finalize " in line or " compile " in line
    ]
    assert ran == [[KEY, "supply", "4"], ["second", "supply", "4"], ["last", "supply", "4"], ["last", "finalize", "5"]]
    (first,), (second,) = ended.said(f"{KEY} supply 4 "), ended.said("second supply 4 ")
    (supplied,), (finalized,) = ended.said("last supply 4 "), ended.said("last finalize 5 ")
    app, _, deps, index = first.split()
    assert (app, index) == (ended.places.app, "0")
    assert second.split()[2:] == [deps, "1"]
    assert supplied.split() == [ended.places.app, f"{ended.places.cache}/final", deps, "2"]
    assert finalized.split() == [*supplied.split(), os.path.join(os.path.dirname(deps), "profile.d")]  # noqa: PTH118, PTH120
    assert [ended.droplet.text(f"./deps/{index}/supplied") for index in "012"] == [KEY, "second", "last"]
    assert ended.droplet.text("./deps/2/finalized") == "last"
    assert ended.cache.text(f"./{HASH}/supplied") == KEY
    assert ended.cache.text("./final/supplied") == ended.cache.text("./final/finalized") == "last"
    assert "./app/compiled" not in ended.droplet.names


@pytest.mark.clause("CF-S-01", "CF-S-15")
def test_directories_are_there_before_the_first_script_and_show_what_was_left(stage: Stage) -> None:
    look = 'for i in 0 1 2; do test -d "$3/$i" && echo "$NAME has deps $i: $(ls "$3/$i")"; done; ls -d "$2" "$1"; '
    profile = 'test -d "$5" && echo "profile.d is there"'
    ended = stage(
        supplying("one", supply=look + 'touch "$3/$4/from-one"'),
        supplying("two", supply=look + 'touch "$3/$4/from-two"; touch "$1/in-the-app"'),
        finalizing("three", supply=look, finalize=f"{look} ls $1; {profile}"),
    )
    assert ended.code == 0
    assert ended.said("one has deps ") == ["0: ", "1: ", "2: "]
    assert ended.said("two has deps ") == ["0: from-one", "1: ", "2: "]
    assert ended.said("three has deps ") == ["0: from-one", "1: from-two", "2: "] * 2
    assert "profile.d is there" in ended.lines
    assert "in-the-app" in ended.lines


@pytest.mark.clause("CF-S-07")
def test_a_last_buildpack_may_have_finalize_alone(stage: Stage) -> None:
    ended = stage(supplying("first"), finalizing("last").without("supply", "compile"))
    assert ended.code == 0
    assert ended.droplet.text("./deps/0/supplied") == "first"
    assert ended.droplet.text("./deps/1/finalized") == "last"
    assert "./deps/1/supplied" not in ended.droplet.names


@pytest.mark.clause("CF-S-08", "CF-S-09")
def test_a_last_buildpack_without_finalize_compiles_with_two_arguments(stage: Stage) -> None:
    ended = stage(supplying("first"), supplying("second"), supplying("last"))
    assert ended.code == 0
    assert ended.said("last compile ") == [f"2 {ended.places.app} {ended.places.cache}/final"]
    assert not ended.said("last supply ")
    assert ended.droplet.text("./deps/0/supplied") == "first"
    assert ended.droplet.text("./deps/1/supplied") == "second"
    assert "./deps/2/" not in ended.droplet.names
    assert ended.droplet.text("./app/compiled") == "last"
    assert ended.cache.text("./final/compiled") == "last"
    assert NOT_COMPATIBLE in ended.complaints


@pytest.mark.clause("CF-S-10", "CF-T-04")
def test_a_compile_alone_is_not_warned_about(stage: Stage) -> None:
    ended = stage(supplying("alone"))
    assert ended.code == 0
    assert ended.said("alone compile ") == [f"2 {ended.places.app} {ended.places.cache}/final"]
    assert NOT_COMPATIBLE not in ended.complaints
    assert "./deps/" in ended.droplet.names
    assert not ended.droplet.below("./deps/")


@pytest.mark.clause("CF-S-11", "CF-S-12", "CF-S-13")
def test_scripts_share_environment_working_directory_and_streams(stage: Stage) -> None:
    tell = 'echo "$NAME $(basename $0): $(pwd) $GREETING"; echo "$NAME grumbles" >&2'
    ended = stage(
        supplying("one", supply=tell),
        finalizing("two", supply=tell, finalize=tell, release=f"{{ {tell}; }} >&2; {RELEASE}"),
        env={"GREETING": "hello there"},
    )
    assert ended.code == 0
    home = ended.places.cwd
    told = [line for line in ended.lines if "hello" in line]
    assert told == [f"{who}: {home} hello there" for who in ("one supply", "two supply", "two finalize")]
    assert f"two release: {home} hello there" in ended.complaints
    assert ended.complaints.count("two grumbles") == 3
    assert ended.complaints.count("one grumbles") == 1
    assert not [line for line in ended.lines if "grumbles" in line]


@pytest.mark.clause("CF-S-04")
def test_every_supply_is_looked_for_before_any_script_runs(stage: Stage) -> None:
    marking = 'touch "$1/ran"; echo it ran'
    ended = stage(supplying("first", supply=marking), compiling("second"), finalizing("last"))
    assert ended.code == 225
    assert "it ran" not in ended.lines


@pytest.mark.only("stage")
@pytest.mark.clause("CF-S-17")
def test_a_last_buildpack_with_neither_is_refused_before_any_script_runs(stage: Stage) -> None:
    ended = stage(supplying("first"), supplying("last").without("compile"))
    assert ended.code == 225
    assert not ended.said("first ")


@pytest.mark.clause("CF-S-14")
@pytest.mark.parametrize(
    ("number", "indices"),
    [
        (9, ["0", "1", "2", "3", "4", "5", "6", "7", "8"]),
        (10, ["00", "01", "02", "03", "04", "05", "06", "07", "08", "09"]),
        (11, ["00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10"]),
    ],
)
def test_indices_have_the_digits_of_the_number_of_buildpacks(stage: Stage, number: int, indices: list[str]) -> None:
    said = 'echo "index $4"; touch "$3/$4/here"'
    supplies = [Buildpack(f"one-of-many-{place}", {"supply": said}) for place in range(number - 1)]
    ended = stage(*supplies, finalizing("last", supply=said, finalize="true"))
    assert ended.code == 0
    assert ended.said("index ") == indices
    assert {f"./deps/{index}/here" for index in indices} <= ended.droplet.names


@pytest.mark.clause("CF-S-16")
def test_the_same_buildpack_may_come_twice(stage: Stage) -> None:
    twice = finalizing(KEY, supply='echo "supply $4"; touch "$2/supply-$4" "$3/$4/here"')
    ended = stage(twice, twice)
    assert ended.code == 0
    assert ended.said("supply ") == ["0", "1"]
    assert {"./deps/0/here", "./deps/1/here"} <= ended.droplet.names
    assert ended.cache.below(f"./{HASH}/") == {f"./{HASH}/supply-0"}
    assert "./final/supply-1" in ended.cache.names


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-S-02", "CF-T-08")
def test_stale_caches_are_gone_before_the_first_script(stage: Stage) -> None:
    stray = finalizing("last", finalize='touch "$2/kept"; echo x > "$2/../stray"; mkdir "$2/../more"')
    before = stage(supplying("leaving"), supplying(KEY, supply=WHICH_CACHE), stray)
    assert before.code == 0
    after = stage(
        supplying(KEY, supply='echo "caches: $(ls "$2/.." | tr "\\n" " ")"; cat "$2/mine"'),
        finalizing("last"),
        after=before,
    )
    assert after.code == 0
    assert after.said("caches: ") == [f"{HASH} final "]
    assert KEY in after.lines


@pytest.mark.clause("CF-T-07", "CF-T-08")
def test_a_cache_comes_back_to_its_buildpack_and_others_go(stage: Stage) -> None:
    before = stage(supplying("leaving"), supplying(KEY, supply=WHICH_CACHE), finalizing("old", finalize=WHICH_CACHE))
    assert before.cache.text(f"./{HASH}/mine") == KEY
    after = stage(
        supplying(KEY, supply='echo "mine: $(cat "$2/mine")"'),
        finalizing("new", supply='echo "final: $(cat "$2/mine")"', finalize="true"),
        after=before,
    )
    assert after.code == 0
    assert after.said("mine: ") == [KEY]
    assert after.said("final: ") == ["old"]
    assert {name for name in after.cache.names if name.count("/") == 2 and name.endswith("/") and name != "./"} == {
        f"./{HASH}/",
        "./final/",
    }
