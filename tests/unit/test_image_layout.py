"""Images as values, and in OCI layouts: written, read back, changed, pruned; and layouts that lie."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagewright.errors import UsageProblem
from stagewright.images import (
    Addition,
    BadDocument,
    BlobMissing,
    ContentMismatch,
    FileLayer,
    History,
    Image,
    LayerNotRead,
    LayerUnreadable,
    LayoutPlace,
    MediaType,
    NameOfWhiteout,
    NoSuchImage,
    NotALayout,
    Platform,
    RefName,
    append_layers,
    empty,
    pack_layer,
    prune_layout,
    read_index,
    read_layout,
    summarise,
    unpack_image,
    with_annotations,
    with_config,
    write_layout,
)
from stagewright.images.documents import MAX_BYTES
from stagewright.model.digest import Digest
from stagewright.model.tree import Bounds, Owner
from stagewright.trees import Compression, Placed

AMD64 = Platform("amd64")
OWNER = Owner(2000, 2000)


def layer(root: Path, name: str, content: bytes, compression: Compression = Compression.GZIP) -> FileLayer:
    """A layer with one file, home/vcap/NAME."""
    root.mkdir(parents=True, exist_ok=True)
    placed = [Placed(None, PurePosixPath("home/vcap", name), content=content)]
    return pack_layer(placed, root / f"{name}.tgz", compression=compression, owner=OWNER)


def shop(root: Path, *, platform: Platform = AMD64, second: bytes = b"two") -> Image:
    """An image of two layers, with a config."""
    image = append_layers(
        empty(platform),
        Addition(layer(root / "layers", "one", b"one"), History(created_by="the first")),
        Addition(layer(root / "layers", f"two-{second.hex()}", second), History(created_by="the second")),
    )
    return with_config(
        image, replace(image.config, env={"A": "b"}, entrypoint=("/lifecycle/launcher",), user="2000:2000")
    )


@dataclass
class Store:
    """A layout that a test made, and ways to spoil it."""

    root: Path
    image: Image = field(init=False)

    def __post_init__(self) -> None:
        self.image = shop(self.root)
        write_layout(self.place(), self.image)

    @property
    def directory(self) -> Path:
        return self.root / "out"

    def place(self, tag: str | None = None) -> LayoutPlace:
        return LayoutPlace(self.directory, RefName(tag) if tag else None)

    def blob(self, digest: Digest) -> Path:
        return self.directory / "blobs/sha256" / digest.hex

    def put(self, document: Any) -> dict[str, Any]:
        """Write a blob of anything; returns a descriptor to put elsewhere."""
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = Digest.of(content)
        self.blob(digest).write_bytes(content)
        return {"mediaType": str(MediaType.MANIFEST), "digest": str(digest), "size": len(content)}

    def index(self, *manifests: dict[str, Any]) -> None:
        (self.directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))

    @property
    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.image.manifest_bytes)
        return found

    @property
    def config(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.image.config_bytes)
        return found

    def names(self) -> set[str]:
        return {str(path.relative_to(self.directory)) for path in self.directory.rglob("*") if not path.is_dir()}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


# --- images as values ---------------------------------------------------------------------------------------------


def test_the_same_image_has_the_same_digest(tmp_path: Path) -> None:
    one, other = shop(tmp_path / "one"), shop(tmp_path / "other")
    assert one == other
    assert one.digest == other.digest
    assert one.manifest_bytes == other.manifest_bytes


def test_the_digest_is_known(tmp_path: Path) -> None:
    """An image without layers depends on nothing but this code: its digest may change with a reason only."""
    assert empty(AMD64).manifest_bytes == (
        b'{"config":{"digest":"sha256:%s","mediaType":"application/vnd.oci.image.config.v1+json","size":%d},"layers":[],'
        b'"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}'
    ) % (Digest.of(empty(AMD64).config_bytes).hex.encode(), len(empty(AMD64).config_bytes))
    assert (
        empty(AMD64).config_bytes == b'{"architecture":"amd64","os":"linux","rootfs":{"diff_ids":[],"type":"layers"}}'
    )


def test_verbs_make_new_images(tmp_path: Path) -> None:
    image = shop(tmp_path)
    before = (image.manifest_bytes, image.config_bytes)
    more = append_layers(image, Addition(layer(tmp_path, "three", b"3"), History(created_by="the third")))
    noted = with_annotations(more, {"a": "1"})
    assert (image.manifest_bytes, image.config_bytes) == before
    assert [one.digest for one in more.layers[:2]] == [one.digest for one in image.layers]
    assert more.config.diff_ids == tuple(one.diff_id for one in more.layers)
    assert [item.created_by for item in more.config.history] == ["the first", "the second", "the third"]
    assert noted.manifest.annotations == {"a": "1"}
    assert with_annotations(noted, {"b": "2"}).manifest.annotations == {"a": "1", "b": "2"}
    assert noted.id == more.id
    assert append_layers(image) is image


def test_the_history_keeps_step_with_the_layers(tmp_path: Path) -> None:
    image = shop(tmp_path)
    bare = with_config(image, replace(image.config, history=(History(comment="no layer", empty_layer=True),)))
    more = append_layers(bare, Addition(layer(tmp_path, "three", b"3"), History(created_by="the third")))
    assert sum(not item.empty_layer for item in more.config.history) == len(more.layers)
    assert more.config.history[-1].created_by == "the third"


def test_a_config_of_other_layers_is_refused(tmp_path: Path) -> None:
    image = shop(tmp_path)
    with pytest.raises(ValueError, match="diff ids"):
        with_config(image, replace(image.config, diff_ids=image.config.diff_ids[:1]))


def test_a_changed_docker_image_becomes_oci(store: Store) -> None:
    """The bytes of the layers stay, their media types change their names (media-types.md, "Compatibility Matrix")."""
    config = store.put({**store.config, "docker_version": "20.10"})
    docker = {
        "schemaVersion": 2,
        "mediaType": str(MediaType.DOCKER_MANIFEST),
        "config": {**config, "mediaType": str(MediaType.DOCKER_CONFIG)},
        "layers": [{**one, "mediaType": str(MediaType.DOCKER_LAYER_GZIP)} for one in store.manifest["layers"]],
    }
    store.index({**store.put(docker), "mediaType": str(MediaType.DOCKER_MANIFEST)})
    read = read_layout(store.place())
    assert read.manifest.media_type is MediaType.DOCKER_MANIFEST
    assert read.digest == Digest.of(json.dumps(docker).encode())
    changed = with_config(read, replace(read.config, user="0"))
    assert changed.manifest.media_type is MediaType.MANIFEST
    assert changed.manifest.config.media_type is MediaType.CONFIG
    assert {one.media_type for one in changed.manifest.layers} == {MediaType.LAYER_GZIP}
    assert changed.config.extra == {"docker_version": "20.10"}
    assert [one.digest for one in changed.layers] == [one.digest for one in store.image.layers]


def test_whiteout_names_cannot_be_packed(tmp_path: Path) -> None:
    (tmp_path / "app/sub").mkdir(parents=True)
    (tmp_path / "app/sub/.wh.x\n").touch()
    with pytest.raises(NameOfWhiteout) as caught:
        pack_layer([Placed(tmp_path / "app", PurePosixPath("app"))], tmp_path / "l", owner=OWNER)
    assert caught.value.brief().endswith(
        r"app/sub/.wh.x\x0a': a name that begins with .wh. stands for a deleted file there."
    )
    with pytest.raises(NameOfWhiteout):
        pack_layer([Placed(None, PurePosixPath("app/.wh.x"), content=b"")], tmp_path / "l", owner=OWNER)
    assert not (tmp_path / "l").exists()


def test_parents_are_in_the_layer(tmp_path: Path) -> None:
    image = append_layers(empty(AMD64), Addition(layer(tmp_path, "x", b"x")))
    into = tmp_path / "tree"
    unpack_image(image, into, bounds=Bounds())
    assert (into / "home/vcap/x").read_bytes() == b"x"


# --- written and read ---------------------------------------------------------------------------------------------


def test_round_trip(store: Store) -> None:
    read = read_layout(store.place("latest"))
    assert read == store.image
    assert read.config == store.image.config
    assert read.platform == AMD64
    assert read.size == store.image.size
    assert read == read_layout(store.place())
    assert store.names() == {
        "oci-layout",
        "index.json",
        *(f"blobs/sha256/{one.digest.hex}" for one in store.image.layers),
        f"blobs/sha256/{store.image.id.hex}",
        f"blobs/sha256/{store.image.digest.hex}",
    }


@given(
    contents=st.lists(st.binary(max_size=50), max_size=3),
    labels=st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
)
@settings(max_examples=20, deadline=None)
def test_any_image_comes_back(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], labels: dict[str, str]
) -> None:
    root = tmp_path_factory.mktemp("image")
    additions = [Addition(layer(root, f"f{number}", content)) for number, content in enumerate(contents)]
    image = append_layers(empty(AMD64), *additions)
    image = with_config(image, replace(image.config, labels=labels))
    place = LayoutPlace(root / "out")
    write_layout(place, image)
    read = read_layout(place)
    assert (read, read.config.labels) == (image, labels)
    unpack_image(read, root / "tree", bounds=Bounds())
    for number, content in enumerate(contents):
        assert (root / "tree/home/vcap" / f"f{number}").read_bytes() == content
    again = write_layout(LayoutPlace(root / "copy"), read)
    assert again.descriptor == image.descriptor
    assert (root / "copy/index.json").read_bytes() == (root / "out/index.json").read_bytes()


def test_layers_are_linked_and_not_written_twice(store: Store) -> None:
    one = store.image.layers[0]
    assert isinstance(one, FileLayer)
    assert store.blob(one.digest).samefile(one.path)
    assert write_layout(store.place("again"), store.image).new_layers == ()
    changed = shop(store.root, second=b"other")
    written = write_layout(store.place(), changed)
    assert written.new_layers == (changed.layers[1].digest,)


def test_layers_from_elsewhere_are_copied_and_verified(store: Store, tmp_path: Path) -> None:
    read = read_layout(store.place())
    assert len(write_layout(LayoutPlace(tmp_path / "copy"), read).new_layers) == 2
    copied = tmp_path / "copy/blobs/sha256" / read.layers[0].digest.hex
    assert not copied.samefile(store.blob(read.layers[0].digest))
    damaged = store.blob(read.layers[0].digest)
    content = damaged.read_bytes()
    damaged.unlink()
    damaged.write_bytes(content[:-1] + b"!")
    with pytest.raises(ContentMismatch):
        write_layout(LayoutPlace(tmp_path / "third"), read)
    assert not (tmp_path / "third/index.json").exists()
    assert not list((tmp_path / "third").glob(".incoming*"))


def test_a_damaged_blob_is_written_again(store: Store) -> None:
    one = store.image.layers[0]
    store.blob(one.digest).unlink()
    store.blob(one.digest).write_bytes(b"x" * one.size)
    assert write_layout(store.place(), store.image).new_layers == (one.digest,)
    unpack_image(read_layout(store.place()), store.root / "tree", bounds=Bounds())


def test_a_layer_file_that_changed_is_noticed(tmp_path: Path) -> None:
    made = layer(tmp_path, "x", b"x")
    with made.path.open("ab") as stream:
        stream.write(b"more")
    image = append_layers(empty(AMD64), Addition(made))
    with pytest.raises(ContentMismatch, match="instead of"):
        write_layout(LayoutPlace(tmp_path / "out"), image)
    made.path.unlink()
    with pytest.raises(LayerUnreadable):
        write_layout(LayoutPlace(tmp_path / "out"), image)


def test_other_tags_are_kept(store: Store) -> None:
    other = shop(store.root, second=b"other")
    write_layout(store.place("v2"), other)
    write_layout(store.place("v3"), other)
    write_layout(store.place("v2"), store.image)
    assert set(read_index(store.directory).tags) == {"latest", "v2", "v3"}
    assert read_layout(store.place()) == store.image
    assert read_layout(store.place("v2")) == store.image
    assert read_layout(store.place("v3")) == other


def test_foreign_entries_of_the_index_are_kept(store: Store) -> None:
    index = json.loads((store.directory / "index.json").read_text())
    foreign = {"mediaType": "application/xml", "digest": str(Digest.of(b"x")), "size": 7, "x": [1]}
    index["manifests"].insert(0, foreign)
    index["annotations"] = {"kept": "yes"}
    (store.directory / "index.json").write_text(json.dumps(index, indent=3))
    write_layout(store.place("v2"), store.image)
    again = json.loads((store.directory / "index.json").read_text())
    assert again["manifests"][0] == foreign
    assert again["annotations"] == {"kept": "yes"}
    assert read_layout(store.place("v2")) == store.image


@pytest.mark.parametrize("left", ["nothing", "marker", "blobs", "incoming"])
def test_what_a_killed_first_writer_left_is_taken_over(store: Store, left: str) -> None:
    (store.directory / "index.json").unlink()
    if left != "marker":
        (store.directory / "oci-layout").unlink()
    if left == "incoming":
        (store.directory / ".incoming-00").write_bytes(b"half")
    write_layout(store.place(), store.image)
    assert read_layout(store.place()) == store.image
    assert not list(store.directory.glob(".incoming*"))


def test_writers_take_turns(store: Store) -> None:
    images = [shop(store.root, second=bytes([number])) for number in range(8)]
    threads = [
        threading.Thread(target=write_layout, args=(store.place(f"t{number}"), image))
        for number, image in enumerate(images)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(read_index(store.directory).tags) == {"latest", *(f"t{number}" for number in range(8))}
    for number, image in enumerate(images):
        assert read_layout(store.place(f"t{number}")) == image


def test_progress_ends_at_the_whole(store: Store) -> None:
    seen: list[tuple[int, int | None]] = []
    write_layout(LayoutPlace(store.root / "x"), store.image, progress=lambda done, total: seen.append((done, total)))
    total = sum(one.size for one in store.image.layers)
    assert seen[-1] == (total, total)


@pytest.mark.parametrize(
    "prepare",
    [
        lambda root: (root / "out").write_text("a file"),
        lambda root: ((root / "out").mkdir(), (root / "out/precious").write_text("x")),
        lambda root: (root / "out").symlink_to("nowhere"),
        lambda root: (
            (root / "elsewhere").mkdir(),
            (root / "out").mkdir(),
            (root / "out/blobs").symlink_to("../elsewhere"),
        ),
    ],
    ids=["a file", "another directory", "a link to nothing", "blobs is a link"],
)
def test_what_is_no_layout_is_left_alone(tmp_path: Path, prepare: Any) -> None:
    image = shop(tmp_path)
    prepare(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(NotALayout):
        write_layout(LayoutPlace(tmp_path / "out"), image)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_broken_index_is_not_overwritten(store: Store) -> None:
    (store.directory / "index.json").write_text("{")
    with pytest.raises(BadDocument, match=r"index\.json"):
        write_layout(store.place(), store.image)
    assert (store.directory / "index.json").read_text() == "{"


# --- which image --------------------------------------------------------------------------------------------------


def test_no_such_tag(store: Store) -> None:
    with pytest.raises(NoSuchImage) as caught:
        read_layout(store.place("v9"))
    assert caught.value.brief() == f"The layout {store.directory} does not hold an image named 'v9'."
    assert caught.value.hint() == "It holds: latest."


def test_no_tag_and_several_images(store: Store) -> None:
    one, other = store.image, shop(store.root, second=b"other")
    directory = store.root / "several"
    write_layout(LayoutPlace(directory, RefName("v1")), one)
    assert read_layout(LayoutPlace(directory)) == one
    write_layout(LayoutPlace(directory, RefName("v1-again")), one)
    assert read_layout(LayoutPlace(directory)) == one
    write_layout(LayoutPlace(directory, RefName("v2")), other)
    with pytest.raises(NoSuchImage) as caught:
        read_layout(LayoutPlace(directory))
    assert caught.value.there == ("v1", "v1-again", "v2")


@pytest.mark.parametrize("nested", [True, False])
def test_the_platform_decides(store: Store, nested: bool) -> None:
    """Both as an index below index.json, which buildx and skopeo write, and as several entries of one tag."""
    images = {name: shop(store.root, platform=Platform.parse_text(name)) for name in ("linux/arm64/v8", "linux/amd64")}
    for name, image in images.items():
        write_layout(store.place(name.replace("/", "-")), image)
    described = [image.descriptor.document() for image in images.values()]
    attestation = {
        **store.put({**store.manifest, "artifactType": "application/x"}),
        "platform": {"os": "unknown", "architecture": "unknown"},
    }
    signature = {**store.put(b"{}"), "artifactType": "application/vnd.signature"}
    entries = [attestation, signature, *described]
    if nested:
        index = {"schemaVersion": 2, "mediaType": str(MediaType.INDEX), "manifests": entries}
        store.index({**store.put(index), "mediaType": str(MediaType.INDEX)})
    else:
        store.index(*entries)
    assert read_layout(store.place(), Platform("amd64")) == images["linux/amd64"]
    assert read_layout(store.place(), Platform("arm64")) == images["linux/arm64/v8"]
    with pytest.raises(NoSuchImage) as caught:
        read_layout(store.place())
    assert caught.value.there == ("linux/arm64/v8", "linux/amd64")
    with pytest.raises(NoSuchImage, match="for linux/s390x"):
        read_layout(store.place(), Platform("s390x"))


def test_the_platform_is_in_the_config_where_the_index_does_not_say(store: Store) -> None:
    store.index(store.put(store.manifest))
    assert read_layout(store.place(), AMD64).platform == AMD64
    with pytest.raises(NoSuchImage, match="for linux/arm64"):
        read_layout(store.place(), Platform("arm64"))


def test_indexes_in_circles_of_names_end(store: Store) -> None:
    """A chain of indexes, each listed many times below the next: followed to a depth, each once."""
    below = {**store.put(store.manifest)}
    for _ in range(10):
        index = {"schemaVersion": 2, "mediaType": str(MediaType.INDEX), "manifests": [below] * 100}
        below = {**store.put(index), "mediaType": str(MediaType.INDEX)}
    store.index(below)
    with pytest.raises(NoSuchImage, match="can be run"):
        read_layout(store.place())
    assert prune_layout(store.directory).blobs > 0


# --- layouts that lie ---------------------------------------------------------------------------------------------


def spoil_directory(store: Store) -> None:
    (store.directory / "oci-layout").unlink()


def spoil_version(store: Store) -> None:
    (store.directory / "oci-layout").write_text('{"imageLayoutVersion":"2.0.0"}')


def spoil_index(store: Store) -> None:
    (store.directory / "index.json").write_text("[" * 100_000)


def spoil_index_size(store: Store) -> None:
    with (store.directory / "index.json").open("w") as stream:
        stream.truncate(MAX_BYTES * 100)


def spoil_index_kind(store: Store) -> None:
    (store.directory / "index.json").unlink()
    os.mkfifo(store.directory / "index.json")


def spoil_index_link(store: Store) -> None:
    (store.directory / "index.json").rename(store.root / "elsewhere")
    (store.directory / "index.json").symlink_to("../elsewhere")


def spoil_traversal(store: Store) -> None:
    (store.root / "secret").write_bytes(b"{}")
    store.index({"mediaType": str(MediaType.MANIFEST), "digest": "sha256:../../../secret", "size": 2})


def spoil_manifest(store: Store) -> None:
    store.blob(store.image.digest).write_bytes(store.image.manifest_bytes.replace(b"vcap", b"root")[:-1] + b" ")


def spoil_manifest_size(store: Store) -> None:
    store.blob(store.image.digest).write_bytes(store.image.manifest_bytes + b" ")


def spoil_manifest_huge(store: Store) -> None:
    store.index({"mediaType": str(MediaType.MANIFEST), "digest": str(store.image.digest), "size": MAX_BYTES + 1})


def spoil_manifest_link(store: Store) -> None:
    store.blob(store.image.digest).rename(store.root / "elsewhere")
    store.blob(store.image.digest).symlink_to(store.root / "elsewhere")


def spoil_blobs_link(store: Store) -> None:
    (store.directory / "blobs").rename(store.root / "elsewhere")
    (store.directory / "blobs").symlink_to("../elsewhere")


def spoil_manifest_kind(store: Store) -> None:
    store.blob(store.image.digest).unlink()
    os.mkfifo(store.blob(store.image.digest))


def spoil_type(store: Store) -> None:
    manifest = {**store.put(store.manifest), "mediaType": str(MediaType.INDEX)}
    store.index(manifest)


def spoil_config(store: Store) -> None:
    store.blob(store.image.id).write_bytes(store.image.config_bytes[:-1] + b" ")


def spoil_layers(store: Store) -> None:
    store.index(store.put({**store.manifest, "layers": store.manifest["layers"][:1]}))


def spoil_artifact(store: Store) -> None:
    config = {**store.manifest["config"], "mediaType": "application/vnd.example+json"}
    store.index(
        {**store.put({**store.manifest, "config": config}), "platform": {"os": "linux", "architecture": "amd64"}}
    )


def lose_manifest(store: Store) -> None:
    store.blob(store.image.digest).unlink()


def lose_config(store: Store) -> None:
    store.blob(store.image.id).unlink()


def lose_layer(store: Store) -> None:
    store.blob(store.image.layers[1].digest).unlink()


def cut_layer(store: Store) -> None:
    path = store.blob(store.image.layers[1].digest)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-1])


LIES: list[tuple[Any, type[UsageProblem], str]] = [
    (spoil_directory, NotALayout, "no file oci-layout"),
    (spoil_version, BadDocument, "imageLayoutVersion"),
    (spoil_index, BadDocument, "nested too deeply"),
    (spoil_index_size, BadDocument, "more than 4 MiB"),
    (spoil_index_kind, NotALayout, "not a regular file"),
    (spoil_index_link, NotALayout, "cannot be read"),
    (spoil_traversal, BadDocument, "manifests[0].digest"),
    (spoil_manifest, ContentMismatch, "expected sha256:"),
    (spoil_manifest_size, ContentMismatch, "bytes instead of"),
    (spoil_manifest_huge, BadDocument, "more than 4 MiB"),
    (spoil_manifest_link, BlobMissing, "a link lies in its place"),
    (spoil_blobs_link, BlobMissing, "not a directory"),
    (spoil_manifest_kind, BlobMissing, "not a regular file"),
    (spoil_type, BadDocument, "field config"),
    (spoil_config, ContentMismatch, "expected sha256:"),
    (spoil_layers, BadDocument, "rootfs.diff_ids"),
    (spoil_artifact, BadDocument, "an artifact, not an image"),
    (lose_manifest, BlobMissing, "no such file"),
    (lose_config, BlobMissing, "no such file"),
    (lose_layer, BlobMissing, "no such file"),
    (cut_layer, ContentMismatch, "bytes instead of"),
]


@pytest.mark.parametrize(("spoil", "problem", "said"), LIES, ids=[lie[0].__name__ for lie in LIES])
def test_a_layout_that_lies_is_refused(store: Store, spoil: Any, problem: type[UsageProblem], said: str) -> None:
    spoil(store)
    with pytest.raises(problem) as caught:
        read_layout(store.place())
    assert said in caught.value.brief()
    assert caught.value.hint()
    assert len(caught.value.brief()) < 700


def test_no_layout_at_all(tmp_path: Path) -> None:
    with pytest.raises(NotALayout, match="no such directory"):
        read_layout(LayoutPlace(tmp_path / "nothing"))


@pytest.mark.parametrize("of_same_size", [True, False])
def test_an_exchanged_layer_is_noticed_before_it_is_unpacked(store: Store, of_same_size: bool) -> None:
    one = store.image.layers[0]
    content = store.blob(one.digest).read_bytes()
    image = read_layout(store.place())
    store.blob(one.digest).unlink()
    store.blob(one.digest).write_bytes(content[:-1] + b"!" if of_same_size else content + b"!")
    with pytest.raises(ContentMismatch):
        unpack_image(image, store.root / "tree", bounds=Bounds())
    assert not list((store.root / "tree").iterdir())


def test_a_false_diff_id_is_noticed(store: Store) -> None:
    diff_ids = [str(Digest.of(b"other")), *store.config["rootfs"]["diff_ids"][1:]]
    config = {**store.put({**store.config, "rootfs": {"type": "layers", "diff_ids": diff_ids}})}
    store.index(store.put({**store.manifest, "config": {**config, "mediaType": str(MediaType.CONFIG)}}))
    with pytest.raises(ContentMismatch, match="The content of the layer"):
        unpack_image(read_layout(store.place()), store.root / "tree", bounds=Bounds())


def test_a_layer_that_cannot_be_unpacked_is_named_first(store: Store) -> None:
    layers = [store.manifest["layers"][0], {**store.manifest["layers"][1], "mediaType": str(MediaType.LAYER_ZSTD)}]
    store.index(store.put({**store.manifest, "layers": layers}))
    with pytest.raises(LayerNotRead, match=r"tar\+zstd"):
        unpack_image(read_layout(store.place()), store.root / "tree", bounds=Bounds())
    assert not (store.root / "tree").exists()


# --- house-keeping, and what a person sees ------------------------------------------------------------------------


def test_prune_removes_what_no_tag_reaches(store: Store) -> None:
    other = shop(store.root, second=b"other")
    write_layout(store.place("v2"), store.image)
    write_layout(store.place(), other)
    assert prune_layout(store.directory).blobs == 0
    write_layout(store.place("v2"), other)
    gone = (store.image.digest, store.image.id, store.image.layers[1].digest)
    sizes = sum(store.blob(digest).stat().st_size for digest in gone)
    assert prune_layout(store.directory).bytes == sizes
    assert not any(store.blob(digest).exists() for digest in gone)
    assert read_layout(store.place()) == other
    assert read_layout(store.place("v2")) == other


def test_prune_touches_nothing_where_it_cannot_tell(store: Store) -> None:
    before = store.names()
    store.blob(store.image.digest).write_bytes(b"?" * len(store.image.manifest_bytes))
    with pytest.raises(ContentMismatch):
        prune_layout(store.directory)
    assert store.names() == before


def test_summary(store: Store) -> None:
    image = with_annotations(store.image, {"org.opencontainers.image.title": "shop"})
    summary = summarise(image)
    assert [one.made_by for one in summary.layers] == ["the first", "the second"]
    assert [one.size for one in summary.layers] == [one.size for one in image.layers]
    assert (
        summary.size
        == image.size
        == sum([len(image.manifest_bytes), len(image.config_bytes), *(one.size for one in image.layers)])
    )
    assert (summary.digest, summary.id, summary.platform) == (image.digest, image.id, AMD64)
    assert summary.config.entrypoint == ("/lifecycle/launcher",)
    assert summary.annotations == {"org.opencontainers.image.title": "shop"}
    nameless = with_config(image, replace(image.config, history=()))
    assert [one.made_by for one in summarise(nameless).layers] == ["", ""]
