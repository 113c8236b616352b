"""What we write runs where nothing is ours: an image under umoci and runc. Nothing of the operator's is in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import EXAMPLES, Installation, Running, Stage, free_port, shared_stacks
from tests.e2e.shell_buildpacks import serving, write_app

NEEDS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0, reason="umoci unpacks owners and runc maps none of them without root"
)


@contextmanager
def run_by_others(layout: Path, tag: str, place: Path) -> Iterator[str]:
    """Unpack an image with umoci, run it with runc in the host's network as any platform would; its URL."""
    bundle, name, port = place / "bundle", f"elsewhere-{os.getpid()}-{time.monotonic_ns()}", free_port()
    runc = ("runc", "--root", str(place / "runc"))
    subprocess.run(["umoci", "unpack", "--image", f"{layout}:{tag}", str(bundle)], check=True, capture_output=True)
    path = bundle / "config.json"
    config = json.loads(path.read_text())
    config["process"]["terminal"] = False
    config["process"]["env"].append(f"PORT={port}")
    config["linux"]["namespaces"] = [one for one in config["linux"]["namespaces"] if one["type"] != "network"]
    config["mounts"] = [one for one in config["mounts"] if one["type"] != "sysfs"]
    path.write_text(json.dumps(config))
    with (place / "runc.log").open("wb") as log:
        process = subprocess.Popen(
            [*runc, "run", "--bundle", str(bundle), name], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        wait_until(f"http://127.0.0.1:{port}/", process, place / "runc.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        subprocess.run([*runc, "kill", name, "KILL"], check=False, capture_output=True)
        process.wait(timeout=30)
        subprocess.run([*runc, "delete", "--force", name], check=False, capture_output=True)
        shutil.rmtree(bundle)


def wait_until(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while True:
        assert process.poll() is None, log.read_text("utf-8", "replace")
        assert time.monotonic() < end, log.read_text("utf-8", "replace")
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - an address of this machine
            return
        except urllib.error.HTTPError:
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)


def page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - an address of this machine
        return answer.read().decode()


@NEEDS_ROOT
@pytest.mark.slow
@pytest.mark.parametrize("example", ["flask-shop", "express-api", "static-site"])
def test_the_image_of_an_example_runs_under_umoci_and_runc(
    tmp_path: Path, stagewright: Installation, example: str
) -> None:
    stagewright.stage(EXAMPLES / example, "--name", f"elsewhere-{example}", "--image", f"oci:{tmp_path / 'image'}:v1")
    with run_by_others(tmp_path / "image", "v1", tmp_path) as url:
        assert "tea" in page(url).lower()


def test_a_build_changes_nothing_in_the_shared_stack(tmp_path: Path, stage: Stage, stagewright: Installation) -> None:
    """Scripts that try everything; afterwards both roots are what they were, entry by entry."""
    from stagewright.trees import difference, snapshot

    roots = [shared_stacks() / "debian12" / which for which in ("run", "build")]
    before = [snapshot(root) for root in roots]
    places = "/ /etc /usr/bin /app/.. /lifecycle /buildpacks /trust /var/tmp /opt /run"
    tries = f"for place in {places}; do touch $place/x 2>/dev/null || true; done"
    stage(write_app(tmp_path / "app"), "-b", serving(tmp_path / "bp", supply=tries))
    for root, was in zip(roots, before, strict=True):
        assert not difference(was, snapshot(root))


def test_nothing_of_the_operators_is_in_the_droplet_or_the_image(
    tmp_path: Path, stagewright: Installation, running: Running
) -> None:
    bundle = tmp_path / "ca.pem"
    canary = "Q0FOQVJZIG9mIHRoZSBvcGVyYXRvcg"
    bundle.write_text(f"-----BEGIN CERTIFICATE-----\n{canary}\n-----END CERTIFICATE-----\n")
    look = 'grep -q "$1" /etc/ssl/certs/ca-certificates.crt'.replace("$1", canary)
    droplet, _ = stagewright.stage(
        write_app(tmp_path / "app"),
        "-b",
        serving(tmp_path / "bp", finalize=f'{look}; cp -r /home/vcap/deps "$1/copy"'),
        "--image",
        f"oci:{tmp_path / 'image'}",
        SSL_CERT_FILE=str(bundle),
    )
    for archive in (droplet, *(tmp_path / "image").rglob("*")):
        if archive.is_file():
            unzipped = subprocess.run(["gzip", "-dcf", str(archive)], capture_output=True, check=True).stdout
            assert canary.encode() not in unzipped, archive
