"""Where scripts run: in a container of an OCI runtime, as root or without, or on the host where nothing else will do."""

from stagewright.sandbox.choice import choose
from stagewright.sandbox.diagnosis import findings
from stagewright.sandbox.rootful import Rootful
from stagewright.sandbox.rootless import Rootless
from stagewright.sandbox.unconfined import Unconfined

__all__ = ["Rootful", "Rootless", "Unconfined", "choose", "findings"]
