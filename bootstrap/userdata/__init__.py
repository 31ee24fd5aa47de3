"""What a machine is given at its first boot: one shell script, rendered from an inventory. Pure."""

from bootstrap.userdata.render import NodeTarget, render, template_hash
from bootstrap.userdata.size import check_size, sizes

__all__ = ["NodeTarget", "check_size", "render", "sizes", "template_hash"]
