"""Persistent memoization that can be trusted: never a stale value, never a miss without a reason."""

from hashcache import arrays, code_values, columns, frames, libraries, values  # noqa: F401  (handlers)
from hashcache.bound import BoundCached
from hashcache.cache import Cache, hashcache
from hashcache.canonical import register
from hashcache.codec import Codec, ConvertingCodec, Payload
from hashcache.decorator import Cached
from hashcache.errors import (
    ArchiveError,
    AuditWarning,
    HashCacheError,
    HashCacheWarning,
    MutationError,
    MutationWarning,
    OptionError,
    StoreWarning,
    UncacheableWarning,
    UncanonicalError,
    UnencodableError,
)
from hashcache.explain import Explanation
from hashcache.key import Key
from hashcache.layer import Layer
from hashcache.mutation import digest
from hashcache.outside import Env, File
from hashcache.stores import DirectoryStore, Store

__version__ = "0.1.0"

jit = hashcache.jit
configure = hashcache.configure
export_entries = hashcache.export_entries
import_entries = hashcache.import_entries

__all__ = [
    "ArchiveError",
    "AuditWarning",
    "BoundCached",
    "Cache",
    "Cached",
    "Codec",
    "ConvertingCodec",
    "DirectoryStore",
    "Env",
    "Explanation",
    "File",
    "HashCacheError",
    "HashCacheWarning",
    "Key",
    "Layer",
    "MutationError",
    "MutationWarning",
    "OptionError",
    "Payload",
    "Store",
    "StoreWarning",
    "UncacheableWarning",
    "UncanonicalError",
    "UnencodableError",
    "configure",
    "digest",
    "export_entries",
    "hashcache",
    "import_entries",
    "jit",
    "register",
]
