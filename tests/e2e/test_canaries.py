"""Canary secrets enter by every door, buildpacks print them in every form; no output, record, droplet or image holds one.

What a buildpack writes into the droplet itself (a file, a start command, its config.yml) is its own doing, and what the app's
files hold is in the app: neither is looked at here. result.json names buildpacks by the keys that the platform gave (§1.4).
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from tests.conformance.staging.drop_in import xxhash_name
from tests.credhub_server import answer, credhub, make_certificates
from tests.e2e.conftest import Ended, Installation
from tests.e2e.shell_buildpacks import write_app, write_buildpack
from tests.made_repositories import Repository
from tests.source_server import Answer, SourceServer, source_server

MARK = "cnry"
"""Stands in every canary, so that a buildpack can find them all."""
LARGEST = 4 << 20
PEM = "\n".join(
    ("-----BEGIN PRIVATE KEY-----", *(f"{MARK}{n}{'MIIEvQIBADANBg/kqhki+G9w0BAQEF' * 2}" for n in range(5)))
)
CANARIES = {
    "flag": f"{MARK}-f'l\"a$g \\+/&é",
    "random": f"{MARK}8f14e45fceea167a5a36dedd4bea2543",
    "file": f"{MARK}-from;a|file",
    "manifest": f"{MARK}-mani%fest<>",
    "app.json": f"{MARK}-app{{json}}",
    "service": f"{MARK}-ser(vi)ce!",
    "uri": f"{MARK}-u/r:i@#?",
    "in a query": f"{MARK}-que~ry*",
    "nested": f"{MARK}-nested~[1]",
    "post": f"{MARK}-po+st/'x",
    "archive": f"{MARK}-arch:ive é",
    "key": PEM,
}
TELL = Path(__file__).with_name("tell_canaries.py")
TELLING = f'echo "told by $(basename "$0")"; python3 "$(dirname "$0")/../tell.py" {MARK} "$@"'


# ------------------------------------------------------------------------------------------------------------ what is looked for
def forms(secret: str) -> frozenset[bytes]:
    """What a secret looks like, plain and in disguise; of base64 every piece that tells twelve bytes of it."""
    lines = [line for line in secret.splitlines() if MARK in line]
    found = {form for line in lines for form in _written(line)}
    for lead in range(3):
        whole = base64.b64encode(b"\0" * lead + "\n".join(lines).encode())
        inner = whole[(0, 2, 3)[lead] : len(whole) - 4]
        pieces = {inner[start : start + 16] for start in range(len(inner) - 15)}
        found |= pieces | {piece.translate(bytes.maketrans(b"+/", b"-_")) for piece in pieces}
    return frozenset(found)


def _written(line: str) -> Iterator[bytes]:
    for form in (
        *(
            line,
            line.replace("'", "'\\''"),
            line.replace("'", "'\"'\"'"),
            json.dumps(line)[1:-1],
            json.dumps(line, ensure_ascii=False)[1:-1],
        ),
        *(quote(line), quote(line, safe=""), quote_plus(line), _in_lower_case(quote(line, safe=""))),
        _quoted_by_bash(line),
    ):
        yield form.encode()


def _in_lower_case(encoded: str) -> str:
    return re.sub("%..", lambda match: match[0].lower(), encoded)


def _quoted_by_bash(line: str) -> str:
    call = ["bash", "-c", 'printf %q "$1"', "bash", line]
    return subprocess.run(call, capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}).stdout.decode()


FORMS = {name: forms(secret) for name, secret in CANARIES.items()}


def require_untold(where: str, content: bytes) -> None:
    leaks = {name: _excerpt(content, form) for name, written in FORMS.items() for form in written if form in content}
    assert not leaks, f"{where} tells {leaks}"


def _excerpt(content: bytes, form: bytes) -> bytes:
    at = content.index(form)
    return b"..." + content[max(0, at - 60) : at + len(form) + 20]


def require_untold_by(ended: Ended) -> None:
    """Both streams as they are, and what the strings of events stand for."""
    require_untold("stderr", ended.err.encode())
    require_untold("stdout", ended.out.encode())
    for line in ended.out.splitlines():
        if line.startswith('{"event": '):
            require_untold("an event", "\n".join(_texts(json.loads(line))).encode())


def require_untold_in(place: Path) -> None:
    """Every file below ``place``, unpacked where it is compressed, but for the layer that is the stack's."""
    for path in place.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size < LARGEST:
            content = path.read_bytes()
            require_untold(str(path), gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from (str(name), *_texts(each))
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value


# ------------------------------------------------------------------------------------------------------- doors and buildpacks
@dataclass(frozen=True)
class Site:
    """A server that lets in who has a password, and what it serves."""

    server: SourceServer

    def url(self, path: str, canary: str) -> str:
        self.server.credentials = f"me:{CANARIES[canary]}"
        return f"http://me:{quote(CANARIES[canary], safe='')}@127.0.0.1:{self.server.port}/{path}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with source_server() as server:
        server.repositories = tmp_path / "served"
        yield Site(server)


def telling(directory: Path, *scripts: str, **bodies: str) -> Path:
    """A buildpack whose ``scripts`` tell all canaries that they find, on both streams."""
    release = "echo 'default_process_types: {web: \"true\"}'"
    write_buildpack(directory, **{"release": release, **dict.fromkeys(scripts, TELLING), **bodies})
    shutil.copy(TELL, directory / "tell.py")
    return directory


def credentials() -> dict[str, Any]:
    return {
        "password": CANARIES["service"],
        "uri": f"postgres://shop:{quote(CANARIES['uri'], safe='')}@db.example.com/shop",
        "hook": f"https://example.com/hook?token={quote(CANARIES['in a query'], safe='')}&kind=tea",
        "tls": {"chain": [{"secret": CANARIES["nested"]}], "private_key": CANARIES["key"]},
    }


def doors(tmp_path: Path) -> tuple[Path, list[str | Path]]:
    """An app and flags with a canary at each."""
    app = write_app(tmp_path / "app")
    variables = {"env": {"SECRET_KEY": CANARIES["manifest"]}}
    (app / "manifest.yml").write_text(json.dumps({"applications": [{"name": "canaries", **variables}]}))
    (app / "app.json").write_text(json.dumps({"env": {"SESSION_SECRET": {"value": CANARIES["app.json"]}}}))
    (app / ".cfignore").write_text("manifest.yml\n")
    (tmp_path / "vars").write_text(f"API_TOKEN={CANARIES['file']}\n")
    (tmp_path / "service.json").write_text(json.dumps({"name": "db", "label": "db", "credentials": credentials()}))
    return app, [
        *("--env", f"DB_PASSWORD={CANARIES['flag']}", "--env", f"BUILD_NUMBER={CANARIES['random']}"),
        *("--env-file", tmp_path / "vars", "--service", tmp_path / "service.json"),
    ]


def without_app_json(tmp_path: Path) -> str:
    """A script that takes the app's own file away once it was read."""
    del tmp_path
    return f'{TELLING}; rm -f "$1/app.json"'


# ------------------------------------------------------------------------------------------------------------ stage, plan, show
def test_cloud_foundry_buildpacks_by_stage_and_plan(tmp_path: Path, fresh: Installation, site: Site) -> None:
    out, app_and_flags = tmp_path / "out", doors(tmp_path)
    app, flags = app_and_flags
    first = telling(tmp_path / "first", supply=TELLING)
    site.server.answers["/first.zip"] = Answer(
        Path(shutil.make_archive(str(tmp_path / "one"), "zip", first)).read_bytes()
    )
    last = telling(tmp_path / "last", "supply", finalize=without_app_json(tmp_path), release=RELEASE)
    repository = Repository(telling(tmp_path / "served" / "after", "supply"))
    repository.commit("Begin")
    archive = site.url("first.zip", "archive")
    require_untold_by(fresh("buildpack", "show", archive, "--json"))
    require_untold_by(fresh("buildpack", "show", archive))
    # The server knows one password at a time: the archive is here by now, and is pinned below by what was fetched.
    pinned = f"{archive}#sha256={_digest(tmp_path / 'one.zip')}"
    post = site.url("after/.git", "post")
    named = [*flags, "-b", pinned, "-b", last, "--env", f"POST_BUILDPACK={post}"]
    droplet, ended = fresh.stage(app, *named, "--image", f"oci:{out / 'image'}")
    said = ended.script_lines()
    assert said.count("[redacted]") > 500 and "told by supply" in said and "told by finalize" in said
    require_untold_by(ended)
    for asked in (("plan", app, *named), ("plan", app, *named, "--json"), ("stage", app, *named, "-d", droplet)):
        again = fresh(*asked)
        assert again.code == 0, again.err
        require_untold_by(again)
    for place in (fresh.place / "state", fresh.place / "cache", out):
        require_untold_in(place)
    for path in fresh.place.glob("droplet*"):
        content = path.read_bytes()
        require_untold(path.name, gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content)


RELEASE = f"( {TELLING} ) >&2; echo 'default_process_types: {{web: \"true\"}}'"


def _digest(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_heroku_buildpacks_and_how_they_fail(tmp_path: Path, fresh: Installation) -> None:
    app, flags = doors(tmp_path)
    whole = telling(tmp_path / "whole", "detect", "report", compile=without_app_json(tmp_path), release=RELEASE)
    staged = fresh("stage", app, *flags, "-b", whole, "--json", "-d", tmp_path / "out" / "droplet.tgz")
    assert staged.code == 0, staged.out[-3000:]
    assert staged.result["reports"] and "told by compile" in staged.script_lines()
    require_untold_by(staged)
    require_untold_in(tmp_path / "out")
    fails = {
        "compile": telling(tmp_path / "a", detect="true", compile=f"{TELLING}; exit 7"),
        "detect": telling(tmp_path / "b", detect=f"{TELLING}; exit 1", compile="true"),
        "release": telling(tmp_path / "c", detect="true", compile="true", release=f"{TELLING} pairs; exit 0"),
        "yaml": telling(tmp_path / "d", detect="true", compile="true", release=TELLING),
    }
    for name, buildpack in fails.items():
        for more in ((), ("--json",)):
            ended = fresh("stage", app, *flags, "-b", buildpack, "-d", tmp_path / "never.tgz", *more)
            assert ended.code not in (0, 1), name
            assert "[redacted]" in ended.out or name in ("detect", "yaml", "release"), (name, ended.out)
            require_untold_by(ended)
    require_untold_in(fresh.place / "state")
    require_untold_in(fresh.place / "cache")


def test_references_that_are_wrong(tmp_path: Path, fresh: Installation) -> None:
    app, secret = write_app(tmp_path / "app"), CANARIES["random"]
    wrong = (
        f"https://me:{secret}@127.0.0.1:1/x.git", f"https://{secret}@127.0.0.1:1/x.zip", f"htps://me:{secret}@x/y",
        f"https:/me:{secret}@example.com/x.git", f"https://me:{secret}@exa mple.com/x", f"me:{secret}@example.com/x.git",
        f"ssh://me:{secret}@example.com/x", f"ext::https://me:{secret}@x/y", f"https://127.0.0.1:1/x.git?private_token={secret}",
        f"me:{secret}@example.com:x.git", f"//me:{secret}@example.com/x.git", f"https://me:{secret}@127.0.0.1:1/x.git#..",
    )  # fmt: skip
    for more in ((), ("--json",)):
        asked = [argument for reference in wrong for argument in ("-b", reference)]
        require_untold_by(fresh("plan", app, *asked, *more))
    for reference in wrong:
        ended = _refused(reference, tmp_path)
        require_untold("the error", "\n".join(ended).encode())


def _refused(reference: str, here: Path) -> tuple[str, str, str]:
    """What is said of a reference that cannot be used. No process is started for it: there are many."""
    from stagewright.buildpacks import BuildpackStore, Catalogue, parse_reference
    from stagewright.errors import Problem
    from stagewright.model.tree import Bounds

    try:
        BuildpackStore(here / "store", Catalogue(), Bounds()).obtain(parse_reference(reference, ("python",), here))
    except Problem as problem:
        return problem.brief(), problem.hint(), problem.details()
    raise AssertionError(f"{reference} was taken")


# ------------------------------------------------------------------------------------------------------------ the drop-in
@dataclass(frozen=True)
class CellOfTests:
    """Runs ``stagewright-builder`` below a directory."""

    place: Path

    def stage(self, *keys: str, env: Mapping[str, str]) -> Ended:
        for name in ("home", "tmp", "cache"):
            (self.place / name).mkdir(parents=True, exist_ok=True)
        write_app(self.place / "app")
        flags = {
            "buildDir": "app", "buildpacksDir": "buildpacks", "buildpacksDownloadDir": "downloads",
            "outputDroplet": "out/droplet", "buildArtifactsCacheDir": "cache", "outputMetadata": "out/result.json",
            "outputBuildArtifactsCache": "out/cache",
        }  # fmt: skip
        paths = [f"-{name}={self.place / path}" for name, path in flags.items()]
        done = subprocess.run(
            [Path(sys.executable).with_name("stagewright-builder"), *paths, "-skipDetect", f"-buildpackOrder={','.join(keys)}",
             "-credhubRetryDelay=0s"],
            cwd=self.place / "home",
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TMPDIR": str(self.place / "tmp"), "CF_STACK": "x", **env},
            capture_output=True,
            check=False,
            timeout=100,
        )  # fmt: skip
        return Ended(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    def put(self, key: str, *scripts: str, **bodies: str) -> str:
        telling(self.place / "buildpacks" / xxhash_name(key), *scripts, **bodies)
        return key


def test_the_drop_in(tmp_path: Path, site: Site) -> None:
    cell, certificates = CellOfTests(tmp_path / "cell"), make_certificates(tmp_path / "tls")
    Repository(telling(tmp_path / "served" / "after", supply=f"{TELLING}; exit 9")).commit("Begin")
    keys = (cell.put("first", "supply"), cell.put("last", "supply", "finalize", release=RELEASE))
    bound = json.dumps({"db": [{"name": "db", "credentials": credentials()}]})
    references = json.dumps({"db": [{"name": "db", "credentials": {"credhub-ref": "/db"}}]})
    names = {"DB_PASSWORD": "flag", "API_TOKEN": "file", "SECRET_KEY": "manifest", "APP_SECRET": "app.json"}
    given = {name: CANARIES[canary] for name, canary in names.items()}
    with credhub(certificates, answer(bound.encode())) as server:
        there = {**certificates.environment(), "VCAP_PLATFORM_OPTIONS": json.dumps({"credhub-uri": server.url})}
        staged = cell.stage(*keys, env={**given, **there, "VCAP_SERVICES": references})
    assert staged.code == 0, staged.err
    assert "told by finalize" in staged.out and staged.out.count("[redacted]") > 200
    require_untold_by(staged)
    require_untold_in(cell.place / "out")
    own = {**given, "VCAP_SERVICES": bound, "POST_BUILDPACK": site.url("after/.git", "post")}
    failed = cell.stage(*keys, env=own)
    assert failed.code == 223 and "post-buildpack" in failed.err, failed.err
    require_untold_by(failed)
    for key in (
        site.url("nothing.zip", "post"),
        site.url("after/.git", "post").replace("http:", "http:/"),
        "//me:{}@x/y",
    ):
        refused = cell.stage(key.format(CANARIES["random"]), env=own)
        assert refused.code not in (0, 2)
        require_untold_by(refused)
    with credhub(certificates, answer(bound.encode(), "500 No"), answer(f"not JSON {bound}".encode())) as server:
        there = {**certificates.environment(), "VCAP_PLATFORM_OPTIONS": json.dumps({"credhub-uri": server.url})}
        require_untold_by(cell.stage(*keys, env={**given, **there, "VCAP_SERVICES": references}))
    require_untold_by(cell.stage(*keys, env={**given, "VCAP_SERVICES": bound[:-2]}))
