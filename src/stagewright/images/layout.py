"""OCI image layouts: images in a directory (OCI image-spec 1.1, image-layout.md).

Blobs are written first, each by rename, and index.json last, so a reader sees an image whole or not at all. Writers of one layout
take turns by a lock on its directory.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stagewright.errors import UsageProblem
from stagewright.images.blobs import INCOMING, BlobLayer, BlobMissing, Blobs, NotALayout, open_within
from stagewright.images.config import ImageConfig
from stagewright.images.descriptor import Descriptor, Platform
from stagewright.images.documents import MAX_BYTES, BadDocument, canonical, parse
from stagewright.images.image import Image
from stagewright.images.layer import Layer
from stagewright.images.manifest import Index, Manifest
from stagewright.images.media_types import CONFIGS, IMAGES, INDEXES
from stagewright.images.references import LATEST, LayoutPlace, RefName
from stagewright.model.digest import Digest
from stagewright.ports.progress import Progress, silent
from stagewright.trees.problems import writing

MARKER = PurePosixPath("oci-layout")
INDEX = PurePosixPath("index.json")
_VERSION = "1.0.0"
_NESTED = 4
"""Levels of indexes below index.json that are followed."""


@dataclass(eq=False)
class NoSuchImage(UsageProblem):
    """A layout that does not hold what was asked for, or more than one image where none was named."""

    directory: Path
    wanted: str
    """What was asked for, as the end of a sentence: ``an image named 'v1'``."""
    there: tuple[str, ...]
    """The tags, or platforms, that it does hold."""

    def brief(self) -> str:
        return f"The layout {self.directory} does not hold {self.wanted}."

    def hint(self) -> str:
        if not self.there:
            return "It holds no image that has a name."
        return f"It holds: {', '.join(self.there[:20])}{', …' if len(self.there) > 20 else ''}."


@dataclass(frozen=True)
class Written:
    """What writing an image changed in a layout."""

    descriptor: Descriptor
    tag: RefName
    new_layers: tuple[Digest, ...]
    """Those that were not there before."""


@dataclass(frozen=True)
class Pruned:
    """What `prune_layout` removed."""

    blobs: int
    bytes: int


def write_layout(place: LayoutPlace, image: Image, *, progress: Progress = silent) -> Written:
    """Put ``image`` at ``place``, as ``latest`` where it names no tag; a new layout where there is none, other tags untouched.

    Raises NotALayout where the directory holds something else, BadDocument where its index cannot be read, ContentMismatch
    where a layer is not what it claims, DiskFull, TreeFailure.
    """
    tag = place.tag or LATEST
    blobs = Blobs(place.directory)
    with _locked(place.directory):
        index = _index_to_extend(place.directory)
        blobs.make()
        blobs.sweep()
        if index is None:
            blobs.replace_file(MARKER.name, canonical({"imageLayoutVersion": _VERSION}))
        new_layers = _add_layers(blobs, image, progress)
        blobs.add(image.config_bytes)
        blobs.add(image.manifest_bytes)
        blobs.replace_file(INDEX.name, (index or Index()).with_tag(tag, image.descriptor).to_bytes())
    return Written(image.descriptor, tag, new_layers)


def read_index(directory: Path) -> Index:
    """The index.json of a layout. Raises NotALayout, BadDocument."""
    marker = parse(_file(directory, MARKER), str(directory / MARKER))
    version = marker.text("imageLayoutVersion")
    if not version.startswith("1."):
        raise marker.problem("imageLayoutVersion", f"it is {version[:20]!r}, and only {_VERSION!r} can be read")
    return Index.parse(_file(directory, INDEX), str(directory / INDEX))


def read_layout(place: LayoutPlace, platform: Platform | None = None) -> Image:
    """The image at ``place``: by its tag, else the one tagged ``latest``, else the only one; of ``platform``, else the only one.

    Manifest and config are verified, layers must be there in the right size and are verified when they are read.
    Raises NotALayout, NoSuchImage, BadDocument, BlobMissing, ContentMismatch.
    """
    blobs = Blobs(place.directory)
    named = _named(read_index(place.directory), place)
    return _image(blobs, _chosen(blobs, named, platform))


def prune_layout(directory: Path) -> Pruned:
    """Remove the blobs that no tag reaches. Raises NotALayout, BadDocument, ContentMismatch, TreeFailure."""
    blobs = Blobs(directory)
    with _locked(directory):
        kept: set[Digest] = set()
        _reach(blobs, read_index(directory).manifests, kept)
        blobs.sweep()
        return Pruned(*blobs.remove_all_but(frozenset(kept)))


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with writing(directory):
        if not directory.is_dir():
            if directory.exists() or directory.is_symlink():
                raise NotALayout(directory, "it is not a directory")
            directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(
            OSError
        ):  # some network file systems have no locks; what is written by rename stays whole there, too
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _index_to_extend(directory: Path) -> Index | None:
    """The index that is there; None for a new layout, or one whose first writer was killed before it was whole."""
    there = {entry.name for entry in directory.iterdir() if not entry.name.startswith(INCOMING)}
    if not there or there <= {"blobs"}:
        return None
    if MARKER.name not in there:
        raise NotALayout(directory, "it holds other files")
    if INDEX.name not in there:
        return None
    return read_index(directory)


def _add_layers(blobs: Blobs, image: Image, progress: Progress) -> tuple[Digest, ...]:
    layers: dict[Digest, Layer] = {layer.digest: layer for layer in image.layers}
    total, done, new = sum(layer.size for layer in layers.values()), 0, []
    for digest, layer in layers.items():
        if blobs.add_layer(layer):
            new.append(digest)
        done += layer.size
        progress(done, total)
    return tuple(new)


def _file(directory: Path, name: PurePosixPath) -> bytes:
    try:
        with open_within(directory, name) as stream:
            return stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        reason = f"it has no file {name}" if directory.is_dir() else "there is no such directory"
        raise NotALayout(directory, reason) from error
    except OSError as error:
        raise NotALayout(directory, f"its {name} cannot be read ({(error.strerror or str(error)).lower()})") from error


def _named(index: Index, place: LayoutPlace) -> tuple[Descriptor, ...]:
    if place.tag is not None:
        found = index.named(place.tag)
        if not found:
            raise NoSuchImage(place.directory, f"an image named '{place.tag}'", index.tags)
        return found
    if latest := index.named(LATEST):
        return latest
    names = {entry.ref_name for entry in index.manifests}
    if len(names) > 1 and len({entry.digest for entry in index.manifests}) > 1:
        raise NoSuchImage(place.directory, "an image named 'latest', and none was named", index.tags)
    return index.manifests


def _chosen(blobs: Blobs, named: tuple[Descriptor, ...], platform: Platform | None) -> Descriptor:
    """The one image among ``named`` that serves ``platform``; the first where several do (image-index.md)."""
    found: dict[Digest, Descriptor] = {}
    _gather(blobs, named, found, set(), _NESTED)
    candidates = [(descriptor, _platform_of(blobs, descriptor)) for descriptor in found.values()]
    runnable = [(descriptor, made_for) for descriptor, made_for in candidates if made_for is not None]
    there = tuple(dict.fromkeys(str(made_for) for _, made_for in runnable))
    if platform is None:
        if len(runnable) == 1:
            return runnable[0][0]
        wanted = "an image that can be run" if not runnable else "one image alone, and no platform was named"
        raise NoSuchImage(blobs.directory, wanted, there)
    for descriptor, made_for in runnable:
        if made_for.runs_on(platform):
            return descriptor
    raise NoSuchImage(blobs.directory, f"an image for {platform}", there)


def _gather(
    blobs: Blobs,
    entries: tuple[Descriptor, ...],
    found: dict[Digest, Descriptor],
    seen: set[Digest],
    levels: int,
) -> None:
    for entry in entries:
        if entry.media_type in IMAGES:
            found.setdefault(entry.digest, entry)
        elif entry.media_type in INDEXES and entry.digest not in seen and levels:
            seen.add(entry.digest)
            _gather(blobs, _index(blobs, entry).manifests, found, seen, levels - 1)


def _platform_of(blobs: Blobs, descriptor: Descriptor) -> Platform | None:
    """What it says in the index, else in its config; None for artifacts such as attestations, which nothing runs."""
    if descriptor.artifact_type is not None and descriptor.artifact_type not in CONFIGS:
        return None
    if descriptor.platform is not None:
        return None if descriptor.platform.os == "unknown" else descriptor.platform
    manifest = _manifest(blobs, descriptor)
    if manifest.config.media_type not in CONFIGS:
        return None
    return ImageConfig.parse(blobs.read(manifest.config), _source(blobs, manifest.config)).platform


def _image(blobs: Blobs, descriptor: Descriptor) -> Image:
    manifest_bytes = blobs.read(descriptor)
    manifest = _manifest(blobs, descriptor)
    if manifest.config.media_type not in CONFIGS:
        reason = f"it is {str(manifest.config.media_type)!r}: an artifact, not an image that can be run"
        raise BadDocument(_source(blobs, descriptor), "config.mediaType", reason)
    config_bytes = blobs.read(manifest.config)
    config_source = _source(blobs, manifest.config)
    config = ImageConfig.parse(config_bytes, config_source)
    if len(config.diff_ids) != len(manifest.layers):
        reason = f"there are {len(config.diff_ids)} of them, for {len(manifest.layers)} layers"
        raise BadDocument(config_source, "rootfs.diff_ids", reason)
    layers = tuple(
        BlobLayer(blobs, layer, diff_id) for layer, diff_id in zip(manifest.layers, config.diff_ids, strict=True)
    )
    for layer in layers:
        layer.open().close()
    return Image(manifest_bytes, config_bytes, layers)


def _manifest(blobs: Blobs, descriptor: Descriptor) -> Manifest:
    source = _source(blobs, descriptor)
    manifest = Manifest.parse(blobs.read(descriptor), source)
    if manifest.media_type.oci != descriptor.media_type.oci:
        raise BadDocument(source, "mediaType", f"it is {str(manifest.media_type)!r}, its descriptor says otherwise")
    return manifest


def _index(blobs: Blobs, descriptor: Descriptor) -> Index:
    return Index.parse(blobs.read(descriptor), _source(blobs, descriptor))


def _source(blobs: Blobs, descriptor: Descriptor) -> str:
    return str(blobs.path(descriptor.digest))


def _reach(blobs: Blobs, tagged: tuple[Descriptor, ...], kept: set[Digest]) -> None:
    """All that ``tagged`` leads to. A blob may be missing (image-layout.md): then there is nothing to keep below it."""
    ahead = list(tagged)
    while ahead:
        descriptor = ahead.pop()
        if descriptor.digest in kept:
            continue
        kept.add(descriptor.digest)
        with suppress(BlobMissing):
            if descriptor.media_type in INDEXES:
                ahead.extend(_index(blobs, descriptor).manifests)
            elif descriptor.media_type in IMAGES:
                manifest = _manifest(blobs, descriptor)
                kept.update(below.digest for below in (manifest.config, *manifest.layers))
