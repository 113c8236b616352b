"""What `make demo` does: stage the Flask example, start it in the sandbox, ask it over HTTP, write its image, say
where things lie."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAGEWRIGHT = ROOT / ".venv" / "bin" / "stagewright"
PLACE = ROOT / "build" / "demo"
WAIT = 60


def main() -> int:
    """Run the demo; returns the exit code. Everything that it writes lies below build/demo and in Stagewright's own places."""
    PLACE.mkdir(parents=True, exist_ok=True)
    droplet, layout = PLACE / "flask-shop.tgz", PLACE / "image"
    say("Stage examples/flask-shop: source becomes a droplet and an OCI image")
    staged = run(
        "stage", str(ROOT / "examples" / "flask-shop"), "--droplet", str(droplet), "--image", f"oci:{layout}:demo"
    )
    if staged:
        return staged
    say("Run the droplet in the sandbox, on the stack's run root, and ask it over HTTP")
    if not answers([str(droplet)]):
        return 1
    say("Run the image, which knows nothing of Stagewright, and ask it the same")
    if not answers([f"oci:{layout}:demo"]):
        return 1
    say("Done. This is where things lie:")
    facts = json.loads(Path(f"{droplet}.json").read_text(encoding="utf-8"))
    print(f"  droplet   {droplet.relative_to(ROOT)}  ({facts['droplet']['size'] / 1e6:.1f} MB)")
    print(f"  facts     {droplet.relative_to(ROOT)}.json")
    print(f"  image     {layout.relative_to(ROOT)}  (an OCI layout, tag demo)")
    print("Try next:")
    print("  .venv/bin/stagewright run build/demo/flask-shop.tgz")
    print("  .venv/bin/stagewright stage examples/express-api")
    print("  .venv/bin/stagewright inspect build/demo/flask-shop.tgz")
    return 0


def say(text: str) -> None:
    print(f"\n*** {text}", flush=True)


def run(*arguments: str) -> int:
    return subprocess.run([str(STAGEWRIGHT), *arguments], check=False).returncode


def answers(arguments: list[str]) -> bool:
    """Start an app, wait until it answers, show the beginning of its answer, stop it as Ctrl-C would."""
    port = free_port()
    app = subprocess.Popen([str(STAGEWRIGHT), "run", *arguments, "--port", str(port)])
    try:
        page = ask(f"http://127.0.0.1:{port}/", app)
    finally:
        app.send_signal(signal.SIGINT)
        app.wait(timeout=30)
    if page is None:
        print("The app did not answer.", file=sys.stderr)
        return False
    title = page.partition("<title>")[2].partition("</title>")[0] or page[:60]
    print(f"  GET / answered {len(page)} characters: {title.strip()!r}", flush=True)
    return True


def ask(url: str, app: subprocess.Popen[bytes]) -> str | None:
    end = time.monotonic() + WAIT
    while time.monotonic() < end and app.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
                return answer.read().decode()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    return None


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    raise SystemExit(main())
