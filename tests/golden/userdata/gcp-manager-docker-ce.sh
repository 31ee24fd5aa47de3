#!/bin/sh
# This machine becomes a node of a Docker Swarm. The script is the machine's user-data, or is pushed over SSH. It may
# run at every boot and then ends at once, since each step looks first whether there is anything to do. `main`, at the
# end, tells the whole story. Nothing runs before the last line is read: a script that was cut short does nothing.
# There is no secret in it: the node fetches its join token later, with its own identity.
# shellcheck disable=SC2016 # what a user wrote stands in single quotes, so that no shell looks into it
set -eu
umask 077
export LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a

root=${BOOTSTRAP_ROOT-} # a directory to work in instead of /, as DESTDIR elsewhere
changed=                # the files that this run wrote

log() {
  printf 'bootstrap: %s\n' "$*" >&2
}

die() {
  log "error: $*"
  exit 1
}

# put 0600|0644|0700 PATH [TEXT]: the file holds TEXT, or what stands on stdin; it is written only if it differs.
# The dot keeps newlines at the end, which $( ) drops. Each program costs boot time.
put() {
  text=${3-}
  [ $# -eq 3 ] || while IFS= read -r line || [ -n "$line" ]; do
    text="$text$line
"
  done
  if [ ! -f "$root$2" ] || [ "$(cat "$root$2" && echo .)" != "$text." ]; then
    [ -d "$root${2%/*}" ] || ensure_folder "${2%/*}"
    [ "$1" != 0644 ] || umask 022
    printf %s "$text" >"$root$2.new"
    umask 077
    [ "$1" != 0700 ] || chmod 0700 "$root$2.new"
    mv -f "$root$2.new" "$root$2"
    changed="$changed $2"
    log "wrote $2"
  else
    chmod "$1" "$root$2"
  fi
}

# ensure_folder PATH: exists and is as open as the system's own.
ensure_folder() {
  (umask 022 && mkdir -p "$root$1")
}

# tell_progress: that this boot has begun, for those who look from outside; the agent tells the rest.
tell_progress() {
  [ -e "$root/run/bootstrap/progress" ] || put 0644 /run/bootstrap/progress boot
}

# Two runs may meet: a cloud's start-up script, user-data, and an operator's push. The second waits and finds all done.
# The agent takes the same lock for each step of a join: none is under way while the engine is started anew.
one_at_a_time() {
  ensure_folder /run/bootstrap
  exec 9>"$root/run/bootstrap/lock"
  flock -w 1800 9 || die "another run of this script has held the lock for 30 minutes"
}

# Which system this is: sets ID, VERSION_ID and VERSION_CODENAME as in os-release(5), and tools, apt or dnf.
know_system() {
  # shellcheck source=/dev/null
  . "$root/etc/os-release"
  case " $ID ${ID_LIKE-} " in
    *" debian "* | *" ubuntu "*) tools=apt ;;
    *" rhel "* | *" fedora "* | *" centos "* | *" amzn "*) tools=dnf ;;
    *) die "$ID is neither of Debian's nor of Red Hat's family" ;;
  esac
}

ended_before() {
  [ -e "$root/var/lib/bootstrap/prepared" ]
}

finished() {
  put 0644 /var/lib/bootstrap/prepared yes
  rm -f "$root/var/lib/bootstrap/node.sh"
  log "done; the node joins by itself, its story is in: journalctl -u docker-swarm-join"
}

