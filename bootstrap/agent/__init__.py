"""The program on a node: everything that talks to a Docker engine. Python >= 3.9, standard library only.

It runs as one zipapp on the node and is imported by the CLI and the tests. It imports nothing of ours outside
this package, and the modules it needs only sometimes are imported where they are used, to stay small in memory.
"""
