"""Buildpacks at URLs (contracts/cloudfoundry-staging.md §1.7): zips over HTTP, and git repositories."""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conformance.staging.buildpacks import Buildpack, compiling, supplying
from tests.conformance.staging.conftest import Stage
from tests.conformance.staging.drop_in import xxhash_name
from tests.conformance.staging.servers import Authority, Site, site

pytestmark = pytest.mark.only("drop-in")

TELLING = supplying("telling", compile='echo "branch: $(cat "$(dirname "$0")/../BRANCH")"')
PARTS = 'echo "part: $(cat "$(dirname "$0")/../part/README")"'
HISTORY = 'test -e "$(dirname "$0")/../.git" && echo "with history" || echo "without history"'
SECRET = "canary-4711"


def at(url: str) -> Buildpack:
    """The buildpack that is fetched from there."""
    return Buildpack(url, elsewhere=True)


def zipped(directory: Path, archive: Path) -> None:
    """A zip of a directory that keeps the modes of its files."""
    with zipfile.ZipFile(archive, "w") as out:
        for path in sorted(directory.rglob("*")):
            out.write(path, path.relative_to(directory))


def git(directory: Path, *arguments: str) -> str:
    names = {
        f"GIT_{who}_{what}": "conformance@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    own = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_ALLOW_PROTOCOL": "file:http", **names}
    done = subprocess.run(
        ["git", "-C", directory, *arguments], env={**os.environ, **own}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(work: Path, **files: str) -> None:
    for name, text in files.items():
        (work / name).write_text(text)
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "--message", "a commit")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Zips, and a repository with a branch, a tag and a submodule that is of another commit on the branch."""
    root, made = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("made")
    zipped(compiling("flat").write(made / "flat"), root / "flat.zip")
    compiling("nested").write(made / "around" / "nested-main")
    zipped(made / "around", root / "nested.zip")
    (root / "text.zip").write_text("this is no zip")
    part, work = made / "part", made / "work"
    for place in (part, work):
        place.mkdir()
        git(place, "init", "--quiet", "--initial-branch", "main")
    commit(part, README="first")
    scripts = f"{TELLING.scripts['compile']}; {PARTS}; {HISTORY}"
    TELLING.with_scripts(compile=scripts).write(work)
    git(work, "-c", "protocol.file.allow=always", "submodule", "add", "--quiet", str(part), "part")
    git(work, "config", "--file", ".gitmodules", "submodule.part.url", "../part.git")
    commit(work, BRANCH="before")
    commit(work, BRANCH="main")
    git(work, "tag", "a_tag")
    commit(work, BRANCH="main, later")
    git(work, "checkout", "--quiet", "-b", "a_branch")
    commit(part, README="second")
    git(work / "part", "pull", "--quiet", str(part), "main")
    commit(work, BRANCH="a_branch")
    git(work, "checkout", "--quiet", "main")
    for name, source in (("telling", work), ("part", part)):
        for bare in (root / "git" / f"{name}.git", root / "plain" / f"{name}.git"):
            git(root, "clone", "--quiet", "--bare", str(source), str(bare))
            git(bare, "update-server-info")
    return root


@pytest.fixture(scope="module")
def files(root: Path) -> Iterator[Site]:
    with site(root) as one:
        yield one


@pytest.mark.clause("CF-U-01", "CF-U-02")
@pytest.mark.parametrize("name", ["flat", "nested"])
def test_a_zip_is_downloaded_and_unpacked(stage: Stage, files: Site, name: str) -> None:
    url = f"{files.url}/{name}.zip"
    ended = stage(at(url))
    assert ended.code == 0
    assert any(re.fullmatch(rf"Downloaded buildpack `{re.escape(url)}` \([0-9.]+[BKM]\)", line) for line in ended.lines)
    assert ended.said(f"{name} compile ") == [f"2 {ended.places.app} {ended.places.cache}/final"]
    assert (ended.keep / "downloads" / xxhash_name(url)).is_dir()
    assert ended.result is not None
    assert ended.result["lifecycle_metadata"]["buildpack_key"] == url


@pytest.mark.clause("CF-U-03", "CF-X-13")
@pytest.mark.parametrize("name", ["missing.zip", "text.zip"])
def test_a_zip_that_is_not_there_or_is_none(stage: Stage, files: Site, name: str) -> None:
    ended = stage(at(f"{files.url}/{name}"))
    assert ended.code == 1
    assert any(name in line for line in ended.complaints)
    assert ended.result is None


@pytest.mark.clause("CF-U-04")
def test_certificates_are_looked_at_unless_a_flag_says_not_to(stage: Stage, root: Path, tmp_path: Path) -> None:
    with site(root, Authority(tmp_path / "other").identity("stranger")) as strangers:
        refused = stage(at(f"{strangers.url}/flat.zip"))
        taken = stage(at(f"{strangers.url}/flat.zip"), flags={"skipCertVerify": "true"})
        assert strangers.asked == ["/flat.zip"]
    assert refused.code == 1
    assert taken.code == 0
    assert taken.said("flat compile ")


@pytest.mark.clause("CF-U-05", "CF-U-06")
@pytest.mark.parametrize(
    ("fragment", "branch", "part"),
    [("", "main, later", "first"), ("#a_branch", "a_branch", "second"), ("#a_tag", "main", "first")],
)
def test_a_repository_is_cloned_with_its_submodules(
    stage: Stage, files: Site, fragment: str, branch: str, part: str
) -> None:
    url = f"{files.url}/git/telling.git{fragment}"
    ended = stage(at(url))
    assert ended.code == 0
    assert ended.said("branch: ") == [branch]
    assert ended.said("part: ") == [part]
    assert (ended.keep / "downloads" / xxhash_name(url)).is_dir()


@pytest.mark.unlike("it leaves a clone of one commit")
@pytest.mark.clause("CF-U-07")
def test_a_repository_is_fetched_without_its_history(stage: Stage, files: Site) -> None:
    ended = stage(at(f"{files.url}/git/telling.git"))
    assert ended.code == 0
    assert "without history" in ended.lines


@pytest.mark.clause("CF-U-08")
@pytest.mark.parametrize(("fragment", "branch"), [("", "main, later"), ("#a_branch", "a_branch"), ("#a_tag", "main")])
def test_a_server_that_cannot_give_a_part_is_asked_for_the_whole(
    stage: Stage, files: Site, fragment: str, branch: str
) -> None:
    """A plain file server: git's "dumb" transport knows no --depth."""
    ended = stage(at(f"{files.url}/plain/telling.git{fragment}"))
    assert ended.code == 0
    assert ended.said("branch: ") == [branch]


