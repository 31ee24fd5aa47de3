"""One file for each verb; each holds a `command`. Nothing here is imported before it is asked for."""
