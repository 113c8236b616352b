"""Buildpacks in archives, from files and over HTTP: what is fetched, and when again; what is refused; what is never told."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import select
import socket
import ssl
import stat
import subprocess
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.made_repositories import SCRIPTS, write_buildpack
from tests.source_server import Answer, SourceServer, source_server

from stagewright.buildpacks import (
    BuildpackStore,
    Catalogue,
    FetchPolicy,
    MalformedBuildpack,
    fetch_into,
    parse_reference,
)
from stagewright.buildpacks.fetching.problems import (
    PinBroken,
    SourceRefused,
    SourceUnreachable,
    TookTooLong,
    TooMuch,
    UntrustedCertificate,
    UnusableBits,
    UsesGitLfs,
)
from stagewright.errors import Problem
from stagewright.model.buildpack import ArchiveFileRef, ArchiveUrlRef, Buildpack
from stagewright.model.digest import Digest
from stagewright.model.origin import ArchiveOrigin
from stagewright.model.tree import Bounds

PASSWORD = "c4n4ry+p/w:ü'x"


@pytest.fixture
def server() -> Iterator[SourceServer]:
    with source_server() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> BuildpackStore:
    policy = FetchPolicy(timeout=20, tries=3, retry_delay=0.01, largest=4 << 20)
    return BuildpackStore(tmp_path / "store", Catalogue(), Bounds(), settled_after=0.0, policy=policy)


def archive(top: str = "", **files: str) -> bytes:
    """A tar.gz of a buildpack, below ``top``."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        entries = {f"bin/{name}": "#!/bin/sh\n" for name in SCRIPTS} | {
            k.replace("__", "/"): v for k, v in files.items()
        }
        for name, content in entries.items():
            entry = tarfile.TarInfo(f"{top}{name}")
            entry.mode, entry.size = 0o755, len(content)
            tar.addfile(entry, io.BytesIO(content.encode()))
    return written.getvalue()


def obtain(store: BuildpackStore, text: str, **options: bool) -> Buildpack:
    return store.obtain(parse_reference(text, (), store.directory.parent, **options))


def archive_ref(text: str, relative_to: Path) -> ArchiveUrlRef | ArchiveFileRef:
    ref = parse_reference(text, (), relative_to)
    assert isinstance(ref, ArchiveUrlRef | ArchiveFileRef)
    return ref


def left_behind(store: BuildpackStore) -> list[str]:
    return [path.name for path in store.directory.iterdir() if path.name.startswith(".incoming")]


def forms(secret: str) -> list[str]:
    """What a secret may look like in an output."""
    raw = secret.encode()
    pair = base64.b64encode(b"me:" + raw).decode()
    return [
        secret,
        quote(secret, safe=""),
        quote(secret),
        base64.b64encode(raw).decode(),
        pair,
        secret.replace("'", "'\\''"),
    ]


def everything_said(problem: Problem) -> str:
    return "\n".join([problem.brief(), problem.hint(), problem.details(), repr(problem), str(problem)])


# Over HTTP


def test_an_unchanged_url_is_asked_about_and_not_fetched_again(store: BuildpackStore, server: SourceServer) -> None:
    server.answers["/my-bp-v1.2.0.tgz"] = Answer(archive(VERSION="1.2.0\n"), etag='"one"')
    first = obtain(store, f"{server.url}/my-bp-v1.2.0.tgz")
    again = obtain(store, f"{server.url}/my-bp-v1.2.0.tgz")
    assert again == first
    assert (first.key, first.name, first.version) == ("my-bp", "my-bp", "1.2.0")
    assert [one.headers.get("If-None-Match") for one in server.asked] == [None, '"one"']
    digest = Digest.of(server.answers["/my-bp-v1.2.0.tgz"].body)
    assert first.origin == ArchiveOrigin(f"{server.url}/my-bp-v1.2.0.tgz", digest)
    assert left_behind(store) == []


def test_a_changed_url_is_fetched_again_and_keeps_its_key(store: BuildpackStore, server: SourceServer) -> None:
    server.answers["/bp.tgz"] = Answer(archive(VERSION="1"), etag='"one"')
    first = obtain(store, f"{server.url}/bp.tgz")
    server.answers["/bp.tgz"] = Answer(archive(VERSION="2"), etag='"two"')
    second = obtain(store, f"{server.url}/bp.tgz")
    assert (second.version, second.key) == ("2", first.key)
    assert second.digest != first.digest


