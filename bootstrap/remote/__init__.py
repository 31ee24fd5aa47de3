"""Doors to other machines: run a command there, and speak to the agent that lives there."""
