"""What runs: references become buildpacks on disk, and their dialect says which scripts run with which arguments.

references   ``python``, ``./my-buildpack`` or ``https://…/x.git#main`` becomes a value
catalogue    the built-in buildpacks and the order in which they are tried
fetching     archives and git repositories come to this machine, within bounds
store        bits by content: what a build uses cannot change under it; what was fetched before is known again
dialects     the contracts that buildpacks were written to, a file each
"""

from stagewright.buildpacks.catalogue import Catalogue
from stagewright.buildpacks.fetching import Fetched, FetchPolicy, fetch_into
from stagewright.buildpacks.references import BadReference, UnknownBuildpack, UntrustedReference, parse_reference
from stagewright.buildpacks.roots import MalformedBuildpack, resolve_root
from stagewright.buildpacks.store import BuildpackStore

__all__ = [
    "BadReference",
    "BuildpackStore",
    "Catalogue",
    "FetchPolicy",
    "Fetched",
    "MalformedBuildpack",
    "UnknownBuildpack",
    "UntrustedReference",
    "fetch_into",
    "parse_reference",
    "resolve_root",
]
