#!/usr/bin/env bash
# Starts nginx for a static site: fills in what is known at start only, and passes the logs on.
set -euo pipefail
shopt -u patsub_replacement 2>/dev/null || true   # bash 5.2 would give & a meaning in what is filled in

own=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
export APP_ROOT=${APP_ROOT:-$HOME}
PORT=${PORT:-8080}
if ! [[ $PORT =~ ^[0-9]+$ ]]; then
  echo "staticfile: PORT is not a number: $PORT" >&2
  exit 1
fi

# The filled-in configuration lies beside links to the files that it includes; the app itself may be read-only.
run=$(mktemp -d "${TMPDIR:-/tmp}/staticfile.XXXXXX")
for file in "$APP_ROOT"/nginx/conf/* "$APP_ROOT"/nginx/conf/.htpasswd; do
  if [[ -e $file ]]; then ln -s "$file" "$run/"; fi
done
rm -f "$run/nginx.conf"

force_https=
if [[ -n ${FORCE_HTTPS:-} ]]; then
  # shellcheck disable=SC2016 # variables of nginx
  force_https='if ($best_proto != https) { return 301 https://$best_host$best_prefix$request_uri; }'
fi
config=$(<"$APP_ROOT/nginx/conf/nginx.conf")
config=${config//"((PORT))"/$PORT}
config=${config//"((LISTEN_DIRECTIVE))"/"listen $PORT;"}
config=${config//"((FORCE_HTTPS_DIRECTIVE))"/$force_https}
config=${config//"((APP_ROOT))"/$APP_ROOT}
config=${config//"((TMPDIR))"/$run}
printf '%s\n' "$config" > "$run/nginx.conf"

for directory in "$own"/nginx/usr/lib/*-linux-gnu* "$own"/nginx/usr/lib; do
  if [[ -d $directory ]]; then LD_LIBRARY_PATH=$directory${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}; fi
done
if [[ -n ${LD_LIBRARY_PATH:-} ]]; then export LD_LIBRARY_PATH; fi

# nginx opens its logs by name, which only their owner may do with a pipe: so it gets pipes of our own.
exec "$own/nginx/usr/sbin/nginx" -p "$APP_ROOT/nginx/" -c "$run/nginx.conf" -e stderr > >(exec cat) 2> >(exec cat >&2)
