"""Images as other tools see them: skopeo reads and writes them, umoci unpacks them, runc runs them."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import pytest
from tests.base_roots import make_least_root, stack_run_root

from stagewright.images import (
    Addition,
    ArchivePlace,
    ContentMismatch,
    FileLayer,
    History,
    Image,
    ImageName,
    Layer,
    LayoutPlace,
    MediaType,
    Platform,
    Port,
    RefName,
    append_layers,
    empty,
    pack_layer,
    read_layout,
    summarise,
    unpack_image,
    with_config,
    write_archive,
    write_layout,
)
from stagewright.model.digest import Digest
from stagewright.model.tree import Bounds, Owner
from stagewright.trees import Placed

LAUNCHER = files("stagewright").joinpath("droplets", "launcher.sh").read_bytes()
VCAP, ROOT = Owner(2000, 2000), Owner(0, 0)
HOME = PurePosixPath("home/vcap")


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        shutil.which(program) is None, reason=f"{program} is not installed (apt install {program})"
    )


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="containers with users of their own need root")


def ran(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def app_image(work: Path, base: FileLayer, web: str) -> Image:
    """What a staged app is made of: a base, an app, the launcher with a process."""
    app = work / "app"
    app.mkdir()
    (app / "index.html").write_text("hello from the image\n")
    (app / "run.sh").write_text("#!/bin/bash\necho ran $0\n")
    (app / "run.sh").chmod(0o755)
    (app / "again.sh").hardlink_to(app / "run.sh")
    (app / "link").symlink_to("index.html")
    (app / "gr\u00f6\u00dfe \U0001f600").touch()
    Path(os.fsdecode(os.fsencode(app) + b"/\xff\xfe")).touch()
    (app / ("n" * 200) / ("m" * 200)).mkdir(parents=True)
    of_vcap = Placed(None, HOME, owner=VCAP)
    lifecycle = [
        Placed(None, PurePosixPath("lifecycle/launcher"), mode=0o755, content=LAUNCHER),
        Placed(None, PurePosixPath("lifecycle/process/web"), content=web.encode()),
    ]
    placed = [of_vcap, Placed(app, HOME / "app"), Placed(None, HOME / "tmp"), Placed(None, HOME / "deps")]
    layers = [
        pack_layer(placed, work / "app.tgz", owner=VCAP),
        pack_layer(lifecycle, work / "lifecycle.tgz", owner=ROOT),
    ]
    additions = [Addition(layer, History(created_by=layer.path.name)) for layer in (base, *layers)]
    image = append_layers(empty(Platform("amd64")), *additions)
    return with_config(
        image,
        replace(
            image.config,
            env={"PATH": "/usr/bin:/bin"},
            entrypoint=("/lifecycle/launcher",),
            user="2000:2000",
            working_dir="/home/vcap/app",
            ports=frozenset({Port(8080)}),
            labels={"io.stagewright.test": "yes"},
        ),
    )


def base_layer(root: Path, work: Path) -> FileLayer:
    return pack_layer([Placed(root, PurePosixPath())], work / "base.tgz", owner=ROOT)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> FileLayer:
    work = tmp_path_factory.mktemp("base")
    make_least_root(work / "root", "bash", "env", "cat", "sleep")
    return base_layer(work / "root", work)


@pytest.fixture
def image(tmp_path: Path, base: FileLayer) -> Image:
    return app_image(tmp_path, base, "cat index.html; env; echo 'it''s' \"$HOME\"")


# --- skopeo -------------------------------------------------------------------------------------------------------


@needs("skopeo")
def test_skopeo_inspects_a_layout(tmp_path: Path, image: Image) -> None:
    write_layout(LayoutPlace(tmp_path / "out", RefName("v1")), image)
    seen = json.loads(ran("skopeo", "inspect", f"oci:{tmp_path}/out:v1"))
    assert seen["Digest"] == str(image.digest)
    assert seen["Layers"] == [str(layer.digest) for layer in image.layers]
    assert seen["Labels"] == {"io.stagewright.test": "yes"}
    assert (seen["Architecture"], seen["Os"], seen["Env"]) == ("amd64", "linux", ["PATH=/usr/bin:/bin"])


@needs("skopeo")
def test_skopeo_copies_a_layout_and_we_read_the_copy(tmp_path: Path, image: Image) -> None:
    write_layout(LayoutPlace(tmp_path / "out"), image)
    ran("skopeo", "copy", f"oci:{tmp_path}/out:latest", f"oci:{tmp_path}/copy:v2")
    assert read_layout(LayoutPlace(tmp_path / "copy", RefName("v2"))) == image
    ran("skopeo", "copy", "--format", "v2s2", f"oci:{tmp_path}/out:latest", f"dir:{tmp_path}/docker")
    ran("skopeo", "copy", f"dir:{tmp_path}/docker", f"oci:{tmp_path}/back:latest")
    back = read_layout(LayoutPlace(tmp_path / "back"))
    assert back.config == image.config
    assert [layer.diff_id for layer in back.layers] == [layer.diff_id for layer in image.layers]


@needs("skopeo")
def test_a_layout_with_docker_types_is_read(tmp_path: Path, image: Image) -> None:
    """skopeo keeps a layout's types OCI, so the Docker manifest that it writes elsewhere is put into one by hand."""
    write_layout(LayoutPlace(tmp_path / "out"), image)
    ran("skopeo", "copy", "--format", "v2s2", f"oci:{tmp_path}/out:latest", f"dir:{tmp_path}/docker")
    manifest = (tmp_path / "docker/manifest.json").read_bytes()
    entry = {"mediaType": str(MediaType.DOCKER_MANIFEST), "digest": str(Digest.of(manifest)), "size": len(manifest)}
    (tmp_path / "out/blobs/sha256" / Digest.of(manifest).hex).write_bytes(manifest)
    for blob in (tmp_path / "docker").glob("?" * 64):
        shutil.copy(blob, tmp_path / "out/blobs/sha256" / blob.name)
    (tmp_path / "out/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    read = read_layout(LayoutPlace(tmp_path / "out"))
    assert read.manifest.media_type is MediaType.DOCKER_MANIFEST
    assert read.config.entrypoint == image.config.entrypoint
    unpack_image(read, tmp_path / "tree", bounds=Bounds())
    assert (tmp_path / "tree/lifecycle/launcher").read_bytes() == LAUNCHER


@needs("skopeo")
def test_a_tag_of_skopeo_and_ours_live_in_one_layout(tmp_path: Path, image: Image) -> None:
    write_layout(LayoutPlace(tmp_path / "out", RefName("ours")), image)
    ran("skopeo", "copy", f"oci:{tmp_path}/out:ours", f"oci:{tmp_path}/out:theirs")
    changed = with_config(image, replace(image.config, user="0"))
    write_layout(LayoutPlace(tmp_path / "out", RefName("ours")), changed)
    assert read_layout(LayoutPlace(tmp_path / "out", RefName("theirs"))) == image
    assert json.loads(ran("skopeo", "inspect", f"oci:{tmp_path}/out:ours"))["Digest"] == str(changed.digest)


@needs("skopeo")
@pytest.mark.parametrize("name", [None, ImageName("registry.example.com/team/shop", "v1")])
def test_skopeo_reads_a_docker_archive(tmp_path: Path, image: Image, name: ImageName | None) -> None:
    place = ArchivePlace(tmp_path / "shop.tar", name)
    packed = write_archive(place, image)
    seen = json.loads(ran("skopeo", "inspect", str(place)))
    assert seen["Labels"] == {"io.stagewright.test": "yes"}
    ran("skopeo", "copy", f"docker-archive:{place.file}", f"oci:{tmp_path}/copy:latest")
    copy = read_layout(LayoutPlace(tmp_path / "copy"))
    assert [layer.diff_id for layer in copy.layers] == [layer.diff_id for layer in image.layers]
    assert copy.config == image.config
    assert packed.size == place.file.stat().st_size


@dataclass(frozen=True)
class OtherLayer:
    """A layer of another kind than ours, as a registry's will be: nothing but the port."""

    layer: Layer
    spoiled: bytes = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.layer, name)

    def open(self) -> BinaryIO:
        with self.layer.open() as stream:
            return io.BytesIO(stream.read() + self.spoiled)


