"""The pure parts of the apt buildpack, and unpacking real .deb files that the tests make."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from apt_buildpack.alternatives import link_alternatives, pairs
from apt_buildpack.aptfile import Download, parse_aptfile, read_aptfile
from apt_buildpack.detect import detect
from apt_buildpack.elf import needed
from apt_buildpack.exposing import expose, wrapper_for
from apt_buildpack.fixes import launch_lines
from apt_buildpack.pkgconfig import relocated
from buildpack import BuildpackError
from debian import Archive, Resolution, content_key, parse_uris, read_resolution
from debian_tree import settle_links, unpack
from debian_trouble import explain, near_names, providers
from hypothesis import given
from hypothesis import strategies as st

SHA = "0a" * 32


# --------------------------------------------------------------------------------------------------------------------- Aptfile
def test_packages_pins_comments_and_several_on_a_line() -> None:
    aptfile = parse_aptfile(
        "# tools\ngraphviz  # dot\n\nlibpq-dev=15.6-0+deb12u1 g++\ncurl/bookworm-backports\ngraphviz\n"
    )
    assert aptfile.names == ("graphviz", "libpq-dev=15.6-0+deb12u1", "g++", "curl/bookworm-backports")
    assert aptfile.downloads == ()


@pytest.mark.parametrize(
    "line", [f"https://x.org/a_1_all.deb sha256={SHA}", f"https://x.org/a_1_all.deb#sha256={SHA.upper()}"]
)
def test_a_deb_by_url_with_its_digest(line: str) -> None:
    assert parse_aptfile(line).downloads == (Download("https://x.org/a_1_all.deb", SHA),)


def test_a_digest_may_only_be_left_out_over_https() -> None:
    assert parse_aptfile("https://x.org/a.deb").downloads == (Download("https://x.org/a.deb"),)
    with pytest.raises(BuildpackError, match="plain http needs its digest"):
        parse_aptfile("http://x.org/a.deb")
    assert parse_aptfile(f"http://x.org/a.deb sha256:{SHA}").downloads == (Download("http://x.org/a.deb", SHA),)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (":repo:deb https://x.org/debian stable main", ":repo: is not supported"),
        ("-o APT::Foo=1", "options of apt"),
        ("GraphViz", "is it graphviz?"),
        ("foo-", "tell apt to remove"),
        ("libc6:i386", "another architecture"),
        ("foo=", "the version is missing"),
        ("foo!", "neither the name of a package"),
        ("lib*", "neither the name of a package"),
        ("https://u:secret@x.org/a.tar", r"https://\*\*\*@x.org/a.tar is not the address"),
        ("ftp://x.org/a.deb", "neither https nor http"),
        ("https://x.org/a.deb#md5=12", "after # comes sha256="),
        (f"sha256={SHA}", "a digest follows the URL"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(line: str, says: str) -> None:
    with pytest.raises(BuildpackError, match=f"line 2: .*{says}") as caught:
        parse_aptfile(f"curl\n{line}\n")
    assert "secret" not in caught.value.message


def test_every_wrong_line_is_named_at_once() -> None:
    with pytest.raises(BuildpackError, match=r"line 1: [^\n]+\nline 3: "):
        parse_aptfile("A B!\ncurl\n:x\n")


def test_detection_and_the_app_without_an_aptfile(tmp_path: Path) -> None:
    assert detect(tmp_path) is None
    (tmp_path / "apt.yml").write_text("packages: [curl]\n")
    with pytest.raises(BuildpackError) as caught:
        read_aptfile(tmp_path)
    assert "apt.yml is not read" in caught.value.hint
    (tmp_path / "Aptfile").write_text("\ufeffcurl\n", encoding="utf-8")
    assert detect(tmp_path) == "apt"
    assert read_aptfile(tmp_path).names == ("curl",)


# ------------------------------------------------------------------------------------------------------------- what apt says
URIS = f"""Reading package lists...
curl is already the newest version (7.88.1-10+deb12u15).
The following additional packages will be installed:
  libc6-dev libmnl0
Suggested packages:
  gawk-doc
Recommended packages:
  libatm1 libpam-cap
  other
