"""Buildpacks in git repositories: what a remote is asked, what is fetched, what a hostile one cannot do, what is never told."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.made_repositories import Repository, buildpack_repository, write_buildpack
from tests.source_server import Answer, SourceServer, source_server

from stagewright.buildpacks import BuildpackStore, Catalogue, FetchPolicy, fetch_into, parse_reference
from stagewright.buildpacks.fetching.git import GitFetch
from stagewright.buildpacks.fetching.git_command import GitRunner
from stagewright.buildpacks.fetching.policy import Deadline
from stagewright.buildpacks.fetching.problems import (
    GitMissing,
    NoSuchRevision,
    SourceRefused,
    SourceUnreachable,
    TookTooLong,
    TooMuch,
    UnusableBits,
    UsesGitLfs,
)
from stagewright.buildpacks.fetching.work_tree import origin_of_directory
from stagewright.errors import Problem
from stagewright.model.buildpack import Buildpack, GitRef
from stagewright.model.origin import GitOrigin
from stagewright.model.tree import Bounds

PASSWORD = "c4n4ry+p/w:ü'x"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[SourceServer]:
    (tmp_path / "served").mkdir()
    with source_server() as server:
        server.repositories = tmp_path / "served"
        yield server


@pytest.fixture
def repository(tmp_path: Path, served: SourceServer) -> Repository:
    return buildpack_repository(tmp_path / "served" / "my-bp", VERSION="1.0.0")


@pytest.fixture
def store(tmp_path: Path) -> BuildpackStore:
    return store_at(tmp_path / "store")


def store_at(directory: Path, **policy: Any) -> BuildpackStore:
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory.parent)}
    chosen = replace(FetchPolicy(timeout=30.0, environment=environment), **policy)
    return BuildpackStore(directory, Catalogue(), Bounds(), settled_after=0.0, policy=chosen)


def obtain(store: BuildpackStore, text: str, **options: bool) -> Buildpack:
    return store.obtain(parse_reference(text, (), store.directory.parent, **options))


def git_origin(buildpack: Buildpack) -> GitOrigin:
    assert isinstance(buildpack.origin, GitOrigin)
    return buildpack.origin


def everything_said(problem: Problem) -> str:
    return "\n".join([problem.brief(), problem.hint(), problem.details(), repr(problem)])


def left_behind(store: BuildpackStore) -> list[str]:
    return [path.name for path in store.directory.iterdir() if path.name.startswith(".incoming")]


# Revisions


def test_each_way_to_name_a_revision(store: BuildpackStore, served: SourceServer, repository: Repository) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "-a", "v1", "-m", "the first")
    repository.git("checkout", "-q", "-b", "feature/two&more")
    (repository.path / "VERSION").unlink()
    second = repository.commit("Second")
    repository.git("checkout", "-q", "main")
    url = f"{served.url}/my-bp/.git"
    for fragment, commit, branch, tag in (
        ("", first, "main", None),
        ("#main", first, "main", None),
        ("#refs/heads/main", first, "main", None),
        ("#v1", first, None, "v1"),
        ("#feature/two%26more", second, "feature/two&more", None),
        (f"#{first}", first, None, None),
        (f"#{second[:9]}", second, None, None),
    ):
        origin = git_origin(obtain(store, url + fragment))
        assert (origin.commit, origin.branch, origin.tag) == (commit, branch, tag), fragment


def test_a_branch_comes_before_a_tag_and_a_name_before_a_commit(
    store: BuildpackStore, served: SourceServer, repository: Repository
) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "-q", "-b", "both")
    second = repository.commit("Second")
    repository.git("branch", first[:8])
    repository.git("tag", "both", first)
    assert git_origin(obtain(store, f"{served.url}/my-bp/.git#both")).commit == second
    assert git_origin(obtain(store, f"{served.url}/my-bp/.git#{first[:8]}")).commit == second


def test_what_is_known_of_the_buildpack(store: BuildpackStore, served: SourceServer, repository: Repository) -> None:
    for number in range(7):
        repository.commit(f"Change \x1b[31m{number}")
    (repository.path / "VERSION").unlink()
    repository.commit("Without a version")
    repository.git("tag", "v9")
    obtained = obtain(store, f"{served.url}/my-bp/.git#v9")
    origin = git_origin(obtained)
    assert obtained.version == "v9"
    assert origin.remote == f"{served.url}/my-bp/.git"
    assert [commit.subject for commit in origin.commits] == [
        "Without a version", *(f"Change ?[31m{number}" for number in (6, 5, 4, 3))
    ]  # fmt: skip
    assert (origin.commits[0].author, origin.commits[0].date) == ("Ada Writer", "2024-05-06T07:08:09+00:00")
    assert not (obtained.root / ".git").exists()
    assert obtain(store, f"{served.url}/my-bp/.git#main").version is None


def test_an_unchanged_branch_costs_one_question(
    store: BuildpackStore, served: SourceServer, repository: Repository
) -> None:
    first = obtain(store, f"{served.url}/my-bp/.git#main")
    served.asked.clear()
    assert obtain(store, f"{served.url}/my-bp/.git#main") == first
    assert served.count("git-upload-pack") == 2  # what the server can do, and the one listing of protocol 2
    assert not [one for one in served.asked if one.method == "POST" and one is not served.asked[-1]]


def test_a_branch_that_moved_is_fetched_and_keeps_its_key(
    store: BuildpackStore, served: SourceServer, repository: Repository
) -> None:
    first = obtain(store, f"{served.url}/my-bp/.git")
    (repository.path / "VERSION").write_text("2.0.0")
    repository.commit("Second")
    second = obtain(store, f"{served.url}/my-bp/.git")
    assert (first.version, second.version) == ("1.0.0", "2.0.0")
    assert first.key == second.key


def test_a_full_commit_that_is_kept_needs_no_network(tmp_path: Path) -> None:
    repository = buildpack_repository(tmp_path / "served" / "my-bp")
    commit = repository.commit("Second")
    store = store_at(tmp_path / "store")
    with source_server() as served:
        served.repositories = tmp_path / "served"
        url = f"{served.url}/my-bp/.git"
        first = obtain(store, f"{url}#main")
        served.asked.clear()
        assert obtain(store, f"{url}#{commit}").digest == first.digest
        assert served.asked == []
    assert obtain(store, f"{url}#{commit.upper()}").digest == first.digest
    with pytest.raises(SourceUnreachable) as unreachable:
        obtain(store, f"{url}#main")
    assert f"{url}#{commit}" in unreachable.value.hint()


def test_a_commit_that_no_branch_ends_in(store: BuildpackStore, served: SourceServer, repository: Repository) -> None:
    commit = repository.commit("In the middle")
    for number in range(8):
        repository.commit(f"Later {number}")
    assert git_origin(obtain(store, f"{served.url}/my-bp/.git#{commit}")).commit == commit
    repository.git("config", "uploadpack.allowAnySHA1InWant", "false")
    repository.git("config", "protocol.version", "0")
    other = store_at(store.directory.parent / "other")
    assert git_origin(obtain(other, f"{served.url}/my-bp/.git#{commit}")).commit == commit


def test_a_server_that_gives_no_part_of_the_history(tmp_path: Path, store: BuildpackStore) -> None:
    """Dumb HTTP: files, and no git behind them."""
    repository = buildpack_repository(tmp_path / "my-bp")
    commit = repository.commit("Second")
    repository.git("update-server-info")
    with source_server() as server:
        for path in (tmp_path / "my-bp" / ".git").rglob("*"):
            if path.is_file():
                server.answers[f"/my-bp.git/{path.relative_to(tmp_path / 'my-bp' / '.git')}"] = Answer(
                    path.read_bytes()
                )
        assert git_origin(obtain(store, f"{server.url}/my-bp.git#main")).commit == commit


def test_a_revision_that_is_not_there(store: BuildpackStore, served: SourceServer, repository: Repository) -> None:
    repository.git("branch", "release-1")
    with pytest.raises(NoSuchRevision) as missing:
        obtain(store, f"{served.url}/my-bp/.git#releas-1")
    assert "release-1" in missing.value.hint()
    for commit in ("deadbeef", "deadbeef" * 5):
        with pytest.raises(NoSuchRevision):
            obtain(store, f"{served.url}/my-bp/.git#{commit}")
    assert left_behind(store) == []


def test_a_directory_inside(store: BuildpackStore, served: SourceServer, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "served" / "many")
    write_buildpack(repository.path / "packs" / "one", VERSION="7")
    repository.commit("Many")
    obtained = obtain(store, f"{served.url}/many/.git#main&subdir=packs/one")
    assert (obtained.key, obtained.version) == ("one", "7")
    assert git_origin(obtained).subdir == "packs/one"


# Whom one talks to, and what is told


def test_the_password_is_used_and_told_nowhere(served: SourceServer, repository: Repository, tmp_path: Path) -> None:
    served.credentials = f"me:{PASSWORD}"
    store = store_at(tmp_path / "store")
    seen: set[bytes] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(process.read_bytes())
                except OSError:
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    url = f"http://me:{quote(PASSWORD, safe='')}@127.0.0.1:{served.port}/my-bp/.git"
    try:
        obtained = obtain(store, url)
    finally:
        done.set()
        watcher.join()
    kept = b"".join(path.read_bytes() for path in (store.directory / ".known").iterdir())
    assert any(b"remote-http" in arguments for arguments in seen)
    for form in secret_forms():
        assert form not in repr(obtained)
        assert form.encode() not in kept
        assert not [arguments for arguments in seen if form.encode() in arguments and b"git" in arguments]


def secret_forms() -> list[str]:
    raw = PASSWORD.encode()
    pair = base64.b64encode(b"me:" + raw).decode()
    return [PASSWORD, quote(PASSWORD, safe=""), base64.b64encode(raw).decode(), pair, PASSWORD.replace("'", "'\\''")]


def test_a_refused_password_is_in_no_error(served: SourceServer, repository: Repository, store: BuildpackStore) -> None:
    served.credentials = "me:another"
    with pytest.raises(SourceRefused) as refused:
        obtain(store, f"http://me:{quote(PASSWORD, safe='')}@127.0.0.1:{served.port}/my-bp/.git")
    said = everything_said(refused.value)
    assert "does not let us read it" in said and "fatal:" in refused.value.details()
    assert not [form for form in secret_forms() if form in said]
    assert any("Basic" in one.headers.get("Authorization", "") for one in served.asked), "it was never tried"


def test_credentials_in_configuration_that_git_repeats_are_masked(
    served: SourceServer, repository: Repository, tmp_path: Path
) -> None:
    """A person's ``insteadOf`` with a token in it: git's errors name the address that it went to."""
    config = tmp_path / "gitconfig"
    config.write_text(
        f'[url "http://token4711canary@127.0.0.1:{served.port}/"]\n\tinsteadOf = http://git.example.com/\n'
    )
    store = store_at(tmp_path / "store", environment={"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": str(config)})
    with pytest.raises(Problem) as failed:
        obtain(store, "http://git.example.com/nothing-here.git")
    assert served.asked, "the person's configuration was not used"
    assert "token4711canary" not in everything_said(failed.value)


def test_a_person_may_let_ssh_stand_for_https(tmp_path: Path) -> None:
    buildpack_repository(tmp_path / "my-bp")
    (tmp_path / "ssh").write_text('#!/bin/sh\nshift\nwhile [ $# -gt 1 ]; do shift; done\nexec sh -c "$1"\n')
    (tmp_path / "ssh").chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(f'[url "git@example.com:{tmp_path}/"]\n\tinsteadOf = https://git.example.com/\n')
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_SSH_COMMAND": str(tmp_path / "ssh"),
        "GIT_SSH_VARIANT": "simple",
    }
    store = store_at(tmp_path / "store", environment=environment)
    assert obtain(store, "https://git.example.com/my-bp").name == "my-bp"


@pytest.mark.parametrize("address", ["file:///", "ext::sh -c false% "])
def test_nothing_stands_for_a_way_that_runs_programs_or_reads_files(tmp_path: Path, address: str) -> None:
    config = tmp_path / "gitconfig"
    config.write_text(f'[url "{address}"]\n\tinsteadOf = https://git.example.com/\n[protocol]\n\tallow = always\n')
    store = store_at(tmp_path / "store", environment={"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": str(config)})
    with pytest.raises(SourceRefused, match="not allowed"):
        obtain(store, "https://git.example.com/my-bp")


@pytest.mark.parametrize(
    "head", ["refs/heads/a:b", "refs/heads/--x y", "refs/heads/\x1b[31m", "refs/tags/x", "../../x"]
)
def test_what_a_server_calls_its_head_is_not_believed(tmp_path: Path, store: BuildpackStore, head: str) -> None:
    """Dumb HTTP and protocol 0 both let a server say anything: here HEAD alone is a link to an odd name."""
    said = f"ref: {head}\tHEAD\n{'a' * 40}\tHEAD\n"
    (tmp_path / "git").write_text(f"#!/bin/sh\n[ \"$1\" = ls-remote ] || exit 0\ncat <<'END'\n{said}END\n")
    (tmp_path / "git").chmod(0o755)
    policy = FetchPolicy(environment={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    ref = parse_reference("https://git.example.com/x", (), tmp_path)
    assert isinstance(ref, GitRef)
    (tmp_path / "scratch").mkdir()
    tip = GitFetch(ref, policy, tmp_path / "scratch").tip()
    assert (tip.name, tip.branch, tip.commit) == ("HEAD", None, "a" * 40)


def helper(tmp_path: Path) -> dict[str, str]:
    """An environment with a person's credential helper."""
    config = tmp_path / "gitconfig"
    config.write_text("[credential]\n\thelper = \"!printf 'username=me\\\\npassword=mine\\\\n'; :\"\n")
    return {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": str(config), "HOME": str(tmp_path)}


def test_the_helpers_of_a_person_serve_that_person_alone(
    served: SourceServer, repository: Repository, tmp_path: Path
) -> None:
    served.credentials = "me:mine"
    store = store_at(tmp_path / "store", environment=helper(tmp_path))
    with pytest.raises(SourceRefused) as refused:
        obtain(store, f"{served.url}/my-bp/.git", trusted=False)
    assert "name it yourself" in refused.value.hint()
    assert obtain(store, f"{served.url}/my-bp/.git").name


def test_a_password_of_a_url_is_not_given_to_helpers(
    served: SourceServer, repository: Repository, tmp_path: Path
) -> None:
    served.credentials = "me:mine"
    config = tmp_path / "gitconfig"
    config.write_text(f"[credential]\n\thelper = store --file={tmp_path / 'kept'}\n")
    store = store_at(tmp_path / "store", environment={"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": str(config)})
    obtain(store, f"http://me:mine@127.0.0.1:{served.port}/my-bp/.git")
    assert not (tmp_path / "kept").exists()


def test_a_redirection_to_another_host_gets_no_password(
    served: SourceServer, repository: Repository, store: BuildpackStore
) -> None:
    with source_server() as first:
        target = f"{served.url}/my-bp/.git/info/refs?service=git-upload-pack"
        first.answers["/x.git/info/refs"] = Answer(status=302, headers={"Location": target})
        served.credentials = "me:secret99"
        with pytest.raises(SourceRefused):
            obtain(store, f"http://me:secret99@localhost:{first.port}/x.git")
    assert served.asked
    assert not [one for one in served.asked if "Authorization" in one.headers]


def test_nobody_is_asked_for_a_password(served: SourceServer, repository: Repository, store: BuildpackStore) -> None:
    served.credentials = "me:mine"
    with pytest.raises(SourceRefused, match=r"could not read Username|terminal prompts disabled"):
        obtain(store, f"{served.url}/my-bp/.git")


def test_an_ssh_remote_runs_the_ssh_of_the_person(tmp_path: Path) -> None:
    buildpack_repository(tmp_path / "my-bp")
    (tmp_path / "ssh").write_text(
        '#!/bin/sh\necho "$@" >> "$0.log"\nshift\nwhile [ $# -gt 1 ]; do shift; done\nexec sh -c "$1"\n'
    )
    (tmp_path / "ssh").chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "GIT_SSH_COMMAND": str(tmp_path / "ssh"), "GIT_SSH_VARIANT": "simple"}
    store = store_at(tmp_path / "store", environment=environment)
    for url in (f"git@example.com:{tmp_path}/my-bp", f"ssh://git@example.com{tmp_path}/my-bp"):
        assert obtain(store, url).name == "my-bp"
    with pytest.raises(Problem):
        obtain(store, f"git@127.0.0.1:{tmp_path}/other", trusted=False)
    assert "127.0.0.1" not in (tmp_path / "ssh.log").read_text()


