"""A staged app becomes an image: the stack's layer below, the slices of the droplet above, and a config that starts
the launcher."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from stagewright import __version__
from stagewright.droplets import Slice, launch_files, slices, staging_info
from stagewright.images import (
    Addition,
    ArchivePlace,
    FileLayer,
    History,
    Image,
    ImageName,
    LayoutPlace,
    Platform,
    Port,
    RefName,
    append_layers,
    empty,
    pack_layer,
    with_config,
    write_archive,
    write_layout,
)
from stagewright.model.build import Droplet, ImageForm, ImageTarget, WrittenImage, WrittenLayer
from stagewright.model.digest import Digest
from stagewright.model.events import Progressed
from stagewright.model.layout import LAUNCHER, VCAP_ID
from stagewright.model.stack import Stack
from stagewright.model.tree import Owner
from stagewright.ports.events import EventSink
from stagewright.ports.keeping import Workspace
from stagewright.staging.environment import LOCALE, PATH
from stagewright.trees.private import make_private

_OPENCONTAINERS = "org.opencontainers.image"
_OURS = "io.stagewright"
_PORT = 8080
_PART = re.compile(r"\.{1,2}part-([1-9][0-9]*)-")
"""An unfinished layer and the process that writes it. Two dots: what `trees.pack` writes beside it, where the file system has
no unnamed files."""


def write_image(
    stack: Stack, droplet: Droplet, workspace: Workspace, target: ImageTarget, layers: Path, events: EventSink
) -> WrittenImage:
    """Write the image of the app that lies in ``workspace`` to ``target``. Layers are kept in ``layers``, by what they hold.

    Raises what `images` and `trees` raise: DiskFull, files that no layer can hold.
    """
    base = FileLayer(stack.layer.path, stack.layer.digest, stack.layer.diff_id, stack.layer.size)
    info = staging_info(droplet.detected, droplet.processes, droplet.entrypoint_prefix, droplet.has_config)
    launch = launch_files(droplet.processes, droplet.entrypoint_prefix, slug_home=droplet.wants_slug_home)
    cut = slices(workspace.app, workspace.deps, workspace.profile_d, info, launch)
    make_private(layers)
    remove_dead_parts(layers)
    made = [_layer(one, layers, events) for one in cut]
    image = _image(stack, droplet, base, [(one.what, layer) for one, (layer, _) in zip(cut, made, strict=True)])
    _write(image, target, droplet, events)
    written = (
        WrittenLayer(f"stack {stack.name}", base.digest, base.size, reused=True),
        *(
            WrittenLayer(one.what, layer.digest, layer.size, reused)
            for one, (layer, reused) in zip(cut, made, strict=True)
        ),
    )
    return WrittenImage(target, image.digest, written)


def _layer(one: Slice, layers: Path, events: EventSink) -> tuple[FileLayer, bool]:
    """The layer of a slice, and whether it was there already. It is written beside the others and found by its content."""
    part = layers / f".part-{os.getpid()}-{os.urandom(6).hex()}"
    try:
        packed = pack_layer(
            one.placed,
            part,
            owner=Owner(VCAP_ID, VCAP_ID),
            progress=lambda done, total: events(Progressed(f"Packing the layer {one.what}", done, total)),
        )
        kept = layers / f"{packed.digest.hex}.tgz"
        reused = kept.exists()
        part.replace(kept)
    finally:
        part.unlink(missing_ok=True)
    return replace(packed, path=kept), reused


def remove_dead_parts(layers: Path) -> int:
    """Remove the unfinished layers of processes that are gone; returns the bytes that were freed."""
    freed = 0
    for path in tuple(layers.iterdir()) if layers.is_dir() else ():
        part = _PART.match(path.name)
        if part and not _lives(int(part[1])):
            with suppress(FileNotFoundError):  # another run removes them, too
                size = path.lstat().st_blocks * 512
                path.unlink()
                freed += size
    return freed


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _image(stack: Stack, droplet: Droplet, base: FileLayer, made: list[tuple[str, FileLayer]]) -> Image:
    platform = Platform(stack.architecture, "linux")
    bottom = append_layers(
        empty(platform), Addition(base, History(created_by=f"stack {stack.name} {stack.run.digest}"))
    )
    base_digest = bottom.digest
    additions = [Addition(layer, History(created_by=f"stagewright: {what}")) for what, layer in made]
    image = append_layers(bottom, *additions)
    return with_config(
        image,
        replace(
            image.config,
            env={"PATH": PATH, "LANG": LOCALE, "HOME": "/home/vcap/app"},
            entrypoint=(str(LAUNCHER),),
            user=f"{VCAP_ID}:{VCAP_ID}",
            working_dir="/home/vcap/app",
            ports=frozenset({Port(_PORT)}),
            labels=_labels(stack, droplet, base_digest),
        ),
    )


def _labels(stack: Stack, droplet: Droplet, base_digest: Digest) -> dict[str, str]:
    """docs/reference/labels.md. Nothing timed and nothing secret: the same droplet gives the same image."""
    return {
        f"{_OPENCONTAINERS}.title": str(droplet.app),
        f"{_OPENCONTAINERS}.base.name": str(stack.name),
        f"{_OPENCONTAINERS}.base.digest": str(base_digest),
        f"{_OURS}.version": __version__,
        f"{_OURS}.droplet": str(droplet.tree),
        f"{_OURS}.stack": str(stack.name),
        f"{_OURS}.stack.digest": str(stack.digest),
        f"{_OURS}.buildpacks": ",".join(
            f"{used.name}@{used.version or used.digest.short}" for used in droplet.buildpacks
        ),
        f"{_OURS}.processes": ",".join(process.type for process in droplet.processes.types),
        **({f"{_OURS}.package": str(droplet.package)} if droplet.package else {}),
    }


def _named_after(droplet: Droplet) -> ImageName | None:
    """The name that ``docker load`` gives an image that nobody named: the app's, where that can be one."""
    try:
        return ImageName.parse(str(droplet.app).lower())
    except ValueError:
        return None


def _write(image: Image, target: ImageTarget, droplet: Droplet, events: EventSink) -> None:
    def progress(done: int, total: int | None) -> None:
        events(Progressed("Writing the image", done, total))

    target.path.parent.mkdir(parents=True, exist_ok=True)
    if target.form is ImageForm.OCI:
        write_layout(LayoutPlace(target.path, RefName(target.tag)), image, progress=progress)
    else:
        name = ImageName.parse(target.tag) if target.tag else _named_after(droplet)
        write_archive(ArchivePlace(target.path, name), image, progress=progress)
