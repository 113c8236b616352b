"""What a staging writes (contracts/cloudfoundry-staging.md §1.4 to §1.6): result.json, staging_info.yml, droplet and cache."""

from __future__ import annotations

import os

import pytest

from tests.conformance.staging.buildpacks import compiling, config_yml, finalizing, launch_yml, supplying
from tests.conformance.staging.conftest import Stage

WHOLE = """---
name: Whole
version: 3.14
config:
  entrypoint_prefix: custom-entrypoint
output_metadata:
  cached: true
  parts: [1, two, null]
extra:
- data
more:
  stuff: is good"""
METADATA = {"cached": True, "parts": [1, "two", None]}


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-R-01", "CF-R-04", "CF-R-08")
@pytest.mark.parametrize(
    ("app", "web"),
    [({"app.sh": ""}, "the start command"), ({"Procfile": "web: from the Procfile\n"}, "from the Procfile")],
    ids=["no-procfile", "procfile"],
)
def test_result_json_after_detection(stage: Stage, app: dict[str, str], web: str) -> None:
    refusing = compiling("no", detect="exit 1")
    ended = stage(refusing, compiling("yes", detect="echo Always Matching"), detect=True, app=app)
    assert ended.code == 0
    assert ended.result == {
        "lifecycle_metadata": {
            "buildpack_key": "yes",
            "detected_buildpack": "Always Matching",
            "buildpacks": [{"key": "yes", "name": "Always Matching"}],
        },
        "process_types": {"web": web},
        "processes": [{"type": "web", "command": web}],
        "execution_metadata": "",
        "lifecycle_type": "buildpack",
    }


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-R-02", "CF-R-04", "CF-R-07")
def test_result_json_where_buildpacks_were_asked_for(stage: Stage) -> None:
    ended = stage(compiling("asked"))
    assert ended.code == 0
    assert ended.result == {
        "lifecycle_metadata": {
            "buildpack_key": "asked",
            "detected_buildpack": "",
            "buildpacks": [{"key": "asked", "name": ""}],
        },
        "process_types": {"web": "the start command"},
        "processes": [{"type": "web", "command": "the start command"}],
        "execution_metadata": "",
        "lifecycle_type": "buildpack",
    }


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-R-03", "CF-R-04", "CF-R-07", "CF-R-09")
def test_result_json_of_several_buildpacks_with_all_that_it_can_hold(stage: Stage) -> None:
    launch = """processes:
- {type: web, command: serve}
- {type: newrelic, command: watch, limits: {memory: 10}, platforms: {cloudfoundry: {sidecar_for: [web]}}}
- {type: plain, command: look, platforms: {cloudfoundry: {sidecar_for: [web]}}}"""
    ended = stage(
        supplying("versioned", supply=config_yml("name: Versioned\nversion: 9.1.3")),
        supplying("silent", supply="true"),
        finalizing("whole", supply=config_yml(WHOLE), finalize=launch_yml(launch)),
    )
    assert ended.code == 0
    assert ended.result == {
        "lifecycle_metadata": {
            "buildpack_key": "whole",
            "detected_buildpack": "Whole",
            "buildpacks": [
                {"key": "versioned", "name": "Versioned", "version": "9.1.3"},
                {"key": "silent", "name": ""},
                {
                    "key": "whole",
                    "name": "Whole",
                    "version": "3.14",
                    "config": {"entrypoint_prefix": "custom-entrypoint"},
                    "output_metadata": METADATA,
                },
            ],
        },
        "process_types": {"web": "serve"},
        "processes": [{"type": "web", "command": "serve"}],
        "sidecars": [
            {"name": "newrelic", "process_types": ["web"], "command": "watch", "memory": 10},
            {"name": "plain", "process_types": ["web"], "command": "look"},
        ],
        "execution_metadata": "",
        "lifecycle_type": "buildpack",
    }


@pytest.mark.clause("CF-R-03", "CF-R-07", "CF-I-02")
def test_what_buildpacks_say_of_themselves_is_kept(stage: Stage) -> None:
    ended = stage(
        supplying("versioned", supply=config_yml("name: Versioned\nversion: 9.1.3")),
        finalizing("whole", supply=config_yml(WHOLE)),
    )
    assert ended.code == 0
    config = {"entrypoint_prefix": "custom-entrypoint"}
    assert [{name: value for name, value in one.items() if name != "key"} for one in ended.buildpacks] == [
        {"name": "Versioned", "version": "9.1.3"},
        {"name": "Whole", "version": "3.14", "config": config, "output_metadata": METADATA},
    ]
    assert ended.detected == "Whole"
    info = ended.droplet.json("./staging_info.yml")
    assert {name: info[name] for name in ("detected_buildpack", "start_command", "config")} == {
        "detected_buildpack": "Whole",
        "start_command": "the start command",
        "config": config,
    }


