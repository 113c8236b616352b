"""What validate finds, what a choice of flags comes to, and what a staging's log says."""

from __future__ import annotations

import os
import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.manifest_buildpacks import dependency, sha256, write_source

from stagewright.buildpacks.packaging import manifest_warnings
from stagewright.buildpacks.packaging.checking import check_buildpack
from stagewright.buildpacks.packaging.flaws import Weight
from stagewright.buildpacks.packaging.manifest import Manifest
from stagewright.buildpacks.packaging.problems import BadPackageOrder, CannotPackage
from stagewright.buildpacks.packaging.reading import parse_manifest
from stagewright.buildpacks.packaging.selection import Wanted, select
from stagewright.model.names import StackName

TODAY = date(2026, 11, 22)
DEBIAN, OTHER = StackName("debian12"), StackName("cflinuxfs4")
RUBY = dependency("ruby", "3.2.1", "http://h/ruby.tgz", b"ruby", "debian12", "cflinuxfs4")
AGENT = dependency("agent", "1.0.0", "http://h/agent.tgz", b"agent", "debian12")
BOTH = f"language: small\ndefault_versions: [{{name: ruby, version: 3.x}}]\ndependencies:\n{RUBY}{AGENT}"
PROFILES = f"{BOTH}packaging_profiles: {{minimal: {{exclude: [agent]}}, broken: {{exclude: [nobody]}}}}\n"


def manifest(text: str) -> Manifest:
    read = parse_manifest(text.encode())
    assert read.manifest is not None and read.flaws == ()
    return read.manifest


def findings(root: Path) -> list[str]:
    return [f"{flaw.weight}: {flaw}" for flaw in check_buildpack(root, TODAY).flaws]


# ------------------------------------------------------------------------------------------------------------------- choice
@pytest.mark.parametrize(
    ("wanted", "names", "file"),
    [
        (Wanted(DEBIAN), ["ruby", "agent"], "small_buildpack-debian12-v1.zip"),
        (Wanted(OTHER), ["ruby"], "small_buildpack-cflinuxfs4-v1.zip"),
        (Wanted(any_stack=True), ["ruby", "agent"], "small_buildpack-v1.zip"),
        (Wanted(DEBIAN, cached=True), ["ruby", "agent"], "small_buildpack-cached-debian12-v1.zip"),
        (Wanted(DEBIAN, cached=True, profile="minimal"), ["ruby"], "small_buildpack-cached-minimal-debian12-v1.zip"),
        (
            Wanted(DEBIAN, cached=True, profile="minimal", include=("agent",)),
            ["ruby", "agent"],
            "small_buildpack-cached-minimal+custom-debian12-v1.zip",
        ),
        (
            Wanted(DEBIAN, cached=True, profile="minimal", exclude=("ruby",)),
            [],
            "small_buildpack-cached-minimal+custom-debian12-v1.zip",
        ),
        (Wanted(DEBIAN, cached=True, exclude=("agent",)), ["ruby"], "small_buildpack-cached-custom-debian12-v1.zip"),
    ],
)
def test_what_is_chosen_and_how_the_file_is_called(wanted: Wanted, names: list[str], file: str) -> None:
    chosen = select(manifest(PROFILES), wanted)
    assert [one.name for one in chosen.dependencies] == names
    assert chosen.file_name("small", "1") == file


def test_the_one_stack_needs_no_flag() -> None:
    assert select(manifest(f"language: a\ndependencies:\n{AGENT}"), Wanted()).stack == DEBIAN


@pytest.mark.parametrize(
    ("text", "wanted", "words"),
    [
        (BOTH, Wanted(), "cflinuxfs4, debian12"),
        ("language: a", Wanted(), "names no stack"),
        (BOTH, Wanted(StackName("windows")), "for windows"),
        (BOTH, Wanted(DEBIAN, any_stack=True), "cannot both"),
        (PROFILES, Wanted(DEBIAN, profile="minimal"), "cached"),
        (PROFILES, Wanted(DEBIAN, cached=True, profile="nope"), "'nope'"),
        (PROFILES, Wanted(DEBIAN, cached=True, exclude=("nobody",)), "'nobody'"),
        (PROFILES, Wanted(DEBIAN, cached=True, include=("agent",)), "profile"),
        (PROFILES, Wanted(DEBIAN, cached=True, profile="minimal", include=("ruby",)), "not excluded"),
    ],
)
def test_flags_that_do_not_fit(text: str, wanted: Wanted, words: str) -> None:
    with pytest.raises(BadPackageOrder, match=words):
        select(manifest(text), wanted)


@pytest.mark.parametrize(
    ("text", "wanted", "words"),
    [
        (f"stack: x1\n{BOTH}", Wanted(StackName("x1")), "package already"),
        (BOTH.replace("3.x", "4.x"), Wanted(DEBIAN), "ruby 4.x"),
        (PROFILES, Wanted(DEBIAN, cached=True, profile="broken"), "'nobody'"),
    ],
)
def test_manifests_of_which_no_package_comes(text: str, wanted: Wanted, words: str) -> None:
    with pytest.raises(CannotPackage, match=words):
        select(manifest(text), wanted)


