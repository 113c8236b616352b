"""Platform options, CredHub and DATABASE_URL (contracts/cloudfoundry-staging.md §1.2 step 0): before the first buildpack."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.conformance.staging.buildpacks import finalizing
from tests.conformance.staging.conftest import Stage
from tests.conformance.staging.servers import Authority, credhub

REFERRING = '{"my-server":[{"credentials":{"credhub-ref":"(//my-server/creds)"}}]}'
PLAIN = '{"my-server":[{"credentials":{"user":"me"}}]}'
INTERPOLATED = '{"my-server":[{"credentials":{"password":"canary-4711"}}]}'
TELLING = finalizing(
    "telling",
    finalize='printf %s "$VCAP_SERVICES" > "$1/services"; printf %s "${DATABASE_URL-none}" > "$1/database"',
)
"""It keeps what it sees in the droplet: in the log it might be masked."""


def with_uri(uri: str) -> str:
    others = [{"name": "other", "credentials": {}}]
    return json.dumps({"a": others, "my-server": [{"name": "mine", "credentials": {"uri": uri}}]})


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def instance(authority: Authority) -> dict[str, str]:
    """What a container's environment says of its certificates."""
    client = authority.identity("client")
    return {
        "CF_INSTANCE_CERT": str(client.certificate),
        "CF_INSTANCE_KEY": str(client.key),
        "CF_SYSTEM_CERT_PATH": str(authority.certificate.parent),
    }


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-C-01", "CF-C-13")
def test_references_are_replaced_by_what_credhub_answers(
    stage: Stage, authority: Authority, instance: dict[str, str]
) -> None:
    with credhub(authority, (200, INTERPOLATED)) as hub:
        env = {"VCAP_PLATFORM_OPTIONS": hub.options(), "VCAP_SERVICES": REFERRING}
        ended = stage(TELLING, env={**instance, **env})
    assert ended.code == 0
    assert ended.droplet.text("./app/services") == INTERPOLATED
    assert hub.asked == [{"method": "POST", "body": REFERRING, "client": "client"}]
    assert "canary" not in ended.stdout + ended.stderr


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-C-02", "CF-C-13")
def test_a_credhub_that_fails_three_times_ends_the_staging(
    stage: Stage, authority: Authority, instance: dict[str, str]
) -> None:
    with credhub(authority, (500, '{"error": "canary-4711"}')) as hub:
        env = {"VCAP_PLATFORM_OPTIONS": hub.options(), "VCAP_SERVICES": REFERRING}
        ended = stage(TELLING, env={**instance, **env})
    assert ended.code == 4
    assert "Unable to interpolate credhub ref" in ended.stderr
    assert len(hub.asked) == 3
    assert ended.result is None
    assert not ended.droplet.names


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-C-03")
def test_credhub_is_asked_again_after_the_delay_as_often_as_the_flags_say(
    stage: Stage, authority: Authority, instance: dict[str, str]
) -> None:
    with credhub(authority, (500, "{}"), (503, "{}"), (200, INTERPOLATED)) as hub:
        env = {"VCAP_PLATFORM_OPTIONS": hub.options(), "VCAP_SERVICES": REFERRING}
        began = time.monotonic()
        ended = stage(TELLING, env={**instance, **env}, flags={"credhubRetryDelay": "300ms"})
        took = time.monotonic() - began
    assert ended.code == 0
    assert ended.droplet.text("./app/services") == INTERPOLATED
    assert len(hub.asked) == 3
    assert took >= 0.6
    with credhub(authority, (500, "{}"), (200, INTERPOLATED)) as hub:
        env["VCAP_PLATFORM_OPTIONS"] = hub.options()
        impatient = stage(TELLING, env={**instance, **env}, flags={"credhubConnectAttempts": "1"})
    assert impatient.code == 4
    assert len(hub.asked) == 1


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-C-04")
@pytest.mark.parametrize(
    "env",
    [{"CREDHUB_SKIP_INTERPOLATION": "true", "VCAP_SERVICES": REFERRING}, {"VCAP_SERVICES": PLAIN}],
    ids=["asked-not-to", "no-references"],
)
def test_credhub_is_left_alone(
    stage: Stage, authority: Authority, instance: dict[str, str], env: dict[str, str]
) -> None:
    with credhub(authority, (500, "{}")) as hub:
        own = {"VCAP_PLATFORM_OPTIONS": hub.options()}
        ended = stage(TELLING, env={**instance, **env, **own})
    assert ended.code == 0
    assert ended.droplet.text("./app/services") == env["VCAP_SERVICES"]
    assert hub.asked == []


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-C-05")
@pytest.mark.parametrize("options", ["", "{}"])
def test_platform_options_that_say_nothing_change_nothing(stage: Stage, options: str) -> None:
    ended = stage(TELLING, env={"VCAP_PLATFORM_OPTIONS": options, "VCAP_SERVICES": REFERRING})
    assert ended.code == 0
    assert ended.droplet.text("./app/services") == REFERRING


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-C-06", "CF-X-14")
def test_platform_options_that_are_no_json(stage: Stage) -> None:
    ended = stage(TELLING, env={"VCAP_PLATFORM_OPTIONS": '{"credhub-uri":"missing quote and brace'})
    assert ended.code == 3
    assert "Invalid platform options" in ended.stderr
    assert ended.result is None


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-C-07", "CF-X-15")
@pytest.mark.parametrize("missing", ["CF_INSTANCE_CERT", "CF_INSTANCE_KEY", "CF_SYSTEM_CERT_PATH"])
def test_without_certificates_credhub_cannot_be_asked(
    stage: Stage, authority: Authority, instance: dict[str, str], missing: str
) -> None:
    with credhub(authority, (200, INTERPOLATED)) as hub:
        env = {"VCAP_PLATFORM_OPTIONS": hub.options(), "VCAP_SERVICES": REFERRING}
        ended = stage(TELLING, env={**{name: value for name, value in instance.items() if name != missing}, **env})
    assert ended.code == 4
    assert missing in ended.stderr
    assert hub.asked == []


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-C-08", "CF-X-15")
@pytest.mark.parametrize("stranger", ["client", "server"])
def test_neither_end_takes_a_certificate_of_somebody_else(
    stage: Stage, authority: Authority, instance: dict[str, str], stranger: str, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    client = other.identity("client")
    foreign = {"CF_INSTANCE_CERT": str(client.certificate), "CF_INSTANCE_KEY": str(client.key)}
    with credhub(authority if stranger == "client" else other, (200, INTERPOLATED)) as hub:
        own = {"VCAP_PLATFORM_OPTIONS": hub.options(), "VCAP_SERVICES": REFERRING}
        ended = stage(TELLING, env={**instance, **foreign, **own})
    assert ended.code == 4
    assert "Unable to interpolate credhub ref" in ended.stderr
    assert hub.asked == []


@pytest.mark.clause("CF-C-09")
@pytest.mark.parametrize(
    ("uri", "database"),
    [
        ("postgres://thing.com/special", "postgres://thing.com/special"),
        ("postgresql://me:pw@thing.com:5432/special?x=1", "postgres://me:pw@thing.com:5432/special?x=1"),
        ("mysql://thing.com/special", "mysql2://thing.com/special"),
        ("mysql2://thing.com/special", "mysql2://thing.com/special"),
    ],
)
def test_a_database_among_the_services_is_database_url(stage: Stage, uri: str, database: str) -> None:
    ended = stage(TELLING, services=with_uri(uri), env={"DATABASE_URL": "original text"})
    assert ended.code == 0
    assert ended.droplet.text("./app/database") == database
    assert ended.droplet.json("./app/services")["my-server"][0]["credentials"] == {"uri": uri}


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-C-10")
@pytest.mark.parametrize("services", [with_uri("datastore://thing.com/special"), PLAIN, "{}", "", "no JSON", "[]"])
def test_anything_else_is_not(stage: Stage, services: str) -> None:
    unset = stage(TELLING, env={"VCAP_SERVICES": services})
    own = stage(TELLING, env={"VCAP_SERVICES": services, "DATABASE_URL": "original text"})
    assert (unset.code, own.code) == (0, 0)
    assert unset.droplet.text("./app/database") == "none"
    assert own.droplet.text("./app/database") == "original text"


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-C-11")
def test_a_database_that_credhub_knew_is_database_url_too(
    stage: Stage, authority: Authority, instance: dict[str, str]
) -> None:
    with credhub(authority, (200, with_uri("postgres://thing.com/special"))) as hub:
        env = {"VCAP_PLATFORM_OPTIONS": hub.options(), "VCAP_SERVICES": REFERRING}
        ended = stage(TELLING, env={**instance, **env})
    assert ended.code == 0
    assert ended.droplet.text("./app/database") == "postgres://thing.com/special"
