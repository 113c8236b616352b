"""The environment of staging (contracts/cloudfoundry-staging.md §1.8), which is the platform's to make: ``stagewright stage``."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.conformance.staging.buildpacks import compiling, finalizing, supplying
from tests.conformance.staging.conftest import Stage
from tests.conformance.staging.outcome import Outcome

pytestmark = pytest.mark.only("stage")

SHOW = "env -0 | tr '\\n\\0' ' \\n' | sed 's/^/env: /'"


def variables(ended: Outcome) -> dict[str, str]:
    """The environment that a script showed."""
    return dict(line.split("=", 1) for line in ended.said("env: ") if "=" in line)


@pytest.mark.clause("CF-E-01", "CF-E-02", "CF-E-03", "CF-E-04", "CF-E-06", "CF-E-07", "CF-E-08", "CF-E-09")
def test_what_the_platform_says_and_what_it_does_not(stage: Stage) -> None:
    asked = {"MINE": "a b", "CF_STACK": "other", "MEMORY_LIMIT": "1m", "DATABASE_URL": "mine"}
    ended = stage(finalizing("showing", finalize=SHOW), env=asked)
    assert ended.code == 0
    env = variables(ended)
    told = {name: env.get(name) for name in ("CF_STACK", "MEMORY_LIMIT", "VCAP_SERVICES", "HOME", "USER", "MINE")}
    assert told == {
        "CF_STACK": "debian12",
        "MEMORY_LIMIT": "1024m",
        "VCAP_SERVICES": "{}",
        "HOME": "/home/vcap",
        "USER": "vcap",
        "MINE": "a b",
    }
    assert env.get("DATABASE_URL") == "mine"
    assert {"/usr/bin", "/bin", "/usr/local/bin"} <= set(env.get("PATH", "").split(":"))
    application = json.loads(env.get("VCAP_APPLICATION", "{}"))
    assert set(application) == {
        *(
            "cf_api",
            "limits",
            "application_name",
            "application_uris",
            "name",
            "space_name",
            "space_id",
            "organization_id",
        ),
        *("organization_name", "uris", "users", "application_id", "version", "application_version"),
    }
    assert application.get("limits") == {"mem": 1024, "disk": 4096, "fds": 16384}
    assert application["application_name"] == application["name"] == "conformance"
    assert application["uris"] == application["application_uris"] == []
    assert application["users"] is None
    assert not {"PORT", "VCAP_APP_PORT", "DEPS_DIR", "ENV_DIR", "BUILD_DIR", "CACHE_DIR"} & set(env)


@pytest.mark.clause("CF-E-05")
def test_the_locale_is_one_that_counts_in_utf_8(stage: Stage) -> None:
    ended = stage(finalizing("showing", finalize=f'{SHOW}; echo "charmap $(locale charmap)"'))
    assert ended.said("charmap ") == ["UTF-8"]
    assert variables(ended).get("LANG", "").endswith(".UTF-8")


@pytest.mark.clause("CF-E-10")
@pytest.mark.parametrize("name", ["VCAP_SERVICES", "VCAP_APPLICATION", "VCAP_ANYTHING", "PORT"])
def test_names_that_belong_to_the_platform_are_refused(stage: Stage, name: str) -> None:
    ended = stage(compiling("never"), env={name: "{}"})
    assert ended.code == 2
    assert name in ended.stderr
    assert not ended.said("never ")


@pytest.mark.clause("CF-E-11")
def test_a_cache_that_is_damaged_does_not_fail_the_staging(stage: Stage) -> None:
    before = stage(supplying("first"), finalizing("last", finalize='echo kept > "$2/kept"'))
    assert before.code == 0
    slots = list((before.keep / "own" / "apps").glob("*/tree"))
    assert len(slots) == 1
    shutil.rmtree(slots[0] / "final")
    (slots[0] / "final").symlink_to("/etc")
    after = stage(supplying("first"), finalizing("last", finalize='ls "$2"; echo "$2 is empty"'), after=before)
    assert after.code == 0
    assert "passwd" not in after.lines
