"""manifest.yml: read as Go reads it, all that is wrong at once, and nothing that it holds ends the process."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.manifest_buildpacks import dependency

from stagewright.buildpacks.packaging.problems import BadManifest
from stagewright.buildpacks.packaging.reading import parse_manifest, read_manifest, require_manifest
from stagewright.buildpacks.packaging.rewriting import rewritten
from stagewright.model.names import StackName

SHA = "a" * 64
WHOLE = f"""
language: python
default_versions:
- {{name: python, version: 3.10.x}}
dependency_deprecation_dates:
- version_line: 3.10.x
  name: python
  date: 2026-10-04
  link: https://example.com/3.10
dependencies:
- name: python
  version: 3.10
  uri: https://example.com/python_3.10.tgz
  sha256: {SHA}
  cf_stacks: [cflinuxfs4, debian12]
  source: https://example.com/src.tgz
- name: pip
  version: 010.1
  uri: https://example.com/pip.tgz
  sha256: {SHA}
  cf_stacks:
  - cflinuxfs4
pre_package: scripts/build.sh
include_files: [bin/detect, README.md]
packaging_profiles:
  minimal: {{description: little, exclude: [pip]}}
odd: yes
"""


def says(text: str) -> list[str]:
    return [str(flaw) for flaw in parse_manifest(text.encode()).flaws]


def test_a_whole_manifest() -> None:
    reading = parse_manifest(WHOLE.encode())
    manifest = reading.manifest
    assert manifest is not None and reading.flaws == ()
    python, pip = manifest.dependencies
    assert (python.version, pip.version) == ("3.10", "010.1"), "versions are texts, not numbers"
    assert python.stacks == (StackName("cflinuxfs4"), StackName("debian12"))
    assert str(python.place).startswith("manifest.yml, line 11, dependencies[0] (python 3.10)")
    assert manifest.deprecations[0].day.isoformat() == "2026-10-04"
    assert manifest.profiles["minimal"].exclude == ("pip",)
    assert manifest.pre_package == "scripts/build.sh"
    assert [one.name for one in manifest.entries_for(StackName("debian12"))] == ["python"]
    assert manifest.supports(StackName("debian12")) and not manifest.supports(StackName("windows"))


def test_a_package_is_of_one_stack() -> None:
    text = f"language: a\nstack: x1\ndependencies: [{{name: b, version: 1.0.0, uri: 'http://h/x', sha256: {SHA}}}]"
    manifest = parse_manifest(text.encode()).manifest
    assert manifest is not None
    assert manifest.supports(StackName("x1")) and not manifest.supports(StackName("x2"))
    assert [entry.version for entry in manifest.versions("b", StackName("x1"))] == ["1.0.0"]
    assert manifest.versions("b", StackName("x2")) == ()


def test_where_a_cached_dependency_lies() -> None:
    entry = dependency("b", "1.0.0", "https://example.com/dir/b.tgz?x=1", b"")
    manifest = parse_manifest(f"language: a\ndependencies:\n{entry}".encode()).manifest
    assert manifest is not None
    # md5 of the whole URI, as `printf %s URI | md5sum` gives it.
    import hashlib

    md5 = hashlib.md5(b"https://example.com/dir/b.tgz?x=1", usedforsecurity=False).hexdigest()
    assert str(manifest.dependencies[0].cached_at) == f"dependencies/{md5}/b.tgz"


@pytest.mark.parametrize("uri", ["http://h/", "http://h/..", "http://h", "http://h/a/."])
def test_a_url_without_a_name_still_has_a_place_of_its_own(uri: str) -> None:
    manifest = parse_manifest(f"language: a\ndependencies:\n{dependency('b', '1', uri, b'')}".encode()).manifest
    assert manifest is not None
    assert manifest.dependencies[0].cached_at.parts[0] == "dependencies"
    assert manifest.dependencies[0].cached_at.name == "file"


def test_all_that_is_wrong_is_said_at_once() -> None:
    text = """
language: ../x
stack: a b
dependencies:
- name: one
  version: 1.0.0
  uri: ftp://h/x
  sha256: zz
