"""Real hosts on this one machine: systemd, cloud-init and Docker engines in their own namespaces."""
