"""The pages of the droplet and of the image name what the code writes: every field, layer and label, and no other."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stagewright.droplets import write_droplet
from stagewright.droplets.facts import SCHEMA, facts_document
from stagewright.images import ImageConfig, LayoutPlace, pack_layer, read_layout
from stagewright.model.build import Droplet, ImageForm, ImageTarget, UsedBuildpack
from stagewright.model.digest import Digest
from stagewright.model.names import AppName, StackName
from stagewright.model.process import Process, Processes, Sidecar
from stagewright.model.stack import Stack, StackLayer, StackRoot
from stagewright.model.tree import Owner
from stagewright.ports.events import deaf
from stagewright.ports.keeping import Workspace
from stagewright.staging.imaging import write_image

REFERENCE = Path(__file__).resolve().parent.parent.parent / "docs" / "reference"
SOME = Digest.of(b"some")

DROPLET = Droplet(
    path=Path("shop.tgz"),
    digest=SOME,
    tree=SOME,
    size=1,
    unpacked_size=2,
    app=AppName("shop"),
    stack=StackName("debian12"),
    stack_digest=SOME,
    buildpacks=(UsedBuildpack("python", "python", "0.1.0", SOME, "0", "wrap", {"any": "thing"}),),
    detected="python",
    processes=Processes((Process("web", "run"),), (Sidecar("side", "run", ("web",), 64),)),
    entrypoint_prefix="wrap",
    package=SOME,
    plan=SOME,
)


def first_cells(page: str, heading: str) -> list[str]:
    """What stands in backticks in the first column of the table below ``heading``."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    section = re.split(r"^##+ ", text.partition(f"\n## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def fields(document: object, at: str = "") -> Iterator[str]:
    """The fields of JSON values by path; those of a free-form map are not told apart."""
    if isinstance(document, list):
        yield at
        for item in document:
            yield from (name for name in fields(item, f"{at}[]") if isinstance(item, dict))
    elif isinstance(document, dict) and not at.endswith("output_metadata"):
        for name, value in document.items():
            yield from fields(value, f"{at}.{name}" if at else name)
    else:
        yield at


def test_the_page_of_the_droplet_names_every_field_of_its_facts() -> None:
    said = first_cells("droplet.md", "FILE.tgz.json")
    assert len(said) == len(set(said))
    assert set(said) == set(fields(facts_document(DROPLET)))
    assert f"`{SCHEMA}`" in (REFERENCE / "droplet.md").read_text(encoding="utf-8")


def test_the_page_of_the_droplet_names_every_entry_of_its_tar(tmp_path: Path) -> None:
    for directory in ("app", "deps/0", "profile.d"):
        (tmp_path / directory).mkdir(parents=True)
    app, deps, profile_d = tmp_path / "app", tmp_path / "deps", tmp_path / "profile.d"
    write_droplet(app, deps, profile_d, b"{}", tmp_path / "droplet.tgz")
    with tarfile.open(tmp_path / "droplet.tgz") as tar:
        entries = [f"{entry.name}/" if entry.isdir() else entry.name for entry in tar]
    said = first_cells("droplet.md", "The layout of the tar")
    assert [entry.removesuffix("…").replace("INDEX", "0") for entry in said] == [e for e in entries if e != "./deps/"]


@dataclass(frozen=True)
class Written:
    """What the image of a droplet of one buildpack says of itself."""

    layers: list[str]
    config: ImageConfig


@pytest.fixture
def written(tmp_path: Path) -> Written:
    workspace = Workspace.below(tmp_path / "work")
    for directory in (workspace.app, workspace.deps / "0", workspace.profile_d):
        directory.mkdir(parents=True)
    base = pack_layer((), tmp_path / "base.tgz", owner=Owner(0, 0))
    root = StackRoot(tmp_path, SOME, 1, ())
    layer = StackLayer(base.path, base.digest, base.diff_id, base.size)
    stack = Stack(StackName("debian12"), "amd64", root, root, layer)
    target = ImageTarget(ImageForm.OCI, tmp_path / "layout", "latest")
    image = write_image(stack, DROPLET, workspace, target, tmp_path / "layers", deaf)
    return Written([one.what for one in image.layers], read_layout(LayoutPlace(target.path)).config)


def test_the_page_of_the_image_names_every_layer_from_the_bottom(written: Written) -> None:
    said = first_cells("labels.md", "Layers")
    assert [name.replace("NAME", "debian12").replace("INDEX", "0") for name in said] == written.layers


def test_the_page_of_the_image_names_every_label(written: Written) -> None:
    said = first_cells("labels.md", "Labels")
    assert len(said) == len(set(said))
    assert set(said) == set(written.config.labels)


def test_the_page_of_the_image_tells_its_configuration(written: Written) -> None:
    page, config = (REFERENCE / "labels.md").read_text(encoding="utf-8"), written.config
    assert first_cells("labels.md", "Configuration") == [
        *("Entrypoint", "Cmd", "User", "WorkingDir", "ExposedPorts", "Env"),
    ]
    assert config.cmd == ()
    for value in (*config.entrypoint, config.user, config.working_dir, *map(str, config.ports), *config.env):
        assert f"`{value}`" in page
