# shellcheck shell=bash
# What BASH_ENV names in a traced build: every bash that runs a script or a command string reads this first.
#
# It opens the trace file on a descriptor of its own and turns xtrace on, so that nothing goes to standard output or error.
# A line of the trace is: "+" once for each level of $( ) and eval, then fields between unit separators: mark, seconds since
# the epoch, process and the shell it was forked from, subshell level, call depth, line, function, file; then the command as bash writes it. The mark is random:
# what a command's arguments hold cannot pass for a line of the trace.
#
# The group sends to /dev/null what a shell that was started with -x says of these lines. Everything happens in a function,
# which is gone afterwards, so that no variable of ours is left, and "$_" is what it was.
{
  __stagewright_trace() {
    unset -f __stagewright_trace
    [[ -n ${STAGEWRIGHT_XTRACE_FILE-} && -n ${STAGEWRIGHT_XTRACE_MARK-} ]] || return 0
    # shellcheck disable=SC2016 # expanded at each line of the trace
    local s=$'\037' fd=978 now='${EPOCHREALTIME}'
    # A number that scripts do not use by hand, the same in every shell; where so many descriptors are not allowed, any free one.
    exec 978>>"$STAGEWRIGHT_XTRACE_FILE" || exec {fd}>>"$STAGEWRIGHT_XTRACE_FILE" || return 0
    if [[ $- == *x* ]]; then
      # Somebody asked this shell for its xtrace on standard error, and may read it there.
      printf '+%s' "$s$STAGEWRIGHT_XTRACE_MARK$s$s$$$s$s$s$s$s$0$s"$'\n' >&"$fd"
      exec {fd}>&-
      return 0
    fi
    # Before bash 5.0 there is no EPOCHREALTIME; the prompt escape tells whole seconds.
    [[ -n ${EPOCHREALTIME-} ]] || now='\D{%s}'
    # shellcheck disable=SC2016 # so are these
    PS4="+$s$STAGEWRIGHT_XTRACE_MARK$s$now$s"'${BASHPID} $$'"$s"'${BASH_SUBSHELL}'"$s"'${#BASH_LINENO[@]}'"$s"
    PS4+='${LINENO}'"$s"'${FUNCNAME[0]-}'"$s"'${BASH_SOURCE[0]-}'"$s"
    BASH_XTRACEFD=$fd
    set -x
  }
  __stagewright_trace "$_"
} 2>/dev/null