# cloud-init notes that user-data ran before it runs it, so a machine that loses its power now would never be a node.
# Until it is prepared, each boot runs this copy. What came through a pipe stands in no file: that is pushed again.
keep_script() {
  put 0644 /etc/systemd/system/bootstrap-prepare.service <<'END_OF_UNIT'
[Unit]
Description=Swarm node: the rest of a first boot that was cut short
ConditionPathExists=/var/lib/bootstrap/node.sh
ConditionPathExists=!/var/lib/bootstrap/prepared
Wants=network-online.target
After=network-online.target cloud-config.service

# The script starts units, so neither they nor a target may wait for it: hence no oneshot. It is started by /bin/sh,
# since SELinux lets systemd start no program from /var.
[Service]
ExecStart=/bin/sh /var/lib/bootstrap/node.sh
RemainAfterExit=yes

[Install]
WantedBy=multi-user.target
END_OF_UNIT
  ! ended_before || return 0
  if [ ! -f "$0" ] || [ "$(tail -n 1 "$0")" != 'main "$@"' ]; then
    log "warning: this script was not started from its file: if the power fails before the end, push it again"
    return 0
  fi
  copy=$root/var/lib/bootstrap/node.sh
  ensure_folder /var/lib/bootstrap
  cat "$0" >"$copy.new"
  chmod 0700 "$copy.new"
  sync "$copy.new" # an empty copy would do nothing, and say that all is well
  mv -f "$copy.new" "$copy"
  systemctl enable --quiet --no-reload bootstrap-prepare.service
  set --
  for folder in "${copy%/*}" "$root/etc/systemd/system" "$root/etc/systemd/system"/*.wants; do
    [ ! -d "$folder" ] || set -- "$@" "$folder"
  done
  sync "$@"
}

# patiently COMMAND...: tried again for five minutes while the network or another package tool is in the way. A wrong
# key, signature or hash is never tried again: that is no bad luck but a wrong package.
patiently() {
  out=$root/run/bootstrap/output
  tries=0
  until (umask 022 && exec "$@") >"$out" 2>&1 </dev/null 9>&-; do
    cat "$out" >&2
    ! grep -Eqi "$refused" "$out" || die "a key, signature or hash is wrong: $*"
    grep -Eqi "$passing" "$out" || die "failed: $*"
    tries=$((tries + 1))
    [ "$tries" -le 10 ] || die "still failing after $tries tries: $*"
    log "network or lock trouble, trying again: $1"
    sleep $((tries * 5))
  done
  cat "$out" >&2
}
refused='NO_PUBKEY|BADSIG|EXPKEYSIG|REVKEYSIG|is not signed|GPG error|signatures? (couldn.t|were invalid)'
refused="$refused|unauthenticated|hash sum mismatch|unexpected size|checksum|GPG check|signature verif|public key"
refused="$refused|missing key|bad signature|not (be )?verif"
passing='resolve host|failure resolving|failed to fetch|unable to fetch|connect|timed? ?out|unreachable|reset by peer'
passing="$passing|get lock|locked by|failed to download|cannot download|network|temporary failure|error: 50[0-9]"
passing="$passing|curl: \((5|6|7|18|28|35|52|55|56)\)|curl error \("

# A wait for dpkg's lock is no fault: unattended-upgrades takes it on a fresh machine.
our_apt() {
  patiently apt-get -q -y -o DPkg::Lock::Timeout=600 -o APT::Update::Error-Mode=any \
    -o Dpkg::Options::=--force-confold "$@"
}

is_installed() {
  if [ "$tools" = apt ]; then
    [ "$(dpkg-query -W -f='${db:Status-Status}' -- "${1%%=*}" 2>/dev/null)" = installed ]
  else
    rpm -q --quiet --whatprovides -- "$1"
  fi
}

# add_packages PACKAGE...: those that are missing. A run that was killed may have left dpkg half way.
add_packages() {
  missing=
  for package in "$@"; do is_installed "$package" || missing="$missing $package"; done
  [ -n "$missing" ] || return 0
  if [ "$tools" = apt ]; then
    [ -z "$(dpkg --audit)" ] || patiently dpkg --force-confold --configure -a
    our_apt update
    # shellcheck disable=SC2086 # names of packages hold no space: render refuses them
    our_apt install --no-install-recommends -- $missing
  else
    # shellcheck disable=SC2086
    patiently dnf -q -y install -- $missing
  fi
}

# remove_installed PACKAGE...: those that are there.
remove_installed() {
  for package in "$@"; do
    is_installed "$package" || continue
    if [ "$tools" = apt ]; then our_apt remove "$package"; else patiently dnf -q -y remove "$package"; fi
  done
}

system_packages() {
  set --
  command -v python3 >/dev/null || set -- "$@" python3
  add_packages "$@"
  python3 -I -S -c 'import sys; sys.exit(sys.version_info < (3, 9))' || die "the agent needs Python 3.9 or newer"
}

# The user's own scripts. Those for pre-docker run here, once for each text; the agent runs the others.
hooks_in_place() {
  keep_hooks pre-docker
  keep_hooks pre-join
  keep_hooks post-join
  keep_hooks pre-drain
}

# keep_hooks MOMENT NAME...: what an earlier version of this script put there besides goes.
keep_hooks() {
  moment=$1
  shift
  for file in "$root/etc/bootstrap/hooks/$moment"/*; do
    [ -f "$file" ] || continue
    case " $* " in *" ${file##*/} "*) ;; *) rm -f "$file" ;; esac
  done
}