def test_bits_that_are_gone_are_fetched_whole(store: BuildpackStore, server: SourceServer, tmp_path: Path) -> None:
    server.answers["/bp.tgz"] = Answer(archive(), etag='"one"')
    first = obtain(store, f"{server.url}/bp.tgz")
    first.root.rename(tmp_path / "elsewhere")
    assert obtain(store, f"{server.url}/bp.tgz").root.is_dir()


@pytest.mark.parametrize(("age", "known"), [(60, True), (0, False)])
def test_a_time_tells_a_file_only_when_it_is_older_than_the_answer(
    store: BuildpackStore, server: SourceServer, age: int, known: bool
) -> None:
    from email.utils import formatdate

    server.answers["/bp.tgz"] = Answer(archive(), headers={"Last-Modified": formatdate(time.time() - age, usegmt=True)})
    for _ in range(2):
        obtain(store, f"{server.url}/bp.tgz")
    assert ("If-Modified-Since" in server.asked[1].headers) is known


def test_a_pinned_one_is_asked_for_once(store: BuildpackStore, server: SourceServer) -> None:
    body = archive()
    server.answers["/bp.tgz"] = Answer(body)
    pinned = f"{server.url}/bp.tgz#sha256={hashlib.sha256(body).hexdigest()}"
    first = obtain(store, pinned)
    server.answers.clear()
    assert obtain(store, pinned) == first
    assert server.count() == 1


def test_a_broken_pin_is_refused(store: BuildpackStore, server: SourceServer) -> None:
    server.answers["/bp.tgz"] = Answer(archive(), etag='"one"')
    wrong = f"{server.url}/bp.tgz#sha256={'0' * 64}"
    with pytest.raises(PinBroken):
        obtain(store, wrong)
    obtain(store, f"{server.url}/bp.tgz")
    with pytest.raises(PinBroken):
        obtain(store, wrong)
    assert left_behind(store) == []


def test_without_a_network_a_pinned_one_works_and_another_says_how_to_pin(store: BuildpackStore) -> None:
    body = archive()
    with source_server() as server:
        server.answers["/bp.tgz"] = Answer(body)
        url = f"{server.url}/bp.tgz"
        first = obtain(store, url)
    pinned = f"{url}#sha256={hashlib.sha256(body).hexdigest()}"
    with pytest.raises(SourceUnreachable) as unreachable:
        obtain(store, url)
    assert pinned in unreachable.value.hint()
    assert obtain(store, pinned).digest == first.digest
    with pytest.raises(SourceUnreachable) as unreachable:
        obtain(store, url.replace("bp.tgz", "other.tgz"))
    assert "#sha256=HEX" in unreachable.value.hint()


def test_the_password_goes_to_its_own_host_and_into_no_output(store: BuildpackStore, server: SourceServer) -> None:
    server.credentials = f"me:{PASSWORD}"
    server.answers["/bp.tgz"] = Answer(archive(), etag='"one"')
    url = f"http://me:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/bp.tgz"
    obtained = obtain(store, url)
    kept = b"".join(path.read_bytes() for path in (store.directory / ".known").iterdir())
    shown = "\n".join(
        [repr(obtained), str(parse_reference(url, (), Path("/"))), repr(parse_reference(url, (), Path("/")))]
    )
    for form in forms(PASSWORD):
        assert form not in shown
        assert form.encode() not in kept
    assert obtained.reference == f"http://***@127.0.0.1:{server.port}/bp.tgz"


def test_a_refused_password_is_in_no_error(store: BuildpackStore, server: SourceServer) -> None:
    server.credentials = "me:another"
    url = f"http://me:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/bp.tgz"
    with pytest.raises(SourceRefused) as refused:
        obtain(store, url)
    said = everything_said(refused.value)
    assert "401" in said
    assert not [form for form in forms(PASSWORD) if form in said]


def test_a_redirection_to_another_host_gets_no_password(store: BuildpackStore, server: SourceServer) -> None:
    with source_server() as other:
        other.answers["/there.tgz"] = Answer(archive())
        target = f"http://them:theirs@127.0.0.1:{other.port}/there.tgz"
        server.answers["/bp.tgz"] = Answer(status=302, headers={"Location": target}, endless=b"x" * 1000)
        obtain(store, f"http://me:secret99@127.0.0.1:{server.port}/bp.tgz")
        assert [one.headers.get("Authorization") for one in other.asked] == [None]
    assert server.asked[0].headers["Authorization"].startswith("Basic ")


