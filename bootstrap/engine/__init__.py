"""Plans are made and carried out here; nothing in this package prints or asks."""
