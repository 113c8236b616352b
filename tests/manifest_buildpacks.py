"""Small buildpacks with a manifest.yml, and an HTTP server that has their dependencies and counts who asks."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SCRIPT = "#!/bin/bash\nset -e\n"
RELEASE = "#!/bin/bash\necho 'default_process_types: {web: \"exec python3 -m http.server $PORT\"}'\n"


@dataclass
class Shelf:
    """Files by path, and every path that was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def put(self, path: str, content: bytes) -> str:
        """Offer ``content``; the URL of it."""
        self.files[path] = content
        return f"{self.address}{path}"


@contextmanager
def serving_shelf() -> Iterator[Shelf]:
    shelf = Shelf()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shelf.asked.append(self.path)
            content = shelf.files.get(self.path)
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    shelf.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield shelf
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def dependency(name: str, version: str, uri: str, content: bytes, *stacks: str) -> str:
    """One entry of ``dependencies``."""
    return (
        f"- name: {name}\n  version: {version}\n  uri: {uri}\n  sha256: {sha256(content)}\n"
        f"  cf_stacks: [{', '.join(stacks or ('debian12',))}]\n"
    )


def write_source(directory: Path, manifest: str, version: str | None = "1.2.3", **scripts: str) -> Path:
    """A buildpack's source: manifest.yml, VERSION, and the usual scripts, or those with these bodies."""
    (directory / "bin").mkdir(parents=True)
    (directory / "manifest.yml").write_text(manifest)
    if version is not None:
        (directory / "VERSION").write_text(f"{version}\n")
    bodies = {"detect": "echo small", "supply": "true", "finalize": "true", "release": RELEASE, **scripts}
    for name, body in bodies.items():
        path = directory / "bin" / name
        path.write_text(body if body.startswith("#!") else f"{SCRIPT}{body}\n")
        path.chmod(0o755)
    return directory
