#!/bin/sh
# The power supply of one host: plug it in, boot it, boot it again when it asks for a reboot, unplug it when it is off.
# A kernel ends the first process of a PID namespace that calls reboot(2) by SIGHUP (restart) or SIGINT (power off);
# unshare passes that on as 129 or 130.
# Given by the environment: FOLDER NAMESPACE FABRIC PORT MAC PYTHON INIT, and DOORS, the cgroup.procs files to enter.
set -u
cd "$FOLDER" || exit 1
for door in $DOORS; do echo 0 >"$door"; done
echo $$ >supervisor.pid

unplug() {
	ip -n "$FABRIC" link del "$PORT" 2>/dev/null
	ip netns del "$NAMESPACE" 2>/dev/null
}

# Every boot gets a new network namespace: no rule, bridge or setting of the last boot outlives it.
plug() {
	unplug
	ip netns add "$NAMESPACE" &&
		ip -n "$NAMESPACE" link set lo up &&
		ip link add eth0 address "$MAC" netns "$NAMESPACE" type veth peer name "$PORT" netns "$FABRIC" &&
		ip -n "$FABRIC" link set "$PORT" master br0 &&
		{ [ -e cut ] || ip -n "$FABRIC" link set "$PORT" up; }
}

while plug; do
	unshare --pid --fork -- "$PYTHON" -I -S "$INIT" "$FOLDER/boot.json"
	code=$?
	echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $code" >>power.log
	[ "$code" -eq 129 ] || break
done
unplug
rm -f supervisor.pid
touch ended