def test_there_is_no_git(tmp_path: Path) -> None:
    store = store_at(tmp_path / "store", environment={"PATH": str(tmp_path)})
    with pytest.raises(GitMissing):
        obtain(store, "http://127.0.0.1:1/x.git")


def test_nobody_answers(store: BuildpackStore) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(SourceUnreachable) as unreachable:
            obtain(store, f"http://127.0.0.1:{port}/x.git")
    assert "Failed to connect" in unreachable.value.details() and "#COMMIT" in unreachable.value.hint()


def test_no_such_repository(served: SourceServer, store: BuildpackStore) -> None:
    with pytest.raises(SourceRefused, match="there is no such repository"):
        obtain(store, f"{served.url}/nothing.git")


# Submodules and Git LFS


def with_submodule(parent: Repository, url: str, commit: str, path: str = "vendor/inner") -> None:
    (parent.path / ".gitmodules").write_text(f'[submodule "inner"]\n\tpath = {path}\n\turl = {url}\n')
    parent.git("add", ".gitmodules")
    parent.add_entry("160000", "commit", commit, path)
    parent.git("commit", "-q", "-m", "With a submodule")


def test_submodules_in_submodules(store: BuildpackStore, served: SourceServer, repository: Repository) -> None:
    served_at = repository.path.parent
    innermost = buildpack_repository(served_at / "innermost")
    inner = buildpack_repository(served_at / "inner")
    with_submodule(inner, "../../innermost/.git", innermost.git("rev-parse", "HEAD"))
    commit = inner.git("rev-parse", "HEAD")
    inner.commit("Not wanted")
    with_submodule(repository, f"{served.url}/inner/.git", commit)
    root = obtain(store, f"{served.url}/my-bp/.git").root
    assert (root / "vendor/inner/bin/supply").is_file()
    assert (root / "vendor/inner/vendor/inner/bin/supply").is_file()


