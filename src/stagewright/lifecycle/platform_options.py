"""VCAP_PLATFORM_OPTIONS: what the platform tells the drop-in commands apart from the app's own environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stagewright.errors import PlatformProblem
from stagewright.model.services import NotJson, field, read_json


@dataclass(eq=False)
class BadPlatformOptions(PlatformProblem):
    """VCAP_PLATFORM_OPTIONS is set and cannot be read. Builder and launcher end with 3."""

    reason: str

    def brief(self) -> str:
        return f"Invalid platform options: {self.reason}"

    def hint(self) -> str:
        return 'VCAP_PLATFORM_OPTIONS is a JSON object such as {"credhub-uri":"https://credhub.example.com:8844"}, or empty.'


@dataclass(frozen=True)
class PlatformOptions:
    """``credhub_uri`` is where references in VCAP_SERVICES are exchanged for credentials; empty where nowhere."""

    credhub_uri: str = ""


def read_platform_options(text: str) -> PlatformOptions:
    """The options in ``text``; those of an empty text are the defaults. Raises BadPlatformOptions."""
    if text == "":
        return PlatformOptions()
    try:
        value = read_json(text)
    except NotJson as error:
        raise BadPlatformOptions(str(error)) from None
    if value is None:
        return PlatformOptions()
    if not isinstance(value, Mapping):
        raise BadPlatformOptions("they are not a JSON object")
    uri = field(value, "credhub-uri")
    if uri is not None and not isinstance(uri, str):
        raise BadPlatformOptions("credhub-uri is not a string")
    return PlatformOptions(uri or "")
