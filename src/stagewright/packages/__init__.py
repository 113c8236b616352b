"""What goes in: the source of an app, what it leaves out, and what it says of itself.

receive      a directory or an archive becomes a clean tree with a digest
ignoring     .cfignore, .slugignore and Cloud Foundry's built-in defaults
manifest     manifest.yml
procfile     Procfile
"""

from stagewright.packages.manifest import BadManifest, find_manifest, read_manifest
from stagewright.packages.procfile import BadProcfile, read_procfile
from stagewright.packages.receive import NoSuchSource, NotASource, receive

__all__ = [
    "BadManifest",
    "BadProcfile",
    "NoSuchSource",
    "NotASource",
    "find_manifest",
    "read_manifest",
    "read_procfile",
    "receive",
]
