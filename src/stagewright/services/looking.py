"""The verb *inspect*: what a droplet or an image holds, as one document."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from stagewright.droplets import BadDroplet, read_facts
from stagewright.droplets.facts import facts_document
from stagewright.images import ImageSummary, LayoutPlace, Place, read_layout, summarise
from stagewright.services.launch import NotRunnable, find_droplet
from stagewright.services.platform import Platform
from stagewright.trees.files import file_digest
from stagewright.trees.listing import list_archive


def inspect_droplet(path: Path, platform: Platform) -> dict[str, object]:
    """What the droplet's file holds, and the facts beside it where they are of this very file.

    Raises NoSuchDroplet, BadDroplet, and what `trees` says of a file that is no archive.
    """
    found = find_droplet(path, platform)
    entries: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for entry in list_archive(found):
        parts = entry.name.removeprefix("./").split("/")
        top = "/".join(parts[:2]) if parts[0] == "deps" and len(parts) > 1 and parts[1] else parts[0]
        entries[top or "."] += 1
        sizes[top or "."] += entry.size
    if not entries["app"]:
        raise BadDroplet(found, "it has no directory 'app'")
    digest = file_digest(found)
    facts = read_facts(found)
    holds = {name: {"entries": entries[name], "bytes": sizes[name]} for name in sorted(entries) if name != "."}
    known = facts_document(facts) if facts is not None and facts.digest == digest else {}
    return {"path": str(found), "digest": str(digest), "size": found.stat().st_size, "holds": holds, **known}


def inspect_image(place: Place) -> dict[str, object]:
    """What an image in a layout holds: platform, layers, config, labels. Raises what reading a layout refuses."""
    if not isinstance(place, LayoutPlace):
        raise NotRunnable(str(place))
    return _image_document(summarise(read_layout(place)))


def _image_document(image: ImageSummary) -> dict[str, object]:
    config = image.config
    return {
        "digest": str(image.digest),
        "id": str(image.id),
        "platform": str(image.platform),
        "size": image.size,
        "layers": [
            {"digest": str(layer.digest), "size": layer.size, "made_by": layer.made_by} for layer in image.layers
        ],
        "entrypoint": list(config.entrypoint),
        "cmd": list(config.cmd),
        "user": config.user,
        "working_dir": config.working_dir,
        "ports": sorted(map(str, config.ports)),
        "env": dict(config.env),
        "labels": dict(config.labels),
        "annotations": dict(image.annotations),
    }