def test_a_redirection_on_the_same_host_keeps_the_password(store: BuildpackStore, server: SourceServer) -> None:
    server.credentials = "me:secret99"
    server.answers["/bp.tgz"] = Answer(status=307, headers={"Location": "/there.tgz"})
    server.answers["/there.tgz"] = Answer(archive())
    obtain(store, f"http://me:secret99@127.0.0.1:{server.port}/bp.tgz")
    assert server.count("/there.tgz") == 1


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x.tgz", "data:,x", "gopher://x/", ""])
def test_a_redirection_elsewhere_is_not_followed(store: BuildpackStore, server: SourceServer, target: str) -> None:
    server.answers["/bp.tgz"] = Answer(status=302, headers={"Location": target})
    with pytest.raises(SourceRefused, match="only http and https"):
        obtain(store, f"{server.url}/bp.tgz")


def test_redirections_end(store: BuildpackStore, server: SourceServer) -> None:
    server.answers["/bp.tgz"] = Answer(status=302, headers={"Location": "/bp.tgz"})
    with pytest.raises(SourceRefused, match="more than 5 times"):
        obtain(store, f"{server.url}/bp.tgz")
    assert server.count() == 6


def test_a_server_that_breaks_down_is_asked_three_times(store: BuildpackStore, server: SourceServer) -> None:
    server.answers["/bp.tgz"] = Answer(archive(), failures=2)
    obtain(store, f"{server.url}/bp.tgz")
    assert server.count() == 3
    server.answers["/other.tgz"] = Answer(failures=9)
    with pytest.raises(SourceUnreachable, match="503"):
        obtain(store, f"{server.url}/other.tgz")
    assert server.count("/other.tgz") == 3


def test_a_file_that_is_cut_off_is_asked_for_again(store: BuildpackStore, server: SourceServer) -> None:
    server.answers["/bp.tgz"] = Answer(b"short", headers={"Content-Length": "100"}, length=False)
    with pytest.raises(SourceUnreachable, match="ended before"):
        obtain(store, f"{server.url}/bp.tgz")
    assert server.count() == 3
    assert left_behind(store) == []


def test_what_is_not_there_is_asked_for_once(store: BuildpackStore, server: SourceServer) -> None:
    with pytest.raises(SourceRefused, match="404"):
        obtain(store, f"{server.url}/bp.tgz")
    assert server.count() == 1


@pytest.mark.parametrize("length", [True, False])
def test_a_body_that_is_too_large_is_not_kept(store: BuildpackStore, server: SourceServer, length: bool) -> None:
    server.answers["/bp.tgz"] = Answer(bytes(5 << 20), length=length) if length else Answer(endless=bytes(100_000))
    with pytest.raises(TooMuch):
        obtain(store, f"{server.url}/bp.tgz")
    assert left_behind(store) == []


@pytest.mark.parametrize("slow", [Answer(endless=b"x", pause=0.05), Answer(slow_header=0.05)], ids=["body", "header"])
def test_a_server_that_never_ends_is_left(tmp_path: Path, server: SourceServer, slow: Answer) -> None:
    server.answers["/bp.tgz"] = slow
    ref = archive_ref(f"{server.url}/bp.tgz", tmp_path)
    began = time.monotonic()
    with pytest.raises(TookTooLong):
        fetch_into(ref, tmp_path / "into", FetchPolicy(timeout=0.6))
    assert time.monotonic() - began < 5
    assert list(tmp_path.iterdir()) == []


