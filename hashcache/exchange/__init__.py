"""Entries that leave a cache and come to another one: archives of them, and places to put these."""
