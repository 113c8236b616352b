"""VCAP_APPLICATION: the fields of contracts/cloudfoundry-staging.md §1.8 and §1.9, and no value that differs twice."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid

import pytest

from stagewright.model.application import AppIdentity, running_application, staging_application
from stagewright.model.containers import Limits
from stagewright.model.names import AppName

STAGING_FIELDS = {
    "cf_api",
    "limits",
    "application_name",
    "application_uris",
    "name",
    "space_name",
    "space_id",
    "organization_id",
    "organization_name",
    "uris",
    "users",
    "application_id",
    "version",
    "application_version",
}
LIMITS = Limits(memory=512 << 20, disk=2 << 30)
SHOP = AppIdentity(AppName("shop"))


def test_a_staging_is_told_what_cloud_foundry_tells_it() -> None:
    told = staging_application(AppIdentity(AppName("shop"), "blue space", "acme", ("shop.example.com",)), LIMITS)
    assert set(told) == STAGING_FIELDS
    assert told["limits"] == {"fds": 16384, "mem": 512, "disk": 2048}
    assert told["name"] == told["application_name"] == "shop"
    assert told["uris"] == told["application_uris"] == ["shop.example.com"]
    assert (told["space_name"], told["organization_name"], told["users"]) == ("blue space", "acme", None)
    assert told["version"] == told["application_version"]
    for name in ("application_id", "space_id", "organization_id", "version"):
        assert str(uuid.UUID(str(told[name]))) == told[name]
    assert json.loads(json.dumps(told)) == told


def test_without_a_word_the_space_is_development_of_local() -> None:
    told = staging_application(SHOP, LIMITS)
    assert (told["space_name"], told["organization_name"], told["uris"]) == ("development", "local", [])


def test_guids_follow_from_names_alone() -> None:
    """Also in another process: nothing of them is drawn, or seeded by the process."""
    program = (
        "from stagewright.model.application import AppIdentity as A; from stagewright.model.names import AppName as N;"
        "a = A(N('shop')); print(a.application_id, a.space_id, a.organization_id, a.version)"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert printed == [SHOP.application_id, SHOP.space_id, SHOP.organization_id, SHOP.version]


def test_the_same_name_elsewhere_is_another_app() -> None:
    others = [
        AppIdentity(AppName("shop"), space="other"),
        AppIdentity(AppName("shop"), organization="other"),
        AppIdentity(AppName("shop2")),
    ]
    assert len({each.application_id for each in (SHOP, *others)}) == 4
    assert others[0].organization_id == SHOP.organization_id
    assert others[1].space_id != SHOP.space_id


def test_a_running_app_is_told_where_it_listens_and_which_instance_it_is() -> None:
    told = running_application(SHOP, LIMITS, port=8080)
    assert set(told) == STAGING_FIELDS | {
        "host",
        "port",
        "instance_id",
        "instance_index",
        "process_id",
        "process_type",
    }
    assert (told["port"], told["instance_index"], told["process_type"]) == (8080, 0, "web")
    assert str(told["host"]).split(".") == ["0"] * 4, "where the app listens, inside its sandbox"
    assert told["uris"] == told["application_uris"] == ["localhost:8080"]
    assert told["process_id"] == told["application_id"] == staging_application(SHOP, LIMITS)["application_id"]
    worker = running_application(SHOP, LIMITS, port=8080, process="worker", index=1)
    assert worker["process_id"] != told["process_id"]
    assert worker["instance_id"] == SHOP.instance_id("worker", 1) != told["instance_id"]


def test_uris_that_were_given_stay_at_run() -> None:
    told = running_application(AppIdentity(AppName("shop"), uris=("shop.example.com",)), LIMITS, port=1)
    assert told["uris"] == ["shop.example.com"]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 256, "\ud800"])
def test_a_space_and_an_organization_have_printable_names(name: str) -> None:
    with pytest.raises(ValueError, match="space"):
        AppIdentity(AppName("shop"), space=name)
    with pytest.raises(ValueError, match="organization"):
        AppIdentity(AppName("shop"), organization=name)
