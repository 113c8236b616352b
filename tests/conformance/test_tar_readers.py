"""What we pack is read by the programs that people have: GNU tar, bsdtar, Python, umoci."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from stagewright.model.tree import Bounds
from stagewright.trees import Compression, LinkPolicy, Modes, Placed, pack, tree_digest, unpack
from tests.odd_trees import facts

TOP = PurePosixPath()


def run(*argv: str | Path, locale: str = "C.UTF-8", cwd: Path | None = None) -> None:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": locale}
    done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr


def need(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


@pytest.fixture
def archive(odd_tree: Path, tmp_path: Path) -> Path:
    return pack([Placed(odd_tree, TOP)], tmp_path / "odd.tgz", keep_owner=True).path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_gnu_tar(archive: Path, odd_tree: Path, out: Path, locale: str) -> None:
    run("tar", "--numeric-owner", "-xpzf", archive, "-C", out, locale=locale)
    assert facts(out) == facts(odd_tree)


def test_bsdtar(archive: Path, odd_tree: Path, out: Path) -> None:
    need("bsdtar")
    run("bsdtar", "--numeric-owner", "-xpzf", archive, "-C", out)
    assert facts(out) == facts(odd_tree)


def test_python(archive: Path, odd_tree: Path, out: Path) -> None:
    with tarfile.open(archive, encoding="utf-8", errors="surrogateescape") as opened:
        opened.extraction_filter = lambda member, _: member  # all is ours; Python 3.11.2 knows no filter argument
        for member in opened:
            opened.extract(member, out, numeric_owner=True)
    assert facts(out) == facts(odd_tree)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="umoci unpacks owners, which needs root")
def test_umoci(odd_tree: Path, tmp_path: Path) -> None:
    need("umoci")
    (odd_tree / ".wh.name").unlink()  # stands for a deleted file in a layer
    layer = pack([Placed(odd_tree, TOP)], tmp_path / "odd.tar", keep_owner=True, compression=Compression.NONE).path
    run("umoci", "init", "--layout", tmp_path / "image")
    run("umoci", "new", "--image", f"{tmp_path}/image:odd")
    run("umoci", "raw", "add-layer", "--image", f"{tmp_path}/image:odd", layer)
    run("umoci", "unpack", "--image", f"{tmp_path}/image:odd", tmp_path / "bundle")
    assert facts(tmp_path / "bundle" / "rootfs") == facts(odd_tree)


class TestWhatOthersWrite:
    """The same tree, packed by others, is the same tree to us."""

    def same(self, archive: Path, tree: Path, into: Path) -> None:
        unpack(archive, into, bounds=Bounds(), links=LinkPolicy.KEEP, modes=Modes.KEEP)
        assert facts(into) == facts(tree)
        assert tree_digest(into) == tree_digest(tree)

    @pytest.mark.parametrize(
        "options",
        [["--format=gnu"], ["--format=oldgnu"], ["--format=pax"], ["--gzip"], ["--bzip2"], ["--xz"]],
        ids=lambda options: options[0],
    )
    def test_gnu_tar(self, options: list[str], odd_tree: Path, tmp_path: Path) -> None:
        run("tar", *options, "-cf", tmp_path / "archive", "-C", odd_tree, ".")
        self.same(tmp_path / "archive", odd_tree, tmp_path / "back")

    @pytest.mark.parametrize("form", ["ustar", "v7"])
    def test_old_forms_of_gnu_tar(self, form: str, odd_tree: Path, tmp_path: Path) -> None:
        for name in ("ü" * 100, "e" * 60):
            shutil.rmtree(odd_tree / name)
        for name in ("n" * 250, "long-link"):
            (odd_tree / name).unlink()
        if form == "v7":
            shutil.rmtree(odd_tree / ("d" * 40))
        run("tar", f"--format={form}", "-cf", tmp_path / "archive", "-C", odd_tree, ".")
        self.same(tmp_path / "archive", odd_tree, tmp_path / "back")

    @pytest.mark.parametrize("form", ["pax", "gnutar"])
    def test_bsdtar(self, form: str, odd_tree: Path, tmp_path: Path) -> None:
        need("bsdtar")
        run("bsdtar", f"--format={form}", "-cf", tmp_path / "archive", "-C", odd_tree, ".")
        self.same(tmp_path / "archive", odd_tree, tmp_path / "back")

    @pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
    def test_python(self, form: int, odd_tree: Path, tmp_path: Path) -> None:
        with tarfile.open(tmp_path / "archive", "w", format=form, errors="surrogateescape", encoding="utf-8") as opened:
            opened.add(odd_tree, ".")
        self.same(tmp_path / "archive", odd_tree, tmp_path / "back")

    def test_zip(self, odd_tree: Path, tmp_path: Path) -> None:
        need("zip")
        for name in ("second name", "deep/third name"):  # a zip knows no hard links
            (odd_tree / name).unlink()
        run("zip", "-qry", tmp_path / "archive.zip", ".", cwd=odd_tree)
        self.same(tmp_path / "archive.zip", odd_tree, tmp_path / "back")

    def test_jar(self, tmp_path: Path) -> None:
        need("jar")
        (tmp_path / "classes" / "META-INF").mkdir(parents=True)
        (tmp_path / "classes" / "Main.class").write_bytes(b"\xca\xfe\xba\xbe" * 1000)
        run("jar", "cf", tmp_path / "app.jar", "-C", tmp_path / "classes", ".")
        unpack(tmp_path / "app.jar", tmp_path / "back", bounds=Bounds(), links=LinkPolicy.INSIDE)
        assert (tmp_path / "back" / "Main.class").read_bytes() == b"\xca\xfe\xba\xbe" * 1000
        assert (tmp_path / "back" / "META-INF" / "MANIFEST.MF").exists()
