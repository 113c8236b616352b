"""Post-buildpacks of the drop-in builder (contracts/extensions.md): when they run, with what, and how they fail."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.staging.buildpacks import Buildpack, compiling, finalizing, launch_yml, supplying
from tests.conformance.staging.drivers import Staging
from tests.conformance.staging.drop_in import DropIn, xxhash_name
from tests.conformance.staging.outcome import Outcome

BUILDER = DropIn(Path(sys.executable).with_name("stagewright-builder"))
POST = supplying(
    "post", supply='echo "post supply $4 $(ls "$2")"; mkdir -p "$3/$4/bin" "$3/$4/profile.d"; echo > "$2/kept"'
)


def staged(place: Path, post: Buildpack, *buildpacks: Buildpack, **asked: Any) -> Outcome:
    """A staging with ``post`` after the others."""
    post.write(place / "buildpacks" / xxhash_name(post.key))
    return BUILDER.stage(Staging(buildpacks, env={"POST_BUILDPACK": post.key}, **asked), place)


@pytest.mark.parametrize("detect", [False, True])
def test_it_runs_after_the_last_with_an_index_and_a_cache_of_its_own(tmp_path: Path, detect: bool) -> None:
    only_supply = Buildpack("post", {"supply": POST.scripts["supply"]})
    first = staged(tmp_path / "first", only_supply, finalizing("last"), detect=detect)
    assert first.code == 0
    assert first.said("post supply 1 ")
    again = staged(tmp_path / "again", only_supply, finalizing("last"), detect=detect, after=first)
    assert again.said("post supply 1 kept")
    assert "profile.d/1_000_supply.sh" in {name.removeprefix("./") for name in again.droplet.names}


@pytest.mark.parametrize(
    ("post", "says"),
    [
        pytest.param(supplying("post", supply="exit 7", finalize="true"), "failed in supply", id="supply"),
        pytest.param(
            finalizing("post", release="echo 'a: b: c'"), "release output of the post-buildpack", id="release"
        ),
        pytest.param(
            finalizing("post", supply=launch_yml("processes: 7")), "launch.yml of the post-buildpack", id="launch.yml"
        ),
        pytest.param(
            finalizing("post", supply='mkdir "$3/$4/profile.d"; : > "$3/$4/profile.d/$(printf "a%.0s" {1..255})"'),
            "file name too long",
            id="profile.d",
        ),
        pytest.param(Buildpack("post", files={"README": "no bin"}), "malformed post-buildpack", id="malformed"),
        pytest.param(compiling("post", compile="exit 1"), "failed in compile", id="compile"),
    ],
)
def test_whatever_fails_of_it_is_its_own_failure(tmp_path: Path, post: Buildpack, says: str) -> None:
    ended = staged(tmp_path, post, finalizing("last"))
    assert ended.code == 223
    assert any(says in line for line in ended.complaints)
    assert list((tmp_path / "tmp").iterdir()) == []
