"""What comes out: a droplet exactly as Cloud Foundry lays it out, a file of facts beside it, and its slices for an image.

writing       the .tgz
facts         FILE.tgz.json: stack, buildpacks, processes; schema in docs/reference/droplet.md
reading       a droplet of anybody's is read with suspicion
slices        the same tree as layers: deps, app, launcher, config
launcher.sh   starts an app; needs bash and nothing of ours
"""

from stagewright.droplets.facts import facts_path, read_facts, write_facts
from stagewright.droplets.reading import BadDroplet, NoSuchDroplet, OpenedDroplet, open_droplet
from stagewright.droplets.slices import LaunchFiles, Slice, launch_files, slices
from stagewright.droplets.writing import staging_info, write_droplet

__all__ = [
    "BadDroplet",
    "LaunchFiles",
    "NoSuchDroplet",
    "OpenedDroplet",
    "Slice",
    "facts_path",
    "launch_files",
    "open_droplet",
    "read_facts",
    "slices",
    "staging_info",
    "write_droplet",
    "write_facts",
]
