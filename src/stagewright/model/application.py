"""VCAP_APPLICATION: what an app is told of itself, at staging and while it runs.

Field lists: contracts/cloudfoundry-staging.md §1.8 and §1.9 (Cloud Controller's VarsBuilder). No value is drawn: buildpacks
copy some of this into droplets, and a droplet that is staged again from the same source must be the same.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from stagewright.model.containers import Limits
from stagewright.model.names import AppName

CF_API = "https://api.invalid"
"""There is no Cloud Controller here; a host under .invalid is one that never exists (RFC 2606)."""
FILE_DESCRIPTORS = 16384
_ROOT = uuid.uuid5(uuid.NAMESPACE_OID, "stagewright")
_LONGEST = 255
"""Characters of the name of a space or an organization, as in Cloud Foundry."""


@dataclass(frozen=True)
class AppIdentity:
    """Who an app is, on a platform that knows organizations and spaces. Its guids follow from its names."""

    name: AppName
    space: str = "development"
    organization: str = "local"
    uris: tuple[str, ...] = ()
    """Where it is reached, as ``host`` or ``host:port``."""

    def __post_init__(self) -> None:
        for what, name in (("space", self.space), ("organization", self.organization)):
            if not name.strip() or not name.isprintable() or len(name) > _LONGEST:
                raise ValueError(f"the name of the {what} must be printable text of 1 to {_LONGEST} characters")

    @property
    def organization_id(self) -> str:
        return str(self._organization())

    @property
    def space_id(self) -> str:
        return str(self._space())

    @property
    def application_id(self) -> str:
        return str(self._application())

    @property
    def version(self) -> str:
        """Cloud Foundry draws one for every change; here it is one, for ever."""
        return str(uuid.uuid5(self._application(), "version"))

    def process_id(self, process: str) -> str:
        """The guid of a process. That of ``web`` is the app's, as in Cloud Foundry."""
        return self.application_id if process == "web" else str(uuid.uuid5(self._application(), f"process/{process}"))

    def instance_id(self, process: str, index: int) -> str:
        """The guid of one instance, which is also its INSTANCE_GUID and CF_INSTANCE_GUID."""
        return str(uuid.uuid5(self._application(), f"instance/{process}/{index}"))

    def _organization(self) -> uuid.UUID:
        return uuid.uuid5(_ROOT, self.organization)

    def _space(self) -> uuid.UUID:
        return uuid.uuid5(self._organization(), self.space)

    def _application(self) -> uuid.UUID:
        return uuid.uuid5(self._space(), str(self.name))


def staging_application(identity: AppIdentity, limits: Limits) -> dict[str, object]:
    """VCAP_APPLICATION of a staging, as a value for JSON. It holds nothing that differs between two stagings of one app."""
    return {
        "application_id": identity.application_id,
        "application_name": str(identity.name),
        "application_uris": list(identity.uris),
        "application_version": identity.version,
        "cf_api": CF_API,
        "limits": {"fds": FILE_DESCRIPTORS, "mem": limits.memory >> 20, "disk": limits.disk >> 20},
        "name": str(identity.name),
        "organization_id": identity.organization_id,
        "organization_name": identity.organization,
        "space_id": identity.space_id,
        "space_name": identity.space,
        "uris": list(identity.uris),
        "users": None,
        "version": identity.version,
    }


def running_application(
    identity: AppIdentity, limits: Limits, *, port: int, process: str = "web", index: int = 0
) -> dict[str, object]:
    """VCAP_APPLICATION of a running instance, with what the launcher and Diego add: where it listens and which one it is.

    An app without URIs is told the one where it is reached on this machine.
    """
    uris = list(identity.uris or (f"localhost:{port}",))
    return {
        **staging_application(identity, limits),
        "application_uris": uris,
        "host": "0.0.0.0",  # noqa: S104 - where the app listens, inside its sandbox
        "instance_id": identity.instance_id(process, index),
        "instance_index": index,
        "port": port,
        "process_id": identity.process_id(process),
        "process_type": process,
        "uris": uris,
    }
