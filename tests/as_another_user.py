"""Tests of what works without root, when the tests themselves run as root."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

from tests.sandbox_root import root_filesystem

_USER = 54321
"""Of nobody: no name, no home, no subordinate ids."""

_BECOME = ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", "/bin/sh", "-c", 'exec "$0" "$@"')
"""Through a shell: setpriv itself still executes with root's rights."""

_REPOSITORY = Path(__file__).resolve().parent.parent


def run_as_another_user(test: str) -> None:
    """Run one test or class (a node id) in an interpreter of a user without root, and fail with what it says."""
    cache = root_filesystem().parent
    with tempfile.TemporaryDirectory(prefix="another-user-") as home:
        os.chown(home, _USER, _USER)
        env = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "STAGEWRIGHT_TEST_CACHE": str(cache),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join((sysconfig.get_path("purelib"), str(_REPOSITORY / "src"))),
        }
        call = (_interpreter(env), "-m", "pytest", "-p", "no:cacheprovider", f"--basetemp={home}/tests", test)
        ended = subprocess.run([*_BECOME, *call], cwd=_REPOSITORY, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " passed" in ended.stdout and " skipped" not in ended.stdout, ended.stdout


def _interpreter(env: dict[str, str]) -> str:
    """This interpreter; or, where it lies in a home of root's, the system's of the same version."""
    system = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, system):
        call = [*_BECOME, candidate, "-c", "import pytest, stagewright"]
        if subprocess.run(call, cwd="/", env=env, capture_output=True, check=False).returncode == 0:
            return candidate
    pytest.skip(f"a user without root can reach neither {sys.executable} nor {system} with the tests' libraries")