@pytest.mark.clause("CF-U-09", "CF-X-13")
@pytest.mark.parametrize("path", ["/git/missing.git", "/git/telling.git#missing"])
def test_a_repository_that_cannot_be_cloned(stage: Stage, files: Site, path: str) -> None:
    ended = stage(at(f"{files.url}{path}"))
    assert ended.code == 1
    address = f"{files.url}{path.partition('#')[0]}"
    assert any(line.startswith(f"Failed to clone git repository at {address}") for line in ended.complaints)
    assert ended.result is None


@pytest.mark.unlike("it shows URLs as they are")
@pytest.mark.clause("CF-U-10")
@pytest.mark.parametrize("path", ["/git/missing.git", "/missing.zip", "/text.zip", "/flat.zip"])
def test_credentials_of_a_url_are_never_shown(stage: Stage, files: Site, path: str) -> None:
    url = f"{files.url}{path}".replace("://", f"://somebody:{SECRET}@")
    ended = stage(at(url))
    assert ended.code == (0 if path == "/flat.zip" else 1)
    assert path.rpartition("/")[2] in ended.stdout + ended.stderr
    assert SECRET not in ended.stdout + ended.stderr


@pytest.mark.unlike("it says that this is no URL")
@pytest.mark.clause("CF-U-11", "CF-X-13")
def test_the_short_form_of_ssh_is_a_repository(stage: Stage) -> None:
    """There is none: how far it came is told by the words."""
    ended = stage(at("git@127.0.0.1:x/y.git"))
    assert ended.code == 1
    assert any(line.startswith("Failed to clone git repository at git@127.0.0.1:x/y.git") for line in ended.complaints)
    assert ended.result is None


@pytest.mark.clause("CF-U-12")
def test_a_url_is_fetched_for_every_staging(stage: Stage, root: Path) -> None:
    with site(root) as own:
        codes = [stage(at(f"{own.url}/flat.zip")).code for _ in range(2)]
        assert own.asked.count("/flat.zip") == 2
    assert codes == [0, 0]


@pytest.mark.clause("CF-U-13")
def test_a_url_may_stand_among_others(stage: Stage, files: Site) -> None:
    url = f"{files.url}/git/telling.git"
    ended = stage(at(url), replace(compiling("last"), files={"VERSION": "1"}))
    assert ended.code == 0
    assert ended.droplet.text("./deps/0/supplied") == "telling"
    assert ended.cache.text(f"./{xxhash_name(url)}/supplied") == "telling"
    assert ended.said("last compile ")
