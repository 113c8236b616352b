"""lifecycle.tgz on a cell: a root without Python, a namespace without network, a user without rights, and another's C library."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.base_roots import make_least_root
from tests.conformance.staging.buildpacks import compiling
from tests.conformance.staging.drop_in import xxhash_name
from tests.conformance.staging.servers import Authority, site
from tests.sandbox_root import root_filesystem

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.uname().machine != "x86_64", reason="the archive is for amd64")]

MAKE = Path(__file__).resolve().parent.parent.parent / "scripts" / "make-lifecycle"
VCAP = 2000
PLAIN = {"PATH": "/usr/bin:/bin", "USER": "vcap"}
OF_SHELLS = {"PWD", "OLDPWD", "SHLVL", "_"}
LAUNCHED = {"HOME", "TMPDIR", "DEPS_DIR"}

CELL = """
set -e
mount -t proc proc "$1/proc"
mount --bind /dev/null "$1/dev/null"
mkdir -p "$1$3"
mount --bind "$2" "$1$3"
mount -o remount,bind,ro "$1$3"
cd "$1"
root=$1
shift 3
exec chroot $CELL_USER "$root" /usr/bin/env --ignore-environment --chdir=/home/vcap "$@"
"""
"""ROOT LIFECYCLE WHERE NAME=VALUE… COMMAND…: what a cell does for a container, in namespaces that unshare has made."""


@dataclass(frozen=True)
class Cell:
    """A root that has bash and no Python, with the archive unpacked beside it. It is one user's, who cannot write the archive."""

    root: Path
    lifecycle: Path

    def run(
        self, *command: str, at: str = "/tmp/lifecycle", env: Mapping[str, str] = PLAIN
    ) -> subprocess.CompletedProcess[str]:
        """Run ``command`` in the home of vcap, with the archive ``at`` a directory."""
        as_root = os.geteuid() == 0
        spaces = ("--mount", "--net", "--pid", "--ipc", "--fork", *(() if as_root else ("--user", "--map-root-user")))
        given = [f"{name}={value}" for name, value in env.items()]
        return subprocess.run(
            ["unshare", *spaces, "sh", "-c", CELL, "sh", self.root, self.lifecycle, at, *given, *command],
            env={"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "CELL_USER": f"--userspec={VCAP}:{VCAP}" * as_root},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def write(self, name: str, content: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@pytest.fixture(scope="module")
def material() -> Path:
    """What is downloaded for the archive lies beside the root of the sandbox's tests, for the next run of the suite."""
    edition = hashlib.sha256(MAKE.read_bytes()).hexdigest()[:12]
    return root_filesystem().parent / f"lifecycle-{edition}"


def make(archive: Path, material: Path, umask: int = 0o022) -> str:
    material.mkdir(exist_ok=True)
    with (material / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run([MAKE, archive, material], capture_output=True, text=True, check=False, umask=umask)
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, material: Path) -> Path:
    archive = tmp_path_factory.mktemp("archive") / "lifecycle.tgz"
    said = make(archive, material)
    assert hashlib.sha256(archive.read_bytes()).hexdigest() in said
    assert "needs no Python and no C library of the cell" in said
    return archive


def extract(archive: Path, place: Path) -> None:
    """As a platform does it, by tar: the first releases of Python 3.11 have no filters."""
    place.mkdir(exist_ok=True)
    subprocess.run(["tar", "--no-same-owner", "-xzf", archive, "-C", place], check=True)


@pytest.fixture(scope="module")
def lifecycle(archive: Path) -> Path:
    place = archive.with_name("lifecycle")
    extract(archive, place)
    return place


@pytest.fixture
def cell(tmp_path: Path, lifecycle: Path) -> Iterator[Cell]:
    root = tmp_path / "root"
    make_least_root(root, "bash", "sh", "env", "cat", "mkdir", "touch", "sleep")
    (root / "usr/bin/env").symlink_to("/bin/env")
    for name in ("dev/null", "tmp/app/index.html"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    cell = Cell(root, lifecycle)
    _give(root)
    yield cell
    shutil.rmtree(root)


def _give(root: Path) -> None:
    """Let vcap own what a container lets it write."""
    if os.geteuid() == 0:
        for top in (root / "tmp", root / "home/vcap"):
            for path in (top, *top.rglob("*")):
                os.chown(path, VCAP, VCAP)


def install(cell: Cell, **scripts: str) -> None:
    """A buildpack of the key "shell", where a cell has put it."""
    compiling("shell", **scripts).write(cell.root / "tmp/buildpacks" / xxhash_name("shell"))
    _give(cell.root)


def variables(printed: str) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in printed.split("\0") if line)


def test_the_same_material_gives_the_same_bytes(archive: Path, material: Path, tmp_path: Path) -> None:
    other = tmp_path / "with a space.tgz"
    (tmp_path / "by another name").symlink_to(material)
    make(other, tmp_path / "by another name", umask=0o077)
    assert other.read_bytes() == archive.read_bytes()


def test_what_it_holds(archive: Path, lifecycle: Path) -> None:
    with tarfile.open(archive) as tar:
        entries = {entry.name: entry for entry in tar}
    assert {name for name in entries if "/" not in name} == {
        *("builder", "launcher", "shell"),
        *("VERSIONS", "bin", "lib", "licences"),
    }
    assert {(entry.uid, entry.gid, entry.mtime) for entry in entries.values()} == {(0, 0, 1577836800)}
    assert all(entry.isdir() or entry.isfile() for entry in entries.values())
    assert all(stat.S_IMODE(entry.mode) in (0o755, 0o644) for entry in entries.values())
    modules = {name.removeprefix("lib/python3.11/") for name in entries if name.endswith(".pyc")}
    assert "stagewright/services/cell.pyc" in modules
    for left_out in ("stagewright/builtins", "stagewright/cli", "unittest", "asyncio", "typer", "pathspec", "test"):
        assert not [name for name in modules if name.startswith(f"{left_out}/")]
    for line in (lifecycle / "VERSIONS").read_text().partition("\n\n")[2].splitlines():
        name, version = line.split()
        assert version
        about = lifecycle / "licences"
        assert (about / name).is_file() or list((about / f"{name}-{version}.dist-info").rglob("LICENSE*")), name


def test_all_libraries_are_its_own(lifecycle: Path) -> None:
    """By the list that the loader makes of every program and module, on a machine that has others of these names."""
    loader = lifecycle / "lib/ld-linux-x86-64.so.2"
    programs = [lifecycle / "bin/python3", *lifecycle.rglob("*.so")]
    assert len(programs) > 10
    for file in programs:
        call = [loader, "--inhibit-cache", "--library-path", lifecycle / "lib", "--list", file]
        listed = subprocess.run(call, capture_output=True, text=True, check=True).stdout
        found = [line.split(" => ")[1].split(" (")[0] for line in listed.splitlines() if " => " in line]
        assert found or listed.strip() == "statically linked"
        assert all(Path(path).is_relative_to(lifecycle) for path in found), listed


def test_an_app_is_staged_and_started_on_a_bare_root(cell: Cell, tmp_path: Path) -> None:
    install(
        cell,
        compile='cat /proc/self/environ > "$1/staged.env"; echo "compiled by $NAME"',
        release="echo 'default_process_types: {web: \"env -0; exit 7\"}'",
    )
    given = {**PLAIN, "spring.profiles": "cloud", "LD_PRELOAD": "/nowhere.so", "LC_ALL": "C", "PYTHONHOME": "/app's"}
    staged = cell.run("/tmp/lifecycle/builder", "-buildpackOrder=shell", env=given)
    assert staged.returncode == 0, staged.stdout + staged.stderr
    assert "compiled by shell\n" in staged.stdout

    result = json.loads((cell.root / "tmp/result.json").read_text())
    assert result["process_types"] == {"web": "env -0; exit 7"}
    droplet = tmp_path / "root/home/vcap"
    extract(cell.root / "tmp/droplet", droplet)
    of_script = variables((droplet / "app/staged.env").read_text())
    assert {**given, **of_script} == of_script
    assert set(of_script) - set(given) <= OF_SHELLS

    started = cell.run("/tmp/lifecycle/launcher", "app", "", "{}", env=given)
    assert started.returncode == 7, started.stderr
    of_app = variables(started.stdout.partition("Invoking start command.\n")[2])
    assert {name: of_app[name] for name in given} == given
    assert set(of_app) - set(given) <= OF_SHELLS | LAUNCHED
    assert of_app["HOME"] == "/home/vcap/app"


def test_it_traces_on_a_bare_root(cell: Cell) -> None:
    """That takes files which are no modules, and must be there as well."""
    install(cell)
    staged = cell.run("/tmp/lifecycle/builder", "-buildpackOrder=shell", env={**PLAIN, "STAGEWRIGHT_TRACE": "1"})
    assert staged.returncode == 0, staged.stderr
    assert "xtrace     bash: " in staged.stdout
    assert json.loads((cell.root / "tmp/result.json.trace.json").read_text())


def test_nobody_detects(cell: Cell) -> None:
    install(cell, detect="exit 1")
    staged = cell.run("/tmp/lifecycle/builder", "-buildpackOrder", "shell")
    assert staged.returncode == 222, staged.stderr
    assert staged.stderr.endswith("None of the buildpacks detected a compatible application\n")


@pytest.mark.parametrize("at", ["/opt/a place with: colons; and spaces", "/lifecycle"])
def test_it_lies_where_it_likes(cell: Cell, at: str) -> None:
    (cell.root / "home/vcap/app").mkdir()
    started = cell.run(f"{at}/shell", "app", "echo here", "", at=at)
    assert (started.returncode, started.stdout) == (0, "here\n"), started.stderr


def test_it_is_called_through_links(cell: Cell) -> None:
    (cell.root / "home/vcap/app").mkdir()
    (cell.root / "home/vcap/link").symlink_to("../../bin/start-me")
    (cell.root / "bin/start-me").symlink_to("/tmp/lifecycle/launcher")
    started = cell.run("./link", "app")
    assert started.stderr.startswith("./link: received only 1 arguments\n")
    started = cell.run("start-me", "app", "echo here", "")
    assert started.stdout.endswith("\nhere\n")


def test_without_proc_it_says_so(lifecycle: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("chroot alone needs root")
    make_least_root(tmp_path / "root", "bash")
    shutil.copytree(lifecycle, tmp_path / "root/lifecycle")
    ended = subprocess.run(["chroot", tmp_path / "root", "/lifecycle/builder"], capture_output=True, text=True)
    assert ended.returncode == 126
    assert ended.stderr == "/lifecycle/builder: /proc/self/exe cannot be read: mount proc in this container\n"


def test_arguments_are_not_read_by_python_or_its_loader(lifecycle: Path, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    call = [lifecycle / "launcher", "app", 'printf "<%s>" "--preload" -c -h "\xff"', ""]
    ended = subprocess.run(call, cwd=tmp_path, env={"PATH": "/bin"}, capture_output=True)
    assert ended.stdout.endswith(b"<--preload><-c><-h><\xc3\xbf>"), ended.stderr
    asked = subprocess.run([lifecycle / "builder", "--help"], capture_output=True, text=True, env={})
    assert (asked.returncode, asked.stderr[:17]) == (0, "Usage of builder:")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LD_PRELOAD", "/nowhere.so"),
        ("LD_LIBRARY_PATH", "{here}"),
        ("LD_TRACE_LOADED_OBJECTS", "1"),
        ("LD_SHOW_AUXV", "1"),
        ("GLIBC_TUNABLES", "glibc.malloc.check=nonsense"),
        ("OPENSSL_CONF", "{here}/libc.so.6"),
    ],
)
def test_what_the_app_tells_its_loader_is_not_told_to_ours(
    lifecycle: Path, tmp_path: Path, name: str, value: str
) -> None:
    """The start command is said to be missing, which the launcher itself says: bash, the cell's, would obey the variable."""
    (tmp_path / "app").mkdir()
    (tmp_path / "libc.so.6").write_text("no library")
    ended = subprocess.run(
        [lifecycle / "launcher", "app", "", ""],
        cwd=tmp_path,
        env={name: value.format(here=tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"{lifecycle / 'launcher'}: no start command specified or detected in droplet\n"


def test_the_app_has_the_process_and_its_signals(lifecycle: Path, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    command = "trap 'echo told to end; exit 9' TERM; echo $$; while :; do sleep 0.05; done"
    with subprocess.Popen(
        [lifecycle / "launcher", "app", command, ""],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
    ) as app:
        assert app.stdout is not None
        lines = [app.stdout.readline() for _ in range(3)]
        app.send_signal(signal.SIGTERM)
        rest, _ = app.communicate(timeout=10)
    assert (lines[2], rest, app.returncode) == (f"{app.pid}\n", "told to end\n", 9)


def test_it_trusts_what_the_cell_trusts(lifecycle: Path, tmp_path: Path) -> None:
    """The list that SSL_CERT_FILE names, and without it the one of Debian and Ubuntu."""
    authority = Authority(tmp_path / "authority")
    compiling("from a URL").write(tmp_path / "buildpack")
    (tmp_path / "served").mkdir()
    (tmp_path / "app").mkdir()
    with zipfile.ZipFile(tmp_path / "served/one.zip", "w") as packed:
        for path in (tmp_path / "buildpack").rglob("*"):
            packed.write(path, path.relative_to(tmp_path / "buildpack"))
    with site(tmp_path / "served", authority.identity("server")) as server:
        flags = {
            "buildDir": "app",
            "buildpackOrder": f"{server.url}/one.zip",
            **{name: name for name in ("buildpacksDir", "buildpacksDownloadDir", "buildArtifactsCacheDir")},
            **{name: f"out/{name}" for name in ("outputDroplet", "outputMetadata", "outputBuildArtifactsCache")},
        }
        call = [lifecycle / "builder", *(f"-{name}={value}" for name, value in flags.items())]
        plain = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)}
        refused = subprocess.run(call, cwd=tmp_path, env=plain, capture_output=True, text=True)
        assert refused.returncode == 1 and "certificate" in refused.stderr, refused.stderr
        trusted = {**plain, "SSL_CERT_FILE": str(authority.certificate)}
        staged = subprocess.run(call, cwd=tmp_path, env=trusted, capture_output=True, text=True)
    assert staged.returncode == 0, staged.stderr
    paths = python(lifecycle, "import ssl; print(*ssl.get_default_verify_paths()[-4:])")
    assert paths.split() == ["SSL_CERT_FILE", "/usr/lib/ssl/cert.pem", "SSL_CERT_DIR", "/usr/lib/ssl/certs"]


def test_names_are_resolved_by_the_cells_files(lifecycle: Path) -> None:
    assert python(lifecycle, "import socket; print(socket.gethostbyname('localhost'))") == "127.0.0.1\n"


def python(lifecycle: Path, code: str) -> str:
    """What the archive's Python prints."""
    call = [lifecycle / "lib/ld-linux-x86-64.so.2", "--library-path", lifecycle / "lib", lifecycle / "bin/python3"]
    return subprocess.run([*call, "-I", "-B", "-S", "-c", code], capture_output=True, text=True, check=True).stdout
