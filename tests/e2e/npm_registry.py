"""An npm registry of one package, for those who have the token."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAME = "@teas/tiny"
PLACE = "from the private registry"


def packed(version: str) -> bytes:
    """The package as npm packs it: it exports where it came from, and its version."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in {
            "package.json": json.dumps({"name": NAME, "version": version}),
            "index.js": f"module.exports = '{PLACE}: {version}';",
        }.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def integrity(archive: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()


@dataclass
class PrivateRegistry:
    """``published`` holds the archives by version; a test may add to it while the registry serves."""

    token: str
    port: int = 0
    published: dict[str, bytes] = field(default_factory=lambda: {"1.0.0": packed("1.0.0")})
    asked: list[str] = field(default_factory=list)

    def npmrc(self, variable: str) -> str:
        """For the app, with the token in a variable of its environment."""
        return f"@teas:registry=http://127.0.0.1:{self.port}/\n//127.0.0.1:{self.port}/:_authToken=${{{variable}}}\n"

    def lock(self, version: str, app: str) -> str:
        """The package-lock.json of an app (1.0.0) that depends on one version, naming no registry."""
        package = {"name": app, "version": "1.0.0"}
        root = {**package, "dependencies": {NAME: version}}
        locked = {"version": version, "integrity": integrity(self.published[version])}
        packages = {"": root, f"node_modules/{NAME}": locked}
        return json.dumps({**package, "lockfileVersion": 3, "requires": True, "packages": packages})

    def answer(self, path: str, host: str) -> bytes:
        if path.endswith(".tgz"):
            return self.published[path.removeprefix("/tiny-").removesuffix(".tgz")]
        versions = {
            version: {
                "name": NAME,
                "version": version,
                "dist": {"tarball": f"http://{host}/tiny-{version}.tgz", "integrity": integrity(archive)},
            }
            for version, archive in self.published.items()
        }
        return json.dumps({"name": NAME, "dist-tags": {"latest": max(versions)}, "versions": versions}).encode()


@contextmanager
def private_registry(token: str) -> Iterator[PrivateRegistry]:
    registry = PrivateRegistry(token)

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            registry.asked.append(self.path)
            if self.headers.get("Authorization") != f"Bearer {token}":
                self.send_error(401)
                return
            body = registry.answer(self.path, self.headers["Host"])
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    registry.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