def test_a_private_submodule_beside_its_parent(
    served: SourceServer, repository: Repository, store: BuildpackStore
) -> None:
    served.credentials = "me:mine"
    inner = buildpack_repository(repository.path.parent / "inner")
    with_submodule(repository, "../../inner/.git", inner.git("rev-parse", "HEAD"))
    assert (obtain(store, f"http://me:mine@127.0.0.1:{served.port}/my-bp/.git").root / "vendor/inner/bin").is_dir()


def test_submodules_without_end(served: SourceServer, repository: Repository, store: BuildpackStore) -> None:
    """A repository that is its own submodule, at a commit before: each level needs one more commit, so many are made."""
    for _ in range(8):
        with_submodule(repository, f"{served.url}/my-bp/.git", repository.git("rev-parse", "HEAD"))
    with pytest.raises(TooMuch, match="5 submodules in one another"):
        obtain(store, f"{served.url}/my-bp/.git")
    assert left_behind(store) == []


@pytest.mark.parametrize(
    "url",
    ["file:///etc", "/etc", "-upload-pack=x", "--upload-pack=touch pwned", "ext::sh -c touch% pwned", "ssh://-oProxyCommand=touch/x",
     "../../../../x", "./../../..", "fd::17", "git@-oProxyCommand=x:y", "http://127.0.0.1:99999/x"],
)  # fmt: skip
def test_addresses_of_submodules_that_are_not_followed(
    served: SourceServer, repository: Repository, store: BuildpackStore, url: str, tmp_path: Path
) -> None:
    with_submodule(repository, url, repository.git("rev-parse", "HEAD"))
    with pytest.raises(Problem) as refused:
        obtain(store, f"{served.url}/my-bp/.git")
    assert isinstance(refused.value, UnusableBits | SourceRefused), refused.value
    assert not list(tmp_path.rglob("pwned"))


