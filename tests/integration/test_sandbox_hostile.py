"""A hostile script in a container: what it must not reach. Rootless containers are tried as another user when root tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from tests.as_another_user import run_as_another_user
from tests.sandbox_root import root_filesystem
from tests.sandboxes import LIMITS, Workplace, bash, new_mark, processes_with, run, run_once, soon, workplace

from stagewright.model.containers import Cause, Mount, Network
from stagewright.ports.sandbox import Sandbox, Session
from stagewright.sandbox import Rootful, Rootless

IS_ROOT = os.geteuid() == 0
REPOSITORY = Path(__file__).resolve().parent.parent.parent

CALL = """
import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    result = libc.syscall(*arguments)
    return errno.errorcode[ctypes.get_errno()] if result < 0 else "done"
"""


def python(session: Session, program: str) -> str:
    ran = run(session, "/usr/bin/python3", "-c", CALL + program)
    assert ran.exit.code == 0, ran.err
    return ran.out.strip()


class Hostile:
    """The tests. A subclass says which sandbox."""

    @pytest.fixture
    def sandbox(self, tmp_path: Path) -> Sandbox:
        raise NotImplementedError

    @pytest.fixture
    def work(self, tmp_path: Path, sandbox: Sandbox) -> Workplace:
        return workplace(tmp_path / "work", root_filesystem(), sandbox.owner)

    @pytest.fixture
    def session(self, sandbox: Sandbox, work: Workplace) -> Iterator[Session]:
        with sandbox.open(work.spec()) as session:
            yield session

    def test_it_is_vcap_without_any_privilege(self, session: Session) -> None:
        assert bash(session, "id -u; id -g; id -un; id -G").out.split() == ["2000", "2000", "vcap", "2000"]
        status = dict(line.split(":", 1) for line in bash(session, "cat /proc/self/status").out.splitlines())
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[kind], 16) == 0, kind
        assert status["NoNewPrivs"].strip() == "1"
        assert status["Seccomp"].strip() == "2"

    @pytest.mark.parametrize(
        "place",
        [
            "/x",
            "/etc/x",
            "/usr/bin/x",
            "/var/x",
            "/buildpacks/x",
            "/trust/x",
            "/dev/x",
            "/sys/x",
            "/proc/sys/kernel/hostname",
        ],
    )
    def test_the_root_cannot_be_written(self, session: Session, place: str) -> None:
        assert bash(session, f"echo x > {place}").exit.code == 1

    def test_the_root_and_its_additions_are_mounted_read_only(self, session: Session) -> None:
        lines = [line.split() for line in bash(session, "cat /proc/self/mountinfo").out.splitlines()]
        options = {line[4]: line[5].split(",") for line in lines}
        assert "ro" in options["/"] and "ro" in options["/dev"] and "ro" in options["/proc/sys"]
        assert "rw" in options["/home/vcap"] and "rw" in options["/tmp"]

    def test_read_only_mounts_cannot_be_written(self, sandbox: Sandbox, work: Workplace) -> None:
        given = work.at / "given"
        given.mkdir(mode=0o777)
        (given / "file").write_text("as it was")
        (given / "file").chmod(0o666)
        given.chmod(0o777)
        spec = work.spec(mounts=(Mount(given, PurePosixPath("/buildpacks/given")),))
        ran = run_once(
            sandbox, spec, "cat /buildpacks/given/file; echo x > /buildpacks/given/file; rm /buildpacks/given/file"
        )
        assert ran.out == "as it was"
        assert (given / "file").read_text() == "as it was"

    @pytest.mark.parametrize(
        ("name", "call"),
        [
            ("mount", "165, b'none', b'/tmp', b'tmpfs', 0, 0"),
            ("umount2", "166, b'/home/vcap', 0"),
            ("pivot_root", "155, b'/tmp', b'/tmp'"),
            ("setns", "308, 0, 0"),
            ("open_tree", "428, -100, b'/', 1"),
            ("fsopen", "430, b'tmpfs', 0"),
            ("move_mount", "429, -1, b'', -1, b'', 0"),
            ("keyctl", "250, 0, 0, 0, 0, 0"),
            ("unshare mount", "272, 0x20000"),
            ("unshare user and mount", "272, 0x10020000"),
            ("unshare network", "272, 0x40000000"),
            ("unshare pid", "272, 0x20000000"),
            ("chroot", "161, b'/tmp'"),
            ("bpf", "321, 0, 0, 0"),
            ("perf_event_open", "298, 0, 0, 0, 0, 0"),
            ("init_module", "175, 0, 0, 0"),
        ],
    )
    @pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86_64")
    def test_system_calls_of_no_use_to_a_build_are_refused(self, session: Session, name: str, call: str) -> None:
        assert python(session, f"print(call({call}))") == "EPERM"

    @pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86_64")
    def test_new_namespaces_by_clone(self, session: Session) -> None:
        # A flag of a namespace, and SIGCHLD; clone3, whose flags no filter can see; io_uring, which goes around filters.
        assert python(session, "print(call(56, 0x00020000 | 17, 0, 0, 0, 0))") == "ENOSYS"
        assert python(session, "print(call(56, 0x10000000 | 17, 0, 0, 0, 0))") == "ENOSYS"
        assert python(session, "print(call(435, 0, 0))") == "ENOSYS"
        assert python(session, "print(call(425, 1, 0))") == "ENOSYS"

    def test_a_namespace_of_its_own_gives_no_way_to_mount(self, session: Session) -> None:
        ran = bash(session, "unshare --user --map-root-user bash -c 'mount -t tmpfs none /tmp || unshare --mount true'")
        assert ran.exit.code != 0

    def test_it_sees_no_process_of_the_host(self, session: Session) -> None:
        mark = new_mark()
        with subprocess.Popen(["sleep", mark]) as sleeper:
            try:
                seen = bash(session, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; ls -d /proc/[0-9]* | wc -l")
            finally:
                sleeper.kill()
        assert mark not in seen.out
        assert int(seen.out.split()[-1]) < 10

    def test_the_first_process_takes_no_signal_and_shows_nothing(self, session: Session) -> None:
        # Signals 1 to 64; its memory, streams, environment and root; tracing it; becoming its keeper.
        bash(session, "for s in $(seq 64); do kill -$s 1; done; for s in $(seq 64); do kill -$s -1; done")
        ran = bash(session, "cat /proc/1/environ || cat /proc/1/mem || ls /proc/1/root/ || readlink /proc/1/fd/0")
        assert (ran.exit.code, ran.out) == (1, "")
        assert bash(session, "echo x > /proc/1/fd/0").exit.code == 1
        assert python(session, "print(call(101, 16, 1, 0, 0))") == "EPERM"  # PTRACE_ATTACH
        assert bash(session, "echo alive").out == "alive\n"

    def test_setuid_programs_give_nothing(self, session: Session, work: Workplace) -> None:
        assert bash(session, "find / -xdev -perm -4000 -type f 2>/dev/null | head -1").out != ""
        bash(session, "cp /usr/bin/id id; chmod 4755 id")
        assert bash(session, "su -c id 2>&1 || true; ./id -u").out.split()[-1] == "2000"
        assert "nosuid" in bash(session, "grep ' /home/vcap ' /proc/self/mountinfo").out

    def test_devices_cannot_be_made_or_opened(self, session: Session) -> None:
        assert bash(session, "mknod d b 8 0").exit.code != 0
        listed = bash(session, "ls /dev").out.split()
        assert set(listed) <= {
            *(
                "core",
                "fd",
                "full",
                "mqueue",
                "null",
                "ptmx",
                "pts",
                "random",
                "shm",
                "stderr",
                "stdin",
                "stdout",
                "tty",
            ),
            *("urandom", "zero", "console"),
        }

    def test_nothing_of_the_hardware_or_kernel_is_shown(self, session: Session) -> None:
        assert bash(session, "ls /sys | wc -l").out.strip() == "0"
        assert bash(session, "wc -c < /proc/kcore; wc -c < /proc/keys; wc -c < /proc/timer_list").out.split() in (
            ["0", "0", "0"],
            ["0", "0"],
        )
        assert bash(session, "echo b > /proc/sysrq-trigger").exit.code == 1

    def test_the_host_is_called_what_the_platform_says(self, session: Session) -> None:
        assert bash(session, "hostname || cat /proc/sys/kernel/hostname").out.strip() == "stagewright"

    def test_a_fork_bomb_is_held_and_gone(self, sandbox: Sandbox, work: Workplace) -> None:
        assert "pids" not in sandbox.unenforced(LIMITS)
        mark = new_mark()
        with sandbox.open(work.spec(limits=replace(LIMITS, pids=64))) as session:
            # The shell that counts starts no process: bash tries a refused fork again for a quarter of a minute.
            count = "while (( SECONDS < 2 )); do :; done; set -- /proc/[0-9]*; echo $#; exit 3"
            ran = bash(session, f"f() {{ sleep {mark} & f & f & }} ; (f 2>/dev/null) & {count}")
            assert ran.exit.code == 3
            assert 32 < int(ran.out) <= 64
            assert soon(lambda: not processes_with(mark), 2.0)
            assert bash(session, "echo next").out == "next\n"

    def test_it_cannot_forge_how_it_ended(self, session: Session) -> None:
        """Killing everything that it can reach, its own parents too, must not look like success."""
        assert bash(session, "kill -9 -1; exit 0").exit.code in (0, 137)  # kill(-1) spares the caller
        assert bash(session, "(sleep 0.2; kill -9 -1) & wait; sleep 5").exit.code == 137
        assert bash(session, "echo still here").out == "still here\n"

    def test_with_no_network_nothing_is_reached(self, sandbox: Sandbox, work: Workplace) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket(socket.AF_UNIX) as abstract:
            port = listening.getsockname()[1]
            abstract.bind(f"\0stagewright-test-{port}")
            abstract.listen()
            connect = (
                "import socket\n"
                "def reached(family, address):\n"
                "    try: socket.socket(family).connect(address)\n"
                "    except OSError as error: return type(error).__name__\n"
                "    return 'reached'\n"
                f"print(reached(socket.AF_INET, ('127.0.0.1', {port})), reached(socket.AF_INET, ('192.0.2.1', 80)),"
                f" reached(socket.AF_UNIX, '\\0stagewright-test-{port}'))"
            )
            with sandbox.open(work.spec()) as session:
                assert python(session, connect.replace("192.0.2.1", "127.0.0.1")).split()[0] == "reached"
            with sandbox.open(work.spec(network=Network.NONE)) as session:
                assert python(session, connect).split() == [
                    "ConnectionRefusedError",
                    "OSError",
                    "ConnectionRefusedError",
                ]


@pytest.mark.root
@pytest.mark.skipif(not IS_ROOT, reason="needs root")
class TestRootful(Hostile):
    @pytest.fixture
    def sandbox(self, tmp_path: Path) -> Sandbox:
        return Rootful(None, tmp_path / "state")

    def test_setuid_root_on_a_mount_gives_nothing(self, sandbox: Sandbox, work: Workplace) -> None:
        shutil.copy(work.root / "usr/bin/id", work.home / "rootid")
        (work.home / "rootid").chmod(0o4755)
        assert run_once(sandbox, work.spec(), "./rootid -u").out == "2000\n"

    def test_memory_is_held(self, sandbox: Sandbox, work: Workplace) -> None:
        hog = "/usr/bin/python3 -c 'x = bytearray(300 << 20); print(len(x))'"
        with sandbox.open(work.spec(limits=replace(LIMITS, memory=128 << 20))) as session:
            ran = bash(session, hog)
            assert (ran.exit.code, ran.exit.cause, ran.out) == (137, Cause.OUT_OF_MEMORY, "")
            assert ran.exit.peak_memory is not None and 120 << 20 < ran.exit.peak_memory <= 128 << 20
            tried = bash(session, f"{hog} || echo failed")
            assert (tried.exit.cause, tried.out) == (Cause.EXITED, "failed\n")  # it went on, and succeeded
            assert bash(session, "exit 4").exit.cause is Cause.EXITED

    def test_memory_in_files_is_held_too(self, sandbox: Sandbox, work: Workplace) -> None:
        with sandbox.open(work.spec(limits=replace(LIMITS, memory=48 << 20))) as session:
            ran = bash(session, "head -c 60000000 /dev/zero > /dev/shm/x; exit 1")
            assert ran.exit.cause is Cause.OUT_OF_MEMORY

    def test_processors_are_held(self, sandbox: Sandbox, work: Workplace) -> None:
        with sandbox.open(work.spec(limits=replace(LIMITS, cpus=0.2))) as session:
            ended = bash(session, "timeout 2 bash -c 'while :; do :; done'").exit
        assert ended.cpu_seconds is not None
        assert ended.cpu_seconds < 0.8

    def test_containers_are_different_users_of_the_host(
        self, sandbox: Sandbox, work: Workplace, tmp_path: Path
    ) -> None:
        other = workplace(tmp_path / "other", work.root, work.owner)
        users = set()
        with sandbox.open(work.spec()) as first, sandbox.open(other.spec()) as second:
            for session in (first, second):
                users.add(bash(session, "cat /proc/self/uid_map").out.split()[1])
        assert len(users) == 2
        assert all(int(user) >= 0x70000000 for user in users)

    def test_the_first_process_is_another_user(self, session: Session) -> None:
        assert bash(session, "stat -c %u /proc/1").out.strip() == "65533"
        assert bash(session, "kill -0 1").exit.code == 1

    def test_root_keeps_its_files_to_itself(self, session: Session) -> None:
        assert bash(session, "stat -c %u:%g /root; ls /root").out.strip() == "0:0"


@pytest.mark.skipif(IS_ROOT, reason="root tries it as another user, below")
class TestRootless(Hostile):
    @pytest.fixture
    def sandbox(self, tmp_path: Path) -> Sandbox:
        return Rootless(None, tmp_path / "state")

    def test_it_says_that_memory_is_not_held(self, sandbox: Sandbox, work: Workplace) -> None:
        """Here: without a delegated control group. Where there is one, it is held."""
        if "memory" in sandbox.unenforced(LIMITS):
            assert run_once(sandbox, work.spec(), "exit 0").exit.peak_memory is None


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.skipif(not IS_ROOT, reason="the class above was tried directly")
def test_rootless_as_another_user() -> None:
    run_as_another_user(f"{__file__}::TestRootless")


@pytest.mark.root
@pytest.mark.skipif(not IS_ROOT, reason="needs root")
@pytest.mark.parametrize("idmapped", [True, False])
def test_what_is_mounted_without_programs_stays_so(tmp_path: Path, idmapped: bool) -> None:
    """A build on such a file system starts; the kernel lets nobody in a user namespace take the flag away."""
    work = workplace(tmp_path / "work", root_filesystem(), Rootful.owner)
    program = (
        "import os, sys; from pathlib import Path; from stagewright.sandbox import Rootful\n"
        "from tests.sandboxes import *; from tests.sandbox_root import root_filesystem\n"
        "sandbox = Rootful(None, Path(sys.argv[1]), idmapped=bool(int(sys.argv[3])))\n"
        "work = Workplace(Path(sys.argv[2]), root_filesystem(), sandbox.owner)\n"
        "os.chown(work.home, 2000, 2000)\n"
        "with sandbox.open(work.spec()) as session:\n"
        "    print(bash(session, 'echo exit 9 > x; chmod 755 x; ./x').exit.code)\n"
    )
    mount = 'mount -t tmpfs -o noexec,mode=700 tmpfs "$3/home" && exec "$0" -c "$1" "$2" "$3" "$4"'
    call = [sys.executable, program, str(tmp_path / "state"), str(work.at), str(int(idmapped))]
    ended = subprocess.run(
        ["unshare", "--mount", "/bin/sh", "-c", mount, *call],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout == "126\n", ended.stderr