@pytest.mark.clause("CF-R-11")
@pytest.mark.parametrize("text", ["name: a: b", "- a list", "just words"])
def test_a_config_yml_that_cannot_be_read_says_nothing_and_ends_nothing(stage: Stage, text: str) -> None:
    ended = stage(finalizing("odd", supply=config_yml(text)))
    assert ended.code == 0
    assert ended.droplet.text("./app/finalized") == "odd"
    assert ended.detected == ""


@pytest.mark.unlike("it cannot write maps in output_metadata as JSON, and ends with 1")
@pytest.mark.clause("CF-R-10")
def test_output_metadata_may_hold_maps(stage: Stage) -> None:
    ended = stage(
        finalizing("deep", supply=config_yml("output_metadata: {sbom: {format: cyclonedx, parts: [{a: 1}]}}"))
    )
    assert ended.code == 0
    assert [one["output_metadata"] for one in ended.buildpacks] == [
        {"sbom": {"format": "cyclonedx", "parts": [{"a": 1}]}},
    ]


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-R-07")
def test_the_name_in_config_yml_wins_over_what_detect_said(stage: Stage) -> None:
    ended = stage(finalizing("named", detect="echo detected", supply=config_yml("name: Named")), detect=True)
    assert ended.code == 0
    assert ended.detected == "Named"
    assert list(ended.buildpacks) == [{"key": "named", "name": "Named"}]


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-I-01", "CF-I-04")
def test_staging_info_of_a_buildpack_that_was_detected(stage: Stage) -> None:
    ended = stage(compiling("yes", detect="echo Always Matching"), detect=True)
    assert ended.droplet.json("./staging_info.yml") == {
        "detected_buildpack": "Always Matching",
        "start_command": "the start command",
    }


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-I-02", "CF-I-03")
@pytest.mark.parametrize("config", [{}, {"entrypoint_prefix": "custom-entrypoint"}])
def test_staging_info_has_the_config_that_the_last_buildpack_wrote(stage: Stage, config: dict[str, str]) -> None:
    written = f"name: Configured\nconfig: {config if config else '{}'}"
    ended = stage(
        supplying("first", supply=config_yml("config: {entrypoint_prefix: other}")),
        finalizing("last", supply=config_yml(written)),
    )
    assert ended.code == 0
    assert ended.droplet.json("./staging_info.yml") == {
        "detected_buildpack": "Configured",
        "start_command": "the start command",
        "config": config,
    }


@pytest.mark.clause("CF-T-01", "CF-T-02", "CF-T-05")
def test_the_droplet_has_cloud_foundry_s_layout(stage: Stage) -> None:
    odd = 'chmod 0750 "$1/app.sh"; ln -s ../nowhere "$1/link"; mkdir "$1/empty"; ln -s app.sh "$1/hand in hand"'
    ended = stage(supplying("first"), finalizing("last", supply=odd))
    assert ended.code == 0
    droplet = ended.droplet
    assert {name for name in droplet.names if name.rstrip("/").count("/") == 1} == {
        *("./app/", "./deps/", "./logs/", "./profile.d/", "./staging_info.yml", "./tmp/"),
    }
    assert all(name.startswith("./") for name in droplet.names)
    assert not droplet.below("./tmp/")
    assert not droplet.below("./logs/")
    assert not any(name.endswith("finalized.sh") for name in droplet.below("./app/"))
    assert droplet.below("./profile.d/") == {"./profile.d/finalized.sh"}
    assert droplet.entries["./"].mode == 0o700
    assert droplet.text("./app/app.sh") == "echo app"
    assert droplet.entries["./app/app.sh"].mode == 0o750
    assert droplet.entries["./app/link"].link == "../nowhere"
    assert droplet.entries["./app/hand in hand"].link == "app.sh"
    assert "./app/empty/" in droplet.names


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-T-03", "CF-T-10", "CF-T-09")
def test_the_droplet_belongs_to_who_staged_and_nothing_else_is_left(stage: Stage) -> None:
    ended = stage(compiling("alone"))
    assert ended.code == 0
    assert {entry.uid for entry in ended.droplet.entries.values()} == {os.geteuid()}
    assert list((ended.keep / "tmp").iterdir()) == []
    assert sorted(path.name for path in (ended.keep / "out").iterdir()) == ["cache.tgz", "droplet.tgz", "result.json"]


@pytest.mark.only("drop-in")
@pytest.mark.clause("CF-T-06", "CF-T-11")
def test_the_cache_is_a_tar_of_final_and_a_directory_for_each_that_supplies(stage: Stage) -> None:
    ended = stage(supplying("my-buildpack/key/::"), supplying("alone"))
    assert ended.code == 0
    assert ended.cache.names == {
        *("./", "./final/", "./final/compiled", "./dc91f5556d3ae859/", "./dc91f5556d3ae859/supplied"),
    }