The following NEW packages will be installed:
'http://deb.example/pool/main/libm/libmnl/libmnl0_1.0.4-3_amd64.deb' libmnl0_1.0.4-3_amd64.deb 12476 SHA256:{SHA}
'http://deb.example/pool/f/foo_1%3a2%7e3_all.deb' foo_1%3a2~3_all.deb 10 SHA256:{SHA}
'http://deb.example/pool/l/libc6-dev_2.36_amd64.deb' libc6-dev_2.36_amd64.deb 10 SHA256:{SHA}
"""


def test_archives_of_a_resolution() -> None:
    resolution = parse_uris(URIS)
    assert [(archive.package, archive.version, archive.size) for archive in resolution.archives] == [
        ("libmnl0", "1.0.4-3", 12476),
        ("foo", "1:2~3", 10),
    ]
    assert resolution.present == ("curl",)
    assert resolution.recommended == ("libatm1", "libpam-cap", "other")


def test_an_archive_without_a_strong_digest_is_refused() -> None:
    with pytest.raises(BuildpackError, match="name no SHA-256 of foo"):
        parse_uris("'http://deb.example/foo_1_all.deb' foo_1_all.deb 10 MD5Sum:5d382c22b266715b019f46576a3f3146")


def test_a_kept_resolution_counts_for_its_request_only(tmp_path: Path) -> None:
    kept = tmp_path / "resolution.json"
    assert read_resolution(kept, "k") is None
    resolution = Resolution((Archive("a_1_all.deb", 3, SHA),), ("curl",), ("x",))
    assert Resolution.from_json(resolution.to_json()) == resolution
    kept.write_text("{half")
    assert read_resolution(kept, "k") is None


def test_the_content_key_follows_content_alone() -> None:
    a, b = Archive("a_1_all.deb", 3, SHA), Archive("b_1_all.deb", 3, "0b" * 32)
    assert content_key([a, b], "1") == content_key([b, a], "1")
    assert content_key([a], "1") != content_key([a, b], "1")
    assert content_key([a], "1") != content_key([a], "2")


TROUBLE = """Reading package lists...
Package awk is a virtual package provided by:
  original-awk 2022-09-12-1
  gawk 1:5.2.1-2

E: Unable to locate package graphvis
E: Version '1.2' for 'nginx' was not found
E: Package 'awk' has no installation candidate
E: Package 'gone' has no installation candidate
"""


def test_wrong_names_come_with_near_ones_and_versions() -> None:
    failure = explain(TROUBLE, known=lambda: ["graphviz", "grap", "zsh"], versions=lambda _: ["1.22.1-9", "1.20"])
    assert "graphvis: there is no such package; did you mean graphviz?" in failure.message
    assert "nginx: there is no version 1.2; there is 1.22.1-9, 1.20" in failure.message
    assert "awk: a name for one of gawk, original-awk: choose one" in failure.message
    assert "gone: not to be had" in failure.message


def test_other_trouble_is_shown_from_where_apt_complains() -> None:
    said = "Reading…\nThe following packages have unmet dependencies:\n a : Conflicts: b\nE: Unable to correct problems"
    failure = explain(said, known=list, versions=lambda _: [])
    assert failure.message.endswith(said.partition("\n")[2])
    cut_off = explain("Err:1 http://x\n  Could not resolve 'x'\nE: Failed", known=list, versions=lambda _: [])
    assert "network" in cut_off.hint


def test_near_names() -> None:
    known = ["imagemagick", "imagemagick-6.q16", "libpq-dev", "libpq5", "python3", "zzz"]
    assert near_names("ImageMagik", known)[0] == "imagemagick"
    assert near_names("libpq", known) == ["libpq5", "libpq-dev"]
    assert near_names("qqqqq", known) == []
    assert providers(TROUBLE, "nothing") == []


# ---------------------------------------------------------------------------------------------------------------- alternatives
IMAGEMAGICK = r"""
for prog in compare convert; do
  update-alternatives --install /usr/bin/$prog \
                      $prog /usr/bin/$prog-im6.q16 10000 \
                      --slave /usr/share/man/man1/$prog.1.gz \
                      $prog.1.gz /usr/share/man/man1/$prog-im6.q16.1.gz
done
"""
JAVA = """
basedir=/usr/lib/jvm/java-17
tools='java keytool'
priority=1711
for i in $tools; do
  update-alternatives --install /usr/bin/$i $i $basedir/bin/$i $priority $unknown
