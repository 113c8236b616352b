"""What ``--buildpack`` may name, what a stranger's file may, and what is never shown of it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stagewright.buildpacks import BadReference, UnknownBuildpack, UntrustedReference, parse_reference
from stagewright.buildpacks.fetching.submodules import BadSubmodule, submodule_ref
from stagewright.buildpacks.naming import name_of
from stagewright.errors import Problem
from stagewright.model.buildpack import (
    ArchiveFileRef,
    ArchiveUrlRef,
    BuildpackRef,
    BuiltinRef,
    DirectoryRef,
    GitRef,
)
from stagewright.model.credentials import Credentials
from stagewright.model.digest import Digest

BUILTINS = ("python", "nodejs")
PIN = "0123456789abcdef" * 4


def parse(text: str, where: Path = Path("/nonexistent"), *, trusted: bool = True) -> BuildpackRef:
    return parse_reference(text, BUILTINS, where, trusted=trusted)


def git(text: str, **options: bool) -> GitRef:
    ref = parse(text, **options)
    assert isinstance(ref, GitRef), ref
    return ref


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "app" / "mine").mkdir(parents=True)
    (tmp_path / "app" / "heroku" / "ruby").mkdir(parents=True)
    (tmp_path / "app" / "a#b").mkdir()
    (tmp_path / "app" / "bp.zip").write_bytes(b"")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside.tgz").write_bytes(b"")
    (tmp_path / "app" / "leads-out").symlink_to("../outside")
    return tmp_path / "app"


def test_what_lies_on_this_machine(here: Path) -> None:
    assert parse("python", here) == BuiltinRef("python")
    assert parse("mine", here) == parse("./mine/", here) == DirectoryRef(here / "mine")
    assert parse("a#b", here) == DirectoryRef(here / "a#b")
    assert parse("heroku/ruby", here) == DirectoryRef(here / "heroku" / "ruby")
    assert parse("bp.zip", here) == ArchiveFileRef(here / "bp.zip")
    assert parse(f"bp.zip#sha256={PIN}&subdir=x/y", here) == ArchiveFileRef(
        here / "bp.zip", Digest(PIN), PurePosixPath("x/y")
    )
    assert parse(f"file://{here}/bp.zip") == ArchiveFileRef(here / "bp.zip")
    with pytest.raises(BadReference, match="file://"):
        parse("mine#main", here)
    with pytest.raises(BadReference, match="no branches"):
        parse("bp.zip#main", here)


@pytest.mark.parametrize(
    ("text", "address", "revision", "subdir"),
    [
        ("https://example.com/x/y.git", "https://example.com/x/y.git", None, None),
        ("https://example.com/x/y#feature/a-b", "https://example.com/x/y", "feature/a-b", None),
        ("HTTPS://Example.com/x#v1.2", "https://Example.com/x", "v1.2", None),
        ("http://example.com:8080/x.git#main&subdir=a/b", "http://example.com:8080/x.git", "main", "a/b"),
        ("https://example.com/x.git#subdir=a", "https://example.com/x.git", None, "a"),
        ("https://example.com/x.git#a%26b", "https://example.com/x.git", "a&b", None),
        ("https://example.com/x.git#", "https://example.com/x.git", None, None),
        ("ssh://git@example.com:22/x/y.git#main", "ssh://git@example.com:22/x/y.git", "main", None),
        ("git+ssh://git@example.com/x", "ssh://git@example.com/x", None, None),
        ("git://example.com/x.git", "git://example.com/x.git", None, None),
        ("git@example.com:x/y.git#main", "git@example.com:x/y.git", "main", None),
        ("git@example.com:x/y.zip", "git@example.com:x/y.zip", None, None),
        ("file:///srv/x.git#main", "file:///srv/x.git", "main", None),
        ("https://[::1]:8080/x.git", "https://[::1]:8080/x.git", None, None),
        ("heroku/apt", "https://github.com/heroku/heroku-buildpack-apt", None, None),
        ("urn:buildpack:heroku/apt", "https://github.com/heroku/heroku-buildpack-apt", None, None),
    ],
)
def test_git_references(text: str, address: str, revision: str | None, subdir: str | None) -> None:
    ref = git(text)
    assert (ref.remote.address, ref.revision) == (address, revision)
    assert ref.subdir == (PurePosixPath(subdir) if subdir else None)


@pytest.mark.parametrize(
    "suffix", [".zip", ".tar", ".tgz", ".tar.gz", ".tbz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".ZIP"]
)
def test_archives_are_told_by_the_path(suffix: str) -> None:
    assert isinstance(parse(f"https://example.com/x{suffix}?version=1"), ArchiveUrlRef)
    assert isinstance(parse(f"https://example.com/x?file=y{suffix}"), GitRef)


def test_an_archive_in_herokus_registry() -> None:
    ref = parse("some-space/name_1")
    assert isinstance(ref, ArchiveUrlRef)
    assert ref.remote.address == "https://buildpack-registry.s3.amazonaws.com/buildpacks/some-space/name_1.tgz"
    assert parse("urn:buildpack:some-space/name_1") == ref


def test_a_full_commit_is_told_from_a_name() -> None:
    assert git(f"https://example.com/x#{'AB' * 20}").commit == "ab" * 20
    assert git(f"https://example.com/x#{'ab' * 19}").commit is None
    assert git("https://example.com/x#main").commit is None


@pytest.mark.parametrize(
    "text",
    ["", "-x", "--upload-pack=x", "ext::sh -c id", "fd::17", "packs/missing.zip", "ext::x/y.git", "ftp://example.com/x.git", "svn://example.com/x",
     "javascript://x/y", "https://", "https:///x.git", "https://example.com:port/x.git", "https://example.com:99999/x",
     "https://exa mple.com/x.git", "https://example.com/x\n.git", "https://example.com/\x1b[31m", "https://-x/y.git",
     "ssh://-oProxyCommand=x/y", "ssh://git@-x/y", "ssh://git:pw@example.com/x", "ssh://example.com/-x", "git://me@example.com/x",
     "git@example.com:-x", "https://a@b@example.com/x.git", "https://example.com\\@evil.example/x.git", "https://me:a%0ab@example.com/x",
     "file://example.com/x.git", "file:x", "https://example.com/x#-b", "https://example.com/x#a..b", "https://example.com/x#a b",
     "https://example.com/x#a:b", "https://example.com/x#+a^{}", "https://example.com/x#a*", "https://example.com/x#%2Da",
     "https://example.com/x#a%00b", "https://example.com/x#a.lock", "https://example.com/x#/a", "https://example.com/x#@",
     "https://example.com/x#subdir=../x", "https://example.com/x#subdir=/etc", "https://example.com/x#subdir=", "https://example.com/x#main&other",
     "https://example.com/x#subdir=.git/hooks", "https://example.com/x#subdir=a&subdir=b", f"https://example.com/x.git#sha256={PIN}",
     "https://example.com/x.zip#main", "https://example.com/x.zip#sha256=12", "x" * 3000],
)  # fmt: skip
@pytest.mark.parametrize("trusted", [True, False])
def test_what_is_refused(text: str, trusted: bool) -> None:
    with pytest.raises((BadReference, UnknownBuildpack, UntrustedReference)) as refused:
        parse(text, trusted=trusted)
    assert "\n" not in refused.value.brief() and "\x1b" not in refused.value.brief()
    assert refused.value.hint()


def test_what_a_stranger_may_name(here: Path) -> None:
    assert parse("mine", here, trusted=False) == DirectoryRef(here / "mine")
    assert parse("bp.zip", here, trusted=False) == ArchiveFileRef(here / "bp.zip")
    assert not git("https://example.com/x.git", trusted=False).trusted
    outside = [f"file://{here}/mine", "file:///etc", "../outside", "leads-out", "/etc", "~", "~root", "/etc/passwd"]
    outside += ["../outside.tgz", f"{here.parent}/outside", "mine/../../outside", "../missing", "/missing", "~/missing"]
    for text in outside:
        with pytest.raises(UntrustedReference):
            parse(text, here, trusted=False)
    assert parse("../outside", here) == DirectoryRef(here.parent / "outside")


def test_an_unknown_name_gets_a_near_one_and_all_forms() -> None:
    with pytest.raises(UnknownBuildpack) as unknown:
        parse("pyton-buildpack")
    assert "'python'" in unknown.value.hint() and "#BRANCH" in unknown.value.hint()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("https://example.com/x/ruby-buildpack.git#v1", "ruby-buildpack"),
        ("git@example.com:ruby.git", "ruby"),
        ("https://example.com/ruby/.git/", "ruby"),
        ("https://example.com/python_buildpack-cflinuxfs4-v1.8.40.zip", "python_buildpack-cflinuxfs4"),
        ("https://example.com/bp-1.2.3.tar.gz", "bp"),
        ("https://example.com/bp.tgz", "bp"),
        ("https://github.com/me/my-bp/archive/refs/tags/v1.0.zip", "my-bp"),
        ("https://github.com/me/my-bp/archive/main.zip", "my-bp"),
        ("https://gitlab.example.com/me/my-bp/-/archive/v1/my-bp-v1.zip", "my-bp"),
        ("https://github.com/me/bp/releases/download/v2/bp-v2.tgz", "bp"),
        ("https://example.com/repo.git#main&subdir=packs/one", "one"),
        ("https://example.com/%2e%2e%2f.git", "buildpack"),
    ],
)
def test_the_name_is_the_same_for_the_next_version(text: str, name: str) -> None:
    assert name_of(parse(text)) == name


# Properties


WORD = st.text("abcXYZ019-_.", min_size=1, max_size=12).filter(lambda text: text[0].isalnum() and text[-1].isalnum())
BRANCH = st.lists(st.text("abc019-_.&=+%é@", min_size=1, max_size=8), min_size=1, max_size=3).map("/".join)
SECRET = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_categories=["Cc", "Cs"]), min_size=8, max_size=20
)


@given(st.text(max_size=200))
@example("https://[")
@example("https://[::1/x")
@example("git@[:x")
@example("https://a:b@[/x")
@example("~\0")
@example("~nobody-here/x")
def test_any_text_is_a_reference_or_a_problem(text: str) -> None:
    for trusted in (True, False):
        try:
            ref = parse(text, trusted=trusted)
        except Problem as problem:
            assert problem.brief() and problem.hint()
        else:
            assert str(ref) and name_of(ref)


@given(host=WORD, path=WORD, branch=BRANCH, subdir=st.none() | WORD)
def test_what_is_shown_names_the_same_again(host: str, path: str, branch: str, subdir: str | None) -> None:
    from urllib.parse import quote

    text = f"https://{host}/{path}.git#{quote(branch, safe='/')}" + (f"&subdir={subdir}" if subdir else "")
    try:
        ref = parse(text)
    except BadReference:
        return
    assert isinstance(ref, GitRef) and ref.revision == branch
    assert parse(str(ref)) == ref


@given(user=WORD, password=SECRET.map("c4n4ry".__add__), path=WORD)
def test_no_form_of_a_reference_shows_its_password(user: str, password: str, path: str) -> None:
    from urllib.parse import quote

    for ending in (".git#main", ".tgz"):
        ref = parse(f"https://{user}:{quote(password, safe='')}@example.com/{path}{ending}")
        assert isinstance(ref, GitRef | ArchiveUrlRef)
        assert ref.remote.credentials == Credentials(user, password)
        for shown in (str(ref), repr(ref), f"{ref}", ref.remote.address, repr(ref.remote.credentials)):
            assert password not in shown and quote(password, safe="") not in shown
        assert str(ref).startswith("https://***@example.com/")


@given(st.text(max_size=60))
@example("../" * 40)
@example("..//..")
@example("./x?y")
@example("../../../evil.example/x")
def test_a_submodule_never_leaves_for_a_place_that_gets_more_trust(url: str) -> None:
    top = git("https://me:secret99@example.com/a/b.git")
    try:
        ref = submodule_ref(url, top, top)
    except BadSubmodule:
        return
    assert ref.remote.scheme != "file"
    if ref.remote.host != "example.com":
        assert not ref.trusted and ref.remote.credentials.password != "secret99"


@pytest.mark.parametrize(
    ("parent", "url", "address"),
    [
        ("https://h/a/b.git", "../c.git", "https://h/a/c.git"),
        ("https://h/a/b.git/", "./c", "https://h/a/b.git/c"),
        ("git@h:a/b.git", "../c.git", "git@h:a/c.git"),
        ("git@h:/a/b.git", "../../c.git", "git@h:/c.git"),
        ("ssh://git@h:22/a/b", "../../c/d", "ssh://git@h:22/c/d"),
    ],
)
def test_relative_submodules(parent: str, url: str, address: str) -> None:
    ref = git(parent)
    assert submodule_ref(url, ref, ref).remote.address == address