# ------------------------------------------------------------------------------------------------------------------- checks
def test_a_sound_source_has_no_flaws(tmp_path: Path) -> None:
    root = write_source(tmp_path / "a", f"{BOTH}include_files: [bin/detect, bin/supply, bin/finalize, bin/release]\n")
    checked = check_buildpack(root, TODAY)
    assert checked.flaws == ()
    assert (checked.language, checked.packaged, checked.dialect.value) == ("small", False, "cloudfoundry")


MORE = """
dependency_deprecation_dates:
- {name: ruby, version_line: 3.2.x, date: 2026-11-22}
- {name: agent, version_line: 1.x, date: 2026-12-21}
- {name: agent, version_line: 2.x, date: 2026-12-22}
- {name: gone, version_line: 1.x, date: 2030-01-01}
"""


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (
            BOTH.replace("3.x", "4.x"),
            "error: manifest.yml, line 2, default_versions[0] (ruby 4.x): no dependency for the stack debian12",
        ),
        (BOTH.replace("3.x", "4.x"), "no dependency for the stack cflinuxfs4 matches"),
        (
            BOTH.replace("version: 3.x}", "version: 3.x}, {name: ruby, version: 3.2.1}"),
            "error: manifest.yml: default_versions has ruby 2 times",
        ),
        (BOTH.replace("name: ruby, version: 3.x", "name: node, version: 3.x"), "there is no dependency of this name"),
        (BOTH.replace("3.x", "three"), "'three' is neither a version nor a range"),
        (BOTH.replace("3.2.1", "3.2.1_4").replace("3.x", "3.2.1_4"), "no semantic version"),
        (BOTH + RUBY, "error: manifest.yml, line 14, dependencies[2] (ruby 3.2.1): it is there twice"),
        (BOTH + RUBY, "the first is on line 4"),
        (f"stack: debian12\n{BOTH}", "it has cf_stacks, while"),
        (BOTH.replace("  cf_stacks: [debian12]\n", ""), "no cf_stacks"),
        (
            BOTH.replace("http://h/ruby", "http://me:secret@h/ruby"),
            "warning: manifest.yml, line 4, dependencies[0] (ruby 3.2.1): its uri holds credentials",
        ),
        (
            BOTH.replace("http://h/ruby", "file:///h/ruby"),
            "warning: manifest.yml, line 4, dependencies[0] (ruby 3.2.1): its uri names a file",
        ),
        (BOTH + MORE, "ruby 3.2.x is no longer maintained since 2026-11-22"),
        (BOTH + MORE, "agent 1.x will no longer be maintained after 2026-12-21"),
        (BOTH + MORE, "(gone 1.x): there is no dependency"),
        (f"{BOTH}include_files: [lib/missing]\n", "error: manifest.yml, include_files: lib/missing is not there"),
        (f"{BOTH}include_files: [lib/missing]\n", "warning: manifest.yml, include_files: bin/supply is not named"),
        (f"{BOTH}pre_package: scripts/make.sh\n", "error: manifest.yml, pre_package: scripts/make.sh is not there"),
        (
            f"{BOTH}include_files: [lib/missing]\npre_package: make\n",
            "warning: manifest.yml, include_files: lib/missing",
        ),
        (f"{BOTH}include_files: [bin]\nexclude_files: [x]\n", "include_files and exclude_files"),
        (PROFILES, "error: manifest.yml, line 14, packaging_profiles.broken: the profile broken excludes 'nobody'"),
        (BOTH.replace(sha256(b"ruby"), sha256(b"ruby").upper()), "in lower case"),
        ("language: [", "error: manifest.yml: line 2, column 1"),
    ],
)
def test_what_is_found(tmp_path: Path, text: str, finding: str) -> None:
    found = "\n".join(findings(write_source(tmp_path / "a", text)))
    assert finding in found, found


def test_a_date_far_enough_away_is_no_finding(tmp_path: Path) -> None:
    assert "agent 2.x" not in "\n".join(findings(write_source(tmp_path / "a", BOTH + MORE)))


def test_scripts_that_are_missing_or_no_programs(tmp_path: Path) -> None:
    root = write_source(tmp_path / "a", BOTH)
    (root / "bin/supply").chmod(0o644)
    assert "error: bin/supply: it is not executable (chmod +x)" in findings(root)
    (root / "bin/finalize").unlink()
    (root / "bin/detect").unlink()
    found = "\n".join(findings(root))
    assert "error: bin: it has neither finalize nor compile" in found
    assert "warning: bin/detect" in found


def test_scripts_that_pre_package_makes_are_a_warning(tmp_path: Path) -> None:
    root = write_source(tmp_path / "a", f"{BOTH}pre_package: make\n")
    for name in ("supply", "finalize"):
        (root / "bin" / name).unlink()
    assert {flaw.weight for flaw in check_buildpack(root, TODAY).flaws} == {Weight.WARNING}


