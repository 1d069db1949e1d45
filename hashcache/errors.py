"""One exception root and one warning root; each exception also is the builtin a caller would catch."""

from __future__ import annotations


class HashCacheError(Exception):
    """Something about caching, never about the function that is cached."""


class UncanonicalError(HashCacheError, TypeError):
    """A value has no canonical form, so that no key can be made from it.

    Attributes
    ----------
    path : str
        Where in the argument or captured value it sits, such as ``atoms.calc.lock``.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class UnbindableError(HashCacheError, TypeError):
    """The arguments do not fit the function's parameters; a call raises what the function itself raises."""


class UnencodableError(HashCacheError, TypeError):
    """A result that no codec can turn into bytes."""


class NotWorthStoringError(UnencodableError):
    """A result that is better computed again than read; callers get it, and nobody is warned."""


class TooLargeError(HashCacheError, ValueError):
    """A result that takes more bytes than its store may hold in all; callers get it, and it is not stored."""


class MutationError(HashCacheError, RuntimeError):
    """A function decorated with ``mutation="error"`` changed an argument or a captured value."""


class OptionError(HashCacheError, ValueError):
    """An option of the decorator or of a cache has a value it cannot have."""


class TornEntryError(HashCacheError, ValueError):
    """Stored bytes are not one whole entry; callers see a miss, never this."""


class UnknownFormatError(HashCacheError, ValueError):
    """Stored bytes were written by another version of the format; callers see a miss, never this."""


class UntrustedEntryError(HashCacheError, ValueError):
    """Stored bytes are not sealed with the key of a shared store; callers see a miss, never this."""


class RefusedCodecError(HashCacheError, ValueError):
    """A result was stored by a codec that ``pickle="never"`` leaves out; callers see a miss, never this."""


class KeyFileError(HashCacheError, PermissionError):
    """The key of a shared store is missing, is none, or can be read by others; callers compute."""


class ArchiveError(HashCacheError, ValueError):
    """An archive is not what this package would have written; nothing of it was stored."""


class UnreachableError(HashCacheError, OSError):
    """A place that archives are kept at cannot be read or written; whoever asks computes."""


class CompressionError(HashCacheError, RuntimeError):
    """Frames cannot be compressed or expanded; callers store them as they are, or see a miss."""


class HashCacheWarning(UserWarning):
    """Root of the warnings: the answer is right, something about its caching is not."""


class MutationWarning(HashCacheWarning):
    """A call changed an argument or a captured value; its result was not stored."""


class UncacheableWarning(HashCacheWarning):
    """A call was computed without the cache, since its key or its result could not be made."""


class AuditWarning(HashCacheWarning):
    """A hit was computed again and gave another result than the stored one; the answer was computed."""


class StoreWarning(HashCacheWarning):
    """The store could not be read or written, or held a torn entry; the answer was computed."""
