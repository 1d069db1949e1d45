"""Places that entries are kept in."""

from hashcache.stores.base import Store
from hashcache.stores.directory import DirectoryStore

__all__ = ["DirectoryStore", "Store"]