def test_a_buildpack_without_a_manifest(tmp_path: Path) -> None:
    root = write_source(tmp_path / "a", BOTH)
    (root / "manifest.yml").unlink()
    assert check_buildpack(root, TODAY).flaws == ()
    (root / "bin/supply").unlink()
    (root / "bin/finalize").unlink()
    checked = check_buildpack(root, TODAY)
    assert [flaw.weight for flaw in checked.flaws] == [Weight.ERROR]
    assert check_buildpack(tmp_path, TODAY).flaws[0].weight is Weight.ERROR, "an empty directory is no buildpack"


def test_a_missing_version(tmp_path: Path) -> None:
    root = write_source(tmp_path / "a", BOTH, version=None)
    assert [flaw.where for flaw in check_buildpack(root, TODAY).flaws] == ["VERSION"]
    assert check_buildpack(root, TODAY).flaws[0].weight is Weight.WARNING


def packaged(root: Path, file: str = "dependencies/x/agent.tgz") -> Path:
    entry = f"name: agent, version: 1.0.0, uri: 'http://h/a.tgz', sha256: {sha256(b'agent')}, file: {file}"
    text = f"language: small\nstack: debian12\ndependencies:\n- {{{entry}}}\n"
    (write_source(root, text) / "dependencies/x").mkdir(parents=True)
    return root


def test_files_of_a_cached_package(tmp_path: Path) -> None:
    root = packaged(tmp_path / "a")
    assert "it is not there" in findings(root)[0]
    (root / "dependencies/x/agent.tgz").write_bytes(b"agent")
    assert findings(root) == []
    (root / "dependencies/x/agent.tgz").write_bytes(b"other")
    assert "its sha256 is not the one" in findings(root)[0]
    (root / "VERSION").unlink()
    assert any(one.startswith("error: VERSION") for one in findings(root))


def test_files_of_a_cached_package_stay_inside(tmp_path: Path) -> None:
    (tmp_path / "agent.tgz").write_bytes(b"agent")
    assert "is no path inside" in findings(packaged(tmp_path / "a", "../agent.tgz"))[0]
    root = packaged(tmp_path / "b")
    (root / "dependencies/x/agent.tgz").symlink_to(tmp_path / "agent.tgz")
    assert "leads out" in findings(root)[0]


# ------------------------------------------------------------------------------------------------------------------ staging
def test_a_staging_hears_of_dates_defaults_and_stacks(tmp_path: Path) -> None:
    root = write_source(tmp_path / "a", BOTH + MORE)
    said = manifest_warnings(root, "debian12", TODAY)
    assert [one.partition(": ")[2] for one in said] == [
        "ruby 3.2.x is no longer maintained since 2026-11-22",
        "agent 1.x will no longer be maintained after 2026-12-21",
    ]
    assert manifest_warnings(root, "debian12", date(2026, 1, 1)) == ()
    assert "nothing in it is for the stack windows" in manifest_warnings(root, "windows", TODAY)[0]


def test_a_staging_hears_of_a_default_that_is_missing(tmp_path: Path) -> None:
    text = f"language: a\ndefault_versions: [{{name: agent, version: 1.x}}]\ndependencies:\n{RUBY}{AGENT}"
    root = write_source(tmp_path / "a", text)
    assert manifest_warnings(root, "debian12", TODAY) == ()
    assert (
        "no dependency for the stack cflinuxfs4 matches the default version 1.x"
        in manifest_warnings(root, "cflinuxfs4", TODAY)[0]
    )


def test_without_a_manifest_nothing_is_said(tmp_path: Path) -> None:
    assert manifest_warnings(tmp_path, "debian12", TODAY) == ()


def test_a_fifo_does_not_hold_a_staging_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "manifest.yml")
    assert manifest_warnings(tmp_path, "debian12", TODAY) == ()
    assert check_buildpack(tmp_path, TODAY).flaws


def test_many_warnings_are_cut(tmp_path: Path) -> None:
    (tmp_path / "manifest.yml").write_text("language: a\ndependencies:\n" + "- {}\n" * 500)
    said = manifest_warnings(tmp_path, "debian12", TODAY)
    assert len(said) == 20 and "more warnings" in said[-1]


def test_a_manifest_made_to_take_long_does_not(tmp_path: Path) -> None:
    entries = [
        f"- {{name: a, version: 1.{n}.0, uri: 'http://h/x', sha256: {'a' * 64}, cf_stacks: [s]}}" for n in range(5100)
    ]
    defaults = [f"- {{name: a, version: 2.{n}.x}}" for n in range(3000)]
    text = "\n".join(["language: a", "dependencies:", *entries, "default_versions:", *defaults])
    assert len(text) < 1 << 20
    (tmp_path / "manifest.yml").write_text(text)
    began = time.monotonic()
    said = manifest_warnings(tmp_path, "s", TODAY)
    assert time.monotonic() - began < 5
    assert "only 2000 are read" in said[0]


@given(st.binary(max_size=200), st.text(max_size=10))
def test_no_manifest_ends_a_staging(tmp_path_factory: pytest.TempPathFactory, text: bytes, stack: str) -> None:
    root = tmp_path_factory.mktemp("buildpack")
    (root / "manifest.yml").write_bytes(text)
    assert all(len(one) <= 400 for one in manifest_warnings(root, stack, TODAY))
