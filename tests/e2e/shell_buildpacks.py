"""Small buildpacks of shell scripts, written into a directory by tests."""

from __future__ import annotations

from pathlib import Path

RELEASE = "#!/bin/bash\necho 'default_process_types: {web: \"exec python3 -m http.server $PORT\"}'\n"


def write_buildpack(directory: Path, **scripts: str) -> Path:
    """A buildpack with these scripts; each is the body of a bash script that fails at the first failing command."""
    bin_ = directory / "bin"
    bin_.mkdir(parents=True)
    for name, body in scripts.items():
        text = body if body.startswith("#!") else f"#!/bin/bash\nset -e\n{body}\n"
        (bin_ / name).write_text(text)
        (bin_ / name).chmod(0o755)
    return directory


def serving(directory: Path, **scripts: str) -> Path:
    """A buildpack that serves the app's directory over HTTP, with Python from the stack."""
    return write_buildpack(
        directory, **{"detect": "echo shell", "supply": "true", "finalize": "true", "release": RELEASE, **scripts}
    )


def write_app(directory: Path, **files: str) -> Path:
    """An app of these files; ``__`` in a name stands for a dot."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in {"index__html": "hello", **files}.items():
        (directory / name.replace("__", ".")).write_text(text)
    return directory
