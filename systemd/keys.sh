#!/bin/sh
# Makes the keys that are born on the appliance, where they are not there yet. See --help and docs/operations.md.
set -eu

usage() {
  cat <<'END'
Usage: systemd/keys.sh --name HOST [--plain] [--dry-run] [--root DIR]

Makes the keys of the runtime in /etc/wardstone/credentials, and what others may know of them in /etc/wardstone/trust and tls.
A key that is there is kept, whatever its form.

  --name HOST   the name that clients reach the box by: the request for its TLS certificate is made out to it
  --plain       plain files of root instead of files sealed to this machine (install.sh --plain-credentials)
  --dry-run     say what would be made and make nothing
  --root DIR    work on the system in DIR; only with --plain, since another machine would have to seal them

Exit status: 0 done, 1 refused or failed, 2 wrong usage.
END
}

root='' name='' plain=no dry=no
while [ $# -gt 0 ]; do
  case $1 in
    --name) [ $# -gt 1 ] || { usage >&2; exit 2; }; name=$2; shift ;;
    --root) [ $# -gt 1 ] || { usage >&2; exit 2; }; root=${2%/}; shift ;;
    --plain) plain=yes ;;
    --dry-run) dry=yes ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

say() { printf '%s\n' "$*"; }
fail() { printf 'keys.sh: %s\n' "$*" >&2; exit 1; }

case $name in '' | -* | *[!A-Za-z0-9.-]*) usage >&2; exit 2 ;; esac
[ -n "$root" ] || [ "$(id -u)" = 0 ] || fail 'only root can make the keys of this machine'
if [ -n "$root" ] && [ "$plain" = no ]; then fail '--root needs --plain: keys are sealed on the machine that uses them'; fi

umask 077
etc=$root/etc/wardstone
folder() {
  if [ -d "$1" ] || [ "$dry" = yes ]; then return 0; fi
  mkdir -p "$1"
  chmod "$2" "$1"
}

is_there() { [ -f "$etc/credentials/$1" ] || [ -f "$etc/credentials/$1.cred" ]; }

# From standard input, so that a key that is sealed never lies on the disk in the clear.
keep() {
  if [ "$plain" = yes ]; then
    cat >"$etc/credentials/$1.new"
    mv "$etc/credentials/$1.new" "$etc/credentials/$1"
  else
    systemd-creds encrypt --name="$1" - "$etc/credentials/$1.cred.new" ||
      fail "$1 could not be sealed: this machine has neither a TPM nor a disk for /var/lib/systemd. --plain keeps keys as files"
    mv "$etc/credentials/$1.cred.new" "$etc/credentials/$1.cred"
  fi
}

# For everybody to read; written first, so that a key is never kept without its public half.
publish() {
  cat >"$1.new"
  chmod 0644 "$1.new"
  mv "$1.new" "$1"
}

new() { # NAME
  if is_there "$1"; then
    say "kept: $1"
    return 1
  fi
  say "made: $1"
  [ "$dry" = no ]
}

folder "$etc" 0755
folder "$etc/credentials" 0700
folder "$etc/trust" 0755
folder "$etc/tls" 0755

for raw in database.key subjects.key; do
  if new "$raw"; then head -c 32 /dev/urandom | keep "$raw"; fi
done
if new log.key; then
  pem=$(openssl genpkey -algorithm ed25519)
  printf '%s\n' "$pem" | openssl pkey -pubout | publish "$etc/trust/log.pub"
  printf '%s\n' "$pem" | keep log.key
fi
if new package.key; then
  pem=$(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)
  # The point itself: the last 65 bytes of the structure. The fleet wraps content keys for it.
  printf '%s\n' "$pem" | openssl pkey -pubout -outform DER | tail -c 65 | base64 -w 0 | publish "$etc/trust/package.pub"
  printf '%s\n' "$pem" | keep package.key
fi
if new server.key; then
  pem=$(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)
  # Only openssl's own options take the key from a descriptor; the pipe is this process's and its child's alone.
  printf '%s\n' "$pem" | openssl req -new -key /dev/stdin -subj "/CN=$name" -addext "subjectAltName=DNS:$name" \
    -addext extendedKeyUsage=serverAuth | publish "$etc/tls/server.csr"
  printf '%s\n' "$pem" | keep server.key
fi
pem=''
