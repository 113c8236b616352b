"""Static sites, staged and run by the installed command and asked over HTTP: all that a Staticfile changes for a visitor."""

from __future__ import annotations

import base64
import gzip
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import EXAMPLES, Ended, Installation, Running, RunningApp, Stage

NAME = "static-e2e"

OLD_DATE = "Tue, 01 Jan 1980 00:00:01 GMT"
"""The one time of files in a droplet."""

OPEN_SESAME = "$6$salt$Y6g9DOGvmKi.rUZj4wYRsu81e/xiQjZOHDVgZQsASfa8nA3EvFKBHUDMWxS2ICbOEloc1kersS3PKn8yosbNh1"
"""``openssl passwd -6 -salt salt "open sesame"``"""

STATICFILE = """\
root: dist
pushstate: enabled
http_strict_transport_security: true
http_strict_transport_security_include_subdomains: true
location_include: includes/*.conf
enable_http2: true
headers:
  X-Frame-Options: DENY
  Content-Security-Policy: "default-src 'self'; img-src data:"
  /assets/*:
    Cache-Control: public, max-age=31536000
  /index.html:
    Cache-Control: no-cache
"""


def write_site(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture
def stage(stagewright: Installation) -> Stage:
    """All sites here bear one name and so share one cache: nginx is fetched once."""

    def run(app: Path, *arguments: str) -> tuple[Path, Ended]:
        return stagewright.stage(app, "--name", NAME, *arguments)

    return run


@pytest.fixture(scope="module")
def many_keys(stagewright: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """One site with all that does not exclude one another, running."""
    app = write_site(
        tmp_path_factory.mktemp("site"),
        {
            "Staticfile": STATICFILE,
            "nginx/conf/includes/more.conf": "add_header X-Included yes;",
            "secret.txt": "outside of the root",
            "dist/index.html": "<h1>home</h1>" + "x" * 3000,
            "dist/assets/app.js": "let a = 1; " * 500,
            "dist/assets/APP.js": "LET A = 1; " * 500,
            "dist/assets/ready.css": "never sent",
            "dist/assets/ready.css.gz": gzip.compress(b"body { color: red }", mtime=0),
            'dist/assets/odd "name" $x ä.txt': "odd",
            "dist/docs/index.html": "docs",
            "dist/.env": "hidden",
            "dist/.well-known/security.txt": "Contact: us",
            "dist/data.wasm": b"\0asm",
            "dist/site.webmanifest": "{}",
        },
    )
    droplet, _ = stagewright.stage(app, "--buildpack", "staticfile", "--name", NAME)
    with stagewright.running(droplet) as running:
        yield running


def test_the_example_is_recognised_and_answers(stage: Stage, running: Running) -> None:
    droplet, ended = stage(EXAMPLES / "static-site")
    assert ended.result["event"] == "build.staged"
    with running(droplet) as app:
        home = app.get("/")
        assert home.status == 200
        assert "One plant, six teas" in home.text
        assert home.headers["Content-Type"] == "text/html; charset=utf-8"
        assert home.headers["Content-Security-Policy"] == "default-src 'self'"
        assert app.get("/brewing").headers["Location"] == "/brewing/"
        assert app.get("/assets/guide.css").headers["Content-Type"] == "text/css; charset=utf-8"
        missing = app.get("/no/such/page")
        assert missing.status == 404
        assert "Nothing in this cup" in missing.text
        assert app.get("/Staticfile").status == 404


def test_root_is_served_and_nothing_beside_it(many_keys: RunningApp) -> None:
    assert many_keys.get("/").text.startswith("<h1>home</h1>")
    assert many_keys.get("/docs/").text == "docs"
    for path in ("/secret.txt", "/../secret.txt", "/%2e%2e/secret.txt", "/Staticfile", "/nginx/conf/nginx.conf"):
        assert "outside" not in many_keys.get(path).text


def test_pushstate_answers_unknown_paths_with_the_index(many_keys: RunningApp) -> None:
    answer = many_keys.get("/some/route/of/the/app?x=1")
    assert answer.status == 200
    assert answer.text.startswith("<h1>home</h1>")


def test_hidden_files_are_not_there(many_keys: RunningApp) -> None:
    assert many_keys.get("/.env").status == 404
    assert many_keys.get("/.well-known/security.txt").text == "Contact: us"


def test_texts_are_compressed_for_those_who_ask(many_keys: RunningApp) -> None:
    plain = many_keys.get("/assets/app.js")
    packed = many_keys.get("/assets/app.js", {"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert len(packed.body) < len(plain.body) / 10
    assert gzip.decompress(packed.body) == plain.body


def test_files_that_are_compressed_already_are_sent_as_they_are(many_keys: RunningApp) -> None:
    packed = many_keys.get("/assets/ready.css", {"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.body == gzip.compress(b"body { color: red }", mtime=0)
    assert many_keys.get("/assets/ready.css").text == "body { color: red }"
    assert packed.headers["Content-Type"] == "text/css; charset=utf-8"


def test_headers_everywhere_by_path_and_by_include(many_keys: RunningApp) -> None:
    home, asset, docs = (many_keys.get(path).headers for path in ("/", "/assets/app.js", "/docs/"))
    assert home["Cache-Control"] == "no-cache"
    assert asset["Cache-Control"] == "public, max-age=31536000"
    assert "Cache-Control" not in docs
    for headers in (home, asset, docs):
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Content-Security-Policy"] == "default-src 'self'; img-src data:"
        assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        assert headers["X-Included"] == "yes"
        assert headers["Server"] == "nginx"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data.wasm", "application/wasm"),
        ("/site.webmanifest", "application/manifest+json; charset=utf-8"),
        ("/assets/app.js", "text/javascript; charset=utf-8"),
        ("/assets/odd%20%22name%22%20%24x%20%C3%A4.txt", "text/plain; charset=utf-8"),
    ],
)
def test_kinds_of_files(many_keys: RunningApp, path: str, kind: str) -> None:
    answer = many_keys.get(path)
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["ETag"]


def test_validators_are_of_the_content(many_keys: RunningApp) -> None:
    first, other = many_keys.get("/assets/app.js"), many_keys.get("/assets/APP.js")
    tag = first.headers["ETag"]
    assert "Last-Modified" not in first.headers
    assert other.headers["ETag"] != tag, "names that differ in case only"
    unchanged = many_keys.get("/assets/app.js", {"If-None-Match": f'"other", {tag}'})
    assert (unchanged.status, unchanged.body, unchanged.headers["ETag"]) == (304, b"", tag)
    assert many_keys.get("/assets/APP.js", {"If-None-Match": tag}).status == 200
    assert many_keys.get("/assets/app.js", {"If-Modified-Since": OLD_DATE}).status == 200
    page = many_keys.get("/").headers["ETag"]
    assert many_keys.get("/", {"If-None-Match": page}).status == 304
    assert many_keys.get("/docs/", {"If-None-Match": page}).status == 200


def test_a_change_of_the_same_size_is_seen_by_a_browser_with_the_old_page(
    tmp_path: Path, stage: Stage, running: Running
) -> None:
    app = write_site(tmp_path / "app", {"index.html": "<p>old</p>", "kept.css": "a{}"})
    with running(stage(app)[0]) as site:
        old = site.get("/")
        kept = site.get("/kept.css").headers["ETag"]
    (app / "index.html").write_text("<p>new</p>")
    asks = {"If-None-Match": old.headers["ETag"], "If-Modified-Since": old.headers.get("Last-Modified", OLD_DATE)}
    with running(stage(app)[0]) as site:
        new = site.get("/", asks)
        assert (new.status, new.text) == (200, "<p>new</p>")
        assert site.get("/", {"If-Modified-Since": OLD_DATE}).text == "<p>new</p>"
        assert site.get("/kept.css", {"If-None-Match": kept}).status == 304


def test_basic_auth_for_a_site_that_is_the_app_itself(tmp_path: Path, stage: Stage, running: Running) -> None:
    app = write_site(
        tmp_path / "app",
        {
            "index.html": "inside",
            "Staticfile": "directory: visible\nssi: enabled\n",
            "Staticfile.auth": f"ann:{OPEN_SESAME}\nbob:{{SHA}}GpHWL3ymc5liWkNopqtdSjuqYHM=\n",
            "page.html": '<p><!--#include virtual="/part.txt" --></p>',
            "part.txt": "included",
            "files/a.txt": "a",
        },
    )
    with running(stage(app)[0]) as site:
        asked = site.get("/")
        assert asked.status == 401
        assert asked.headers["WWW-Authenticate"] == 'Basic realm="Restricted"'
        bob = basic("bob", "pw")
        assert site.get("/", basic("bob", "no")).status == 401
        assert site.get("/", basic("ann", "open sesame")).status == 200
        home = site.get("/", bob)
        assert (home.status, home.text) == (200, "inside")
        tag = site.get("/files/a.txt", bob).headers["ETag"]
        assert site.get("/files/a.txt", {"If-None-Match": tag}).status == 401, "no validator replaces the password"
        assert 'href="a.txt"' in site.get("/files/", bob).text
        page = site.get("/page.html", bob)
        assert page.text == "<p>included</p>"
        assert "ETag" not in page.headers
        assert site.get("/Staticfile.auth", bob).status == 404


def test_https_redirect_by_what_the_router_says(tmp_path: Path, stage: Stage, running: Running) -> None:
    app = write_site(tmp_path / "app", {"public/index.html": "safe", "Staticfile": "force_https: enabled\n"})
    droplet, _ = stage(app)
    with running(droplet) as site:
        plain = site.get("/a/b?c=d", {"X-Forwarded-Proto": "http", "X-Forwarded-Host": "www.example.org"})
        assert (plain.status, plain.headers["Location"]) == (301, "https://www.example.org/a/b?c=d")
        assert site.get("/").status == 301
        assert site.get("/", {"X-Forwarded-Proto": "https"}).text == "safe"
        assert site.get("/", {"X-Forwarded-Proto": "https,http"}).text == "safe"


def test_https_redirect_asked_for_at_start(tmp_path: Path, stage: Stage, running: Running) -> None:
    app = write_site(tmp_path / "app", {"public/index.html": "safe"})
    with running(stage(app)[0], "--env", "FORCE_HTTPS=true") as site:
        assert site.get("/", {"X-Forwarded-Proto": "http"}).status == 301
        assert site.get("/", {"X-Forwarded-Proto": "https"}).text == "safe"


def test_pages_for_status_codes(tmp_path: Path, stage: Stage, running: Running) -> None:
    app = write_site(
        tmp_path / "app", {"index.html": "x", "oops.html": "oops", "Staticfile": "status_codes:\n  4xx: /oops.html\n"}
    )
    with running(stage(app)[0]) as site:
        missing = site.get("/none")
        assert (missing.status, missing.text) == (404, "oops")


def test_an_nginx_configuration_of_the_app(tmp_path: Path, stage: Stage, running: Running) -> None:
    own = """\
error_log ((APP_ROOT))/nginx/logs/error.log;
events {}
http {
  access_log ((APP_ROOT))/nginx/logs/access.log;
  etag off; if_modified_since off;
  server {
    listen ((PORT));
    root ((APP_ROOT))/public;
    location / { add_header X-Own yes; }
  }
}
"""
    droplet, ended = stage(write_site(tmp_path / "app", {"index.html": "own", "nginx.conf": own}))
    assert "own nginx.conf is used" in ended.script_lines()
    with running(droplet) as site:
        answer = site.get("/")
        assert (answer.text, answer.headers["X-Own"]) == ("own", "yes")
        assert site.get("/nginx.conf").status == 404


@pytest.mark.parametrize(
    ("files", "code", "words"),
    [
        ({"Staticfile": "root: public\npushstat: enabled\n"}, 13, ("line 2", "pushstate")),
        ({"Staticfile.auth": "ann:secret\n"}, 13, ("line 1", "not hashed")),
        ({"Staticfile": "root: dist\n"}, 14, ("root: dist does not exist",)),
        (
            {"Staticfile": "location_include: includes/a.conf\n", "nginx/conf/includes/a.conf": "bogus on;"},
            14,
            ('unknown directive "bogus" in nginx/conf/includes/a.conf:1',),
        ),
    ],
)
def test_mistakes_end_the_staging_with_their_line(
    tmp_path: Path, stagewright: Installation, files: dict[str, str | bytes], code: int, words: tuple[str, ...]
) -> None:
    app = write_site(tmp_path / "app", {"public/index.html": "x", **files})
    ended = stagewright("stage", app, "--name", NAME, "--droplet", tmp_path / "never.tgz")
    assert ended.code == code, ended.out + ended.err
    for word in words:
        assert word in ended.out + ended.err
    assert "secret" not in ended.out + ended.err
    assert not (tmp_path / "never.tgz").exists()


def test_the_second_staging_says_what_it_reused(stage: Stage) -> None:
    stage(EXAMPLES / "static-site")
    said = stage(EXAMPLES / "static-site")[1].script_lines()
    assert "Package lists: " in said
    assert "Reusing nginx " in said


def test_staging_is_reproducible(tmp_path: Path, stage: Stage) -> None:
    shutil.copytree(EXAMPLES / "static-site", tmp_path / "app")
    stage(tmp_path / "app", "--check-reproducible")


def test_no_path_of_the_build_is_in_the_droplet(stage: Stage) -> None:
    droplet, _ = stage(EXAMPLES / "static-site")
    with tarfile.open(droplet) as archive:
        for member in archive:
            assert not member.linkname.startswith("/home/vcap")
            file = archive.extractfile(member) if member.isfile() else None
            assert file is None or b"/home/vcap" not in file.read(), member.name