def test_a_submodule_gets_the_helpers_of_its_own_host_only(
    served: SourceServer, repository: Repository, tmp_path: Path
) -> None:
    """What a repository of a stranger names may be a private one of ours."""
    with source_server() as private:
        private.repositories = repository.path.parent
        private.credentials = "me:mine"
        with_submodule(repository, f"http://localhost:{private.port}/my-bp/.git", repository.git("rev-parse", "HEAD"))
        store = store_at(tmp_path / "store", environment=helper(tmp_path))
        with pytest.raises(SourceRefused):
            obtain(store, f"{served.url}/my-bp/.git")
        assert private.asked
        assert not [one for one in private.asked if "Authorization" in one.headers]


def test_a_submodule_behind_a_link_writes_nothing_outside(
    served: SourceServer, repository: Repository, store: BuildpackStore, tmp_path: Path
) -> None:
    """A tree that holds one name twice, as a link and as a directory: what is checked out last would be followed."""
    inner = repository.git("rev-parse", "HEAD")
    (tmp_path / "outside").mkdir()
    link = repository.blob(str(tmp_path / "outside").encode())
    below = repository.git("mktree", "--missing", stdin=f"160000 commit {inner}\tb\n".encode())
    modules = repository.blob(f'[submodule "x"]\n\tpath = a/b\n\turl = {served.url}/my-bp/.git\n'.encode())
    entries = [("100644", ".gitmodules", modules), ("120000", "a", link), ("40000", "a", below)]
    raw = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(sha) for mode, name, sha in entries)
    tree = repository.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=raw)
    repository.git("update-ref", "refs/heads/twice", repository.git("commit-tree", tree, "-m", "Twice"))
    with pytest.raises(UnusableBits, match=r"git refuses its content|duplicate"):
        obtain(store, f"{served.url}/my-bp/.git#twice")
    assert list((tmp_path / "outside").iterdir()) == []


