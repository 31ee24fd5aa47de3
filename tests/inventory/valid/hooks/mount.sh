#!/bin/sh
# Mounts the data disk before the engine starts.
mountpoint -q /var/lib/docker || mount /dev/disk/by-label/docker /var/lib/docker
