#!/bin/sh
# Stands for every command of a machine that a user-data script may call. It writes down the call and keeps a little
# state in $MACHINE, as the real command would on the real machine.
PATH=/usr/bin:/bin
name=${0##*/}
printf '%s\n' "$name $*" >>"$MACHINE/calls"
[ ! -f "$MACHINE/fail/$name" ] || {
  read -r left <"$MACHINE/fail/$name"
  echo $((left - 1)) >"$MACHINE/fail/$name"
  [ "$left" -gt 1 ] || rm "$MACHINE/fail/$name"
  cat "$MACHINE/fail/$name.says"
  exit 100
}

packages() { # the arguments behind --
  while [ "$1" != -- ]; do shift; done
  shift
  printf '%s\n' "$@"
}

add() {
  while read -r package; do
    case $package in -*) exit 2 ;; esac
    : >"$MACHINE/installed/${package%%[=]*}"
    case $package in docker-ce* | docker.io | docker) ln -sf "$MACHINE/stub" "$MACHINE/bin/dockerd" ;; esac
  done
}

settings() { # what bootstrap-boot writes, which the engine's start waits for
  [ ! -e "$MACHINE/active/bootstrap-boot.service" ] || return 0
  mkdir -p "$BOOTSTRAP_ROOT/etc/docker"
  cp "$BOOTSTRAP_ROOT/etc/bootstrap/agent.json" "$BOOTSTRAP_ROOT/etc/docker/daemon.json"
  printf engine >"$BOOTSTRAP_ROOT/run/bootstrap/progress"
  : >"$MACHINE/active/bootstrap-boot.service"
}

case "$name $*" in
  *"dockerd --version") cat "$MACHINE/engine" ;;
  "apt-get "*" install "*) packages "$@" | add ;;
  "apt-get "*" remove "*) for package in "$@"; do :; done && rm "$MACHINE/installed/$package" ;;
  "apt-get "*) printf '%s' "${http_proxy-}" >"$MACHINE/http_proxy" ;;
  "dnf "*" install -- "*) packages "$@" | add ;;
  "dnf "*" remove "*) for package in "$@"; do :; done && rm "$MACHINE/installed/$package" ;;
  "dnf -q versionlock list") cat "$MACHINE/versionlock" ;;
  "dnf -q versionlock add "*) shift 3 && printf '%s\n' "$@" >>"$MACHINE/versionlock" ;;
  "rpm "*) for package in "$@"; do :; done && [ -e "$MACHINE/installed/$package" ] ;;
  "dpkg-query "*) [ ! -e "$MACHINE/installed/${4-}" ] || printf installed ;;
  "apt-mark hold "*) shift && for package in "$@"; do : >"$MACHINE/held/$package"; done ;;
  "apt-cache madison "*) cat "$MACHINE/madison" ;;
  "apt-cache show docker-cli") [ -e "$MACHINE/split" ] ;;
  "curl "*) while [ $# -gt 2 ]; do [ "$1" != -o ] || printf 'a key\n' >"$2" && shift; done ;;
  "gpg "*) cat "$MACHINE/fingerprints" ;;
  "getent passwd 1000") cat "$MACHINE/user" 2>/dev/null || exit 2 ;;
  "getent passwd 0") echo root:x:0:0:root:/root:/bin/bash ;;
  "systemctl is-enabled --quiet "*) [ -e "$MACHINE/enabled/$3" ] ;;
  "systemctl is-active --quiet "*) [ -e "$MACHINE/active/$3" ] ;;
  "systemctl enable --quiet --no-reload "*)
    [ -z "${SYSTEMCTL_SKIP_SYSV-}" ] || echo skipped >>"$MACHINE/sysv"
    shift 3 && for unit in "$@"; do : >"$MACHINE/enabled/$unit"; done
    ;;
  "systemctl start bootstrap-boot.service") settings ;;
  "systemctl start docker.service" | "systemctl restart docker.service") settings && : >"$MACHINE/active/$2" ;;
  "systemctl "*" --no-block "*) : >"$MACHINE/active/$3" ;;
  "systemctl start "* | "systemctl restart "*) : >"$MACHINE/active/$2" ;;
esac