def test_a_docker_archive_is_the_same_wherever_its_layers_lie(tmp_path: Path, image: Image) -> None:
    write_layout(LayoutPlace(tmp_path / "out"), image)
    read = read_layout(LayoutPlace(tmp_path / "out"))
    other = replace(image, layers=tuple(OtherLayer(layer) for layer in image.layers))
    name = ImageName("shop")
    digests = {
        write_archive(ArchivePlace(tmp_path / f"{number}.tar", name), one).digest
        for number, one in enumerate((image, read, other))
    }
    assert len(digests) == 1
    spoiled = replace(image, layers=(*image.layers[:-1], OtherLayer(image.layers[-1], b"more")))
    with pytest.raises(ContentMismatch):
        write_archive(ArchivePlace(tmp_path / "3.tar", name), spoiled)
    assert sorted(path.name for path in tmp_path.glob("*.tar")) == ["0.tar", "1.tar", "2.tar"]
    assert not list(tmp_path.glob(".*"))


# --- unpacked: by us, by umoci, run by runc -----------------------------------------------------------------------


def listing(root: Path) -> dict[bytes, tuple[int, int, int, bytes]]:
    """Every path below ``root``: mode, owner, content."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        content = b""
        if path.is_symlink():
            content = os.fsencode(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        found[os.fsencode(path.relative_to(root))] = (status.st_mode, status.st_uid, status.st_gid, content)
    return found


@needs("umoci")
@as_root
@pytest.mark.root
def test_umoci_and_we_unpack_the_same_tree(tmp_path: Path, image: Image) -> None:
    write_layout(LayoutPlace(tmp_path / "out"), image)
    ran("umoci", "unpack", "--image", f"{tmp_path}/out:latest", tmp_path / "bundle")
    unpack_image(read_layout(LayoutPlace(tmp_path / "out")), tmp_path / "tree", bounds=Bounds(), keep_owner=True)
    ours, theirs = listing(tmp_path / "tree"), listing(tmp_path / "bundle/rootfs")
    assert ours == theirs
    assert (tmp_path / "tree/home/vcap/app/again.sh").samefile(tmp_path / "tree/home/vcap/app/run.sh")
    assert ours[b"home/vcap"][1:3] == (2000, 2000)
    assert b"home/vcap/app/\xff\xfe" in ours


@needs("umoci")
@as_root
@pytest.mark.root
def test_umocis_own_layer_of_changes_is_applied(tmp_path: Path, image: Image) -> None:
    """umoci repack writes whiteouts: what it deleted, replaced and linked must come out the same."""
    write_layout(LayoutPlace(tmp_path / "out"), image)
    ran("umoci", "unpack", "--image", f"{tmp_path}/out:latest", tmp_path / "bundle")
    app = tmp_path / "bundle/rootfs/home/vcap/app"
    (app / "index.html").unlink()
    (app / "index.html").mkdir()
    (app / "index.html/inner").write_text("inner")
    shutil.rmtree(app / ("n" * 200))
    (app / "link").unlink()
    (app / "link").write_text("a file now")
    (app / "linked").hardlink_to(app / "run.sh")
    ran("umoci", "repack", "--image", f"{tmp_path}/out:changed", tmp_path / "bundle")
    changed = read_layout(LayoutPlace(tmp_path / "out", RefName("changed")))
    assert len(changed.layers) == len(image.layers) + 1
    assert summarise(changed).layers[-1].made_by
    unpack_image(changed, tmp_path / "tree", bounds=Bounds(), keep_owner=True)
    assert listing(tmp_path / "tree") == listing(tmp_path / "bundle/rootfs")


@contextmanager
def running(bundle: Path, change: Callable[[dict[str, Any]], None] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A container of an unpacked bundle; whatever happens it is gone afterwards."""
    config = json.loads((bundle / "config.json").read_text())
    config["process"]["terminal"] = False
    if change is not None:
        change(config)
    (bundle / "config.json").write_text(json.dumps(config))
    name = f"stagewright-test-{os.getpid()}-{bundle.parent.name[-20:]}"
    command = ["runc", "--root", bundle.parent / "runc", "run", "--bundle", bundle, name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        subprocess.run(
            ["runc", "--root", bundle.parent / "runc", "delete", "--force", name], capture_output=True, check=False
        )
        process.wait(timeout=30)


@needs("umoci")
@needs("runc")
@as_root
@pytest.mark.root
def test_runc_runs_what_umoci_unpacks(tmp_path: Path, image: Image) -> None:
    write_layout(LayoutPlace(tmp_path / "out"), image)
    ran("umoci", "unpack", "--image", f"{tmp_path}/out:latest", tmp_path / "bundle")
    with running(tmp_path / "bundle") as process:
        out, _ = process.communicate(timeout=60)
    lines = out.splitlines()
    assert lines[:3] == ["Invoking pre-start scripts.", "Invoking start command.", "hello from the image"]
    assert {"HOME=/home/vcap/app", "PORT=8080", "DEPS_DIR=/home/vcap/deps", "PWD=/home/vcap/app"} <= set(lines)
    assert lines[-1] == "its /home/vcap/app"
    assert process.returncode == 0


@needs("umoci")
@needs("runc")
@as_root
@pytest.mark.root
@pytest.mark.slow
def test_an_image_on_a_stack_serves_its_page(tmp_path: Path) -> None:
    root = stack_run_root()
    if root is None:
        pytest.skip("no stack is there (stagewright stack create debian12)")
    image = app_image(tmp_path, base_layer(root, tmp_path), "exec python3 -m http.server $PORT --bind 127.0.0.1")
    write_layout(LayoutPlace(tmp_path / "out"), image)
    ran("umoci", "unpack", "--image", f"{tmp_path}/out:latest", tmp_path / "bundle")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def on_host_network(config: dict[str, Any]) -> None:
        config["process"]["env"].append(f"PORT={port}")
        config["linux"]["namespaces"] = [one for one in config["linux"]["namespaces"] if one["type"] != "network"]

    with running(tmp_path / "bundle", on_host_network):
        assert page(port, "/index.html") == "hello from the image\n"


def page(port: int, path: str) -> str:
    deadline = time.monotonic() + 30
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        finally:
            connection.close()
