"""Values: no input, no output, no cloud. Everything above speaks in these."""
