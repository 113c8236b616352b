"""Failures are part of the job: each says what, where and what to try, with its exit code, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import COMMAND, Ended, Installation
from tests.e2e.shell_buildpacks import serving, write_app, write_buildpack
from tests.sandboxes import new_mark, processes_with, soon

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="control groups and mounts of its own need root")


@pytest.fixture
def droplet(tmp_path: Path, fresh: Installation) -> Iterator[Path]:
    """Where the droplet would go. After the test nothing may lie there, nor in the places of running builds."""
    path = tmp_path / "out" / "never.tgz"
    yield path
    assert not path.parent.exists() or list(path.parent.iterdir()) == []
    builds = fresh.place / "cache" / "builds"
    assert not builds.exists() or list(builds.iterdir()) == []


def told(ended: Ended, code: int, *words: str) -> None:
    """The exit code, and that the words are said; no failure is a stack trace."""
    said = ended.out + ended.err
    assert ended.code == code, said[-3000:]
    for word in words:
        assert word in said, f"{word!r} is not said in:\n{said[-3000:]}"
    assert "Traceback" not in said


def test_a_path_that_does_not_exist(fresh: Installation, droplet: Path) -> None:
    told(fresh("stage", "nowhere", "-d", droplet), 2, "nowhere", "try:")


def test_a_path_that_is_no_archive(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    (tmp_path / "notes.txt").write_text("just words")
    told(fresh("stage", tmp_path / "notes.txt", "-d", droplet), 3, "notes.txt", "the app")


def test_an_empty_directory(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    (tmp_path / "empty").mkdir()
    told(fresh("stage", tmp_path / "empty", "-d", droplet), 3, "no file")


def test_an_unknown_buildpack_names_the_near_one(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    told(fresh("stage", write_app(tmp_path / "app"), "-b", "pyton", "-d", droplet), 2, "'python'", "the command")


def test_a_url_that_is_out_of_reach_is_told_without_its_credentials(
    tmp_path: Path, fresh: Installation, droplet: Path
) -> None:
    ended = fresh("stage", write_app(tmp_path / "app"), "-b", "https://me:hunter2@127.0.0.1:1/x.git", "-d", droplet)
    told(ended, 4, "could not be reached", "https://***@127.0.0.1:1/x.git", "pinned")
    assert "hunter2" not in ended.out + ended.err


def test_no_buildpack_matches(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "notes.txt").write_text("nothing to recognise")
    told(fresh("stage", app, "-d", droplet), 10, "No buildpack recognised", "python", "nodejs", "--buildpack")


@pytest.mark.parametrize(("script", "code"), [("supply", 13), ("finalize", 14), ("release", 15)])
def test_a_script_that_fails(tmp_path: Path, fresh: Installation, droplet: Path, script: str, code: int) -> None:
    buildpack = serving(tmp_path / "bp", **{script: f"echo doing {script}; echo the last words >&2; exit 42"})
    ended = fresh("stage", write_app(tmp_path / "app"), "-b", buildpack, "-d", droplet)
    told(ended, code, f"bin/{script}", "exit code 42", "the last words", "the buildpack", "bp", "try:")


@pytest.mark.parametrize(("code", "fault"), [(1, "the buildpack"), (65, "the app"), (69, "the platform")])
def test_a_script_can_say_whose_fault_it_is(
    tmp_path: Path, fresh: Installation, droplet: Path, code: int, fault: str
) -> None:
    """By an exit code of sysexits.h: EX_DATAERR, EX_UNAVAILABLE."""
    buildpack = serving(tmp_path / "bp", supply=f"exit {code}")
    told(fresh("stage", write_app(tmp_path / "app"), "-b", buildpack, "-d", droplet), 13, f"at fault: {fault}")


def test_a_broken_requirements_file(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    app = write_app(tmp_path / "app", requirements__txt="flask\nthis is not a requirement\n")
    ended = fresh("stage", app, "-d", droplet)
    told(ended, 13, "requirements.txt", "this is not a requirement", "at fault: the app")


def test_a_compile_that_fails(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    buildpack = write_buildpack(tmp_path / "bp", detect="true", compile="exit 3", release="echo '--- {}'")
    told(fresh("stage", write_app(tmp_path / "app"), "-b", buildpack, "-d", droplet), 14, "compile", "exit code 3")


def test_a_release_that_prints_no_yaml(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    buildpack = serving(tmp_path / "bp", release="echo not: [yaml")
    told(fresh("stage", write_app(tmp_path / "app"), "-b", buildpack, "-d", droplet), 15, "release output")


def test_a_supply_that_is_missing_is_found_before_any_script_runs(
    tmp_path: Path, fresh: Installation, droplet: Path
) -> None:
    first = serving(tmp_path / "first", supply="echo FIRST RAN")
    second = write_buildpack(tmp_path / "second", detect="true", compile="true", release="true")
    ended = fresh(
        "stage", write_app(tmp_path / "app"), "-b", first, "-b", second, "-b", first, "-d", droplet, "--strict-cf"
    )
    told(ended, 11, "second", "bin/supply")
    assert "FIRST RAN" not in ended.out


def test_a_script_that_is_not_executable(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    buildpack = serving(tmp_path / "bp")
    (buildpack / "bin" / "finalize").chmod(0o644)
    told(fresh("stage", write_app(tmp_path / "app"), "-b", buildpack, "-d", droplet), 14, "not executable", "chmod +x")


def test_a_directory_that_is_no_buildpack(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    (tmp_path / "bp").mkdir()
    told(fresh("stage", write_app(tmp_path / "app"), "-b", tmp_path / "bp", "-d", droplet), 11, "malformed", "bin")


def test_no_start_command(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    buildpack = serving(tmp_path / "bp", release="echo '--- {}'")
    told(
        fresh("stage", write_app(tmp_path / "app"), "-b", buildpack, "-d", droplet),
        16,
        "Start command missing",
        "Procfile",
    )


def test_processes_without_web_are_a_warning(tmp_path: Path, fresh: Installation) -> None:
    buildpack = serving(tmp_path / "bp", release="echo 'default_process_types: {worker: x}'")
    ended = fresh("stage", write_app(tmp_path / "app"), "-b", buildpack, "-d", tmp_path / "d.tgz")
    told(ended, 0, "No start command specified by buildpack or via Procfile.")


def test_a_procfile_that_does_not_parse(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    app = write_app(tmp_path / "app", Procfile="web: a: b\n")
    told(fresh("stage", app, "-b", serving(tmp_path / "bp"), "-d", droplet), 3, "Procfile", "line 1")


def test_a_manifest_that_does_not_parse(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    app = write_app(tmp_path / "app", manifest__yml="applications: [{name: a, memory: lots}]")
    told(fresh("stage", app, "-b", serving(tmp_path / "bp"), "-d", droplet), 3, "manifest.yml", "memory", "lots")


@pytest.mark.parametrize("name", ["PORT", "VCAP_SERVICES", "not-a-name"])
def test_variables_that_the_platform_sets(tmp_path: Path, fresh: Installation, droplet: Path, name: str) -> None:
    app = write_app(tmp_path / "app")
    told(fresh("stage", app, "-b", serving(tmp_path / "bp"), "--env", f"{name}=1", "-d", droplet), 2, name)


@pytest.mark.parametrize(
    "flag", ["--memory=lots", "--timeout=soon", "--disk=-1", "--name=../x", "--env=NOVALUE", "--image=x"]
)
def test_bad_flags(tmp_path: Path, fresh: Installation, droplet: Path, flag: str) -> None:
    told(
        fresh("stage", write_app(tmp_path / "app"), flag, "-d", droplet),
        2,
        flag.split("=")[0] if "image" not in flag else "x",
    )


def test_an_unknown_stack(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    told(fresh("stage", write_app(tmp_path / "app"), "--stack", "nosuch", "-d", droplet), 2, "nosuch", "stack create")


def hostile_archives() -> dict[str, object]:
    def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
        made = tarfile.TarInfo(name)
        made.type, made.linkname, made.size = kind, link, size
        return made

    return {
        "climbs": [member("../escaped")],
        "absolute": [member("/tmp/escaped")],
        "through-a-link": [member("out", tarfile.SYMTYPE, "/tmp"), member("out/escaped")],
        "hard-link-out": [member("passwd", tarfile.LNKTYPE, "/etc/passwd")],
        "hard-link-climbs": [member("passwd", tarfile.LNKTYPE, "../../etc/passwd")],
        "device": [member("null", tarfile.CHRTYPE)],
        "fifo": [member("pipe", tarfile.FIFOTYPE)],
    }


@pytest.mark.parametrize("kind", list(hostile_archives()))
def test_hostile_archives_are_refused(tmp_path: Path, fresh: Installation, droplet: Path, kind: str) -> None:
    archive = tmp_path / f"{kind}.tar"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(tarfile.TarInfo("index.html"))
        for member in hostile_archives()[kind]:  # type: ignore[attr-defined]
            tar.addfile(member)
    told(fresh("stage", archive, "-d", droplet), 3, archive.name, "the app")
    assert not Path("/tmp/escaped").exists()


def test_a_zip_that_climbs(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    archive = tmp_path / "climbs.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("../../escaped", "x")
    told(fresh("stage", archive, "-d", droplet), 3, "climbs.zip", "escaped")


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_bombs_are_refused_by_bounds_that_are_settings(
    tmp_path: Path, fresh: Installation, droplet: Path, kind: str
) -> None:
    zeros = tmp_path / "zeros"
    zeros.write_bytes(b"\0" * (64 << 20))
    archive = tmp_path / f"bomb.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.write(zeros, "zeros")
    else:
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(zeros, "zeros")
    told(fresh("stage", archive, "-d", droplet, STAGEWRIGHT_MAX_BYTES="16M"), 3, archive.name, "STAGEWRIGHT_MAX_")


def test_too_many_entries(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    archive = tmp_path / "many.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for number in range(200):
            zipped.writestr(f"f{number}", "")
    told(fresh("stage", archive, "-d", droplet, STAGEWRIGHT_MAX_ENTRIES="100"), 3, "many.zip", "STAGEWRIGHT_MAX_")


def test_time_out_kills_the_whole_tree(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    mark = new_mark()
    stubborn = f"trap '' TERM; (trap '' TERM; setsid sleep {mark} & ); echo now; sleep {mark}"
    buildpack = serving(tmp_path / "bp", finalize=stubborn)
    started = time.monotonic()
    ended = fresh("stage", write_app(tmp_path / "app"), "-b", buildpack, "--timeout", "3s", "-d", droplet)
    told(ended, 20, "--timeout", "finalize", "now")
    assert time.monotonic() - started < 20
    assert not processes_with(mark, alone=True)


@NEEDS_ROOT
def test_memory_is_a_real_kill_of_the_control_group(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    hog = "echo eating; python3 -c 'x = bytearray(400 << 20); print(len(x))'"
    buildpack = serving(tmp_path / "bp", finalize=hog)
    app = write_app(tmp_path / "app")
    told(fresh("stage", app, "-b", buildpack, "--memory", "100M", "-d", droplet), 21, "--memory", "finalize", "eating")


def test_disk_is_watched(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    hog = "while true; do head -c 10000000 /dev/zero >> $1/big; sleep 0.02; done"
    buildpack = serving(tmp_path / "bp", finalize=hog)
    app = write_app(tmp_path / "app")
    told(fresh("stage", app, "-b", buildpack, "--disk", "60M", "-d", droplet), 22, "--disk", "finalize")


@NEEDS_ROOT
def test_a_full_disk_on_a_real_tmpfs(tmp_path: Path, fresh: Installation) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(small)], check=True)
    try:
        app = write_app(tmp_path / "app")
        (app / "noise").write_bytes(os.urandom(40 << 20))
        ended = fresh("stage", app, "-b", serving(tmp_path / "bp"), STAGEWRIGHT_CACHE=str(small / "cache"))
        told(ended, 4, "full", str(small))
        assert [path.name for path in (small / "cache" / "builds").iterdir()] == []

        (app / "noise").write_bytes(os.urandom(1 << 20))
        grows = serving(tmp_path / "grows", finalize='head -c 20000000 /dev/urandom > "$1/big"')
        ended = fresh("stage", app, "-b", grows, "-d", small / "d.tgz")
        assert ended.code == 0, ended.err
        ended = fresh("stage", app, "-b", grows, "-d", small / "e.tgz")
        told(ended, 4, "full", str(small))
        assert sorted(path.name for path in small.iterdir() if path.suffix != ".json") == ["cache", "d.tgz"]
    finally:
        subprocess.run(["umount", str(small)], check=True)


@NEEDS_ROOT
def test_no_network_in_a_real_empty_namespace(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    app = write_app(tmp_path / "app", requirements__txt="flask\n")
    once = ("--env", "PIP_RETRIES=0")
    ended = fresh("stage", app, "--buildpack", "python", *once, "-d", droplet, wrap=("unshare", "--net"))
    told(ended, 13, "network", "at fault: the platform")


def test_ctrl_c_ends_everything_cleanly(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    mark = new_mark()
    process = start(fresh, tmp_path, droplet, f"sleep {mark}")
    assert soon(lambda: bool(processes_with(mark, alone=True)), 60), "the script did not start"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    told(Ended(process.returncode, out.decode(), err.decode()), 130, "cancelled")
    assert not processes_with(mark, alone=True)


def test_kill_9_leaves_no_process_and_the_next_run_sweeps_the_rest(tmp_path: Path, fresh: Installation) -> None:
    mark = new_mark()
    process = start(fresh, tmp_path, tmp_path / "never.tgz", f"sleep {mark}")
    assert soon(lambda: bool(processes_with(mark, alone=True)), 60), "the script did not start"
    process.kill()
    process.wait()
    assert soon(lambda: not processes_with(mark, alone=True), 5)
    builds = fresh.place / "cache" / "builds"
    assert list(builds.iterdir())
    ended = fresh("stage", write_app(tmp_path / "app2"), "-b", serving(tmp_path / "bp2"), "-d", tmp_path / "d.tgz")
    told(ended, 0, "killed run")
    assert list(builds.iterdir()) == []
    assert str(builds) not in Path("/proc/self/mountinfo").read_text()


def test_two_at_once_never_hurt_each_other(tmp_path: Path, fresh: Installation) -> None:
    app = write_app(tmp_path / "app")
    buildpack = serving(tmp_path / "bp", finalize='sleep 1; echo x >> "$2/count"; wc -l < "$2/count" > "$1/count"')
    both = [
        subprocess.Popen(
            [
                str(COMMAND),
                "stage",
                str(app),
                "-b",
                str(buildpack),
                "-d",
                str(tmp_path / f"{number}.tgz"),
                "--name",
                "same",
            ],
            env=fresh.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for number in (1, 2)
    ]
    for process in both:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0, out.decode()
    for number in (1, 2):
        with tarfile.open(tmp_path / f"{number}.tgz") as archive:
            file = archive.extractfile("./app/count")
            assert file is not None
            assert file.read() == b"1\n"


def start(fresh: Installation, tmp_path: Path, droplet: Path, finalize: str) -> subprocess.Popen[bytes]:
    app, buildpack = write_app(tmp_path / "app"), serving(tmp_path / "bp", finalize=finalize)
    return subprocess.Popen(
        [str(COMMAND), "stage", str(app), "-b", str(buildpack), "-d", str(droplet)],
        env=fresh.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def test_a_socket_left_in_the_app_is_the_buildpacks_fault(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    leave = 'python3 -c "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])" "$1/left.sock"'
    ended = fresh("stage", write_app(tmp_path / "app"), "-b", serving(tmp_path / "bp", finalize=leave), "-d", droplet)
    told(ended, 11, "socket", "app/left.sock", "at fault: the buildpack")


@pytest.mark.parametrize("place", ["app", "deps", "profile.d", "cache"])
@pytest.mark.parametrize("ending", ["true", "exit 1"])
def test_a_script_cannot_make_the_platform_follow_a_link(
    tmp_path: Path, fresh: Installation, droplet: Path, place: str, ending: str
) -> None:
    """The platform reads and writes these directories as root; a link in their place must gain a script nothing."""
    bait = tmp_path / "bait"
    bait.mkdir(mode=0o777)
    (bait / "secret").write_text("of the host")
    swap = f"cd /home/vcap; mv {place} gone; ln -s {bait} {place}; {ending}"
    ended = fresh("stage", write_app(tmp_path / "app"), "-b", serving(tmp_path / "bp", supply=swap), "-d", droplet)
    told(ended, 13, place, "the buildpack")
    assert [path.name for path in bait.iterdir()] == ["secret"]
    assert not [path for path in (fresh.place / "cache" / "apps").rglob("*") if path.is_symlink()]


def test_a_link_in_the_place_of_a_cache_or_deps_directory_is_not_followed(
    tmp_path: Path, fresh: Installation, droplet: Path
) -> None:
    bait = tmp_path / "bait"
    bait.mkdir(mode=0o777)
    (bait / "launch.yml").write_text("processes: [{type: web, command: from the host}]")
    swap = f'rm -rf "$2" "$3/$4"; ln -s {bait} "$2"; ln -s {bait} "$3/$4"'
    ended = fresh(
        "stage", write_app(tmp_path / "app"), "-b", serving(tmp_path / "bp", supply=swap), "-d", tmp_path / "d.tgz"
    )
    told(ended, 0)
    assert "from the host" not in ended.out
    assert [path.name for path in bait.iterdir()] == ["launch.yml"]


def test_a_strangers_manifest_cannot_name_a_directory_of_this_machine(
    tmp_path: Path, fresh: Installation, droplet: Path
) -> None:
    private = serving(tmp_path / "private")
    archive = tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("manifest.yml", f"applications: [{{name: a, buildpacks: ['{private}']}}]")
        zipped.writestr("index.html", "x")
    told(fresh("stage", archive, "-d", droplet), 3, "private", "--buildpack", "the app")
    inside = write_app(tmp_path / "app", manifest__yml="applications: [{name: a, buildpacks: [../private]}]")
    told(fresh("stage", inside, "-d", droplet), 3, "../private", "--buildpack")
    assert fresh("stage", inside, "-b", private, "-d", tmp_path / "d.tgz").code == 0


def test_targets_are_looked_at_before_anything_runs(tmp_path: Path, fresh: Installation) -> None:
    app, buildpack = write_app(tmp_path / "app"), serving(tmp_path / "bp", supply="echo SCRIPTS RAN")
    (tmp_path / "file").write_text("x")
    for flags in (
        ("-d", tmp_path),
        ("-d", tmp_path / "file" / "d.tgz"),
        ("-d", "/proc/d.tgz"),
        ("-i", f"oci:{tmp_path / 'file'}"),
        ("-i", f"oci:{tmp_path / 'file' / 'x'}"),
        ("-i", "docker-archive:/proc/x/a.tar"),
    ):
        ended = fresh("stage", app, "-b", buildpack, *flags)
        told(ended, 2, "the command")
        assert "SCRIPTS RAN" not in ended.out


def test_what_is_written_into_the_app_is_no_part_of_it(tmp_path: Path, fresh: Installation) -> None:
    app, buildpack = write_app(tmp_path / "app"), serving(tmp_path / "bp")
    seen = []
    for _ in range(2):
        ended = fresh("stage", app, "-b", buildpack, "-d", app / "out.tgz", "-i", f"oci:{app / 'img'}", "--json")
        assert ended.code == 0, ended.err
        seen.append(ended.result["package"])
    assert seen[0] == seen[1]


def test_a_sparse_file_without_end_ends_with_the_time(tmp_path: Path, fresh: Installation, droplet: Path) -> None:
    buildpack = serving(tmp_path / "bp", finalize='truncate -s 200G "$1/hole"')
    ended = fresh("stage", write_app(tmp_path / "app"), "-b", buildpack, "--timeout", "3s", "-d", droplet, timeout=60)
    told(ended, 20, "packing")


@pytest.mark.parametrize("script", ["supply", "finalize"])
def test_a_cache_that_a_script_removed_is_no_failure(tmp_path: Path, fresh: Installation, script: str) -> None:
    buildpack = serving(tmp_path / "bp", **{script: "rm -rf /home/vcap/cache"})
    told(fresh("stage", write_app(tmp_path / "app"), "-b", buildpack, "-d", tmp_path / "d.tgz"), 0)


@pytest.mark.parametrize("flag", ["--timeout=0", "--memory=0", "--memory=1", "--disk=0", "--memory=99999999T"])
def test_limits_out_of_bounds(tmp_path: Path, fresh: Installation, droplet: Path, flag: str) -> None:
    told(fresh("stage", write_app(tmp_path / "app"), flag, "-d", droplet), 2, flag.split("=")[0], "bounds")


def test_odd_paths_are_refused_in_words(tmp_path: Path, fresh: Installation) -> None:
    told(fresh("stage", "x" * 300), 3, "cannot be staged")
    told(fresh("run", "x" * 300), 2, "no droplet")
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9")
    app = write_app(Path(odd))
    told(fresh("stage", app, "-b", serving(tmp_path / "bp"), "-d", tmp_path / "d.tgz"), 0)


def test_a_reproducibility_check_keeps_if_changed_working(tmp_path: Path, fresh: Installation) -> None:
    app, buildpack = write_app(tmp_path / "app"), serving(tmp_path / "bp")
    assert fresh("stage", app, "-b", buildpack, "--check-reproducible", "-d", tmp_path / "d.tgz").code == 0
    again = fresh("stage", app, "-b", buildpack, "--if-changed", "-d", tmp_path / "d.tgz", "--json")
    assert again.result["reused"] is True


def test_a_closed_standard_output_is_no_failure(tmp_path: Path, fresh: Installation) -> None:
    app, buildpack = write_app(tmp_path / "app"), serving(tmp_path / "bp")
    command = f'exec "{COMMAND}" stage "{app}" -b "{buildpack}" -d "{tmp_path / "d.tgz"}" >&-'
    ended = subprocess.run(["bash", "-c", command], env=fresh.environment(), capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_with_json_a_failure_before_the_build_is_json_too(tmp_path: Path, fresh: Installation) -> None:
    app = write_app(tmp_path / "app")
    for arguments in (("stage", app, "--memory", "lots"), ("plan", app, "-b", "nosuch"), ("inspect", "nosuch")):
        ended = fresh(*arguments, "--json")
        assert ended.code == 2
        assert ended.result["event"] == "failed"
        assert ended.result["fault"] == "usage"
        assert ended.err == ""
