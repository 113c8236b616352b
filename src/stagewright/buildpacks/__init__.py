"""What runs: references become buildpacks on disk, and their dialect says which scripts run with which arguments.

references   ``python`` or ``./my-buildpack`` becomes a value
catalogue    the built-in buildpacks and the order in which they are tried
store        bits by content: what a build uses cannot change under it
dialects     the contracts that buildpacks were written to, a file each
"""

from stagewright.buildpacks.catalogue import Catalogue
from stagewright.buildpacks.references import UnknownBuildpack, parse_reference
from stagewright.buildpacks.store import BuildpackStore, MalformedBuildpack

__all__ = ["BuildpackStore", "Catalogue", "MalformedBuildpack", "UnknownBuildpack", "parse_reference"]