done
update-alternatives --remove x y
update-alternatives --install "unclosed
"""


def test_alternatives_are_read_from_scripts() -> None:
    assert set(pairs(IMAGEMAGICK)) >= {
        ("/usr/bin/convert", "/usr/bin/convert-im6.q16", 10000),
        ("/usr/bin/compare", "/usr/bin/compare-im6.q16", 10000),
        ("/usr/share/man/man1/convert.1.gz", "/usr/share/man/man1/convert-im6.q16.1.gz", 10000),
    }
    assert list(pairs(JAVA)) == [
        ("/usr/bin/java", "/usr/lib/jvm/java-17/bin/java", 1711),
        ("/usr/bin/keytool", "/usr/lib/jvm/java-17/bin/keytool", 1711),
    ]


@given(st.text(alphabet="for i n;do\n$ab='\"-update-alternatives --install/1{}\\ ", max_size=200))
def test_no_script_makes_reading_alternatives_fail(script: str) -> None:
    list(pairs(script))


def test_a_script_cannot_multiply_without_end() -> None:
    loops = "".join(f"for v{n} in {' '.join(map(str, range(50)))}\n" for n in range(8))
    command = "update-alternatives --install /a" + "".join(f"$v{n}" for n in range(8)) + " x /b 1"
    assert len(list(pairs(loops + command))) <= 1000


# ------------------------------------------------------------------------------------------------------------------------ ELF
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads an ELF file of this machine")
def test_needed_libraries_of_a_real_program() -> None:
    assert any(name.startswith("libc.so") for name in needed(Path("/bin/ls").resolve()))


@given(st.binary(max_size=300))
def test_damaged_elf_files_need_nothing(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("elf") / "f"
    for head in (b"", b"\x7fELF\x02\x01"):
        file.write_bytes(head + content)
        assert isinstance(needed(file), list)


def elf(*sonames: str) -> bytes:
    """A 64-bit ELF file that is nothing but a dynamic section which needs these libraries."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in sonames)
    offsets = [strings.index(name.encode()) for name in sonames]
    dynamic = b"".join(struct.pack("<QQ", 1, offset) for offset in offsets)
    dynamic += struct.pack("<QQQQ", 5, 0x1000 + 176 + len(dynamic) + 32, 0, 0)
    size = 176 + len(dynamic) + len(strings)
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 4, 0, 0x1000, 0x1000, size, size, 1)
    place = struct.pack("<IIQQQQQQ", 2, 4, 176, 0x1000 + 176, 0x1000 + 176, len(dynamic), len(dynamic), 8)
    return head + load + place + dynamic + strings


def test_needed_libraries_of_a_made_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(elf("libblas.so.3", "libc.so.6"))
    assert needed(tmp_path / "f") == ["libblas.so.3", "libc.so.6"]


# ----------------------------------------------------------------------------------------------------------------- pkg-config
def test_pc_files_find_the_tree_by_their_own_place() -> None:
    text = (
        "prefix=/usr\nlibdir=${prefix}/lib/x86_64-linux-gnu\nincludedir=/usr/include/foo\n"
        "Cflags: -I/usr/include/bar -I${includedir} -DROOT=/usrlocal\nLibs: -L/usr/lib -lfoo /opt/x.o\n"
    )
    assert relocated(text, "../apt") == (
        "prefix=${pcfiledir}/../apt/usr\nlibdir=${prefix}/lib/x86_64-linux-gnu\nincludedir=${pcfiledir}/../apt/usr/include/foo\n"
        "Cflags: -I${pcfiledir}/../apt/usr/include/bar -I${includedir} -DROOT=/usrlocal\n"
        "Libs: -L${pcfiledir}/../apt/usr/lib -lfoo ${pcfiledir}/../apt/opt/x.o\n"
    )


# ------------------------------------------------------------------------------------------------------ a tree of real packages
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb makes and reads the packages")


def make_deb(place: Path, name: str, files: dict[str, bytes | str], postinst: str = "") -> Path:
    """A .deb with these files; a text value is the target of a link."""
    root = place / name
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            file.symlink_to(content)
        else:
            file.write_bytes(content)
            file.chmod(0o755 if "bin/" in path else 0o644)
    control = root / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: t <t@example.org>\nDescription: t\n"
    )
    if postinst:
        (control / "postinst").write_text(f"#!/bin/sh\n{postinst}\n")
        (control / "postinst").chmod(0o755)
    archive = place / f"{name}_1_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", root, archive], check=True, capture_output=True)
    return archive


LIB = "usr/lib/x86_64-linux-gnu"


@pytest.fixture
def archives(tmp_path: Path) -> list[Path]:
    return [
        make_deb(
            tmp_path,
            "tool",
            {
                "bin/tool-real": elf("libhidden.so.1", "libshown.so.1"),
                "usr/bin/script": b"#!/usr/bin/ruby -w\nputs 1\n",
                "usr/bin/snake": b"#!/usr/bin/env python3\nprint(1)\n",
                "usr/bin/ruby": b"#!ELF",
                "usr/lib/python3/dist-packages/m.py": b"",
                "usr/share/doc/tool/copyright": b"free",
                "usr/share/doc/tool/changelog": b"long",
                "usr/share/man/man1/tool.1": b"man",
                "etc/tool.conf": b"",
                "usr/share/tool/conf": "/etc/tool.conf",
                "usr/share/tool/elsewhere": "/etc/nowhere",
            },
            postinst="update-alternatives --install /usr/bin/tool tool /bin/tool-real 10",
        ),
        make_deb(
            tmp_path,
            "library",
            {
                f"lib/{LIB[8:]}/libshown.so.1": elf(),
                f"{LIB}/private/libhidden.so.1": elf(),
                f"{LIB}/libshown.so": "libshown.so.1",
                f"{LIB}/libofstack.so": "libofstack.so.1",
                "usr/include/both/a.h": b"",
                f"usr/include/{LIB[8:]}/both/b.h": b"",
                "usr/include/only.h": b"",
                f"{LIB}/pkgconfig/shown.pc": b"prefix=/usr\n",
                f"{LIB}/graphviz/plugin": b"",
            },
        ),
    ]


