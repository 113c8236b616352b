"""Post-buildpacks of the drop-in builder (contracts/extensions.md): when they run, with what, and how they fail."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.staging.buildpacks import Buildpack, compiling, finalizing, launch_yml, supplying
from tests.conformance.staging.drivers import Staging
from tests.conformance.staging.drop_in import DropIn, xxhash_name
from tests.conformance.staging.outcome import Outcome
from tests.conformance.staging.servers import site

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


def test_the_password_of_its_url_is_in_no_result(tmp_path: Path) -> None:
    made = supplying("post").write(tmp_path / "made")
    (tmp_path / "site").mkdir()
    shutil.make_archive(str(tmp_path / "site" / "post"), "zip", made)
    with site(tmp_path / "site") as served:
        url = f"{served.url}/post.zip".replace("://", "://user:canary-4711@")
        asked = Staging((finalizing("last"),), env={"POST_BUILDPACK": url})
        ended = BUILDER.stage(asked, tmp_path / "cell")
    assert ended.code == 0
    assert ended.buildpacks[-1]["key"] == url.replace("user:canary-4711", "***")
    assert "canary" not in f"{ended.result} {ended.stdout} {ended.stderr}"


def test_a_link_to_the_app_is_the_app_and_an_empty_tmpdir_is_none(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("app")
    asked = Staging((finalizing("last"),), flags={"buildDir": str(tmp_path / "link")}, env={"TMPDIR": ""})
    ended = BUILDER.stage(asked, tmp_path)
    assert ended.code == 0
    assert "app/finalized" in {name.removeprefix("./") for name in ended.droplet.names}
    assert not any((tmp_path / "home").iterdir())
