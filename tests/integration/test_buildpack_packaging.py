"""A buildpack becomes a zip: a real server has its dependencies, pre_package really runs (without a sandbox here; the
end-to-end tests run it in one)."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml
from tests.manifest_buildpacks import Shelf, dependency, serving_shelf, sha256, write_source

from stagewright.buildpacks.packaging.problems import (
    BadManifest,
    BadPackageOrder,
    CannotPackage,
    DependencyMismatch,
    DependencyUnreachable,
    PrePackageFailed,
)
from stagewright.buildpacks.packaging.selection import Wanted
from stagewright.model.events import Event, Progressed, ScriptOutput
from stagewright.model.names import StackName
from stagewright.model.settings import Settings
from stagewright.ports.events import deaf
from stagewright.services.packaging import Package, PackageOrder, package_buildpack, validate_buildpack
from stagewright.services.platform import Platform
from stagewright.services.tidy import clear_caches, list_caches
from stagewright.wiring.command_line import open_platform

DEBIAN = StackName("debian12")
CACHED = Wanted(DEBIAN, cached=True)


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with serving_shelf() as shelf:
        yield shelf


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """An installation of its own. After the test no working place and no half of a download is left."""
    place = tmp_path / "installation"
    yield open_platform(Settings(place / "state", place / "cache", place / "stacks"), "none")
    builds, kept = place / "cache/builds", place / "cache/dependencies"
    assert not builds.exists() or list(builds.iterdir()) == []
    assert not kept.exists() or [path for path in kept.iterdir() if path.name.startswith(".")] == []


@pytest.fixture
def order(tmp_path: Path) -> PackageOrder:
    output = tmp_path / "out"
    output.mkdir()
    return PackageOrder(tmp_path / "source", Wanted(DEBIAN), output)


def made(platform: Platform, order: PackageOrder) -> Package:
    return package_buildpack(platform, order, deaf)


def names(package: Package) -> list[str]:
    with zipfile.ZipFile(package.zip.path) as archive:
        return archive.namelist()


def manifest_in(package: Package) -> dict[str, object]:
    with zipfile.ZipFile(package.zip.path) as archive:
        read: dict[str, object] = yaml.safe_load(archive.read("manifest.yml"))
        return read


def small(shelf: Shelf, more: str = "") -> str:
    ruby = dependency("ruby", "3.10.0", shelf.put("/dir/ruby.tgz", b"ruby"), b"ruby", "debian12", "cflinuxfs4")
    agent = dependency("agent", "1.0.0", shelf.put("/agent.tgz", b"agent"), b"agent")
    return f"language: small\ndefault_versions: [{{name: ruby, version: 3.x}}]\ndependencies:\n{ruby}{agent}{more}"


def test_a_package_without_its_dependencies(platform: Platform, order: PackageOrder, shelf: Shelf) -> None:
    source = write_source(order.directory, small(shelf))
    (source / ".git").mkdir()
    (source / ".git/config").write_text("x")
    (source / "tests").mkdir()
    (source / "tests/one.sh").write_text("x")
    (source / "lib").mkdir()
    (source / "lib/tests").write_text("kept")
    package = made(platform, order)
    assert package.zip.path == order.output / "small_buildpack-debian12-v1.2.3.zip"
    assert names(package) == [
        "VERSION", "bin/", "bin/detect", "bin/finalize", "bin/release", "bin/supply", "lib/", "lib/tests", "manifest.yml",
    ]  # fmt: skip
    written = manifest_in(package)
    assert written["stack"] == "debian12"
    entries = written["dependencies"]
    assert isinstance(entries, list)
    assert [set(entry) for entry in entries] == [{"name", "version", "uri", "sha256"}] * 2
    assert shelf.asked == [], "nothing is fetched for a package that does not hold it"
    assert "cf_stacks" in (source / "manifest.yml").read_text(), "the source is only read"
    with zipfile.ZipFile(package.zip.path) as archive:
        assert archive.read("VERSION") == b"1.2.3"


def test_a_cached_package_holds_them_and_the_next_fetches_nothing(
    platform: Platform, order: PackageOrder, shelf: Shelf, tmp_path: Path
) -> None:
    write_source(order.directory, small(shelf))
    seen: list[Event] = []
    package = package_buildpack(platform, replace(order, wanted=CACHED), seen.append)
    assert package.zip.path.name == "small_buildpack-cached-debian12-v1.2.3.zip"
    assert sorted(shelf.asked) == ["/agent.tgz", "/dir/ruby.tgz"]
    assert any(isinstance(event, Progressed) and event.what == "Fetching ruby 3.10.0" for event in seen)
    entries = manifest_in(package)["dependencies"]
    assert isinstance(entries, list)
    with zipfile.ZipFile(package.zip.path) as archive:
        assert [archive.read(entry["file"]) for entry in entries] == [b"ruby", b"agent"]
    again = made(platform, replace(order, wanted=CACHED, output=tmp_path / "again.zip"))
    assert len(shelf.asked) == 2
    assert again.zip.digest == package.zip.digest, "the same source is the same zip"
    assert validate_buildpack(platform, package.zip.path, date(2026, 11, 22)).flaws == ()


def test_the_same_zip_at_another_time_with_other_times(
    platform: Platform, order: PackageOrder, shelf: Shelf, tmp_path: Path
) -> None:
    write_source(order.directory, small(shelf))
    first = made(platform, order).zip
    for path in order.directory.rglob("*"):
        os.utime(path, (1, 1))
    second = made(platform, replace(order, output=tmp_path / "b.zip")).zip
    assert first.path.read_bytes() == second.path.read_bytes()


def test_only_what_is_included(platform: Platform, order: PackageOrder, shelf: Shelf) -> None:
    source = write_source(
        order.directory, small(shelf, "include_files: [bin/detect, bin/run, lib, README.md, manifest.yml]\n")
    )
    (source / "bin/detect").chmod(0o644)
    (source / "bin/run").symlink_to("supply")
    (source / "lib/deep").mkdir(parents=True)
    (source / "lib/deep/code").write_text("x")
    (source / "README.md").write_text("words")
    (source / "secret").write_text("x")
    package = made(platform, order)
    assert names(package) == [
        "README.md", "VERSION", "bin/detect", "bin/run", "lib/deep/", "lib/deep/code", "manifest.yml",
    ]  # fmt: skip
    with zipfile.ZipFile(package.zip.path) as archive:
        modes = {info.filename: stat.S_IMODE(info.external_attr >> 16) for info in archive.infolist()}
        assert modes["bin/detect"] == 0o755 and modes["README.md"] == 0o644
        assert archive.read("bin/run") == (source / "bin/supply").read_bytes(), "a link to a file becomes that file"


def test_what_the_old_packager_left_out(platform: Platform, order: PackageOrder, shelf: Shelf) -> None:
    source = write_source(
        order.directory, small(shelf, "exclude_files: [cf.Gemfile, .gitignore, spec/, docs/draft*]\n")
    )
    for name in ("cf.Gemfile", "lib/.gitignore", "spec/a_spec.rb", "docs/draft.md", "docs/done.md"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text("x")
    (source / "small_buildpack-v1.0.0.zip").write_text("an earlier package")
    assert [name for name in names(made(platform, order)) if not name.startswith("bin")] == [
        "VERSION", "docs/", "docs/done.md", "lib/", "manifest.yml",
    ]  # fmt: skip


def test_pre_package_runs_in_a_copy(platform: Platform, order: PackageOrder, shelf: Shelf) -> None:
    source = write_source(
        order.directory, small(shelf, "pre_package: scripts/build.sh\ninclude_files: [bin/supply, bin/made]\n")
    )
    (source / "scripts").mkdir()
    (source / "scripts/build.sh").write_text('#!/bin/bash\necho "building $(cat VERSION)"\necho made > bin/made\n')
    (source / "scripts/build.sh").chmod(0o755)
    seen: list[Event] = []
    package = package_buildpack(platform, replace(order, version="2.0.0"), seen.append)
    assert "building 2.0.0" in [event.line for event in seen if isinstance(event, ScriptOutput)]
    assert names(package) == ["VERSION", "bin/made", "bin/supply", "manifest.yml"]
    assert package.zip.path.name == "small_buildpack-debian12-v2.0.0.zip"
    assert not (source / "bin/made").exists()
    assert (source / "VERSION").read_text() == "1.2.3\n"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("#!/bin/bash\necho so it goes >&2\nexit 7\n", "exit code 7"),
        (None, "is not there"),
        ("#!/bin/bash\necho 'language: [' > manifest.yml\n", "malformed"),
        ("#!/bin/bash\nln -s /etc/hostname lib\n", "leads out of the buildpack"),
        ("#!/bin/bash\nmkfifo pipe\n", "pipe"),
        ("#!/bin/bash\ntruncate -s 10T large\n", "more than"),
        ("#!/bin/bash\nrm -r bin; ln -s /etc bin\n", "leads out of the buildpack"),
    ],
)
def test_what_pre_package_may_do_wrong(
    platform: Platform, order: PackageOrder, shelf: Shelf, script: str | None, words: str
) -> None:
    source = write_source(order.directory, small(shelf, "pre_package: ./build.sh\n"))
    if script is not None:
        (source / "build.sh").write_text(script)
        (source / "build.sh").chmod(0o755)
    with pytest.raises((PrePackageFailed, BadManifest, CannotPackage), match=words) as raised:
        made(platform, order)
    if "7" in words:
        assert "so it goes" in raised.value.details()
    assert list(order.output.iterdir()) == []


def test_a_dependency_that_is_not_what_was_promised(platform: Platform, order: PackageOrder, shelf: Shelf) -> None:
    write_source(order.directory, small(shelf))
    shelf.put("/agent.tgz", b"evil")
    with pytest.raises(DependencyMismatch, match=r"agent 1\.0\.0") as raised:
        made(platform, replace(order, wanted=CACHED))
    assert sha256(b"evil") in str(raised.value) and sha256(b"agent") in str(raised.value)
    assert list(order.output.iterdir()) == []
    shelf.put("/agent.tgz", b"agent")
    made(platform, replace(order, wanted=CACHED))


def test_a_dependency_that_is_not_there(platform: Platform, order: PackageOrder, shelf: Shelf) -> None:
    write_source(order.directory, small(shelf).replace("http://", "http://me:hunter2@"))
    del shelf.files["/agent.tgz"]
    with pytest.raises(DependencyUnreachable, match="404") as raised:
        made(platform, replace(order, wanted=CACHED))
    assert "hunter2" not in str(raised.value) + raised.value.hint()


def test_a_kept_file_that_was_damaged_is_fetched_again(
    platform: Platform, order: PackageOrder, shelf: Shelf, tmp_path: Path
) -> None:
    write_source(order.directory, small(shelf))
    made(platform, replace(order, wanted=CACHED))
    (tmp_path / "installation/cache/dependencies" / sha256(b"agent")).write_bytes(b"damaged")
    made(platform, replace(order, wanted=CACHED))
    assert shelf.asked.count("/agent.tgz") == 2 and shelf.asked.count("/dir/ruby.tgz") == 1


def test_files_outside_the_buildpack_are_a_persons_to_allow(
    platform: Platform, order: PackageOrder, tmp_path: Path
) -> None:
    (tmp_path / "private").write_bytes(b"private")
    entry = dependency("a", "1.0.0", f"file://{tmp_path}/private", b"private")
    source = write_source(order.directory, f"language: small\ndependencies:\n{entry}")
    with pytest.raises(CannotPackage, match="outside the buildpack"):
        made(platform, replace(order, wanted=CACHED))
    (source / "link").symlink_to(tmp_path / "private")
    linked = (source / "manifest.yml").read_text().replace(f"{tmp_path}/private", f"{source}/link")
    (source / "manifest.yml").write_text(linked)
    with pytest.raises(CannotPackage, match="outside the buildpack"):
        made(platform, replace(order, wanted=CACHED))
    (source / "link").unlink()
    (source / "manifest.yml").write_text(f"language: small\ndependencies:\n{entry}")
    made(platform, replace(order, wanted=CACHED, any_file=True))


def test_files_in_the_buildpack_are_taken(platform: Platform, order: PackageOrder) -> None:
    source = order.directory
    entry = dependency("a", "1.0.0", f"file://{source}/vendor/a.tgz", b"bits")
    write_source(source, f"language: small\ninclude_files: [bin/supply]\ndependencies:\n{entry}")
    (source / "vendor").mkdir()
    (source / "vendor/a.tgz").write_bytes(b"bits")
    package = made(platform, replace(order, wanted=CACHED))
    assert any(name.startswith("dependencies/") and name.endswith("/a.tgz") for name in names(package))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "../1"}, "no version"),
        ({"output": Path("/nowhere/at/all.zip")}, "no directory"),
        ({"directory": Path("/nowhere")}, "no directory"),
        ({"wanted": Wanted(StackName("windows"))}, "windows"),
    ],
)
def test_orders_that_cannot_be_filled(
    platform: Platform, order: PackageOrder, shelf: Shelf, change: dict[str, object], words: str
) -> None:
    write_source(order.directory, small(shelf))
    with pytest.raises(BadPackageOrder, match=words):
        made(platform, replace(order, **change))  # type: ignore[arg-type] - fields by name


def test_without_version_there_must_be_a_flag(platform: Platform, order: PackageOrder, shelf: Shelf) -> None:
    write_source(order.directory, small(shelf), version=None)
    with pytest.raises(BadPackageOrder, match="VERSION"):
        made(platform, order)
    assert made(platform, replace(order, version="1.0.0+custom")).version == "1.0.0+custom"


def test_an_archive_that_is_no_buildpack(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "words.zip").write_text("just words")
    with pytest.raises(BadPackageOrder, match="neither a directory nor an archive"):
        validate_buildpack(platform, tmp_path / "words.zip", date(2026, 11, 22))
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../evil", "x")
    with pytest.raises(CannotPackage):
        validate_buildpack(platform, tmp_path / "evil.zip", date(2026, 11, 22))


def test_an_archive_that_is_one_directory_deep(platform: Platform, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "deep.zip", "w") as archive:
        info = zipfile.ZipInfo("small-1.0/bin/compile")
        info.external_attr = 0o100755 << 16
        archive.writestr(info, "#!/bin/bash\n")
    checked = validate_buildpack(platform, tmp_path / "deep.zip", date(2026, 11, 22))
    assert any("small-1.0" in flaw.says for flaw in checked.flaws)
    assert checked.dialect.value == "heroku"


def test_what_was_fetched_is_listed_and_cleared_with_the_caches(
    platform: Platform, order: PackageOrder, shelf: Shelf
) -> None:
    write_source(order.directory, small(shelf))
    made(platform, replace(order, wanted=CACHED))
    assert "dependencies" in [entry.name for entry in list_caches(platform)]
    clear_caches(platform)
    made(platform, replace(order, wanted=CACHED))
    assert len(shelf.asked) == 4


def test_a_package_in_its_own_source_does_not_hold_the_last_one(
    platform: Platform, order: PackageOrder, shelf: Shelf
) -> None:
    write_source(order.directory, small(shelf))
    inside = replace(order, output=order.directory / "out.zip")
    first = made(platform, inside).zip.digest
    assert made(platform, inside).zip.digest == first
