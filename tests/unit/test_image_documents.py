"""Descriptors, configs, manifests, indexes: what we write we read again, and what others write badly is named, field by field."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagewright.images import (
    BadDocument,
    Descriptor,
    History,
    ImageConfig,
    Index,
    Manifest,
    MediaType,
    OtherMediaType,
    Platform,
    Port,
    Protocol,
    RefName,
)
from stagewright.images.documents import MAX_BYTES, canonical, parse
from stagewright.model.digest import Digest

TEXT = st.text(max_size=30)
NAMES = st.text(st.characters(exclude_characters="="), min_size=1, max_size=20)
DIGESTS = st.binary(max_size=8).map(Digest.of)
WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
FOREIGN = st.dictionaries(
    TEXT.map("x-".__add__),
    st.recursive(
        st.booleans() | st.integers(-(1 << 60), 1 << 60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)
PLATFORMS = st.builds(
    Platform,
    architecture=WORDS,
    os=WORDS,
    variant=st.just("") | WORDS,
    os_version=st.just("") | WORDS,
    os_features=st.lists(WORDS, max_size=2).map(tuple),
)
HISTORIES = st.builds(
    History,
    created_by=TEXT,
    comment=TEXT,
    author=TEXT,
    created=TEXT,
    empty_layer=st.booleans(),
    extra=FOREIGN,
)
CONFIGS = st.builds(
    ImageConfig,
    platform=PLATFORMS,
    env=st.dictionaries(NAMES, TEXT, max_size=4),
    entrypoint=st.lists(TEXT, max_size=3).map(tuple),
    cmd=st.lists(TEXT, max_size=3).map(tuple),
    user=TEXT,
    working_dir=TEXT,
    ports=st.frozensets(st.builds(Port, st.integers(1, 65535), st.sampled_from(Protocol)), max_size=3),
    volumes=st.frozensets(TEXT, max_size=3),
    labels=st.dictionaries(TEXT, TEXT, max_size=4),
    stop_signal=TEXT,
    diff_ids=st.lists(DIGESTS, max_size=3).map(tuple),
    history=st.lists(HISTORIES, max_size=3).map(tuple),
    created=TEXT,
    author=TEXT,
    extra=FOREIGN,
    run_extra=FOREIGN,
)
MEDIA_TYPES = st.sampled_from(MediaType) | WORDS.map(lambda word: OtherMediaType(f"application/vnd.{word}+json"))
DESCRIPTORS = st.builds(
    Descriptor,
    media_type=MEDIA_TYPES,
    digest=DIGESTS,
    size=st.integers(0, (1 << 63) - 1),
    annotations=st.dictionaries(TEXT, TEXT, max_size=3),
    platform=st.none() | PLATFORMS,
    urls=st.lists(TEXT, max_size=2).map(tuple),
    artifact_type=st.none() | MEDIA_TYPES,
    extra=FOREIGN,
)
MANIFESTS = st.builds(
    Manifest,
    config=DESCRIPTORS,
    layers=st.lists(DESCRIPTORS, max_size=3).map(tuple),
    media_type=st.sampled_from([MediaType.MANIFEST, MediaType.DOCKER_MANIFEST]),
    annotations=st.dictionaries(TEXT, TEXT, max_size=3),
    subject=st.none() | DESCRIPTORS,
    artifact_type=st.none() | MEDIA_TYPES,
    extra=FOREIGN,
)
INDEXES = st.builds(
    Index,
    manifests=st.lists(DESCRIPTORS, max_size=3).map(tuple),
    media_type=st.sampled_from([MediaType.INDEX, MediaType.DOCKER_INDEX]),
    annotations=st.dictionaries(TEXT, TEXT, max_size=3),
    subject=st.none() | DESCRIPTORS,
    artifact_type=st.none() | MEDIA_TYPES,
    extra=FOREIGN,
)
DIGEST = str(Digest.of(b"content"))
DESCRIPTOR: dict[str, Any] = {"mediaType": str(MediaType.CONFIG), "digest": DIGEST, "size": 7}
MANIFEST: dict[str, Any] = {"schemaVersion": 2, "config": DESCRIPTOR, "layers": [DESCRIPTOR]}
CONFIG: dict[str, Any] = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [DIGEST]}}


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


# --- what we write, we read ---------------------------------------------------------------------------------------


@given(CONFIGS)
def test_config_round_trip(config: ImageConfig) -> None:
    assert ImageConfig.parse(config.to_bytes(), "here") == config


@given(MANIFESTS)
def test_manifest_round_trip(manifest: Manifest) -> None:
    assert Manifest.parse(manifest.to_bytes(), "here") == manifest


@given(INDEXES)
def test_index_round_trip(index: Index) -> None:
    assert Index.parse(index.to_bytes(), "here") == index


@given(CONFIGS)
def test_equal_configs_are_equal_bytes(config: ImageConfig) -> None:
    """Whatever order maps and sets were made in: that is what makes the digest of an image repeatable."""
    env = dict(reversed(list(config.env.items())))
    labels = dict(reversed(list(config.labels.items())))
    again = ImageConfig.parse(json.dumps(json.loads(config.to_bytes()), indent=2).encode(), "here")
    assert again.to_bytes() == config.to_bytes()
    assert replace(config, env=env, labels=labels).to_bytes() == config.to_bytes()


def test_canonical_form() -> None:
    assert canonical({"b": 1, "a": {"d": "ü", "c": []}}) == b'{"a":{"c":[],"d":"\\u00fc"},"b":1}'


def test_config_as_the_specification_names_its_fields() -> None:
    config = ImageConfig(
        Platform("arm64", "linux", variant="v8"),
        env={"PATH": "/bin", "A": "b=c"},
        entrypoint=("/lifecycle/launcher",),
        cmd=("web",),
        user="2000:2000",
        working_dir="/home/vcap",
        ports=frozenset({Port(8080), Port(53, Protocol.UDP)}),
        labels={"x": "y"},
        diff_ids=(Digest.of(b"content"),),
        history=(History(created_by="us"), History(comment="no layer", empty_layer=True)),
    )
    assert json.loads(config.to_bytes()) == {
        "architecture": "arm64",
        "os": "linux",
        "variant": "v8",
        "config": {
            "Env": ["A=b=c", "PATH=/bin"],
            "Entrypoint": ["/lifecycle/launcher"],
            "Cmd": ["web"],
            "User": "2000:2000",
            "WorkingDir": "/home/vcap",
            "ExposedPorts": {"8080/tcp": {}, "53/udp": {}},
            "Labels": {"x": "y"},
        },
        "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
        "history": [{"created_by": "us"}, {"comment": "no layer", "empty_layer": True}],
    }


def test_a_docker_config_is_read_and_what_we_do_not_know_is_kept() -> None:
    foreign = {
        **CONFIG,
        "config": {
            "Hostname": "abc",
            "Env": ["PATH=/bin", "BARE", "PATH=/usr/bin"],
            "Cmd": None,
            "Entrypoint": None,
            "ExposedPorts": {"80": {}, "443/tcp": {}},
            "Healthcheck": {"Test": ["CMD", "true"]},
            "Labels": None,
        },
        "container_config": {"Tty": False},
        "docker_version": "20.10",
        "history": None,
    }
    config = ImageConfig.parse(encoded(foreign), "here")
    assert config.env == {"PATH": "/usr/bin", "BARE": ""}
    assert config.ports == {Port(80), Port(443)}
    assert (config.entrypoint, config.cmd, config.labels, config.history) == ((), (), {}, ())
    written = json.loads(config.to_bytes())
    assert written["docker_version"] == "20.10"
    assert written["container_config"] == {"Tty": False}
    assert written["config"]["Healthcheck"] == {"Test": ["CMD", "true"]}
    assert written["config"]["Hostname"] == "abc"


def test_docker_names_of_media_types() -> None:
    for media_type in MediaType:
        assert media_type.oci.value.startswith("application/vnd.oci.")
        assert media_type.oci.oci is media_type.oci


# --- what others write badly --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not JSON"),
        (b"\xff{}", "is not JSON"),
        (b"[]", "is a list, not an object"),
        (b"null", "is null, not an object"),
        (b"{" + b'"a":{' * 100_000, "nested too deeply"),
        (b'{"a":' + b"[" * 70 + b"]" * 70 + b"}", "nested too deeply"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b'{"a": "' + b"x" * MAX_BYTES + b'"}', "more than 4 MiB"),
    ],
)
def test_hostile_json(content: bytes, said: str) -> None:
    with pytest.raises(BadDocument, match=said) as caught:
        parse(content, "the/file")
    assert caught.value.source == "the/file"
    assert len(caught.value.brief()) < 300


def changed(document: dict[str, Any], path: list[Any], value: object) -> bytes:
    copy: Any = json.loads(json.dumps(document))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return encoded(copy)


ESCAPE = "../../../../etc/passwd"


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (["schemaVersion"], 1, "schemaVersion"),
        (["schemaVersion"], "2", "schemaVersion"),
        (["schemaVersion"], True, "schemaVersion"),
        (["mediaType"], str(MediaType.INDEX), "mediaType"),
        (["manifests"], [], "manifests"),
        (["config"], None, "config"),
        (["config"], [], "config"),
        (["config", "digest"], None, "config.digest"),
        (["config", "digest"], ESCAPE, "config.digest"),
        (["config", "digest"], f"sha256:{ESCAPE}", "config.digest"),
        (["config", "digest"], "sha256:" + "A" * 64, "config.digest"),
        (["config", "digest"], "sha512:" + "a" * 128, "config.digest"),
        (["config", "digest"], 7, "config.digest"),
        (["config", "size"], -1, "config.size"),
        (["config", "size"], 1.5, "config.size"),
        (["config", "size"], 1 << 64, "config.size"),
        (["config", "size"], False, "config.size"),
        (["config", "mediaType"], "no type", "config.mediaType"),
        (["layers"], {}, "layers"),
        (["layers", 0], "layer", "layers[0]"),
        (["layers", 0, "digest"], "md5:00", "layers[0].digest"),
        (["annotations"], {"a": 1}, "annotations.a"),
        (["annotations"], {"\x1b[2J" * 50: 1}, "annotations.\\x1b[2J"),
        (["subject"], {"digest": DIGEST}, "subject.mediaType"),
    ],
)
def test_bad_manifest_names_the_field(path: list[Any], value: object, field: str) -> None:
    with pytest.raises(BadDocument) as caught:
        Manifest.parse(changed(MANIFEST, path, value), "the/file")
    assert caught.value.field.startswith(field)
    assert caught.value.brief().startswith("the/file, field ")
    assert caught.value.brief().isprintable()
    assert len(caught.value.brief()) < 400


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (["architecture"], None, "architecture"),
        (["architecture"], "", "architecture"),
        (["os"], 5, "os"),
        (["rootfs"], None, "rootfs"),
        (["rootfs", "type"], "squashfs", "rootfs.type"),
        (["rootfs", "diff_ids"], [DIGEST, "nope"], "rootfs.diff_ids[1]"),
        (["rootfs", "diff_ids"], DIGEST, "rootfs.diff_ids"),
        (["config"], [], "config"),
        (["config"], {"Env": ["=x"]}, "config.Env[0]"),
        (["config"], {"Env": {"A": "b"}}, "config.Env"),
        (["config"], {"Cmd": "sh"}, "config.Cmd"),
        (["config"], {"Entrypoint": [1]}, "config.Entrypoint[0]"),
        (["config"], {"ExposedPorts": {"99999/tcp": {}}}, "config.ExposedPorts.99999/tcp"),
        (["config"], {"ExposedPorts": {"80/icmp": {}}}, "config.ExposedPorts.80/icmp"),
        (["config"], {"Labels": {"a": None}}, "config.Labels.a"),
        (["history"], [{"empty_layer": "yes"}], "history[0].empty_layer"),
        (["history"], [7], "history[0]"),
    ],
)
def test_bad_config_names_the_field(path: list[Any], value: object, field: str) -> None:
    with pytest.raises(BadDocument) as caught:
        ImageConfig.parse(changed(CONFIG, path, value), "the/file")
    assert caught.value.field == field


def test_an_index_that_is_also_a_manifest_is_refused() -> None:
    """CVE-2021-41190: one document, two readings."""
    both = {"schemaVersion": 2, "manifests": [], "config": DESCRIPTOR, "layers": []}
    with pytest.raises(BadDocument, match="belongs to a manifest"):
        Index.parse(encoded(both), "here")
    with pytest.raises(BadDocument, match="belongs to an index"):
        Manifest.parse(encoded(both), "here")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for read in (Manifest.parse, Index.parse, ImageConfig.parse):
        with pytest.raises(BadDocument):
            read(content, "here")


@given(st.recursive(st.none() | st.booleans() | st.integers() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["schemaVersion", "config", "layers", "digest", "size", "mediaType", "manifests", "annotations", "platform"]),
    inner), max_leaves=20))  # fmt: skip
def test_any_json_is_read_or_refused(document: object) -> None:
    for read in (Manifest.parse, Index.parse, ImageConfig.parse):
        try:
            read(encoded(document), "here")
        except BadDocument as problem:
            assert problem.brief()


# --- platforms and tags -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made_for", "wanted", "serves"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64", "linux/arm64", False),
        ("windows/amd64", "linux/amd64", False),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm/v6", "linux/arm/v7", False),
    ],
)
def test_platforms(made_for: str, wanted: str, serves: bool) -> None:
    assert Platform.parse_text(made_for).runs_on(Platform.parse_text(wanted)) is serves


@pytest.mark.parametrize("text", ["", "linux", "linux/", "/amd64", "a/b/c/d"])
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(ValueError, match="not a platform"):
        Platform.parse_text(text)


def test_a_tag_moves_and_others_stay() -> None:
    first, second = (Descriptor(MediaType.MANIFEST, Digest.of(content), 1) for content in (b"1", b"2"))
    index = Index().with_tag(RefName("v1"), first).with_tag(RefName("latest"), first).with_tag(RefName("v1"), second)
    assert set(index.tags) == {"latest", "v1"}
    assert [entry.digest for entry in index.named(RefName("v1"))] == [second.digest]
    assert [entry.digest for entry in index.named(RefName("latest"))] == [first.digest]
