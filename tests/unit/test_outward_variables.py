"""What git gets of the caller's environment: the way out, and nothing that would change what it does here."""

from __future__ import annotations

from pathlib import Path

from stagewright.settings import read
from stagewright.settings.outward import outward_variables

WANTED = {
    "PATH": "/usr/bin",
    "HOME": "/home/me",
    "SSH_AUTH_SOCK": "/run/agent",
    "https_proxy": "http://me:hunter2@proxy:3128",
    "NO_PROXY": "localhost",
    "GIT_SSH_COMMAND": "ssh -i key",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "http.extraHeader",
    "GIT_CONFIG_VALUE_0": "Authorization: Basic hunter2",
}
UNWANTED = {
    "GIT_DIR": "/elsewhere",
    "GIT_WORK_TREE": "/elsewhere",
    "GIT_INDEX_FILE": "/elsewhere",
    "GIT_TEMPLATE_DIR": "/elsewhere",
    "GIT_EXEC_PATH": "/elsewhere",
    "GIT_TRACE": "1",
    "GIT_TRACE_CURL": "/tmp/log",
    "GIT_ALLOW_PROTOCOL": "ext",
    "GIT_EXTERNAL_DIFF": "touch x",
    "GIT_ASKPASS": "/usr/bin/ask",
    "LD_PRELOAD": "/x.so",
    "path": "/lower",
    "AWS_SECRET_ACCESS_KEY": "x",
}


def test_what_is_taken_over() -> None:
    assert outward_variables(WANTED | UNWANTED) == WANTED


def test_settings_carry_it_and_do_not_show_it() -> None:
    settings = read(WANTED | UNWANTED, Path("/nonexistent"))
    assert settings.outward == WANTED
    assert "hunter2" not in repr(settings)
