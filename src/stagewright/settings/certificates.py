"""The one bundle of certificates that builds trust."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from stagewright.settings.operator import Operator, Part, content

BUNDLE = PurePosixPath("/etc/ssl/certs/ca-certificates.crt")
"""Where every stack has a file, and where OpenSSL, GnuTLS and Go look on Debian."""

NAMED_BY = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO")
"""Variables by which programs in builds are told of the bundle; Node's adds to its own store and is set beside them."""

_ASKED_FIRST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
_ADDED = ("NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO", "npm_config_cafile", "NPM_CONFIG_CAFILE")
_SYSTEM = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_CERTIFICATE = re.compile(
    rb"-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----[A-Za-z0-9+/=\s]+-----END \1-----", re.DOTALL
)


def certificates_part(operator: Operator, more: Iterable[bytes]) -> Part:
    """The operator's bundle, else the system's, and ``more`` that pip, npm and apt were told to trust.

    Only certificates are taken: a private key that lies in the same file stays where it is.
    """
    notes: list[str] = []
    bundles = [*_bundles(operator, notes), *more]
    unique = dict.fromkeys(block for bundle in dict.fromkeys(bundles) for block in _blocks(bundle))
    if any(b"PRIVATE KEY-----" in bundle for bundle in bundles):
        notes.append("certificates: a private key in a bundle was left out")
    if not unique:
        return Part(notes=(*notes, "certificates: none were found; builds trust what their stack trusts"))
    environment = dict.fromkeys((*NAMED_BY, "NODE_EXTRA_CA_CERTS"), str(BUNDLE))
    return Part({BUNDLE: b"\n".join(unique) + b"\n"}, environment, notes=tuple(notes))


def _bundles(operator: Operator, notes: list[str]) -> list[bytes]:
    found = [bundle for variable in _ASKED_FIRST if (bundle := _named(operator, variable, notes)) is not None][:1]
    if not found:
        system = (content(operator.at(place)) for place in _SYSTEM)
        found = [bundle for bundle in system if bundle][:1]
    added = (_named(operator, variable, notes) for variable in _ADDED)
    return [*found, *(bundle for bundle in added if bundle is not None)]


def _named(operator: Operator, variable: str, notes: list[str]) -> bytes | None:
    if not operator.environ.get(variable):
        return None
    path = operator.named(variable)
    bundle = content(path) if path is not None else None
    if bundle is None:
        notes.append(f"certificates: {variable} names no file that can be read")
    return bundle


def _blocks(bundle: bytes) -> list[bytes]:
    return [match[0].replace(b"\r", b"") for match in _CERTIFICATE.finditer(bundle)]


def read_bundle(path: Path) -> tuple[bytes, ...]:
    """The bundle that a configuration names, as `Part.certificates` wants it; nothing where it cannot be read."""
    bundle = content(path) if path.is_absolute() else None
    return () if bundle is None else (bundle,)
