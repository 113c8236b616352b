"""What goes in: the source of an app, what it leaves out, and what it says of itself.

receive      a directory or an archive becomes a clean tree with a digest
ignoring     .cfignore, .slugignore and Cloud Foundry's built-in defaults
manifest     manifest.yml
procfile     Procfile
app_json     app.json, Heroku's
buildpack_list   .buildpacks, and lists of buildpacks in variables
bindings     services: files that become VCAP_SERVICES; binding_secrets says which of their values are secret
plain_files  and yaml_values: how the last three read a file
"""

from stagewright.packages.app_json import AppJson, AppScripts, BadAppJson, EnvironmentName, read_app_json
from stagewright.packages.binding_secrets import credential_values
from stagewright.packages.bindings import BadBinding, Services, read_bindings
from stagewright.packages.buildpack_list import (
    POST_VARIABLES,
    BadBuildpackList,
    BadReferences,
    BuildpackList,
    read_buildpack_list,
    split_references,
)
from stagewright.packages.manifest import BadManifest, find_manifest, read_manifest
from stagewright.packages.procfile import BadProcfile, read_procfile
from stagewright.packages.receive import NoSuchSource, NotASource, receive

__all__ = [
    "POST_VARIABLES",
    "AppJson",
    "AppScripts",
    "BadAppJson",
    "BadBinding",
    "BadBuildpackList",
    "BadManifest",
    "BadProcfile",
    "BadReferences",
    "BuildpackList",
    "EnvironmentName",
    "NoSuchSource",
    "NotASource",
    "Services",
    "credential_values",
    "find_manifest",
    "read_app_json",
    "read_bindings",
    "read_buildpack_list",
    "read_manifest",
    "read_procfile",
    "receive",
    "split_references",
]