@needs_dpkg
def test_packages_become_a_tree_that_can_stand_anywhere(tmp_path: Path, archives: list[Path]) -> None:
    own = tmp_path / "deps"
    tree = own / "apt"
    tree.mkdir(parents=True)
    unpack(archives, tree)
    assert link_alternatives(archives, tree) == ["usr/bin/tool"]
    expose(own, tree)
    moved = tmp_path / "elsewhere"
    own.rename(moved)

    assert (moved / "bin/tool").resolve() == (moved / "apt/usr/bin/tool-real").resolve()
    assert (moved / "apt/usr/share/tool/conf").resolve() == (moved / "apt/etc/tool.conf").resolve()
    assert (moved / "apt/usr/share/tool/elsewhere").readlink() == Path("/etc/nowhere")
    assert (moved / "lib/libshown.so").resolve().is_file()
    assert (moved / "lib/libhidden.so.1").resolve().is_file(), "a private library that a program needs is linked"
    assert sorted(entry.name for entry in (moved / "include").iterdir()) == ["both", "only.h"]
    assert sorted(entry.name for entry in (moved / "include/both").iterdir()) == ["a.h", "b.h"]
    assert (moved / "pkgconfig/shown.pc").read_text() == "prefix=${pcfiledir}/../apt/usr\n"
    assert (moved / "apt/usr/share/doc/tool/copyright").is_file()
    assert not (moved / "apt/usr/share/doc/tool/changelog").exists()
    assert not (moved / "apt/usr/share/man").exists()
    assert str((moved / "apt/lib").readlink()) == "usr/lib"
    assert not os.path.lexists(moved / "apt/lib64"), "links of the merged root are there where they lead somewhere"
    absolute = [path for path in moved.rglob("*") if path.is_symlink() and path.readlink().is_absolute()]
    assert absolute == [moved / "apt/usr/share/tool/elsewhere"]


@needs_dpkg
def test_scripts_whose_interpreter_lies_in_the_tree_get_a_wrapper(tmp_path: Path, archives: list[Path]) -> None:
    tree = tmp_path / "apt"
    tree.mkdir()
    unpack(archives, tree)
    wrapper = wrapper_for(tree / "usr/bin/script", tree)
    assert wrapper is not None
    assert 'exec "$here/../apt/usr/bin/ruby" -w "$here/../apt/usr/bin/script" "$@"' in wrapper
    snake = wrapper_for(tree / "usr/bin/snake", tree)
    assert snake is not None
    assert 'PYTHONPATH="$here/../apt/usr/lib/python3/dist-packages' in snake
    assert "exec /usr/bin/python3 " in snake
    assert wrapper_for(tree / "usr/bin/tool-real", tree) is None


def test_links_to_what_only_the_stack_has(tmp_path: Path) -> None:
    root, tree = tmp_path / "root", tmp_path / "tree"
    (root / LIB).mkdir(parents=True)
    (root / LIB / "libz.so.1").touch()
    (tree / LIB).mkdir(parents=True)
    (tree / LIB / "libz.so").symlink_to("libz.so.1")
    (tree / LIB / "libnone.so").symlink_to("libnone.so.1")
    (tree / LIB / "above").symlink_to("../../../../../../../usr/lib/x86_64-linux-gnu/libz.so.1")
    settled = settle_links(tree, root)
    assert str((tree / LIB / "libz.so").readlink()) == f"/{LIB}/libz.so.1"
    assert str((tree / LIB / "libnone.so").readlink()) == "libnone.so.1"
    assert str((tree / LIB / "above").readlink()) == f"/{LIB}/libz.so.1"
    assert (settled.inward, settled.outward) == (0, 2)


def test_variables_lead_known_packages_into_the_tree(tmp_path: Path) -> None:
    (tmp_path / LIB / "graphviz").mkdir(parents=True)
    (tmp_path / "usr/share/perl5").mkdir(parents=True)
    (tmp_path / "usr/lib/python3/dist-packages").mkdir(parents=True)
    assert list(launch_lines(tmp_path, "$DEPS_DIR/0/apt", python=False)) == [
        f'export GVBINDIR="$DEPS_DIR/0/apt/{LIB}/graphviz"',
        'export PERL5LIB="$DEPS_DIR/0/apt/usr/share/perl5${PERL5LIB:+:$PERL5LIB}"',
    ]
    assert any("PYTHONPATH" in line for line in launch_lines(tmp_path, "x", python=True))