# The agent is the program that talks to the engine: it joins, and keeps the node right afterwards.
agent() {
  put 0600 /etc/bootstrap/agent.json '{
 "availability": "pause",
 "cluster": "prod",
 "daemon": {
  "log-driver": "local"
 },
 "metadata": {
  "kind": "gcp"
 },
 "pool": "managers",
 "role": "manager",
 "store": {
  "bucket": "b-prod",
  "kind": "gcs-secretmanager",
  "project": "p"
 },
 "swarm": {
  "address_pool": "10.200.0.0/16",
  "autolock": false,
  "cert_expiry": 7776000,
  "data_path_port": 4789,
  "subnet_size": 24
 }
}
'
  zipapp=/usr/local/lib/bootstrap/agent.pyz
  [ "$(checksum_of "$zipapp")" != "$(carried_hash)" ] || return 0
  ensure_folder "${zipapp%/*}"
  carried_agent >"$root$zipapp.new"
  [ "$(checksum_of "$zipapp.new")" = "$(carried_hash)" ] || die "the agent in this script is damaged"
  chmod 0644 "$root$zipapp.new"
  mv -f "$root$zipapp.new" "$root$zipapp"
  changed="$changed $zipapp"
}

checksum_of() {
  [ -e "$root$1" ] || return 0
  sum=$(sha256sum "$root$1")
  echo "${sum%% *}"
}

units() {
  put 0644 /etc/systemd/system/bootstrap-boot.service <<'END_OF_UNIT'
[Unit]
Description=Swarm node: whose machine is this, and the engine's settings, before the engine starts
ConditionPathExists=/etc/bootstrap/agent.json
Wants=network-online.target
After=network-online.target
Before=docker.service

# It ends when it is safe to start the engine: a disk of another life must not serve its old swarm again. It does not
# stay active, so it runs before every start of the engine, and a daemon.json changed by hand never takes effect.
[Service]
Type=oneshot
ExecStart=/usr/bin/python3 -I /usr/local/lib/bootstrap/agent.pyz boot
TimeoutStartSec=infinity
UMask=0077

[Install]
RequiredBy=docker.service
END_OF_UNIT
  put 0644 /etc/systemd/system/docker-swarm-join.service <<'END_OF_UNIT'
# This is `docker swarm join`, or for the machine that founds the cluster `docker swarm init`. It is sent to the
# engine's socket as POST /swarm/join, so that the join token stands in no command line. It runs at every boot and
# leaves a member as it is.
[Unit]
Description=docker swarm join, over the Engine API
Requires=docker.service
After=docker.service bootstrap-boot.service
StartLimitIntervalSec=0

# A join waits for a manager as long as it takes. No target may wait for it, hence docker.service pulls it in.
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/python3 -I /usr/local/lib/bootstrap/agent.pyz join
TimeoutStartSec=infinity
Restart=on-failure
RestartSec=5
UMask=0077
LimitCORE=0

[Install]
WantedBy=docker.service
END_OF_UNIT
  put 0644 /etc/systemd/system/bootstrap-agent.service <<'END_OF_UNIT'
[Unit]
Description=Swarm node: keeps itself a member, and the swarm right while it leads
After=docker.service docker-swarm-join.service
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/bin/python3 -I /usr/local/lib/bootstrap/agent.pyz reconcile
Restart=always
RestartSec=5
UMask=0077
LimitCORE=0

[Install]
WantedBy=docker.service
END_OF_UNIT
  put 0644 /etc/systemd/system/docker.service.d/bootstrap-restart.conf <<'END_OF_UNIT'
# An engine that crashes comes back however often it does: a node that stays down helps nobody. One that a person
# stopped stays stopped until it is started, or until the next boot.
[Unit]
StartLimitIntervalSec=0

[Service]
Restart=always
RestartSec=2
END_OF_UNIT
  put 0644 /etc/systemd/system/bootstrap-rotate.service <<'END_OF_UNIT'
[Unit]
Description=Swarm join tokens: rotated when the inventory's period is over
After=docker.service bootstrap-agent.service

# Every manager asks, only the leader acts; a token never stands in a command line or in the journal.
[Service]
Type=oneshot
ExecStart=/usr/bin/python3 -I /usr/local/lib/bootstrap/agent.pyz rotate --if-due
TimeoutStartSec=300
UMask=0077
LimitCORE=0
END_OF_UNIT
  put 0644 /etc/systemd/system/bootstrap-rotate.timer <<'END_OF_UNIT'
[Unit]
Description=Swarm join tokens: asks whether it is time to rotate them

# The period stands in the control object, so another one reaches running machines; the shortest is 15 minutes.
[Timer]
OnCalendar=*:0/5
RandomizedDelaySec=60
Persistent=true

[Install]
WantedBy=timers.target
END_OF_UNIT
  at_every_boot bootstrap-boot.service docker-swarm-join.service bootstrap-agent.service bootstrap-rotate.timer
  case $changed in */etc/systemd/system/*) systemctl daemon-reload ;; esac
}

# at_every_boot UNIT...: enabled. A reload of systemd takes a tenth of a second of a core: it is done once, after all.
# The init script beside Docker's unit would cost two more.
at_every_boot() {
  for unit in "$@"; do
    shift
    if ! ended_before || ! systemctl is-enabled --quiet "$unit" 2>/dev/null; then set -- "$@" "$unit"; fi
  done
  [ $# -eq 0 ] || SYSTEMCTL_SKIP_SYSV=1 systemctl enable --quiet --no-reload "$@"
}

# begin UNIT: started. The unit of the join ends when the node has joined, which may take until a manager is there, so
# nothing waits for it: cloud-init must end. A new agent takes the place of a running one.
begin() {
  case $1$changed in
    docker-swarm-join.service* | bootstrap-rotate.timer*) systemctl start --no-block "$1" ;;
    bootstrap-agent.service*/agent.* | bootstrap-agent.service*/bootstrap-agent.service*)
      systemctl restart --no-block "$1"
      ;;
    bootstrap-agent.service*) systemctl start --no-block "$1" ;;
    *) systemctl start "$1" || die "$1 failed, see: journalctl -u $1" ;;
  esac
}

