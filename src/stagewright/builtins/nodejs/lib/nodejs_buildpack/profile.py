"""The environment of the running app: deps/INDEX/profile.d."""

from __future__ import annotations

from buildpack import Staging, write_profile

NODEJS = """\
export NODE_ENV="${NODE_ENV:-production}"
export NODE_HOME="@OWN@/node"
export PATH="$PATH:$HOME/node_modules/.bin"
# npm would else write its cache and logs into the app, and look for a newer self.
export npm_config_cache="${npm_config_cache:-${TMPDIR:-/tmp}/.npm}"
export npm_config_update_notifier="${npm_config_update_notifier:-false}"
# A script of package.json is run by a shell that becomes its last command; under Debian's sh a signal would end with the shell.
export npm_config_script_shell="${npm_config_script_shell:-/bin/bash}"
# As Cloud Foundry's buildpack has it: three quarters of the memory for the heap, on request.
if [[ "${OPTIMIZE_MEMORY:-}" == true && -z "${NODE_OPTIONS:-}" && "${MEMORY_LIMIT:-}" =~ ^([0-9]+)[mM]$ ]]; then
  export NODE_OPTIONS="--max-old-space-size=$((BASH_REMATCH[1] * 75 / 100))"
fi
"""

PNPM = """\
# pnpm would compare node_modules with the place of the build before it runs a script, and install anew.
export pnpm_config_verify_deps_before_run="${pnpm_config_verify_deps_before_run:-false}"
"""

APP_ROOT = """\
# app-root-path would look for the app above the node_modules that it lies in.
export APP_ROOT_PATH="${APP_ROOT_PATH:-$HOME}"
"""


def write_profiles(staging: Staging) -> None:
    text = NODEJS
    if (staging.own / "bin" / "pnpm").is_symlink():
        text += PNPM
    if (staging.build / "node_modules" / "app-root-path").is_dir():
        text += APP_ROOT
    write_profile(staging, "nodejs.sh", text.replace("@OWN@", staging.own_at_run))
