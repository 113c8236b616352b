"""The pure parts of the staticfile buildpack: its reader, its keys, which directory is served, validators and nginx.conf."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from buildpack import BuildpackError
from hypothesis import given
from hypothesis import strategies as st
from staticfile_buildpack.config import Site, completed, nginx_conf, path_expression, quoted, rendered
from staticfile_buildpack.detect import detect
from staticfile_buildpack.etags import as_map, content_tags
from staticfile_buildpack.reading import Node, parse
from staticfile_buildpack.settings import HeaderRule, Settings, parse_settings
from staticfile_buildpack.site import prepare_site, read_passwords


# ------------------------------------------------------------------------------------------------------------------- detection
@pytest.mark.parametrize("file", ["Staticfile", "index.html", "public/index.html", "public/a.txt"])
def test_what_makes_an_app_a_static_site(tmp_path: Path, file: str) -> None:
    assert detect(tmp_path) is None
    (tmp_path / file).parent.mkdir(exist_ok=True)
    assert detect(tmp_path) is None, "an empty public/ is no site"
    (tmp_path / file).touch()
    assert detect(tmp_path) == "staticfile"


# ------------------------------------------------------------------------------------------------------------------ the reader
def plain(entries: dict[str, Node]) -> dict[str, object]:
    return {key: plain(dict(node.entries)) if node.entries else node.text for key, node in entries.items()}


def test_keys_values_maps_quotes_and_comments() -> None:
    text = """---
