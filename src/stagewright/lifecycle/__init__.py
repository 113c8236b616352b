"""The drop-in commands stand where Cloud Foundry's `builder`, `launcher` and `shell` stood, with their flags and exit codes.

A door like `cli`, and beside it: it parses, calls what lies below, and ends as contracts/cloudfoundry-staging.md §1 says.

    flags             the command line, by the rules of Go's flag package; go_values is how Go reads and writes a value
    surroundings      the environment and the arguments of this process, as it was started
    platform_options  VCAP_PLATFORM_OPTIONS
    credhub           references in VCAP_SERVICES become credentials; interpolation is the request that asks for them
                      and proxies says which way that request goes
    environment       the environment of an app, from all of these
    launcher, shell   the commands; launch.sh is the bash that they become
"""