# An engine that is there already wins, and is reported.
engine() {
  command -v dockerd >/dev/null || add_engine
  command -v dockerd >/dev/null || die "no dockerd after the installation: this system's packages have no Docker engine"
  have=$(dockerd --version)
  log "the engine is $have"
  case $have in
    *" $version,"*) ;;
    *) log "warning: docker-ce $version is wanted, but the engine that was there stays" ;;
  esac
  hold_engine
}

# Docker's own packages: from its repository, signed by the one key we know, in exactly this version, and held there.
repository=https://download.docker.com
version=29.1.3

add_engine() {
  command -v curl >/dev/null || add_packages curl
  if [ "$tools" = apt ]; then take_from_apt; else take_from_dnf; fi
  hold_engine
}

take_from_apt() {
  case $ID in debian | ubuntu) ;; *) die "Docker has no packages for $ID: set docker.packages to distro" ;; esac
  add_packages ca-certificates gpg
  fetch_key /etc/apt/keyrings/bootstrap-docker.asc 9DC858229FC7DD38854AE2D88D81803C0EBFCD88
  put 0644 /etc/apt/sources.list.d/bootstrap-docker.sources <<END_OF_SOURCE
Types: deb
URIs: $repository/linux/$ID
Suites: $VERSION_CODENAME
Components: stable
Signed-By: /etc/apt/keyrings/bootstrap-docker.asc
END_OF_SOURCE
  our_apt update
  exact=$(full_version)
  [ -n "$exact" ] || die "$repository has no docker-ce $version for $ID $VERSION_CODENAME"
  remove_installed docker.io docker-compose docker-compose-v2 docker-doc podman-docker containerd runc
  our_apt install --no-install-recommends -- "docker-ce=$exact" "docker-ce-cli=$exact" containerd.io
}

# The repository's full name of the version: 5:29.1.3-1~debian.13~trixie.
full_version() {
  apt-cache madison docker-ce | while IFS='| ' read -r _ full _; do
    case $full in *:"$version"-*) echo "$full" && break ;; esac
  done
}

take_from_dnf() {
  case $ID in
    fedora | rhel) family=$ID ;;
    almalinux | centos | ol | rocky) family=centos ;;
    *) die "Docker has no packages for $ID: set docker.packages to distro" ;;
  esac
  command -v gpg >/dev/null || add_packages gnupg2
  fetch_key /etc/pki/rpm-gpg/bootstrap-docker.asc 060A61C51B558A7F742B77AAC52FEB6B621E9F35
  put 0644 /etc/yum.repos.d/bootstrap-docker.repo <<END_OF_SOURCE
