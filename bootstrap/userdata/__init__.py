"""What a machine is given at its first boot: one shell script, rendered from an inventory. Pure."""

from bootstrap.userdata.render import NodeTarget, agent_settings, render, settings_hash, template_hash
from bootstrap.userdata.size import check_size, sizes

__all__ = ["NodeTarget", "agent_settings", "check_size", "render", "settings_hash", "sizes", "template_hash"]