def test_git_lfs_is_said(served: SourceServer, repository: Repository, store: BuildpackStore) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'1' * 64}\nsize 1234\n"
    (repository.path / "large.bin").write_text(pointer)
    (repository.path / ".gitattributes").write_text("*.bin filter=lfs\n")
    repository.commit("Large")
    with pytest.raises(UsesGitLfs) as uses:
        obtain(store, f"{served.url}/my-bp/.git")
    assert "large.bin" in uses.value.brief() and "git-lfs" in uses.value.hint()


# Hostile repositories


def test_no_filter_of_the_person_runs_for_a_repository(
    served: SourceServer, repository: Repository, tmp_path: Path
) -> None:
    config = tmp_path / "gitconfig"
    config.write_text(
        f'[filter "mine"]\n\tsmudge = touch {tmp_path / "pwned"}; cat\n[core]\n\thooksPath = {tmp_path}/hooks\n'
    )
    (tmp_path / "hooks").mkdir()
    for hook in ("post-checkout", "reference-transaction", "post-merge"):
        (tmp_path / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {tmp_path}/pwned\n")
        (tmp_path / "hooks" / hook).chmod(0o755)
    (repository.path / ".gitattributes").write_text("* filter=mine\n")
    repository.commit("With a filter")
    store = store_at(tmp_path / "store", environment={"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": str(config)})
    obtain(store, f"{served.url}/my-bp/.git")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../etc/passwd", "bin/../../x"])
def test_a_link_that_leads_out_is_refused(
    served: SourceServer, repository: Repository, store: BuildpackStore, target: str
) -> None:
    (repository.path / "words").symlink_to(target)
    repository.commit("A link")
    with pytest.raises(UnusableBits, match="leads out"):
        obtain(store, f"{served.url}/my-bp/.git")


@pytest.mark.parametrize("name", [".git", ".GIT", "git~1", ".git\u200c"])
@pytest.mark.parametrize("mode", ["120000", "100644", "tree"])
def test_a_git_directory_in_a_tree_is_refused(
    served: SourceServer, repository: Repository, store: BuildpackStore, name: str, mode: str
) -> None:
    blob = repository.blob(b"/tmp")
    inner = repository.git("mktree", stdin=f"100755 blob {blob}\tconfig\n".encode())
    entry = f"040000 tree {inner}" if mode == "tree" else f"{mode} blob {blob}"
    bin_directory = repository.git("rev-parse", "HEAD:bin")
    lines = sorted([f"{entry}\t{name}\n", f"040000 tree {bin_directory}\tbin\n"], key=lambda line: line.split("\t")[1])
    tree = repository.git("mktree", stdin="".join(lines).encode())
    commit = repository.git("commit-tree", tree, "-m", "Hostile")
    repository.git("update-ref", "refs/heads/hostile", commit)
    with pytest.raises(Problem):
        obtain(store, f"{served.url}/my-bp/.git#hostile")
    assert left_behind(store) == []


def test_a_tree_that_unfolds_without_end(served: SourceServer, repository: Repository, store: BuildpackStore) -> None:
    """A git bomb: ten levels of ten times the same tree are ten thousand million files in a few hundred bytes."""
    below = repository.git(
        "mktree", stdin="".join(f"100644 blob {repository.blob(b'x')}\tf{n}\n" for n in range(10)).encode()
    )
    for _ in range(9):
        below = repository.git("mktree", stdin="".join(f"040000 tree {below}\td{n}\n" for n in range(10)).encode())
    repository.git("update-ref", "refs/heads/bomb", repository.git("commit-tree", below, "-m", "Bomb"))
    with pytest.raises(TooMuch, match="500,000 entries"):
        obtain(store, f"{served.url}/my-bp/.git#bomb")
    assert left_behind(store) == []


def test_a_repository_that_is_too_large_is_left(served: SourceServer, repository: Repository, tmp_path: Path) -> None:
    (repository.path / "large").write_bytes(os.urandom(6 << 20))
    repository.commit("Large")
    store = store_at(tmp_path / "store", largest=2 << 20)
    with pytest.raises(Problem) as refused:
        obtain(store, f"{served.url}/my-bp/.git")
    assert isinstance(refused.value, TooMuch), everything_said(refused.value)
    assert left_behind(store) == []


def test_a_server_that_never_answers_is_left(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        ref = parse_reference(f"http://127.0.0.1:{silent.getsockname()[1]}/x.git", (), tmp_path)
        assert isinstance(ref, GitRef)
        began = time.monotonic()
        with pytest.raises(TookTooLong):
            fetch_into(ref, tmp_path / "into", FetchPolicy(timeout=0.5, environment={"PATH": os.environ["PATH"]}))
        assert time.monotonic() - began < 5
    assert list(tmp_path.iterdir()) == []
    assert not left_running("git-remote-http")


def children_with(name: str) -> list[str]:
    """Processes of ours, or of nobody any more, that run ``name`` against this machine's silent server."""
    found = []
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = status.read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if name in arguments and "127.0.0.1" in arguments and "/x.git" in arguments:
            found.append(arguments)
    return found


def left_running(name: str) -> list[str]:
    """What still runs ``name`` after the moment that a killed process takes to end."""
    until = time.monotonic() + 5
    while children_with(name) and time.monotonic() < until:
        time.sleep(0.05)
    return children_with(name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_git_ends_with_us(tmp_path: Path, number: signal.Signals) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        program = (
            "import signal, sys; from pathlib import Path\n"
            "from stagewright.buildpacks import *\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it\n"
            "ref = parse_reference(sys.argv[1], (), Path('/'))\n"
            "fetch_into(ref, Path(sys.argv[2]), FetchPolicy(environment={'PATH': sys.argv[3]}))\n"
        )
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.git"
        child = subprocess.Popen(
            [sys.executable, "-c", program, url, tmp_path / "into", os.environ["PATH"]], stderr=subprocess.DEVNULL
        )
        silent.settimeout(20)
        connection, _ = silent.accept()
        child.send_signal(number)
        child.wait(10)
        connection.close()
    assert not left_running("git")
    if number is signal.SIGINT:
        assert list(tmp_path.iterdir()) == []


def test_a_network_that_swallows_everything_is_out_of_reach(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        store = store_at(tmp_path / "store", timeout=0.4)
        with pytest.raises(SourceUnreachable, match=r"nobody answered within 0\.4 s") as unreachable:
            obtain(store, f"http://127.0.0.1:{silent.getsockname()[1]}/x.git")
    assert "#COMMIT" in unreachable.value.hint()


def test_old_sins_of_a_repository_are_forgiven(
    served: SourceServer, repository: Repository, store: BuildpackStore
) -> None:
    """Odd dates, names and modes are in many a repository that is older than the checks."""
    tree = repository.git("rev-parse", "HEAD^{tree}")
    text = f"tree {tree}\nauthor Ada<ada> 1 +51800\ncommitter Ada <ada> 1 +0000\n\nOld\n"
    commit = repository.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=text.encode())
    repository.git("update-ref", "refs/heads/old", commit)
    assert git_origin(obtain(store, f"{served.url}/my-bp/.git#old")).commit == commit


def test_what_git_says_is_shown_without_progress_and_control_characters(tmp_path: Path) -> None:
    runner = GitRunner("it", Deadline.after(1), 1, tmp_path)
    said = runner.shown(b"Receiving objects: 10% (1/10)\rremote: \x1b]0;x\x07hello\nfatal: no 'https://a:b@h/x'\n")
    assert said == "remote: ?]0;x?hello\nfatal: no 'https://***@h/x'"


# Directories of this machine


def test_what_git_knows_of_a_directory(tmp_path: Path) -> None:
    repository = buildpack_repository(tmp_path / "mine")
    (repository.path / ".gitignore").write_text("*.log\n")
    commit = repository.commit("Second")
    clean = origin_of_directory(repository.path).work_tree
    assert clean is not None
    assert (clean.commit, clean.branch, clean.dirty) == (commit, "main", False)
    assert [one.subject for one in clean.commits] == ["Second", "Begin"]
    (repository.path / "made.log").write_text("ignored")
    assert not dirty(repository.path)
    (repository.path / "bin" / "supply").write_text("#!/bin/sh\nchanged\n")
    assert dirty(repository.path) and dirty(repository.path / "bin")
    repository.git("checkout", "-q", "--detach")
    detached = origin_of_directory(repository.path).work_tree
    assert detached is not None and detached.branch is None
    assert origin_of_directory(tmp_path).work_tree is None


def dirty(path: Path) -> bool:
    found = origin_of_directory(path).work_tree
    assert found is not None
    return found.dirty


def test_a_directory_of_a_stranger_runs_nothing(tmp_path: Path) -> None:
    repository = buildpack_repository(tmp_path / "theirs")
    (repository.path / ".gitattributes").write_text("* filter=evil diff=evil\n")
    repository.commit("With attributes")
    (repository.path / "bin" / "supply").write_text("#!/bin/sh\nchanged\n")
    evil = f"touch {tmp_path / 'pwned'}"
    for name in ("core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "core.sshCommand",
                 "gpg.program", "core.pager", "diff.evil.textconv", "diff.external",
                 "core.gitProxy", "core.alternateRefsCommand"):  # fmt: skip
        repository.git("config", name, evil)
    repository.git("config", "log.showSignature", "true")
    found = origin_of_directory(repository.path).work_tree
    assert found is not None and found.dirty
    assert not (tmp_path / "pwned").exists()


def test_a_file_url_is_a_repository_for_who_typed_it(store: BuildpackStore, tmp_path: Path) -> None:
    buildpack_repository(tmp_path / "mine")
    assert obtain(store, f"file://{tmp_path}/mine#main").key == "mine"
