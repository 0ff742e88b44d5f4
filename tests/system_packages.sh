#!/bin/sh
# Programs that tests start and that come from Debian's packages: installs those that are missing.
#
# Rule: never in the way. Where it cannot install (no root, no apt, no network) it says so in one
# line and ends with 0; the tests then skip, each naming the program. It starts no service, asks
# nothing, and gives up after LIMIT seconds. Nothing missing: no output, no time.
set -eu

LIMIT=300

# program:package
NEEDED='
nginx:nginx-light
redis-server:redis-server
systemd-analyze:systemd
mmdebstrap:mmdebstrap
openssl:openssl
buildah:buildah
promtool:prometheus
'

PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
POLICY=/usr/sbin/policy-rc.d

missing() { # packages of the programs that are not there
  for pair in $NEEDED; do
    command -v "${pair%%:*}" >/dev/null || printf '%s ' "${pair##*:}"
  done
}

give_up() {
  echo "$1; tests that need one of these will be skipped: $(missing)"
  exit 0
}

apt() {
  DEBIAN_FRONTEND=noninteractive timeout "$LIMIT" apt-get -qq -o DPkg::Lock::Timeout=120 \
    -o Dpkg::Use-Pty=0 -o Acquire::Retries=2 -o Acquire::http::Timeout=20 "$@"
}

forbid_starts() { # a package's installation would start its service
  [ ! -e "$POLICY" ] || return 0
  trap 'rm -f "$POLICY" "$log"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' >"$POLICY"
  chmod 755 "$POLICY"
}

packages=$(missing)
[ -n "$packages" ] || exit 0
command -v apt-get >/dev/null || give_up 'No apt-get here'
[ "$(id -u)" = 0 ] || give_up 'Not root'

echo "Installing for the tests: $packages"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
forbid_starts
# The lists may be too old to find what they name, or not there at all.
apt update >"$log" 2>&1 || give_up 'apt-get finds no packages here'
# shellcheck disable=SC2086  # one word each
apt install --yes --no-install-recommends $packages >>"$log" 2>&1 || {
  # One that this distribution does not have must not keep the others away.
  for package in $packages; do
    apt install --yes --no-install-recommends "$package" >>"$log" 2>&1 || tail -n 2 "$log"
  done
}
[ -z "$(missing)" ] || give_up 'apt-get could not install all'