[bootstrap-docker]
name=Docker
baseurl=$repository/linux/$family/${VERSION_ID%%.*}/\$basearch/stable
gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/bootstrap-docker.asc
END_OF_SOURCE
  remove_installed docker docker-client docker-common docker-engine podman-docker runc
  dnf -q versionlock list >/dev/null 2>&1 || patiently dnf -q -y install 'dnf-command(versionlock)'
  patiently dnf -q -y install -- "docker-ce-$version" "docker-ce-cli-$version" containerd.io
}

# fetch_key PATH FINGERPRINT: fetched, and let in only if it is this key, by its whole fingerprint, and no second key.
fetch_key() {
  new=$root/run/bootstrap/docker.asc
  patiently curl -fsSL --connect-timeout 20 -o "$new" "$repository/linux/${family:-$ID}/gpg"
  found=$(keys_in "$new")
  [ "$found" = "$2" ] || die "the signing key at $repository is ${found:-no key}, not $2: nothing was installed"
  put 0644 "$1" <"$new"
}

keys_in() {
  mkdir -p "$root/run/bootstrap/gnupg"
  gpg --homedir "$root/run/bootstrap/gnupg" --batch --quiet --with-colons --show-keys "$1" |
    while IFS=: read -r record _ _ _ _ _ _ _ _ value _; do
      case $record in
        pub) primary=yes ;;
        sub) primary= ;;
        fpr) [ -z "${primary-}" ] || echo "$value" ;;
      esac
    done
}

# Once, and only what this script installed. A later boot finishes what a killed run has begun.
hold_engine() {
  [ ! -e "$root/var/lib/bootstrap/held" ] || return 0
  set -- docker-ce docker-ce-cli containerd.io
  if [ -e "$root/etc/apt/sources.list.d/bootstrap-docker.sources" ]; then
    patiently apt-mark hold "$@"
  elif [ -e "$root/etc/yum.repos.d/bootstrap-docker.repo" ]; then
    patiently dnf -q versionlock add "$@"
  else
    return 0
  fi
  put 0644 /var/lib/bootstrap/held yes
}

# remember_engine: what a running engine was started with, to be compared when the settings are written.
remember_engine() {
  started_with=
  ! systemctl is-active --quiet docker.service || started_with=$(config_of_engine)
}

config_of_engine() {
  cat "$root/etc/docker/daemon.json" "$root/etc/systemd/system/docker.service.d"/*.conf 2>/dev/null | sha256sum
}

# An engine that starts begins bootstrap-boot. One that runs did not, and one that is to be installed starts by itself.
before_engine() {
  if [ -n "$started_with" ] || ! command -v dockerd >/dev/null; then begin bootstrap-boot.service; fi
}

# Only on its first boot a machine's engine is started anew for new settings: afterwards it carries the swarm's tasks.
bring_up_engine() {
  if [ -n "$started_with" ] && [ "$started_with" != "$(config_of_engine)" ] &&
    ! ended_before; then
    log "the engine was started without these settings: once more"
    systemctl restart docker.service || die "the engine failed, see: journalctl -u docker"
  fi
  at_every_boot docker.service
  begin docker.service
}

main() {
  one_at_a_time
  keep_script
  tell_progress
  remember_engine
  know_system
  system_packages
  hooks_in_place
  agent
  units
  before_engine
  engine
  bring_up_engine
  begin docker-swarm-join.service
  begin bootstrap-agent.service
  begin bootstrap-rotate.timer
  finished
}

# The agent itself: a Python zipapp in base64, and its hash. Its source is bootstrap/agent of swarm-bootstrap.
carried_hash() {
  echo 030b24ac1e60b0ebbd5c15a6b9a61ff6c3d5423ef488178e213c470a29522703
}

carried_agent() {
  base64 -d <<'END_OF_AGENT'
UEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQgUEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQgUEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQg
UEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQgUEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQgUEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQg
UEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQgUEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQgUEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQg
UEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQgUEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQgUEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQg
UEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQgUEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQgUEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQg
UEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQgUEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQgUEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQg
UEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQgUEsDBCBhIHN0YW5kLWluIGZvciB0aGUgYWdlbnQg
END_OF_AGENT
}

main "$@"
