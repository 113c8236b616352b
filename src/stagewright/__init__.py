"""Stagewright stages applications: source code goes in, a droplet and an OCI image come out.

The road of a build, folder by folder:

    packages     source (directory, zip, tar, jar) becomes a clean tree, with what its manifest.yml and Procfile say
    buildpacks   references become buildpacks on disk; their dialect says which scripts run, and with which arguments
    stacks       the root file systems that a build and an app stand on
    staging      the heart: the planner says what is to be done and because of what; the executor does it in a sandbox
    droplets     the result, exactly as Cloud Foundry lays it out, and its launcher
    images       the same as an OCI image: layers, manifests, layouts

Above them `services` holds one verb a use case and the doors are `cli` and, beside it, `lifecycle`, the drop-in commands that
stand where Cloud Foundry's builder and launcher stood; `wiring` alone chooses implementations and `settings` alone
reads the environment. Below them `sandbox` runs containers, `storage` keeps what outlives a build, `documents` reads YAML of
strangers, `trees` reads and writes
directories as content, `ports` says what the heart needs, `model` holds values and `errors` the tree of deliberate errors.
`builtins` are the built-in buildpacks: data, not code of ours.

Imports go down this list only; import-linter holds that.
"""

__version__ = "0.1.0"
