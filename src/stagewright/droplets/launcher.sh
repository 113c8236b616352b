#!/bin/bash
# Starts a process of a droplet. It lies at /lifecycle/launcher in every image, and in every sandbox that runs a droplet.
# It needs bash and nothing else: no program of the stack is called before the app itself. docs/reference/launcher.md is its manual.
#
#   launcher                   the process type "web"
#   launcher TYPE              another process type
#   launcher "SHELL COMMAND"   one argument that names no process type: a shell command
#   launcher [--] CMD ARG…     a program and its arguments, which no shell reads again
#
# It reads, below STAGEWRIGHT_LIFECYCLE (default /lifecycle):
#   process/NAME        the command of a process type, exactly. NAME is the type with every byte that is not an ASCII letter, digit,
#                       '-' or '_' written as %XX (stagewright.model.process.process_file_name)
#   entrypoint_prefix   config.entrypoint_prefix of the droplet, where it has one: shell words that take the command as their last
#   home                where the app wants to find itself, one line, where that is not STAGEWRIGHT_HOME_DIR/app (Heroku's /app)
# and below STAGEWRIGHT_HOME_DIR (default /home/vcap): app, deps, profile.d, tmp. The app sees neither variable.
#
# What it does follows Cloud Foundry's launcher, contracts/cloudfoundry-staging.md §1.9. Its variables begin with stagewright_,
# because the profile scripts run in this very shell and may set what they like.

stagewright_lifecycle=${STAGEWRIGHT_LIFECYCLE:-/lifecycle}
stagewright_home=${STAGEWRIGHT_HOME_DIR:-/home/vcap}
unset STAGEWRIGHT_LIFECYCLE STAGEWRIGHT_HOME_DIR VCAP_PLATFORM_OPTIONS
declare +x stagewright_lifecycle stagewright_home

# Sets stagewright_content to the content of file $1: all of it, last newlines included. Fails where there is none to read.
stagewright_read() {
  stagewright_content=
  [[ -f $1 && -r $1 ]] || return 1
  IFS= read -r -d '' stagewright_content <"$1" || :
}

# Sets stagewright_name to the file name of process type $1.
stagewright_encode() {
  local LC_ALL=C byte code i # one byte is one character
  stagewright_name=
  for ((i = 0; i < ${#1}; i++)); do
    byte=${1:i:1}
    case $byte in
      [abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-]) stagewright_name+=$byte ;;
      *)
        printf -v code '%d' "'$byte"
        printf -v code '%%%02X' "$((code & 255))" # bytes above 127 may come out negative
        stagewright_name+=$code
        ;;
    esac
  done
}

# Sets stagewright_command to the command of process type $1.
stagewright_process() {
  stagewright_encode "$1"
  stagewright_read "$stagewright_lifecycle/process/$stagewright_name" || return 1
  stagewright_command=$stagewright_content
}

# Sets stagewright_files to what lies in directory $1, in the order of the C locale, whatever the app's locale is.
stagewright_list() {
  local LC_ALL=C stagewright_file
  stagewright_files=()
  for stagewright_file in "$1"/*; do
    [[ -f $stagewright_file ]] && stagewright_files+=("$stagewright_file")
  done
}

# Ends the launch with $1, and says which process types there would be.
stagewright_refuse() {
  local name types=()
  printf 'launcher: %s\n' "$1" >&2
  stagewright_list "$stagewright_lifecycle/process"
  for name in "${stagewright_files[@]}"; do
    name=${name##*/}
    printf -v name '%b' "${name//%/\\x}"
    printf -v name '%q' "$name" # a name may hold what would take over a terminal
    types+=("$name")
  done
  if ((${#types[@]})); then
    printf 'launcher: the process types of this droplet are: %s\n' "${types[*]}" >&2
  else
    printf 'launcher: this droplet has no process types\n' >&2
  fi
  exit 1
}

# Sources every file of directory $1. A script that fails is the app's own affair, and the launch goes on.
stagewright_source_all() {
  local stagewright_file
  stagewright_list "$1"
  for stagewright_file in "${stagewright_files[@]}"; do
    stagewright_source "$stagewright_file"
  done
}

stagewright_source() {
  # shellcheck source=/dev/null
  source "$1" || : # so that not even a script's own "set -e" ends the launch
  set +euf         # nor what it leaves set, for those after it
  shopt -u failglob dotglob
}

# What is to be run: stagewright_argv, where it is a program and its arguments, else stagewright_command.
stagewright_argv=()
stagewright_command=
if [[ ${1-} == -- ]]; then
  shift
  (($#)) || stagewright_refuse "no command after --"
  stagewright_argv=("$@")
elif (($# > 1)); then
  stagewright_argv=("$@")
elif [[ ${1:-web} == web ]]; then
  stagewright_process web || :
else
  stagewright_process "$1" || stagewright_command=$1
fi
if ((!${#stagewright_argv[@]})) && [[ -z $stagewright_command ]]; then
  stagewright_refuse "no start command specified or detected in droplet"
fi
stagewright_prefix=
if stagewright_read "$stagewright_lifecycle/entrypoint_prefix" && [[ $stagewright_content =~ [^[:space:]] ]]; then
  stagewright_prefix=${stagewright_content%$'\n'}
fi
stagewright_app=$stagewright_home/app
if stagewright_read "$stagewright_lifecycle/home"; then
  stagewright_app=${stagewright_content%$'\n'}
fi

export HOME=$stagewright_app
export TMPDIR=$stagewright_home/tmp
export DEPS_DIR=$stagewright_home/deps
export PORT=${PORT:-8080}
export VCAP_APP_PORT=${VCAP_APP_PORT:-$PORT}
export VCAP_APP_HOST=${VCAP_APP_HOST:-0.0.0.0}
export USER=${USER:-vcap}
export LANG=${LANG:-C.UTF-8}
export PATH

if ! cd -- "$stagewright_app"; then
  printf 'launcher: the directory of the app is not there: %s\n' "$stagewright_app" >&2
  exit 1
fi
set -- # the arguments are the launcher's, not the profile scripts'

echo "Invoking pre-start scripts."
stagewright_source_all "$stagewright_home/profile.d"
stagewright_source_all "$stagewright_app/.profile.d"
[[ -f $stagewright_app/.profile ]] && stagewright_source "$stagewright_app/.profile"

echo "Invoking start command."
if ((${#stagewright_argv[@]})); then
  exec -- "${stagewright_argv[@]}"
elif [[ -n $stagewright_prefix ]]; then
  # The prefix is shell text, as in Cloud Foundry: it may hold several words, and name what the profile scripts have set.
  eval "exec $stagewright_prefix \"\$stagewright_command\""
else
  exec bash -c "$stagewright_command"
fi