# a comment
root: dist   # another
pushstate: 'it''s'
"quoted key": "a \\"b\\" # c"
empty:
headers:
    /assets/*:
      Cache-Control: public, max-age=1
    X: "a: b"
last: x#y
"""
    assert plain(parse(text)) == {
        "root": "dist",
        "pushstate": "it's",
        "quoted key": 'a "b" # c',
        "empty": "",
        "headers": {"/assets/*": {"Cache-Control": "public, max-age=1"}, "X": "a: b"},
        "last": "x#y",
    }
    assert parse(text)["last"].line == 11
    assert parse("") == parse("# nothing\n---\n") == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb\n", "line 2: expected 'key: value'"),
        ("a: 1\n  b: 2\n", "line 2: it is indented below 'a'"),
        ("a:\n    b: 1\n  c: 2\n", "line 3: it is indented like no line above"),
        ("a: 1\na: 2\n", "line 2: 'a' is there for the second time"),
        ("a:\n- b\n", "line 2: a list"),
        ("a: [b]\n", "line 1: a list"),
        ("a: {b: c}\n", "a map in braces"),
        ("a: |\n  b\n", "a text of several lines"),
        ("a: &x b\n", "an anchor"),
        ("a: b: c\n", "a value with a colon must be put into quotes"),
        ("\ta: b\n", "line 1: it holds a tab"),
        ("a: 'b\n", "a quote is not closed"),
        ('a: "b" c\n', "'c' follows a value in quotes"),
        ('a: "\\x41"\n', "only those of JSON"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(text: str, says: str) -> None:
    with pytest.raises(BuildpackError, match=re.escape(says)):
        parse(text)


LINES = st.lists(st.text(alphabet="ab:# '\"/*-\\[{|&!,.?@%~=1\t", max_size=14), max_size=5).map("\n".join)


@given(LINES)
def test_what_is_accepted_means_the_same_to_yaml(text: str) -> None:
    try:
        entries = plain(parse(text))
    except BuildpackError:
        return
    try:
        expected = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes strings alone
    except yaml.YAMLError:
        return
    if isinstance(expected, dict):
        assert entries == expected


# --------------------------------------------------------------------------------------------------------------------- the keys
def test_every_key_of_cloud_foundry() -> None:
    settings = parse_settings(
        """
root: dist
host_dot_files: enabled
location_include: includes/*.conf
directory: visible
ssi: true
pushstate: enabled
http_strict_transport_security: true
http_strict_transport_security_include_subdomains: true
http_strict_transport_security_preload: true
force_https: disabled
enable_http2: false
status_codes:
  404: /404.html
  5xx: /50x.html
  "401 403": /no.html
"""
    )
    assert settings == Settings(
        root="dist",
        dot_files=True,
        location_include="includes/*.conf",
        directory=True,
        ssi=True,
        pushstate=True,
        hsts=True,
        hsts_subdomains=True,
        hsts_preload=True,
        status_codes={
            "404": "/404.html",
            "500 501 502 503 504 505 506 507 508 510 511": "/50x.html",
            "401 403": "/no.html",
        },
    )


def test_headers_for_all_files_and_by_path() -> None:
    text = "headers:\n  X-A: '1'\n  /assets/*:\n    X-A: '2'\n    Cache-Control: max-age=5\n"
    assert parse_settings(text).headers == (
        HeaderRule("/*", "X-A", "1"),
        HeaderRule("/assets/*", "X-A", "2"),
        HeaderRule("/assets/*", "Cache-Control", "max-age=5"),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pushstat: enabled", "line 1: there is no key 'pushstat'; did you mean 'pushstate'?"),
        ("pushstate: perhaps", "pushstate is enabled or disabled, not 'perhaps'"),
        ("directory: invisible", "directory is visible or disabled"),
        ("root:\n  a: b", "root is one value, not a map"),
        ("location_include: ../../etc/passwd", "names files below nginx/conf"),
        ("location_include: a; evil on", "names files below nginx/conf"),
        ("status_codes:\n  abc: /x", "'abc' is no status code"),
        ("status_codes:\n  200: /x", "'200' is no status code"),
        ("status_codes:\n  404: x.html", "a path that begins with /"),
        ("status_codes:\n  404: /x; } evil", "a path that begins with /"),
        ("status_codes: 404", "status_codes is a map"),
        ("headers: x", "headers is a map"),
        ("headers:\n  /a/*: x", "below /a/* come the headers"),
        ("headers:\n  'X A': x", "is neither the name of a header nor a path"),
        ("headers:\n  ETag: x", "ETag is set by the server"),
        ("headers:\n  X: $uri", "a variable of nginx"),
        ("headers:\n  X: ä", "signs that a header cannot"),
        ('headers:\n  X: "a\\nb"', "signs that a header cannot"),
    ],
)
def test_values_without_a_meaning_are_refused(text: str, says: str) -> None:
    with pytest.raises(BuildpackError, match=re.escape(says)):
        parse_settings(text)


# ------------------------------------------------------------------------------------------------------ which directory is served
def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def test_an_app_that_is_itself_the_site_is_moved_into_public(tmp_path: Path) -> None:
    write(
        tmp_path, "index.html", "a/b.txt", "public/c.txt", "Staticfile", "Staticfile.auth", "manifest.yml", "Procfile"
    )
    write(tmp_path, ".env", ".git/config", ".profile", ".well-known/security.txt", "nginx/conf/includes/x.conf")
    assert prepare_site(tmp_path, "", dot_files=False) == "public"
    served = {
        path.relative_to(tmp_path / "public").as_posix() for path in (tmp_path / "public").rglob("*") if path.is_file()
    }
    assert served == {"index.html", "a/b.txt", "public/c.txt", ".well-known/security.txt"}
    assert (tmp_path / "Staticfile.auth").is_file()
    assert (tmp_path / "nginx/conf/includes/x.conf").is_file()


def test_hidden_files_are_served_where_asked_for(tmp_path: Path) -> None:
    write(tmp_path, "index.html", ".env", ".git/config", ".profile")
    prepare_site(tmp_path, ".", dot_files=True)
    assert sorted(path.name for path in (tmp_path / "public").iterdir()) == [".env", "index.html"]


def test_a_directory_of_the_app_is_served_where_it_lies(tmp_path: Path) -> None:
    write(tmp_path, "dist/web/index.html", "public/x", "Staticfile")
    assert prepare_site(tmp_path, "/dist/web/", dot_files=False) == "dist/web"
    assert prepare_site(tmp_path, "", dot_files=False) == "public"
    assert (tmp_path / "dist/web/index.html").is_file()


@pytest.mark.parametrize(
    ("root", "says"), [("..", "leads out"), ("none", "does not exist"), ("file", "is a file"), ("out", "leads out")]
)
def test_a_root_that_cannot_be_served(tmp_path: Path, root: str, says: str) -> None:
    write(tmp_path, "app/file", "other/x")
    (tmp_path / "app/out").symlink_to("../other")
    with pytest.raises(BuildpackError, match=says):
        prepare_site(tmp_path / "app", root, dot_files=False)


@pytest.mark.parametrize(
    "password",
    [
        "$apr1$Wfu8Eg3e$KocZBI/xhmLzu32pnrU0D1",
        "$2y$05$abcdefghijklmnopqrstuv",
        "$6$s$h",
        "$y$j9T$x$y",
        "{SHA}Z/q5=",
        "{PLAIN}x",
        "rqXexS6ZhobKA",
    ],
)
def test_passwords_that_nginx_reads(tmp_path: Path, password: str) -> None:
    assert read_passwords(tmp_path) is None
    (tmp_path / "Staticfile.auth").write_text(f"# people\n\nann:{password}:a comment")
    assert read_passwords(tmp_path) == f"# people\n\nann:{password}:a comment\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ann:secret", "line 1: the password of ann is not hashed"),
        ("# x\nann", "line 2: expected"),
        ("# nobody", "names nobody"),
    ],
)
def test_passwords_that_would_lock_out_or_leak(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "Staticfile.auth").write_text(text)
    with pytest.raises(BuildpackError, match=says) as caught:
        read_passwords(tmp_path)
    assert "secret" not in caught.value.message


# ------------------------------------------------------------------------------------------------------------------ validators
def test_a_change_of_the_same_size_changes_the_tag(tmp_path: Path) -> None:
    write(tmp_path, "index.html", "a/b.js")
    before = content_tags(tmp_path)
    assert set(before) == {b"/index.html", b"/a/b.js"}
    (tmp_path / "a/b.js").write_text("a/B.js")
    after = content_tags(tmp_path)
    assert after[b"/index.html"] == before[b"/index.html"]
    assert after[b"/a/b.js"] != before[b"/a/b.js"]


def test_a_file_and_its_compressed_form_have_one_tag(tmp_path: Path) -> None:
    write(tmp_path, "a.js")
    plain_tag = content_tags(tmp_path)[b"/a.js"]
    (tmp_path / "a.js.gz").write_bytes(gzip.compress(b"other", mtime=0))
    (tmp_path / "only.css.gz").write_bytes(gzip.compress(b"x", mtime=0))
    tags = content_tags(tmp_path)
    assert tags[b"/a.js"] != plain_tag, "the .gz is what is sent"
    assert set(tags) == {b"/a.js", b"/a.js.gz", b"/only.css", b"/only.css.gz"}


def test_pages_with_includes_have_no_tag(tmp_path: Path) -> None:
    write(tmp_path, "index.html", "part.shtml", "a.css")
    assert set(content_tags(tmp_path, skip_pages=True)) == {b"/a.css"}


def test_odd_names_in_the_map() -> None:
    tags = {b'/a "b" \\ $c;': "1", b"/A.js": "2", b"/a.js": "3", b"/\xff": "4", b"/x\ny": "5"}
    assert set(as_map(tags).split(b";\n")) == {
        b'"/x\ny" 5',
        b'"~^/A\\\\.js$" 2',
        b'"~^/a\\\\.js$" 3',
        b'"/a \\"b\\" \\\\ $c;" 1',
        b'"/\xff" 4',
        b"",
    }


# ------------------------------------------------------------------------------------------------------------------ nginx.conf
def conf(text: str = "", **facts: Any) -> str:
    return nginx_conf(parse_settings(text), Site(root="public", **facts))


def test_a_plain_site() -> None:
    text = conf()
    assert "listen ((PORT));" in text
    assert 'root "((APP_ROOT))/public";' in text
    assert "((FORCE_HTTPS_DIRECTIVE))" in text, "FORCE_HTTPS may ask for it at start"
    assert "etag off;" in text
    assert "location ~ /\\.(?!well-known(/|$)) {" in text
    for absent in ("try_files", "autoindex", "auth_basic", "Strict-Transport", "ssi on", "error_page"):
        assert absent not in text
    assert text.count("{") == text.count("}")


def test_what_settings_add() -> None:
    assert "try_files $uri $uri/ /index.html;" in conf("pushstate: enabled")
    assert "autoindex on;" in conf("directory: visible")
    assert "ssi on;" in conf("ssi: enabled")
    assert "include includes/*.conf;" in conf("location_include: includes/*.conf")
    assert "location ~ /" not in conf("host_dot_files: enabled")
    assert "((FORCE_HTTPS_DIRECTIVE))" not in conf("force_https: enabled")
    assert "error_page 404 /oops.html;" in conf("status_codes:\n  404: /oops.html", has_not_found_page=True)
    assert "error_page 404 /404.html;" in conf(has_not_found_page=True)
    hsts = conf("http_strict_transport_security: true\nhttp_strict_transport_security_preload: true")
    assert 'add_header Strict-Transport-Security "max-age=31536000; preload" always;' in hsts


def test_with_passwords_nothing_is_answered_before_they_are_asked_for() -> None:
    assert "if ($unchanged) { return 304; }" in conf()
    text = conf(passwords=True)
    assert "auth_basic_user_file" in text
    assert "return 304" not in text


def test_headers_become_maps_where_the_later_rule_wins() -> None:
    text = conf(
        "headers:\n  X-A: all\n  /a/*:\n    X-A: first\n    Cache-Control: no-store\n  /a/b.js:\n    x-a: second\n"
    )
    block = re.search(r"map \$uri \$header_x_a \{(.*?)\}", text, re.DOTALL)
    assert block is not None
    lines = [line.strip() for line in block[1].strip().splitlines()]
    assert lines == ["volatile;", 'default "all";', '"~^/a/b\\\\.js$" "second";', '"~^/a/.*$" "first";']
    assert 'add_header "X-A" $header_x_a always;' in text
    assert 'add_header "Cache-Control" $header_cache_control;' in text, "an error page must not be kept"


@pytest.mark.parametrize(
    ("pattern", "matches", "leaves"),
    [
        ("/*", "/x/y", ""),
        ("/a.js", "/a.js", "/abjs"),
        ("/docs/", "/docs/index.html", "/docs/x"),
        ("/*.css", "/x/y.css", "/x.cssx"),
        ("/a(b)/*", "/a(b)/c", "/ab/c"),
    ],
)
def test_patterns_of_paths(pattern: str, matches: str, leaves: str) -> None:
    assert re.match(path_expression(pattern), matches)
    assert not re.match(path_expression(pattern), leaves)


@given(st.text(max_size=30))
def test_quoted_text_ends_where_it_should(text: str) -> None:
    inside = quoted(text)[1:-1]
    assert re.fullmatch(r'(?:[^"\\]|\\.)*', inside, re.DOTALL)
    assert re.sub(r"\\(.)", r"\1", inside, flags=re.DOTALL) == text


def test_buckets_hold_the_longest_path() -> None:
    bucket = re.search(r"map_hash_bucket_size (\d+);", conf(files=3, longest_path=1000))
    assert bucket is not None
    assert int(bucket[1]) >= 1000 + 64
    assert int(bucket[1]).bit_count() == 1


def test_an_own_configuration_gets_what_it_needs_to_run_here() -> None:
    own = "events {}\nhttp {\n  proxy_temp_path /x;\n  server { listen ((PORT)); }\n}\n"
    text = completed(own)
    assert text.startswith('daemon off;\npid "((TMPDIR))/nginx.pid";\nevents {}')
    assert text.count("proxy_temp_path") == 1
    assert 'client_body_temp_path "((TMPDIR))/client_body";' in text
    assert completed(text) == text
    assert "listen 80;" in rendered(text, {"PORT": "80"})
