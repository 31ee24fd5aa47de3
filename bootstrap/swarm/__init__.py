"""What lives inside the swarm - nodes, networks, stacks - as resources, read by one agent call."""
