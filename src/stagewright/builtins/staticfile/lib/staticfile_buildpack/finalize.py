"""The site and its nginx.conf, in the app."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from buildpack import Staging, detail, fail, scratch, step, warn, write_launch, write_launch_environment

from staticfile_buildpack.config import FORCE_HTTPS, Site, completed, nginx_conf, rendered
from staticfile_buildpack.etags import as_map, content_tags
from staticfile_buildpack.settings import Settings, read_settings
from staticfile_buildpack.site import prepare_site, read_passwords

MIME_TYPES = Path(__file__).resolve().parent.parent.parent / "conf" / "mime.types"
SAID = (
    ("pushstate", "unknown paths answer with index.html (pushstate)"),
    ("directory", "directories without an index are listed"),
    ("ssi", "server-side includes; pages have no validators"),
    ("dot_files", "hidden files are served (host_dot_files)"),
    ("force_https", "what did not come by https is redirected (X-Forwarded-Proto)"),
    ("hsts", "browsers are told to stay with https (HSTS)"),
)


def finalize(staging: Staging) -> None:
    settings = judged(read_settings(staging.build))
    passwords = read_passwords(staging.build)
    root = prepare_site(staging.build, settings.root, dot_files=settings.dot_files)
    site_directory = staging.build / root
    tags = content_tags(site_directory, skip_pages=settings.ssi)
    site = Site(
        root=root,
        passwords=passwords is not None,
        has_not_found_page=(site_directory / "404.html").is_file(),
        files=len(tags),
        longest_path=max(map(len, tags), default=0),
    )
    for page in settings.status_codes.values():
        if not (site_directory / page.lstrip("/")).is_file():
            warn(f"status_codes: the site has no {page}")
    step(f"Serving {root}/ ({sum(len(files) for _, _, files in os.walk(site_directory))} files)")
    say(settings, site)
    files = {"etags.map": as_map(tags), **({".htpasswd": os.fsencode(passwords)} if passwords is not None else {})}
    write_configuration(staging, settings, site, files)
    check_configuration(staging)
    write_launch(staging, {"web": f'"{staging.own_at_run}/bin/staticfile-serve"'})
    write_launch_environment(staging)


def judged(settings: Settings) -> Settings:
    """The settings without what cannot be had, which is said."""
    if settings.http2:
        warn("enable_http2 is not supported: HTTP/2 ends at the router in front. The site is served by HTTP/1.1.")
    if (settings.hsts_subdomains or settings.hsts_preload) and not settings.hsts:
        warn(
            "http_strict_transport_security_include_subdomains and …_preload do nothing without http_strict_transport_security."
        )
    return replace(settings, http2=False)


def say(settings: Settings, site: Site) -> None:
    for name, text in SAID:
        if getattr(settings, name):
            detail(text)
    if site.passwords:
        detail("a name and a password are asked for (Staticfile.auth)")
    for codes, page in settings.status_codes.items():
        detail(f"errors {codes if len(codes) < 20 else codes[0] + 'xx'} show {page}")
    if settings.headers:
        detail(f"headers: {', '.join(dict.fromkeys(rule.name.title() for rule in settings.headers))}")


def write_configuration(staging: Staging, settings: Settings, site: Site, files: Mapping[str, bytes]) -> None:
    """``nginx/conf`` of the app. An nginx.conf or mime.types that the app brings, there or at the top of the site, is kept."""
    directory = staging.build / "nginx" / "conf"
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (directory / name).write_bytes(content)
    for name in ("nginx.conf", "mime.types"):
        if (staging.build / site.root / name).is_file():
            (staging.build / site.root / name).replace(directory / name)
    if not (directory / "mime.types").is_file():
        shutil.copyfile(MIME_TYPES, directory / "mime.types")
    own = directory / "nginx.conf"
    if own.is_file():
        keep_own(own)
        logs = staging.build / "nginx" / "logs"
        logs.mkdir(exist_ok=True)
        for name, stream in (("access.log", "/dev/stdout"), ("error.log", "/dev/stderr")):
            if not os.path.lexists(logs / name):
                (logs / name).symlink_to(stream)
    else:
        own.write_text(nginx_conf(settings, site), encoding="utf-8")


def keep_own(file: Path) -> None:
    """An nginx.conf of the app: judged, and completed by what nginx needs to run here."""
    text = file.read_text(encoding="utf-8", errors="surrogateescape")
    if "<%" in text:
        fail(
            "The app's nginx.conf is an ERB template, which is not supported.",
            "Write ((PORT)) for the port and ((APP_ROOT)) for the app's directory instead.",
        )
    warn("The app's own nginx.conf is used: the keys of the Staticfile have no effect.")
    if "((PORT))" not in text and "((LISTEN_DIRECTIVE))" not in text:
        warn("It does not listen on ((PORT)), the port that the platform gives.")
    if not re.search(r"\betag\s+off\b", text):
        warn("All files of a droplet have one time: add `etag off; if_modified_since off;`, or browsers miss changes.")
    file.write_text(completed(text), encoding="utf-8", errors="surrogateescape")


def check_configuration(staging: Staging) -> None:
    """nginx's own check, as the start script would fill the file in; its words name the file and line."""
    with socket.socket() as probe, scratch("staticfile") as directory:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
        conf = Path(directory, "conf")
        shutil.copytree(staging.build / "nginx" / "conf", conf)
        values = {
            "PORT": port,
            "APP_ROOT": str(staging.build),
            "TMPDIR": directory,
            "LISTEN_DIRECTIVE": f"listen {port};",
            "FORCE_HTTPS_DIRECTIVE": FORCE_HTTPS,
        }
        text = (conf / "nginx.conf").read_text(encoding="utf-8", errors="surrogateescape")
        (conf / "nginx.conf").write_text(rendered(text, values), encoding="utf-8", errors="surrogateescape")
        probe.close()
        found = subprocess.run(
            [
                staging.own / "nginx/usr/sbin/nginx",
                "-t",
                "-q",
                "-e",
                "stderr",
                "-p",
                directory,
                "-c",
                conf / "nginx.conf",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    said = found.stdout.decode("utf-8", "replace").replace(f"{conf}/", "nginx/conf/").strip()
    said = re.sub(r"^\S+ \S+ (\[\w+\]) \S+: ", r"\1 ", said, flags=re.MULTILINE)
    if found.returncode:
        fail(
            f"nginx does not accept its configuration:\n{said}",
            "Look at location_include, headers and the app's nginx.conf.",
        )
    if said:
        warn(said)
