"""References to CredHub in VCAP_SERVICES: contracts/cloudfoundry-staging.md §1.2, step 0, and the reference's credhub_test.

The server is a real one: it speaks TLS, asks for the client's certificate, and answers as each test wants it to.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from stagewright.lifecycle.credhub import CredhubFailed, Patience, RequestFailed, interpolate
from stagewright.lifecycle.interpolation import LARGEST_ANSWER, client_for
from stagewright.lifecycle.proxies import Proxy
from tests.credhub_server import (
    Act,
    Certificates,
    CredhubServer,
    answer,
    credhub,
    drip,
    hang_up,
    make_certificates,
    never_end,
    raw,
    say_nothing,
    tunnel,
)
from tests.launchers import CloudFoundryDroplet, Launch

SERVICES = '{"my-server":[{"credentials":{"credhub-ref":"(//my-server/creds)"}}]}'
SECRET = '{"my-server":[{"credentials":{"uri":"postgresql://u:hush@thing.com/special"}}]}'
AT_ONCE = ("-credhubRetryDelay=0s",)
REFUSED = answer(b"{}", "500 Internal Server Error")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("credhub") / "certificates")


@pytest.fixture
def droplet(tmp_path: Path) -> CloudFoundryDroplet:
    return CloudFoundryDroplet(tmp_path / "root")


def launch(
    droplet: CloudFoundryDroplet, server: CredhubServer, *flags: str, client: str = "client", **more: str
) -> Launch:
    options = json.dumps({"credhub-uri": server.url})
    env = {"VCAP_SERVICES": SERVICES, "VCAP_PLATFORM_OPTIONS": options, **server.certificates.environment(client)}
    return droplet.run(droplet.argv("env -0", *(flags or AT_ONCE)), {**env, **more})


@pytest.mark.clause("CF-L-12")
class TestInterpolated:
    def test_the_app_sees_what_credhub_answered(self, droplet: CloudFoundryDroplet, certificates: Certificates) -> None:
        with credhub(certificates, answer(b"INTERPOLATED_JSON")) as server:
            seen = launch(droplet, server).environment
        assert seen["VCAP_SERVICES"] == "INTERPOLATED_JSON"
        assert "VCAP_PLATFORM_OPTIONS" not in seen
        assert "DATABASE_URL" not in seen
        [(head, body)] = server.requests
        assert head.startswith("POST /api/v1/interpolate HTTP/1.1\r\n")
        assert "content-type: application/json" in head.lower()
        assert body == SERVICES.encode()
        assert server.clients == ["client"]

    def test_database_url_comes_from_the_answer(self, droplet: CloudFoundryDroplet, certificates: Certificates) -> None:
        with credhub(certificates, answer(SECRET.encode())) as server:
            seen = launch(droplet, server, DATABASE_URL="original").environment
        assert seen["DATABASE_URL"] == "postgres://u:hush@thing.com/special"

    def test_without_a_length(self, droplet: CloudFoundryDroplet, certificates: Certificates) -> None:
        chunked = raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n")
        with credhub(certificates, chunked) as server:
            assert launch(droplet, server).environment["VCAP_SERVICES"] == "one"

    def test_a_ca_bundle_with_words_in_it(
        self, droplet: CloudFoundryDroplet, certificates: Certificates, tmp_path: Path
    ) -> None:
        authority, other = (certificates.trusted / "CA.crt").read_text(), certificates.pair("other")[0].read_text()
        (tmp_path / "bundle.crt").write_text(f"# größe\n{other}\nwords\n{authority}")
        (tmp_path / "README").write_text("no certificate at all")
        with credhub(certificates, answer(b"yes")) as server:
            seen = launch(droplet, server, CF_SYSTEM_CERT_PATH=str(tmp_path)).environment
        assert seen["VCAP_SERVICES"] == "yes"

    def test_the_path_of_the_uri_is_not_used(self, certificates: Certificates) -> None:
        with credhub(certificates, answer(b"yes")) as server:
            assert exchanged(f"{server.url}/somewhere?x=y", certificates.environment()) == "yes"
        assert server.requests[0][0].startswith("POST /api/v1/interpolate HTTP/1.1\r\n")


@pytest.mark.clause("CF-L-14")
class TestNothingToDo:
    def test_without_a_reference(self, droplet: CloudFoundryDroplet) -> None:
        services = '{"my-server":[{"credentials":{"no refs":"and this credhub-ref doesnt count"}}]}'
        options = '{"credhub-uri":"https://127.0.0.1:1"}'
        env = {"VCAP_SERVICES": services, "VCAP_PLATFORM_OPTIONS": options}
        assert droplet.launch("env -0", env=env).environment["VCAP_SERVICES"] == services

    def test_where_it_is_to_be_skipped(self, droplet: CloudFoundryDroplet, certificates: Certificates) -> None:
        with credhub(certificates, answer(b"never")) as server:
            seen = launch(droplet, server, CREDHUB_SKIP_INTERPOLATION="true").environment
        assert seen["VCAP_SERVICES"] == SERVICES
        assert server.requests == []

    def test_no_services_at_all(self, droplet: CloudFoundryDroplet) -> None:
        env = {"VCAP_PLATFORM_OPTIONS": '{"credhub-uri":"https://127.0.0.1:1"}'}
        assert "VCAP_SERVICES" not in droplet.launch("env -0", env=env).environment


FAILURES: Mapping[str, tuple[Act, str]] = {
    "refused": (REFUSED, "the server answered 500"),
    "refused with words": (
        answer(b'{"error":"no\x1b[2J","error_description":"not \\u001byours"}', "403 Forbidden"),
        r"the server answered 403",
    ),
    "not there": (answer(b'{"error":"no such credential"}', "404 Not Found"), '404: "no such credential"'),
    "sent elsewhere": (raw(b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n"), "the server answered 302"),
    "hung up": (hang_up, "Remote end closed connection"),
    "garbage": (raw(b"\x00\xff\x1b[2J garbage\r\n\r\n"), "the answer is not HTTP (BadStatusLine)"),
    "too short": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"), "the answer ends too early"),
    "endless": (never_end, "the answer is larger than 1 MB"),
    "too many headers": (raw(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 2000 + b"\r\n"), "the answer is not HTTP"),
}


@pytest.mark.clause("CF-L-13")
class TestFailed:
    def test_it_is_tried_again(self, droplet: CloudFoundryDroplet, certificates: Certificates) -> None:
        with credhub(certificates, REFUSED, hang_up, answer(b"third time")) as server:
            shown = launch(droplet, server)
        assert shown.environment["VCAP_SERVICES"] == "third time"
        said = "out of 3: Unable to interpolate credhub references: "
        first, second, third = shown.whole.splitlines()[:3]
        assert first.startswith(f"Failed on attempt 1 {said}")
        assert second.startswith(f"Failed on attempt 2 {said}")
        assert third == "Invoking pre-start scripts."

    @pytest.mark.parametrize("attempts", ["1", "5", "0"])
    def test_as_often_as_the_flag_says(
        self, droplet: CloudFoundryDroplet, certificates: Certificates, attempts: str
    ) -> None:
        with credhub(certificates, REFUSED) as server:
            shown = launch(droplet, server, *AT_ONCE, f"-credhubConnectAttempts={attempts}")
        assert len(server.requests) == max(1, int(attempts))
        assert shown.code == 3
        assert shown.err.startswith("Unable to interpolate credhub refs: Unable to interpolate credhub references: ")

    def test_with_a_delay_between(self, droplet: CloudFoundryDroplet, certificates: Certificates) -> None:
        with credhub(certificates, REFUSED) as server:
            began = time.monotonic()
            launch(droplet, server, "-credhubRetryDelay=300ms", "-credhubConnectAttempts=3")
        assert 0.6 <= time.monotonic() - began < 5

    @pytest.mark.parametrize("name", FAILURES)
    def test_what_comes_back(self, certificates: Certificates, name: str) -> None:
        act, said = FAILURES[name]
        told: list[str] = []
        with credhub(certificates, act) as server, pytest.raises(CredhubFailed) as raised:
            interpolate(
                {"VCAP_SERVICES": SERVICES, **certificates.environment()}, server.url, Patience(1, 0), told.append
            )
        assert said in raised.value.brief()
        assert raised.value.brief().isprintable()
        assert len(told) == 1

    @pytest.mark.parametrize("act", [say_nothing, drip])
    def test_no_answer_in_time(self, certificates: Certificates, act: Act) -> None:
        began = time.monotonic()
        with credhub(certificates, act) as server:
            client = replace(client_for(certificates.environment(), server.url), whole_seconds=0.5)
            with pytest.raises(RequestFailed, match=r"no answer within 0\.5 seconds"):
                client.interpolate(SERVICES)
        assert time.monotonic() - began < 5

    def test_nobody_listens(self, certificates: Certificates) -> None:
        with credhub(certificates, REFUSED) as server:
            url = server.url
        assert "Connection refused" in failure(url, certificates.environment())

    def test_an_answer_that_no_variable_can_hold(self, certificates: Certificates) -> None:
        with credhub(certificates, answer(b"a\0b")) as server:
            assert "Unable to update VCAP_SERVICES" in failure(server.url, certificates.environment())

    def test_the_largest_answer(self, certificates: Certificates) -> None:
        with credhub(certificates, answer(b"x" * LARGEST_ANSWER)) as server:
            assert len(exchanged(server.url, certificates.environment())) == LARGEST_ANSWER

    @pytest.mark.parametrize("services", ['{"credhub-ref": hush', '["credhub-ref", "hush"]'])
    def test_services_that_are_no_json(self, certificates: Certificates, services: str) -> None:
        with credhub(certificates, answer(b"never")) as server:
            said = failure(server.url, {**certificates.environment(), "VCAP_SERVICES": services})
        assert "VCAP_SERVICES is not" in said
        assert "hush" not in said
        assert server.requests == []


@pytest.mark.clause("CF-L-13")
class TestTrust:
    def test_a_client_that_the_server_does_not_know(
        self, droplet: CloudFoundryDroplet, certificates: Certificates
    ) -> None:
        with credhub(certificates, answer(b"never")) as server:
            shown = launch(droplet, server, client="stranger")
        assert shown.code == 3
        assert server.requests == []

    def test_a_server_of_another_name(self, certificates: Certificates) -> None:
        with credhub(certificates, answer(b"never"), name="elsewhere") as server:
            said = failure(server.url, certificates.environment())
        assert "the server's certificate is not trusted: IP address mismatch" in said
        assert server.requests == []

    def test_a_server_of_a_ca_that_is_not_trusted(self, certificates: Certificates, tmp_path: Path) -> None:
        with credhub(certificates, answer(b"never")) as server:
            said = failure(server.url, {**certificates.environment(), "CF_SYSTEM_CERT_PATH": str(tmp_path)})
        assert "the server's certificate is not trusted" in said
        assert server.requests == []

    def test_a_server_that_speaks_no_tls(self, certificates: Certificates) -> None:
        with credhub(certificates, answer(b"never")) as server:
            server.tls = NoTls()  # type: ignore[assignment] - it has the one method that is called
            assert "TLS failed" in failure(server.url, certificates.environment())

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"CF_INSTANCE_CERT": ""}, "Missing CF_INSTANCE_CERT and/or CF_INSTANCE_KEY"),
            ({"CF_INSTANCE_KEY": ""}, "Missing CF_INSTANCE_CERT and/or CF_INSTANCE_KEY"),
            ({"CF_SYSTEM_CERT_PATH": ""}, "Missing CF_SYSTEM_CERT_PATH"),
            ({"CF_SYSTEM_CERT_PATH": "/does/not/exist"}, "Can't read contents of system cert path: No such file"),
            ({"CF_SYSTEM_CERT_PATH": "{tmp}"}, "provided ca certs are invalid"),
            ({"CF_INSTANCE_CERT": "{tmp}/bad.crt"}, "CF_INSTANCE_CERT and CF_INSTANCE_KEY are no pair"),
            ({"CF_INSTANCE_KEY": "{root}/stranger.key"}, "CF_INSTANCE_CERT and CF_INSTANCE_KEY are no pair"),
            ({"CF_INSTANCE_KEY": "/does/not/exist"}, "CF_INSTANCE_CERT and CF_INSTANCE_KEY are no pair: No such file"),
        ],
    )
    def test_what_it_cannot_be_set_up_with(
        self, certificates: Certificates, tmp_path: Path, change: Mapping[str, str], said: str
    ) -> None:
        (tmp_path / "bad.crt").write_text("not a certificate")
        changed = {
            name: value.replace("{tmp}", str(tmp_path)).replace("{root}", str(certificates.root))
            for name, value in change.items()
        }
        found = failure("https://127.0.0.1:1", {**certificates.environment(), **changed})
        assert found.startswith(f"Unable to interpolate credhub refs: Unable to set up credhub client: {said}")

    @pytest.mark.parametrize(
        "uri", ["http://127.0.0.1:1", "credhub", "https://", "https://h:port", "https://[h", "file:///x"]
    )
    def test_a_uri_that_is_not_https(self, certificates: Certificates, uri: str) -> None:
        assert "Unable to set up credhub client: credhub-uri is not a" in failure(uri, certificates.environment())


@pytest.mark.clause("CF-L-12")
class TestProxy:
    def test_through_a_tunnel(self, certificates: Certificates) -> None:
        with credhub(certificates, answer(b"yes")) as server, tunnel() as (port, asked):
            client = client_for(certificates.environment(), server.url)
            proxy = Proxy("127.0.0.1", port, {"Proxy-Authorization": "Basic eDp5"})
            assert replace(client, proxy=proxy).interpolate(SERVICES) == "yes"
        assert asked[0].startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.".encode())
        assert b"Proxy-Authorization: Basic eDp5\r\n" in asked[0]
        assert b"Proxy-Authorization" not in server.requests[0][0].encode()

    def test_a_tunnel_that_is_refused(self, certificates: Certificates) -> None:
        client = client_for(certificates.environment(), "https://credhub.example:1")
        with tunnel(b"HTTP/1.1 407 no\x1b[2J\r\n\r\n") as (port, _), pytest.raises(RequestFailed) as raised:
            replace(client, proxy=Proxy("127.0.0.1", port, {})).interpolate(SERVICES)
        assert "Tunnel connection failed: 407" in str(raised.value)
        assert str(raised.value).isprintable()


class NoTls:
    """Answers in the clear what came in TLS."""

    def wrap_socket(self, peer: object, server_side: bool) -> object:
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")  # type: ignore[attr-defined] - a socket
        raise OSError


def exchanged(uri: str, env: Mapping[str, str]) -> str:
    return interpolate({"VCAP_SERVICES": SERVICES, **env}, uri, Patience(1, 0), print)


def failure(uri: str, env: Mapping[str, str]) -> str:
    with pytest.raises(CredhubFailed) as raised:
        exchanged(uri, env)
    return raised.value.brief()
