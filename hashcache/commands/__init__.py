"""The commands of the command line, by family; `hashcache.__main__` says what there is."""