- just words
- {name: two, version: [1], uri: http://h/x}
default_versions: {name: x}
dependency_deprecation_dates:
- {name: x, version_line: 1.x, date: 2026-02-30}
include_files: [/etc/passwd, ../../secret, ok]
pre_package: ../evil
packaging_profiles: {Bad Name: {}, good: []}
"""
    said = "\n".join(says(text))
    for words in (
        "line 2, language",
        "stack: 'a b'",
        "dependencies[0] (one 1.0.0): uri must be",
        "dependencies[0] (one 1.0.0): sha256",
        "dependencies[1]: it is not a map",
        "dependencies[2].version: it is not a text",
        "dependencies[2] (two): sha256 is missing",
        "default_versions: it is not a list",
        "date must be a day",
        "'/etc/passwd' is no path inside",
        "'../../secret' is no path inside",
        "'../evil' is no program inside",
        "Bad Name",
        "packaging_profiles.good: it is not a map",
    ):
        assert words in said, f"{words!r} is not in\n{said}"


def test_credentials_are_not_repeated() -> None:
    assert "hunter2" not in "".join(
        says("language: a\ndependencies: [{name: b, version: 1, uri: 'ftp://me:hunter2@h/x'}]")
    )


@pytest.mark.parametrize("text", ["", "~", "[]", "a: [", "x", "\t", "language: &a [*a]"])
def test_what_is_no_manifest(text: str) -> None:
    assert says(text)


def test_merged_keys_and_aliases_are_read() -> None:
    text = f"""
language: a
defs: &d {{sha256: {SHA}, cf_stacks: &s [x1], uri: http://h/x}}
dependencies:
- {{<<: *d, name: b, version: 1.0.0}}
- {{name: c, version: 1.0.0, sha256: {SHA}, uri: http://h/y, cf_stacks: *s}}
"""
    reading = parse_manifest(text.encode())
    assert reading.flaws == () and reading.manifest is not None and reading.root is not None
    written = rewritten(reading.root, StackName("x1"), reading.manifest.dependencies, cached=False)
    again = yaml.safe_load(written)
    assert [set(one) for one in again["dependencies"]] == [{"name", "version", "sha256", "uri"}] * 2
    assert again["stack"] == "x1"


def test_a_rewritten_manifest_keeps_every_scalar() -> None:
    reading = parse_manifest(WHOLE.encode())
    assert reading.manifest is not None and reading.root is not None
    kept = reading.manifest.entries_for(StackName("debian12"))
    text = rewritten(reading.root, StackName("debian12"), kept, cached=True).decode()
    assert "version: 3.10\n" in text and "odd: yes\n" in text and "date: 2026-10-04\n" in text
    again = parse_manifest(text.encode())
    assert again.manifest is not None and again.flaws == ()
    assert again.manifest.stack == StackName("debian12")
    assert [(one.name, one.stacks, one.file) for one in again.manifest.dependencies] == [
        ("python", (), kept[0].cached_at)
    ]
    assert text == rewritten(reading.root, StackName("debian12"), kept, cached=True).decode()


def test_for_any_stack_the_stacks_stay() -> None:
    reading = parse_manifest(WHOLE.encode())
    assert reading.manifest is not None and reading.root is not None
    text = rewritten(reading.root, None, reading.manifest.dependencies, cached=False)
    again = parse_manifest(text).manifest
    assert again is not None and again.stack is None
    assert [one.stacks for one in again.dependencies] == [one.stacks for one in reading.manifest.dependencies]


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("language: a")
    (tmp_path / "manifest.yml").symlink_to(tmp_path / "elsewhere")
    assert read_manifest(tmp_path).manifest is None
    with pytest.raises(BadManifest, match=r"manifest\.yml"):
        require_manifest(tmp_path)


def test_a_manifest_of_several_faults_tells_them_in_its_details(tmp_path: Path) -> None:
    (tmp_path / "manifest.yml").write_text("language: a\ndependencies: [{}, {}]")
    with pytest.raises(BadManifest) as raised:
        require_manifest(tmp_path)
    assert raised.value.details().count("\n") == 7


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
keys = st.sampled_from(
    [
        "language",
        "stack",
        "dependencies",
        "default_versions",
        "dependency_deprecation_dates",
        "include_files",
        "exclude_files",
        "pre_package",
        "packaging_profiles",
    ]
)
entry = st.dictionaries(
    st.sampled_from(["name", "version", "uri", "sha256", "cf_stacks", "file", "version_line", "date"]),
    values,
    max_size=8,
)


@settings(deadline=None)
@given(st.dictionaries(keys, values | st.lists(entry, max_size=3), max_size=9))
def test_any_document_is_read_or_refused_in_words(document: dict[str, object]) -> None:
    reading = parse_manifest(yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass"))
    for flaw in reading.flaws:
        assert flaw.where and flaw.says and len(str(flaw)) < 600
    if reading.manifest is not None:
        for path in (
            *(reading.manifest.include_files or ()),
            *(one.cached_at for one in reading.manifest.dependencies),
        ):
            assert not path.is_absolute() and ".." not in path.parts


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    parse_manifest(text)
