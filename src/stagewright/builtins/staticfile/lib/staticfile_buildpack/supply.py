"""nginx from Debian's package, with the libraries that the stack lacks."""

from __future__ import annotations

import shutil
from pathlib import Path

from buildpack import Staging, detail, own_version, step, write_config
from cache import Cache
from debian import Apt, content_key
from debian_tree import copy_tree, remove, unpack

from staticfile_buildpack.settings import read_settings
from staticfile_buildpack.site import read_passwords

PACKAGE = "nginx"
NOT_NEEDED = ("iproute2",)
"""nginx's package needs it for its maintainer script alone, which is not run."""

SERVE = Path(__file__).resolve().parent.parent.parent / "conf" / "serve.sh"


def supply(staging: Staging) -> None:
    read_settings(staging.build)  # mistakes are told before anything is fetched
    read_passwords(staging.build)
    write_config(staging, "staticfile")
    step("nginx")
    cache = Cache(staging.cache_directory, "staticfile")
    apt = Apt(cache, assumed=NOT_NEEDED)
    apt.refresh()
    resolution = apt.resolve([PACKAGE])
    version = next(archive.version for archive in resolution.archives if archive.package == PACKAGE)

    def make(place: Path) -> None:
        unpack(apt.fetch([PACKAGE], [], resolution), place)
        keep_what_runs(place)

    key = content_key(resolution.archives, own_version())
    made = cache.have("nginx", key, make, shown=f"nginx {version}")
    cache.forget(("apt", "archives", "nginx"))
    detail(f"nginx {version} of Debian")
    remove(staging.own / "nginx")
    copy_tree(made, staging.own / "nginx")
    start = staging.own / "bin" / "staticfile-serve"
    start.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SERVE, start)
    start.chmod(0o755)


def keep_what_runs(tree: Path) -> None:
    """The server, shared libraries and licences; the rest of the packages is configuration of a root."""
    keep = [tree / "usr/sbin/nginx", *tree.glob("usr/lib/**/*.so*"), *tree.glob("usr/share/doc/*/copyright")]
    kept = {path for file in keep for path in (file, *file.parents)}
    for path in sorted(tree.rglob("*"), reverse=True):
        if path not in kept:
            remove(path)
