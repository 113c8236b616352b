"""What a buildpack puts in the way of those after it, and of the platform that reads and writes after it with its own rights."""

from __future__ import annotations

import pytest

from tests.conformance.heroku.conftest import Stage
from tests.conformance.heroku.probes import heroku, supplying

OUTSIDE = "/etc/passwd"


@pytest.mark.clause("HK-60")
def test_links_among_what_was_supplied_are_not_followed(stage: Stage) -> None:
    """The files they lead to are this machine's where the platform reads; none of them must reach a script or a droplet."""
    supplies = f"""
rm -rf "$3/$4/profile.d" "$3/$4/env" "$3/$4/lib"
ln -s /etc "$3/$4/env"; ln -s /etc "$3/$4/profile.d"; ln -s /etc "$3/$4/lib"
mkdir -p "$3/0/profile.d" "$3/0/env"; ln -s {OUTSIDE} "$3/1/profile.x"
"""
    files = f"""
ln -s {OUTSIDE} "$3/$4/profile.d/linked.sh"; ln -s {OUTSIDE} "$3/$4/env/LINKED"
mkfifo "$3/$4/env/FIFO" "$3/$4/profile.d/fifo.sh"; mkdir "$3/$4/env/DIRECTORY"
printf 'x' > "$3/$4/env/A-B"; printf 'a\\0b' > "$3/$4/env/WITH_NUL"
ln -s /etc/cron.d "$3/../profile.d/0_own.sh"
"""
    cleans = "rm -f /home/vcap/deps/*/env/FIFO /home/vcap/deps/*/profile.d/fifo.sh"
    staged = stage(supplying("files", supply=files), supplying("dirs", supply=supplies), heroku("last", compile=cleans))
    seen = staged.seen("last", "compile")
    assert not {"LINKED", "FIFO", "DIRECTORY", "A-B", "WITH_NUL"} & seen.environment.keys()
    assert "/home/vcap/deps/1/lib" not in seen.search("LD_LIBRARY_PATH")
    profile_d = staged.root / "profile.d"
    assert {path.name for path in profile_d.iterdir()} == {"000_multi-supply.sh", "0_own.sh"}
    assert not any(path.is_symlink() for path in profile_d.iterdir())


@pytest.mark.clause("HK-61")
def test_an_export_that_is_a_link_is_not_sourced(stage: Stage) -> None:
    linked = 'echo "export LINKED=yes" > "$1/exporting"; ln -s /app/exporting "$(dirname "$0")/../export"'
    staged = stage(heroku("first", compile=linked), heroku("last"))
    assert "LINKED" not in staged.seen("last", "compile").environment


@pytest.mark.clause("HK-62")
def test_a_link_in_the_place_of_env_dir_or_of_a_cache_is_replaced(stage: Stage) -> None:
    links = """
rm -rf "$3"; mkdir /home/vcap/elsewhere; echo kept > /home/vcap/elsewhere/file; ln -s /home/vcap/elsewhere "$3"
for cache in /home/vcap/cache/*; do rm -rf "$cache"; ln -s /home/vcap/elsewhere "$cache"; done
"""
    looks = 'ls /home/vcap/elsewhere > "$1/elsewhere"; [ -d "$2" ] && [ ! -L "$2" ] && touch "$2/own"'
    staged = stage(heroku("first", compile=links), heroku("last", compile=looks), env={"A": "1"})
    assert (staged.root / "app/elsewhere").read_text().split() == ["file"]
    assert staged.seen("last", "compile").config == {"A": b"1"}


@pytest.mark.clause("HK-63")
def test_a_variable_of_env_dir_may_be_as_large_as_a_file_and_reaches_no_environment(
    stage: Stage, tmp_path: object
) -> None:
    """Larger than what a program may be started with."""
    large = "x" * (100 << 10)
    env = {f"LARGE_{number}": large for number in range(10)}
    staged = stage(heroku("first"), heroku("last"), env={**env, "LD_PRELOAD": "/nosuch.so", "BASH_ENV": "/nosuch"})
    config = staged.seen("last", "compile").config
    assert config is not None
    assert {len(value) for name, value in config.items() if name in env} == {len(large)}
    assert config["LD_PRELOAD"] == b"/nosuch.so"
    assert not {"LD_PRELOAD", "BASH_ENV"} & staged.seen("last", "compile").environment.keys()


@pytest.mark.clause("HK-64")
def test_a_buildpack_that_exports_more_than_fits_is_the_one_that_failed(stage: Stage) -> None:
    writes = (
        "for i in $(seq 40); do echo \"export LARGE_$i=$(head -c 100000 /dev/zero | tr '\\0' x)\"; done "
        '> "$(dirname "$0")/../export"'
    )
    staged = stage(heroku("first", compile=writes), heroku("last"))
    assert staged.code == 11
    assert "first" in staged.failure["brief"] and "export" in staged.failure["brief"]


@pytest.mark.clause("HK-65")
def test_more_in_deps_env_than_fits_ends_the_build_with_a_reason(stage: Stage) -> None:
    writes = "for i in $(seq 60); do head -c 60000 /dev/zero | tr '\\0' x > \"$3/$4/env/LARGE_$i\"; done"
    staged = stage(supplying("supplies", supply=writes), heroku("last"))
    assert staged.code == 11
    assert "supplies left too much in deps/0/env" in staged.failure["brief"].replace("The buildpack ", "")
