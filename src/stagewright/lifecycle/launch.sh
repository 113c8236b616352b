#!/bin/bash
# What stagewright-launcher and stagewright-shell become: it sources the profile scripts of a droplet and then becomes the app.
#
#   bash -c "$(<launch.sh)" NAME APP_DIR COMMAND PREFIX launcher|shell
#
# Its variables begin with stagewright_, because the profile scripts run in this very shell and may set what they like; none of them is
# exported. The order of the scripts, and what they may do, is that of the launcher in images: docs/reference/launcher.md.

stagewright_app=$1 stagewright_command=$2 stagewright_prefix=$3 stagewright_as=$4
set -- # the arguments are ours, not the profile scripts'

# Sources every file of directory $1, in the order of the C locale, whatever the app's locale is.
stagewright_source_all() {
  local stagewright_file stagewright_files=()
  stagewright_list "$1"
  for stagewright_file in "${stagewright_files[@]}"; do
    stagewright_source "$stagewright_file"
  done
}

stagewright_list() {
  local LC_ALL=C
  for stagewright_file in "$1"/*; do
    [[ -f $stagewright_file ]] && stagewright_files+=("$stagewright_file")
  done
}

stagewright_source() {
  # shellcheck source=/dev/null
  source "$1" || : # so that not even a script's own "set -e" ends the launch
  set +euf         # nor what it leaves set, for those after it
  shopt -u failglob dotglob
}

if ! cd -- "$stagewright_app" 2>/dev/null; then
  printf '%s: the directory of the app is not there: %s\n' "$0" "$stagewright_app" >&2
  exit 1
fi
stagewright_app=$PWD

[[ $stagewright_as == shell ]] || echo "Invoking pre-start scripts."
stagewright_source_all "$stagewright_app/../profile.d"
stagewright_source_all "$stagewright_app/.profile.d"
if [[ $stagewright_as != shell ]]; then
  [[ -f $stagewright_app/.profile ]] && stagewright_source "$stagewright_app/.profile"
  echo "Invoking start command."
fi

if [[ $stagewright_prefix =~ [^[:space:]] ]]; then
  # The prefix is shell text, as in Cloud Foundry: it may hold several words, and name what the profile scripts have set.
  eval "exec $stagewright_prefix \"\$stagewright_command\""
else
  exec bash -c "$stagewright_command"
fi