def test_a_greeting_of_tls_that_never_comes(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        ref = archive_ref(f"https://127.0.0.1:{silent.getsockname()[1]}/bp.tgz", tmp_path)
        with pytest.raises(TookTooLong):
            fetch_into(ref, tmp_path / "into", FetchPolicy(timeout=0.5))
    assert list(tmp_path.iterdir()) == []


def test_a_page_is_no_archive(store: BuildpackStore, server: SourceServer) -> None:
    server.answers["/bp.zip"] = Answer(b"<!DOCTYPE html><p>Sign in</p>")
    with pytest.raises(UnusableBits, match="web page"):
        obtain(store, f"{server.url}/bp.zip")


def test_progress_is_told(tmp_path: Path, server: SourceServer) -> None:
    body = archive()
    server.answers["/bp.tgz"] = Answer(body)
    told: list[tuple[int, int | None]] = []
    ref = archive_ref(f"{server.url}/bp.tgz", tmp_path)
    fetch_into(ref, tmp_path / "into", FetchPolicy(), lambda done, total: told.append((done, total)))
    assert (len(body), len(body)) in told


def test_builds_at_once_fetch_it_once(store: BuildpackStore, server: SourceServer) -> None:
    server.answers["/bp.tgz"] = Answer(archive(), etag='"one"')
    found: list[Buildpack] = []
    threads = [threading.Thread(target=lambda: found.append(obtain(store, f"{server.url}/bp.tgz"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.digest for one in found}) == 1 and len(found) == 6
    assert sum("If-None-Match" not in one.headers for one in server.asked) == 1


@contextmanager
def over_tls(tmp_path: Path) -> Iterator[tuple[SourceServer, Path]]:
    """A server that speaks TLS, and its certificate, which nobody knows."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-keyout",
        key,
        "-out",
        certificate,
    ]
    subprocess.run([*made, *subject], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with source_server() as server:
        server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
        server.answers["/bp.tgz"] = Answer(archive())
        yield server, certificate


def test_a_certificate_that_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with over_tls(tmp_path) as (server, certificate):
        ref = archive_ref(f"https://127.0.0.1:{server.port}/bp.tgz", tmp_path)
        with pytest.raises(UntrustedCertificate, match=r"self.signed"):
            fetch_into(ref, tmp_path / "into", FetchPolicy(tries=1))
        fetch_into(ref, tmp_path / "unverified", FetchPolicy(verify_certificates=False))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        fetch_into(ref, tmp_path / "verified", FetchPolicy())
    assert (tmp_path / "unverified" / "bin").is_dir() and (tmp_path / "verified" / "bin").is_dir()


def test_tls_through_a_proxy_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with over_tls(tmp_path) as (server, certificate), tunnelling() as (proxy, tunnelled):
        for name, value in {
            "https_proxy": proxy,
            "no_proxy": "",
            "NO_PROXY": "",
            "SSL_CERT_FILE": str(certificate),
        }.items():
            monkeypatch.setenv(name, value)
        place = f"127.0.0.1:{server.port}"
        fetch_into(archive_ref(f"https://{place}/bp.tgz", tmp_path), tmp_path / "into", FetchPolicy(tries=1))
    assert tunnelled == [place]


@contextmanager
def tunnelling() -> Iterator[tuple[str, list[str]]]:
    """A proxy for one connection, and where it was asked to lead."""
    asked: list[str] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            inward, _ = listener.accept()
            head = b""
            while b"\r\n\r\n" not in head:
                head += inward.recv(4096)
            asked.append(head.split()[1].decode())
            host, _, port = asked[0].rpartition(":")
            outward = socket.create_connection((host, int(port)))
            inward.sendall(b"HTTP/1.1 200 Here you are\r\n\r\n")
            with inward, outward:
                ends = {inward: outward, outward: inward}
                while True:
                    for end in select.select(list(ends), [], [], 20)[0]:
                        piece = end.recv(65536)
                        if not piece:
                            return
                        ends[end].sendall(piece)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        thread.join(20)


def test_a_proxy_of_the_environment_is_used(
    store: BuildpackStore, server: SourceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.answers["/bp.tgz"] = Answer(archive())
    obtain(store, "http://buildpacks.example.com/bp.tgz")
    assert server.asked[0].path == "http://buildpacks.example.com/bp.tgz"


# Files, roots and modes


def test_a_file_is_unpacked_once_and_again_when_it_changes(store: BuildpackStore, tmp_path: Path) -> None:
    file = tmp_path / "mine.tgz"
    file.write_bytes(archive(VERSION="1"))
    time.sleep(0.02)
    first = obtain(store, "mine.tgz")
    before = store.directory.stat().st_mtime_ns
    assert obtain(store, "mine.tgz") == first
    assert store.directory.stat().st_mtime_ns == before
    file.write_bytes(archive(VERSION="2"))
    assert obtain(store, "mine.tgz").version == "2"


def test_the_root_of_an_archive_that_github_made(store: BuildpackStore, tmp_path: Path) -> None:
    (tmp_path / "x.tgz").write_bytes(archive("bp-main/", VERSION="3"))
    assert (obtain(store, "x.tgz").root / "VERSION").read_text() == "3"


def test_two_entries_and_no_bin_are_malformed(store: BuildpackStore, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    write_buildpack(tmp_path / "two" / "inner")
    (tmp_path / "two" / "other").write_text("")
    subprocess.run(["tar", "-cf", tmp_path / "two.tar", "-C", tmp_path / "two", "."], check=True)
    for text in ("two.tar", "two"):
        with pytest.raises(MalformedBuildpack, match="no directory 'bin'"):
            obtain(store, text)
    assert left_behind(store) == []


def test_a_directory_inside(store: BuildpackStore, tmp_path: Path) -> None:
    (tmp_path / "many.tgz").write_bytes(archive("repo-main/packs/one/", VERSION="7"))
    obtained = obtain(store, "many.tgz#subdir=packs/one")
    assert (obtained.version, obtained.key) == ("7", "one")
    with pytest.raises(MalformedBuildpack, match="packs/two"):
        obtain(store, "many.tgz#subdir=packs/two")


def zipped(path: Path, modes: dict[str, int], host: int) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name, mode in modes.items():
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = host, mode << 16
            file.writestr(entry, "#!/bin/sh\n" if name.startswith("bin/") and not name.endswith(".txt") else "words")


@pytest.mark.parametrize(("host", "mode"), [(0, 0), (3, 0o100644), (3, 0)], ids=["windows", "unix-666", "unix-none"])
def test_scripts_of_a_zip_without_modes_can_run(store: BuildpackStore, tmp_path: Path, host: int, mode: int) -> None:
    zipped(tmp_path / "w.zip", {"bin/supply": mode, "bin/finalize": mode, "bin/notes.txt": mode, "README": mode}, host)
    root = obtain(store, "w.zip").root
    assert stat.S_IMODE((root / "bin" / "supply").stat().st_mode) == 0o755
    if mode:
        assert stat.S_IMODE((root / "bin" / "notes.txt").stat().st_mode) == 0o644
        assert stat.S_IMODE((root / "README").stat().st_mode) == 0o644


def test_a_script_that_was_meant_not_to_run_stays_so(store: BuildpackStore, tmp_path: Path) -> None:
    zipped(tmp_path / "u.zip", {"bin/supply": 0o100755, "bin/finalize": 0o100755, "bin/detect": 0o100644}, 3)
    root = obtain(store, "u.zip").root
    assert not os.access(root / "bin" / "detect", os.X_OK) or not (root / "bin" / "detect").stat().st_mode & 0o111


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../etc/passwd"])
def test_a_link_that_leads_out_is_refused(store: BuildpackStore, tmp_path: Path, target: str) -> None:
    write_buildpack(tmp_path / "linked")
    (tmp_path / "linked" / "words").symlink_to(target)
    subprocess.run(["tar", "-cf", tmp_path / "linked.tar", "-C", tmp_path / "linked", "."], check=True)
    with pytest.raises(UnusableBits, match="leads out"):
        obtain(store, "linked.tar")


def test_a_link_out_of_the_directory_inside_is_refused(store: BuildpackStore, tmp_path: Path) -> None:
    write_buildpack(tmp_path / "r" / "one")
    (tmp_path / "r" / "shared").write_text("")
    (tmp_path / "r" / "one" / "words").symlink_to("../shared")
    subprocess.run(["tar", "-cf", tmp_path / "r.tar", "-C", tmp_path / "r", "."], check=True)
    with pytest.raises(UnusableBits, match="leads out"):
        obtain(store, "r.tar#subdir=one")


def test_pointers_of_git_lfs_in_an_archive_are_said(store: BuildpackStore, tmp_path: Path) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'1' * 64}\nsize 1234\n"
    (tmp_path / "l.tgz").write_bytes(archive(vendor__large=pointer))
    with pytest.raises(UsesGitLfs, match="vendor/large"):
        obtain(store, "l.tgz")


def test_a_directory_is_whole_or_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "damaged.tgz").write_bytes(archive()[:-20])
    ref = archive_ref("damaged.tgz", tmp_path)
    with pytest.raises(UnusableBits):
        fetch_into(ref, tmp_path / "into", FetchPolicy())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged.tgz"]
