"""What `benchmarks/swarm.py` is made of."""
