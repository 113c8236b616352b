"""What builds see of an operator's machine: the way to the outside, no credential, nothing of HOME, no other variable."""

from __future__ import annotations

import configparser
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from stagewright.model.settings import Trust
from stagewright.settings.apt import parse_apt_conf
from stagewright.settings.trust import gather

BUNDLE = PurePosixPath("/etc/ssl/certs/ca-certificates.crt")
CANARY = "c4n4ry"


def certificate(name: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----\n"


class Machine:
    """An operator's machine in a directory."""

    def __init__(self, place: Path) -> None:
        self.system = place / "system"
        self.home = place / "home" / f"ada-{CANARY}"
        self.home.mkdir(parents=True)
        self.environ: dict[str, str] = {"HOME": str(self.home)}

    def write(self, path: str, text: str) -> Path:
        """``~/x`` in the home directory, ``/x`` in the system."""
        place = self.home / path[2:] if path.startswith("~/") else self.system / path[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place

    def trust(self, apt_sources: Path | None = None, **environ: str) -> Trust:
        return gather(self.environ | environ, system=self.system, apt_sources=apt_sources)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def seen(trust: Trust) -> bytes:
    """Every byte that reaches a build, and every byte that doctor says."""
    environment = (f"{name}={value}" for name, value in trust.environment.items())
    return b"\n".join((*trust.files.values(), *map(str.encode, (*environment, *trust.notes, *map(str, trust.files)))))


def conf(trust: Trust, place: str) -> str:
    return trust.files[PurePosixPath(place)].decode()


def pip_conf(trust: Trust) -> Mapping[str, Mapping[str, str]]:
    parser = configparser.RawConfigParser()
    parser.read_string(conf(trust, "/trust/pip.conf"))
    return {section: dict(parser.items(section)) for section in parser.sections()}


def uv_toml(trust: Trust) -> dict[str, object]:
    return tomllib.loads(conf(trust, "/trust/xdg/uv/uv.toml"))


def npmrc(trust: Trust) -> dict[str, str]:
    lines = (line for line in conf(trust, "/trust/npmrc").splitlines() if not line.startswith(";"))
    return dict(line.split("=", 1) for line in lines)


class TestCertificates:
    def test_the_systems_bundle_is_the_last_resort(self, machine: Machine) -> None:
        machine.write("/etc/ssl/cert.pem", certificate("system"))
        trust = machine.trust()
        assert trust.files[BUNDLE].decode() == certificate("system")
        for variable in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS"):
            assert trust.environment[variable] == str(BUNDLE)
        assert {"GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO"} <= trust.environment.keys()

    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"])
    def test_the_operators_bundle_wins(self, machine: Machine, variable: str) -> None:
        machine.write("/etc/ssl/certs/ca-certificates.crt", certificate("system"))
        mine = machine.write("~/ca.pem", certificate("mine"))
        assert machine.trust(**{variable: str(mine)}).files[BUNDLE].decode() == certificate("mine")

    def test_what_single_programs_trust_is_added(self, machine: Machine) -> None:
        machine.write("/etc/ssl/certs/ca-certificates.crt", certificate("system"))
        machine.write("/etc/pip.conf", f"[global]\ncert = {machine.write('~/pip.pem', certificate('pip'))}\n")
        machine.write("~/.npmrc", f"cafile={machine.write('~/npm.pem', certificate('npm') + certificate('system'))}\n")
        apt = machine.write("~/apt.pem", certificate("apt"))
        machine.write("/etc/apt/apt.conf", f'Acquire::https::CAInfo "{apt}";')
        node = machine.write("~/node.pem", certificate("node"))
        bundle = machine.trust(NODE_EXTRA_CA_CERTS=str(node)).files[BUNDLE].decode()
        names = [line for line in bundle.splitlines() if line and not line.startswith("-")]
        assert names == ["system", "node", "pip", "npm", "apt"], "each once"

    def test_a_private_key_stays_where_it_is(self, machine: Machine) -> None:
        key = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"
        mine = machine.write("~/ca.pem", f"# {CANARY}\n" + key + certificate("mine"))
        trust = machine.trust(SSL_CERT_FILE=str(mine))
        assert trust.files[BUNDLE].decode() == certificate("mine")
        assert any("private key" in note for note in trust.notes)
        assert CANARY.encode() not in seen(trust)

    def test_without_any_the_stack_keeps_its_own(self, machine: Machine) -> None:
        trust = machine.trust(SSL_CERT_FILE="/no/such/file")
        assert BUNDLE not in trust.files
        assert "SSL_CERT_FILE" not in trust.environment
        assert any("SSL_CERT_FILE" in note for note in trust.notes)


def test_names_and_proxies(machine: Machine) -> None:
    machine.write("/etc/resolv.conf", "nameserver 127.0.0.53\n")
    machine.write("/etc/hosts", "127.0.0.1 localhost\n")
    trust = machine.trust(HTTPS_PROXY=f"http://ada:{CANARY}@proxy:3128", no_proxy=".corp, 10.0.0.0/8")
    assert conf(trust, "/etc/resolv.conf") == "nameserver 127.0.0.53\n"
    assert conf(trust, "/etc/hosts") == "127.0.0.1 localhost\n"
    assert trust.environment["https_proxy"] == trust.environment["HTTPS_PROXY"] == "http://proxy:3128"
    assert trust.environment["no_proxy"] == trust.environment["NO_PROXY"] == ".corp, 10.0.0.0/8"
    assert "proxies: user name or password in HTTPS_PROXY left out" in trust.notes


class TestPip:
    def test_user_over_system_and_variables_over_both(self, machine: Machine) -> None:
        machine.write("/etc/pip.conf", "[global]\nindex-url = https://system/simple\ntimeout = 5\n")
        machine.write("~/.config/pip/pip.conf", "[global]\nindex-url = https://user/simple\n[install]\nretries = 2\n")
        assert pip_conf(machine.trust()) == {
            "global": {"index-url": "\nhttps://user/simple", "timeout": "\n5"},
            "install": {"retries": "\n2"},
        }
        with_variables = pip_conf(machine.trust(PIP_RETRIES="9", PIP_DEFAULT_TIMEOUT="180"))
        assert with_variables == {
            "global": {"index-url": "\nhttps://user/simple", "timeout": "\n180", "retries": "\n9"},
        }

    def test_lists_of_several_lines(self, machine: Machine) -> None:
        extra = "\n  https://a/simple\n  https://u:p@b/simple\n"
        machine.write("/etc/xdg/pip/pip.conf", f"[global]\nextra-index-url ={extra}trusted-host = a b:8443\n")
        found = pip_conf(machine.trust())["global"]
        assert found == {"extra-index-url": "\nhttps://a/simple\nhttps://b/simple", "trusted-host": "\na\nb:8443"}

    def test_a_named_file_replaces_the_users(self, machine: Machine) -> None:
        machine.write("~/.config/pip/pip.conf", "[global]\nretries = 1\n")
        named = machine.write("~/other.conf", "[global]\ntimeout = 7\n")
        assert pip_conf(machine.trust(PIP_CONFIG_FILE=str(named))) == {"global": {"timeout": "\n7"}}
        assert pip_conf(machine.trust(PIP_CONFIG_FILE="/dev/null")) == {"global": {}}

    def test_a_file_that_is_no_configuration_is_noted(self, machine: Machine) -> None:
        machine.write("/etc/pip.conf", f"index-url = https://{CANARY}@x\n")
        trust = machine.trust()
        assert any("pip.conf left out" in note for note in trust.notes)
        assert CANARY.encode() not in seen(trust)


class TestUv:
    def test_user_over_system_and_lists_joined(self, machine: Machine) -> None:
        machine.write(
            "/etc/uv/uv.toml", 'index-strategy = "first-index"\nextra-index-url = ["https://system/simple"]\n'
        )
        user = 'index-strategy = "unsafe-best-match"\nextra-index-url = ["https://user/simple"]\nnative-tls = true\n'
        machine.write("~/.config/uv/uv.toml", user + 'cache-dir = "/x"\n[pip]\nno-index = true\n')
        assert uv_toml(machine.trust()) == {
            "index-strategy": "unsafe-best-match",
            "extra-index-url": ["https://user/simple", "https://system/simple"],
            "native-tls": True,
            "pip": {"no-index": True},
        }

    def test_indexes(self, machine: Machine) -> None:
        index = f'[[index]]\nname = "corp"\nurl = "https://ada:{CANARY}@corp/simple"\ndefault = true\nauthenticate = "always"\n'
        machine.write("~/.config/uv/uv.toml", index)
        trust = machine.trust(
            UV_INDEX_CORP_PASSWORD=CANARY, UV_INDEX=f"two=https://{CANARY}@two/simple https://three/simple"
        )
        assert uv_toml(trust) == {"index": [{"url": "https://corp/simple", "default": True, "name": "corp"}]}
        assert trust.environment["UV_INDEX"] == "two=https://two/simple https://three/simple"
        assert "uv: UV_INDEX_CORP_PASSWORD left out" in trust.notes

    def test_what_pip_was_told_holds_for_uv(self, machine: Machine) -> None:
        indexes = "index-url = https://corp/simple\nextra-index-url = https://more/simple\n"
        machine.write("/etc/pip.conf", f"[global]\n{indexes}trusted-host = corp\ntimeout = 60\n")
        trust = machine.trust()
        assert uv_toml(trust) == {
            "index": [{"url": "https://more/simple"}, {"url": "https://corp/simple", "default": True}],
            "allow-insecure-host": ["corp"],
        }
        assert trust.environment["UV_HTTP_TIMEOUT"] == "60"

    def test_unless_uv_was_told_itself(self, machine: Machine) -> None:
        machine.write("/etc/pip.conf", "[global]\nindex-url = https://pip/simple\n")
        assert uv_toml(machine.trust(UV_DEFAULT_INDEX="https://uv/simple")) == {}

    def test_the_settings_of_an_app_are_left_alone(self, machine: Machine) -> None:
        """UV_CONFIG_FILE would silence ``[tool.uv]`` of the app."""
        assert "UV_CONFIG_FILE" not in machine.trust().environment
        assert machine.trust().environment["XDG_CONFIG_DIRS"].split(":")[0] == "/trust/xdg"


class TestNpm:
    def test_user_over_system(self, machine: Machine) -> None:
        machine.write("/usr/etc/npmrc", "registry=https://system/\nstrict-ssl=false\n")
        user = "; a comment\nregistry = https://ada:pw@user/ \n@corp:registry=https://corp/npm/\nfund=false\n"
        machine.write("~/.npmrc", user + "//user/:_authToken=" + CANARY + "\n//user/:always-auth=true\n")
        trust = machine.trust()
        assert npmrc(trust) == {
            "registry": "https://user/",
            "strict-ssl": "false",
            "@corp:registry": "https://corp/npm/",
        }
        assert trust.environment["NPM_CONFIG_GLOBALCONFIG"] == "/trust/npmrc"
        assert "npm: //user/:_authToken left out" in trust.notes

    def test_variables_are_replaced_before_cleaning(self, machine: Machine) -> None:
        machine.write("~/.npmrc", "registry=https://${WHO}@${WHERE}/\n//x/:_authToken=${TOKEN}\n")
        trust = machine.trust(WHO=f"ada:{CANARY}", WHERE="corp", TOKEN=CANARY)
        assert npmrc(trust) == {"registry": "https://corp/"}
        assert CANARY.encode() not in seen(trust)

    def test_variables_stay_variables(self, machine: Machine) -> None:
        environ = {
            "NPM_CONFIG_REGISTRY": "https://env/",
            "npm_config_fetch_timeout": "1000",
            "NPM_CONFIG__AUTH": CANARY,
        }
        trust = machine.trust(**environ, **{"npm_config_@corp:registry": "https://corp/"})
        assert trust.environment["npm_config_registry"] == "https://env/"
        assert trust.environment["npm_config_fetch_timeout"] == "1000"
        assert npmrc(trust) == {"@corp:registry": "https://corp/"}
        assert "npm: _AUTH left out" in trust.notes


class TestApt:
    def test_both_notations(self) -> None:
        nested = """// comment
            Acquire { http { Proxy "http://p:1"; Timeout 7; }; Retries "3"; };
            DPkg::Post-Invoke { "rm -f /x; true"; };
            /* Acquire::http::Proxy "no"; */ #clear Acquire::http;
            Acquire::https::Proxy::mirror.corp "DIRECT"; # the end"""
        assert list(parse_apt_conf(nested)) == [
            ("Acquire::http::Proxy", "http://p:1"),
            ("Acquire::http::Timeout", "7"),
            ("Acquire::Retries", "3"),
            ("Acquire::https::Proxy::mirror.corp", "DIRECT"),
        ]

    @pytest.mark.parametrize("conf", ['Acquire::http::Proxy "open', "}}}};", "{{{", '"x" "y";', "#include", "a"])
    def test_what_cannot_be_read_ends_it(self, conf: str) -> None:
        assert list(parse_apt_conf(conf)) == []

    def test_only_the_way_out_is_kept(self, machine: Machine) -> None:
        machine.write("/etc/apt/apt.conf.d/10proxy", f'Acquire::http::Proxy "http://ada:{CANARY}@p:1";')
        machine.write("/etc/apt/apt.conf.d/20more.conf", 'Acquire::Retries "3"; APT::Install-Suggests "true";')
        machine.write("/etc/apt/apt.conf.d/30old.bak", 'Acquire::Retries "9";')
        machine.write(
            "/etc/apt/apt.conf", f'Acquire::https::SslKey "/k/{CANARY}"; Acquire::http::Proxy-Auto-Detect "/x";'
        )
        trust = machine.trust()
        lines = conf(trust, "/trust/apt.conf").splitlines()[1:]
        assert lines == ['Acquire::http::Proxy "http://p:1";', 'Acquire::Retries "3";']
        assert trust.environment["APT_CONFIG"] == "/trust/apt.conf"
        assert len([note for note in trust.notes if note.startswith("apt:")]) == 3

    @pytest.mark.parametrize(
        ("sources", "place"),
        [
            ("# {0}\ndeb [arch=amd64] https://ada:{0}@corp/debian bookworm main\n", "/trust/apt.list"),
            (
                "Types: deb\nURIs: https://ada:{0}@corp/debian\nSuites: bookworm\nComponents: main\n",
                "/trust/apt.sources",
            ),
        ],
    )
    def test_sources_in_both_formats(self, machine: Machine, sources: str, place: str) -> None:
        trust = machine.trust(machine.write("~/sources", sources.format(CANARY)))
        assert "https://corp/debian" in conf(trust, place)
        assert f'Dir::Etc::SourceList "{place}";' in conf(trust, "/trust/apt.conf")
        assert CANARY.encode() not in seen(trust)


def test_a_machine_full_of_secrets_gives_none_away(machine: Machine) -> None:
    """Credentials in every place that is read, HOME in every path, and variables that are none of a build's business."""
    own = certificate("own") + f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----\n"
    bundle = machine.write("~/own.pem", own)
    user = f"ada:{CANARY}"
    machine.write(
        "~/.pip/pip.conf",
        f"[global]\nindex-url = https://{user}@x/simple\nclient-cert = /{CANARY}\nproxy = {user}@p:1\n",
    )
    machine.write("~/.config/pip/pip.conf", f"[install]\nfind-links =\n  {machine.home}/wheels\n  https://{user}@y/\n")
    machine.write(
        "~/.config/uv/uv.toml", f'http-proxy = "http://{user}@p"\nextra-index-url = ["https://{user}@z/simple"]\n'
    )
    auth = "\n".join(
        f"//r/:{key}={CANARY}" for key in ("_authToken", "_auth", "_password", "username", "certfile", "keyfile")
    )
    machine.write(
        "~/.npmrc",
        f"{auth}\n_auth={CANARY}\nemail={CANARY}@x\nproxy=http://{user}@p\ncafile={bundle}\nprefix=~/{CANARY}\n",
    )
    machine.write("/etc/npmrc", f"registry=https://r/?token={CANARY}\nkey={CANARY}\ncert={CANARY}\n")
    machine.write("/etc/apt/apt.conf.d/99", f'Acquire::https {{ Proxy "{user}@p:1"; SslCert "{CANARY}"; }};')
    machine.write("/etc/apt/auth.conf", f"machine x login ada password {CANARY}")
    machine.write("~/.netrc", f"machine x login ada password {CANARY}")
    sources = machine.write("~/s.list", f"deb https://{user}@corp/debian bookworm main # {CANARY}\n")
    environ = dict.fromkeys(("http_proxy", "HTTPS_PROXY", "ALL_PROXY"), f"http://{user}@p:1?{CANARY}") | {
        "PIP_EXTRA_INDEX_URL": f"https://{user}@e/simple",
        "UV_PUBLISH_TOKEN": CANARY,
        "UV_INDEX_X_USERNAME": CANARY,
        "npm_config_//r/:_authToken": CANARY,
        "NPM_TOKEN": CANARY,
        "AWS_SECRET_ACCESS_KEY": CANARY,
        "SSH_AUTH_SOCK": f"/tmp/{CANARY}",
        "SSL_CERT_FILE": str(bundle),
        "no_proxy": f"ada:{CANARY}@x",
    }
    trust = machine.trust(sources, **environ)
    assert CANARY.encode() not in seen(trust), "neither a secret nor the path of HOME"
    assert len(trust.notes) > 15, "and what was left out is said"


def test_a_build_sees_no_other_variable(machine: Machine) -> None:
    """Whatever else the environment holds: the names that a build gets are these."""
    noise = {f"NOISE_{number}": "x" for number in range(50)} | {
        "PATH": "/x",
        "USER": "ada",
        "PIP_CACHE_DIR": "/x",
        "UV_CACHE_DIR": "/x",
    }
    machine.write("/etc/ssl/cert.pem", certificate("system"))
    quiet, noisy = machine.trust(), machine.trust(**noise, npm_config_cache="/x", PYTHONPATH="/x", LD_PRELOAD="/x")
    assert noisy == quiet
    assert noisy.environment.keys() == {
        "SSL_CERT_FILE",
        "CURL_CA_BUNDLE",
        "REQUESTS_CA_BUNDLE",
        "PIP_CERT",
        "GIT_SSL_CAINFO",
        "CARGO_HTTP_CAINFO",
        "NODE_EXTRA_CA_CERTS",
        "PIP_CONFIG_FILE",
        "XDG_CONFIG_DIRS",
        "NPM_CONFIG_GLOBALCONFIG",
        "APT_CONFIG",
    }


def test_files_lie_where_they_can_be_mounted(machine: Machine) -> None:
    """A root is read-only: only /trust is a mount point, and these three files exist in every stack."""
    machine.write("/etc/ssl/cert.pem", certificate("system"))
    machine.write("/etc/resolv.conf", "")
    machine.write("/etc/hosts", "")
    sources = machine.write("~/s.list", "deb http://corp/debian bookworm main\n")
    outside = {str(place) for place in machine.trust(sources).files if not place.is_relative_to("/trust")}
    assert outside == {"/etc/ssl/certs/ca-certificates.crt", "/etc/resolv.conf", "/etc/hosts"}


def test_it_costs_little(machine: Machine) -> None:
    """Every command pays for it: 10 ms at most with a bundle of the usual size (the best of five, since machines are busy)."""
    machine.write(
        "/etc/ssl/certs/ca-certificates.crt", "".join(certificate(f"{n:04}" + "A" * 1500) for n in range(140))
    )
    machine.write("/etc/pip.conf", "[global]\nindex-url = https://corp/simple\n")
    machine.write("~/.npmrc", "registry=https://corp/npm/\n")
    machine.write("/etc/apt/apt.conf.d/99", 'Acquire::http::Proxy "http://p:1";')

    def once() -> float:
        start = time.perf_counter()
        machine.trust()
        return time.perf_counter() - start

    assert min(once() for _ in range(5)) < 0.010
