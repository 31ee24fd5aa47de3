"""One inventory file becomes a running Docker Swarm.

cli         one click command per verb; shows events, plans and tables
engine      the difference of two lists is a plan; apply carries it out
providers   what should exist and what does exist: aws, gcp, ssh, local
swarm       nodes, networks and stacks, read and changed through the agent
lab         many real hosts on one machine: what `local` is made of
userdata    the script that turns a machine into a node
inventory   the file, checked: every problem at once
remote      a way onto a node
agent       what runs on the node; standard library only
model       values
"""

__version__ = "0.1.0.dev0"
