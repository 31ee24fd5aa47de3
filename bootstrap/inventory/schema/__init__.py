"""The shape of an inventory: one frozen pydantic model per block, with a description on every key."""
