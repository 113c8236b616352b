"""nginx.conf, written for a person to read.

What is known at start only stands in it as Cloud Foundry's buildpack writes it, ``((PORT))`` and ``((APP_ROOT))``, and is filled
in by the start script: ``((TMPDIR))`` and ``((FORCE_HTTPS_DIRECTIVE))`` too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from staticfile_buildpack.settings import HeaderRule, Settings

TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
"""Directories that nginx makes when it starts; those compiled in are not ours to write."""

COMPRESSED = """\
text/css text/csv text/javascript text/markdown text/plain text/vtt text/xml application/atom+xml application/geo+json
               application/javascript application/json application/ld+json application/manifest+json application/rss+xml
               application/vnd.ms-fontobject application/wasm application/xhtml+xml application/xml font/otf font/ttf
               image/bmp image/svg+xml image/x-icon"""

FORCE_HTTPS = "if ($best_proto != https) { return 301 https://$best_host$best_prefix$request_uri; }"

ONLY_GOOD_ANSWERS = ("cache-control", "expires")
"""Headers that must not be on an error page: a browser would keep it."""


@dataclass(frozen=True)
class Site:
    """What is served: ``root`` below the app, and facts of it that the configuration depends on."""

    root: str
    passwords: bool = False
    has_not_found_page: bool = False
    files: int = 0
    longest_path: int = 0
    """In bytes."""


def nginx_conf(settings: Settings, site: Site) -> str:
    return "\n".join(_indented(_lines(settings, site))) + "\n"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    depth = 0
    for line in lines:
        text = line.strip()
        depth -= text.startswith("}")
        yield f"{'  ' * depth}{text}" if text else ""
        depth += text.endswith("{")


def _lines(settings: Settings, site: Site) -> Iterator[str]:
    yield "# Written by the staticfile buildpack. ((PORT)), ((APP_ROOT)) and ((TMPDIR)) are filled in at each start."
    yield from ("worker_processes 1;", "daemon off;", 'pid "((TMPDIR))/nginx.pid";', "error_log stderr warn;", "")
    yield from ("events {", "worker_connections 1024;", "}", "", "http {")
    yield from _http(settings)
    yield from _validators(site)
    yield from _forwarded()
    yield from _header_maps(settings.headers)
    yield from _server(settings, site)
    yield "}"


def _http(settings: Settings) -> Iterator[str]:
    yield from ("include mime.types;", "default_type application/octet-stream;", "charset utf-8;")
    yield "charset_types text/css text/csv text/javascript text/markdown text/plain text/vtt text/xml application/javascript"
    yield "              application/json application/manifest+json application/rss+xml application/xml;"
    yield from (
        "sendfile on;",
        "tcp_nopush on;",
        "keepalive_timeout 30;",
        "server_tokens off;",
        "absolute_redirect off;",
    )
    yield from (f'{name}_temp_path "((TMPDIR))/{name}";' for name in TEMPORARY)
    yield ""
    yield "log_format forwarded '$remote_addr $http_x_forwarded_for [$time_local] \"$request\" $status $body_bytes_sent';"
    yield "access_log /dev/stdout forwarded;"
    yield ""
    yield "# Compressed on the way, unless a file with .gz beside it is compressed already."
    yield from ("gzip on;", "gzip_comp_level 6;", "gzip_min_length 1024;", "gzip_proxied any;", "gzip_vary on;")
    yield f"gzip_types {COMPRESSED};"
    yield from ("gzip_static always;", "gunzip on;", "")
    if settings.ssi:
        yield from ("ssi on;", "")


def _validators(site: Site) -> Iterator[str]:
    yield "# All files of a droplet have the same time, so validators are made of content: etags.map holds a hash for each path."
    yield from ("etag off;", "if_modified_since off;")
    bucket = 1 << max(6, (site.longest_path + 64).bit_length())
    yield f"map_hash_bucket_size {bucket};"
    yield f"map_hash_max_size {max(2048, 2 * site.files)};"
    yield from ("map $uri $content_hash {", "volatile;", 'default "";', "include etags.map;", "}")
    yield from ("map $content_hash $content_etag {", "volatile;", '"" "";', "default 'W/\"$content_hash\"';", "}")
    yield from ('map "$request_method $content_hash $http_if_none_match" $unchanged {', "volatile;", 'default "";')
    yield from ("'~^(?:GET|HEAD) ([0-9a-f]{16}) .*\"\\1\"' 1;", "'~^(?:GET|HEAD) [0-9a-f]{16} \\*$' 1;", "}", "")


def _forwarded() -> Iterator[str]:
    yield "# What the router in front says of the request that it got; the first value counts."
    for name, fallback in (("proto", '""'), ("host", "$host"), ("prefix", '""')):
        yield from (f"map $http_x_forwarded_{name} $best_{name} {{", f"default {fallback};", "'~^([^, ]+)' $1;", "}")
    yield ""


def _server(settings: Settings, site: Site) -> Iterator[str]:
    yield from ("server {", "listen ((PORT));", f"root {quoted(f'((APP_ROOT))/{site.root}')};")
    yield "index index.html index.htm Default.htm;"
    yield FORCE_HTTPS if settings.force_https else "((FORCE_HTTPS_DIRECTIVE))"
    yield ""
    if site.passwords:
        yield from ('auth_basic "Restricted";', 'auth_basic_user_file "((APP_ROOT))/nginx/conf/.htpasswd";', "")
    pages = dict(settings.status_codes)
    if site.has_not_found_page and not any("404" in codes.split() for codes in pages):
        pages["404"] = "/404.html"
    yield from (f"error_page {codes} {page};" for codes, page in pages.items())
    yield from _location(settings, site)
    if not settings.dot_files:
        yield from ("", "# Hidden files are not there.", "location ~ /\\.(?!well-known(/|$)) {", "return 404;", "}")
    yield "}"


def _location(settings: Settings, site: Site) -> Iterator[str]:
    yield from ("", "location / {")
    if settings.pushstate:
        yield "try_files $uri $uri/ /index.html;"
    if settings.directory:
        yield "autoindex on;"
    if not site.passwords:  # nginx would answer 304 before it asks for the password
        yield "if ($unchanged) { return 304; }"
    yield from ("add_header ETag $content_etag;", 'add_header Last-Modified "";')
    if settings.hsts:
        more = ("; includeSubDomains" if settings.hsts_subdomains else "") + (
            "; preload" if settings.hsts_preload else ""
        )
        yield f'add_header Strict-Transport-Security "max-age=31536000{more}" always;'
    for name in _by_name(settings.headers):
        always = "" if name.lower() in ONLY_GOOD_ANSWERS else " always"
        yield f"add_header {quoted(name)} ${_variable(name)}{always};"
    if settings.location_include:
        yield f"include {settings.location_include};"
    yield "}"


# --------------------------------------------------------------------------------------------------------------------- headers
def _header_maps(rules: Iterable[HeaderRule]) -> Iterator[str]:
    """A map for each header: its value by the path of the file that is served."""
    for name, values in _by_name(rules).items():
        yield from (f"map $uri ${_variable(name)} {{", "volatile;")
        everywhere = values.pop("/*", "")
        yield f"default {quoted(everywhere)};"
        for pattern, value in reversed(list(values.items())):
            yield f"{quoted('~' + path_expression(pattern))} {quoted(value)};"
        yield "}"


def _by_name(rules: Iterable[HeaderRule]) -> dict[str, dict[str, str]]:
    """Values by pattern by header, a header under the first spelling of its name; a later rule of the same pattern replaces."""
    names: dict[str, str] = {}
    found: dict[str, dict[str, str]] = {}
    for rule in rules:
        name = names.setdefault(rule.name.lower(), rule.name)
        values = found.setdefault(name, {})
        values.pop(rule.pattern, None)
        values[rule.pattern] = rule.value
    return found


def path_expression(pattern: str) -> str:
    """A pattern as a regular expression of PCRE; a directory means its index page, which is what nginx serves there."""
    if pattern.endswith("/"):
        pattern += "index.html"
    return "^" + ".*".join(re.sub(r"([.^$+?()\[\]{}|\\])", r"\\\1", part) for part in pattern.split("*")) + "$"


def _variable(name: str) -> str:
    return "header_" + re.sub(r"[^a-z0-9]", "_", name.lower())


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# ----------------------------------------------------------------------------------------------------- a configuration of the app
def completed(text: str) -> str:
    """An app's own nginx.conf with the directives that nginx needs here and that it leaves out."""
    missing = [
        f'  {name}_temp_path "((TMPDIR))/{name}";'
        for name in TEMPORARY
        if not re.search(rf"\b{name}_temp_path\b", text)
    ]
    if missing:
        text = re.sub(
            r"^(\s*http\s*\{)", lambda match: "\n".join([match[1], *missing]), text, count=1, flags=re.MULTILINE
        )
    for name, line in (("pid", 'pid "((TMPDIR))/nginx.pid";'), ("daemon", "daemon off;")):
        if not re.search(rf"^\s*{name}\s", text, re.MULTILINE):
            text = f"{line}\n{text}"
    return text


def rendered(text: str, values: Mapping[str, str]) -> str:
    """What the start script makes of the configuration: to let nginx check it at build."""
    for name, value in values.items():
        text = text.replace(f"(({name}))", value)
    return text
