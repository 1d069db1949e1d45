"""Edit and call again: what must be computed anew, and what must not."""
