"""Changes that a call makes, stored with its result and repeated on a hit.

What a call left behind is told as the new content of every object that it changed. In that, an object
that was there before is a number (see `hashcache.reach`), and everything new is pickled by value, in one
stream with the result: what result and changes share stays shared, and a function that returns its
argument returns it on a hit as well.
"""

from __future__ import annotations

import io
import operator
import pickle
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from hashcache.codec import CODECS, Buffer, Codec, Payload, own
from hashcache.errors import UnencodableError
from hashcache.facets import DoesNotFitError, Step
from hashcache.fingerprint import Fingerprint
from hashcache.mutation import Argument, changed_values, rebound
from hashcache.plain import ATOMS, atom_digest
from hashcache.reach import Reach
from hashcache.recent import MISS
from hashcache.regions import Region, clusters, region_of

Change = tuple[int, list[tuple[int, Any]]]  # number of an object; numbers and content of its facets
_Held = tuple[list[list[Any]], object] | None  # snapshot and frame of an object that is no whole

REPLAY = "value with changes"  # what entries of such call their codec
_ABSENT = object()
_RESULT = "result"
_NEW = -2  # in place of the number of an object, for arrays that the call made


class UnrepeatableError(Exception):
    """A call changed something in a way that cannot be stored.

    Attributes
    ----------
    paths : list of str
    """

    def __init__(self, paths: list[str], reason: str) -> None:
        super().__init__(reason)
        self.paths = paths


class Before:
    """What everything in reach held before a call.

    Parameters
    ----------
    reach : Reach
    arguments : iterable of Argument
        Those that `reach` was made from.
    fingerprint : Fingerprint
        Of the function before the call.
    renew : callable
        Returns the fingerprint of the function now.
    relax : iterable of str
    """

    def __init__(
        self,
        reach: Reach,
        arguments: Iterable[Argument],
        fingerprint: Fingerprint,
        renew: Callable[[], Fingerprint],
        relax: Iterable[str] = (),
    ) -> None:
        self._reach = reach
        self._arguments = arguments
        self._fingerprint = fingerprint
        self._renew = renew
        self._relax = relax
        self._held: list[_Held] = []
        self._failure: Exception | None = None
        try:
            if changed_values(arguments, fingerprint, relax):  # by another thread
                raise RuntimeError("something else changed it before")
            for kind, value in zip(reach.kinds, reach.objects, strict=True):
                self._held.append(None if kind is None else (kind.snapshot(value), kind.frame(value)))
        except Exception as error:  # from an attribute or a method of somebody's own
            self._failure = error

    def encode(self, value: Any, codecs: Sequence[Codec]) -> Payload | None:
        """Return a result with what the call changed; None where it is a result like any other.

        That is where nothing was changed, and nothing in reach is returned.

        Raises
        ------
        UnrepeatableError
            Something changed that cannot be told or repeated.
        """
        try:
            if self._failure is not None:
                raise self._failure
            self._check()
            changes = list(self._changes())
            # Found by other means, for whatever a kind does not show.
            unseen = [] if changes else changed_values(self._arguments, self._fingerprint, self._relax)
            if unseen:
                raise UnrepeatableError(unseen, "what changed in it cannot be told")
        except UnrepeatableError:
            raise
        except Exception as error:
            raise UnrepeatableError(["what cannot be looked at"], f"looking failed with {error!r}") from error
        if not changes and type(value) in ATOMS:
            return None
        try:
            payload, refers = _encode(self._reach, value, changes, codecs)
        except UnencodableError as error:
            if not changes:
                return None  # which of the codecs can store it is not a matter of changes
            raise UnrepeatableError([self._reach.path(place) for place, _ in changes], str(error)) from error
        return payload if changes or refers else None

    def check_unchanged(self) -> None:
        """Raise `UnrepeatableError` if the call changed anything at all."""
        if self.encode(None, ()) is not None:
            paths = [self._reach.path(place) for place, _ in self._changes()]
            raise UnrepeatableError(paths, "a generator changes it while its items are used")

    def _changes(self) -> Iterator[Change]:
        reach = self._reach
        for place, (kind, value, held) in enumerate(zip(reach.kinds, reach.objects, self._held, strict=True)):
            if kind is None or held is None:
                continue
            both = enumerate(zip(held[0], kind.snapshot(value), strict=True))
            changed = [number for number, (old, new) in both if not _same(old, new)]
            if changed:
                yield place, kind.content(value, changed)

    def _check(self) -> None:
        """Refuse what cannot be repeated: a change inside of a whole, of a shape, of a name."""
        reach = self._reach
        changed = [
            reach.path(place)
            for place, held in enumerate(self._held)
            if held is not None and not _same_frame(reach, place, held[1])
        ]
        if changed:
            raise UnrepeatableError(changed, "a change of class, shape or dtype cannot be repeated")
        for leaf in reach.leaves.values():
            try:
                same = leaf.look() == leaf.digest
            except Exception:  # it had a form before
                same = False
            if not same:
                changed.append(reach.name(leaf.where))
        if changed:
            raise UnrepeatableError(changed, "a change inside of it cannot be repeated")
        names = rebound(self._fingerprint, self._renew)
        if names:
            raise UnrepeatableError(names, "giving a captured name another value cannot be repeated")


def _same(old: list[Any], new: list[Any]) -> bool:
    if len(old) != len(new):
        return False
    if all(map(operator.is_, old, new)):
        return True
    return all(
        a is b or (type(a) is type(b) and type(a) in ATOMS and atom_digest(a) == atom_digest(b))
        for a, b in zip(old, new, strict=True)
    )


def _same_frame(reach: Reach, place: int, frame: object) -> bool:
    kind, value = reach.kinds[place], reach.objects[place]
    try:
        return kind is not None and kind.frame(value) == frame
    except Exception:  # what an object of another class raises
        return False


# -- writing -------------------------------------------------------------------------------------------


class _Writer:
    """What picklers do here beside pickling: name what is in reach, refuse what would lose its ties."""

    reach: Reach
    result: Any
    refers: bool
    inside: set[int]
    regions: list[Region]

    def prepare(self, reach: Reach, result: Any) -> None:
        self.reach = reach
        self.result = result  # an object that a codec of the layer's own stores
        self.refers = False
        self.inside = {id(value) for value in reach.inside_of_leaves()}
        self.regions = []

    def persistent_id(self, value: Any) -> Any:
        if value is self.result:
            return _RESULT
        place = self.reach.number(value)
        if place is not None:
            self.refers = True
            return place
        if id(value) in self.inside:
            raise UnencodableError("what is new refers to a part of something that is taken as a whole")
        return None

    def reducer_override(self, value: Any) -> Any:
        if type(value) is object:
            raise UnencodableError("a bare object() is told from another only by its identity")
        region = region_of(value, _NEW)
        if region is not None:
            whole = _whole_of(region, self.reach.regions)
            if whole is not None:
                layout = value.shape, value.strides, value.dtype, value.flags.writeable
                return _view, (whole.value, value.__array_interface__["data"][0] - whole.low, *layout)
            self.regions.append(region)
        reduce = getattr(super(), "reducer_override", None)
        return NotImplemented if reduce is None else reduce(value)

    def check(self) -> None:
        """Refuse arrays that look at the memory of others: pickled, each would have its own."""
        for cluster in clusters([*self.reach.regions, *self.regions]):
            if any(region.place == _NEW for region in cluster):
                raise UnencodableError("what is new shares memory with another array")


class _Pickler(_Writer, pickle.Pickler):
    pass


def _whole_of(region: Region, known: Iterable[Region]) -> Region | None:
    """Return the array in reach that a new array is a view of; None where a hit could not make that view."""
    for whole in known:
        if whole.place >= 0 and whole.low <= region.low and region.high <= whole.high:
            found: tuple[Any, Any] = whole.value, region.value
            if all(type(one).__name__ == "ndarray" and not one.dtype.hasobject for one in found):
                # How the array lies in memory is not in the key, so it has to be the common way.
                return whole if found[0].flags.c_contiguous else None
    return None


def _view(
    whole: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: Any, writeable: bool
) -> Any:
    import numpy as np

    if not whole.flags.c_contiguous or (writeable and not whole.flags.writeable):
        raise DoesNotFitError("the array lies in memory in another way, or is read-only")
    view: Any = np.ndarray(shape, dtype, whole.reshape(-1).view(np.uint8), offset, strides)
    view.flags.writeable = writeable
    return view


_NOWHERE = "<dynamic-code>"  # where cloudpickle says that a function is from


class _CodeWriter:
    """Beside cloudpickle: a function keeps its file, which says what distribution it is of."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, types.CodeType) and value.co_filename != _NOWHERE:
            return _in_file, (value.replace(co_filename=_NOWHERE), value.co_filename)
        return super().reducer_override(value)  # type: ignore[misc]


def _in_file(code: types.CodeType, filename: str) -> types.CodeType:
    return code.replace(co_filename=filename)


def _encode(reach: Reach, value: Any, changes: list[Change], codecs: Sequence[Codec]) -> tuple[Payload, bool]:
    """Return result and changes as bytes, and whether they refer to an object in reach."""
    apart, result = _by_own_codec(value, reach, codecs)
    buffers: list[pickle.PickleBuffer] = []
    content = (value, changes)
    try:
        writer, text = _write(_Pickler, reach, result, content, buffers)
    except UnencodableError:
        raise
    except Exception as error:  # pickle raises whatever __reduce__ does
        import cloudpickle

        class Cloud(_CodeWriter, _Writer, cloudpickle.CloudPickler):  # type: ignore[misc]
            pass

        buffers.clear()
        try:
            writer, text = _write(Cloud, reach, result, content, buffers)
        except Exception as second:
            raise UnencodableError(f"what is new cannot be stored: {error}") from second
    if changes:
        writer.check()
    try:
        frames: list[Buffer] = [text, *(buffer.raw() for buffer in buffers)]
    except BufferError as error:
        raise UnencodableError(f"a buffer of it has gaps: {error}") from error
    if apart is None:
        return Payload([len(frames), None, None], frames), writer.refers
    name, payload = apart
    return Payload([len(frames), name, payload.description], [*frames, *payload.frames]), writer.refers


def _by_own_codec(
    value: Any, reach: Reach, codecs: Sequence[Codec]
) -> tuple[tuple[str, Payload] | None, Any]:
    """Return the result as the layer's own codec stores it, and the object that then need not be pickled."""
    if reach.number(value) is None:
        for codec in codecs:
            if codec not in CODECS and codec.accepts(value):
                try:
                    return (codec.name, codec.encode(value)), value
                except Exception:  # then it is pickled, or refused there
                    continue
    return None, _ABSENT


def _write(
    pickler: Any, reach: Reach, result: Any, content: Any, buffers: list[pickle.PickleBuffer]
) -> tuple[_Writer, bytes]:
    file = io.BytesIO()
    writer = pickler(file, protocol=5, buffer_callback=buffers.append)
    writer.prepare(reach, result)
    writer.dump(content)
    return writer, file.getvalue()


# -- reading -------------------------------------------------------------------------------------------


class _Reader(pickle.Unpickler):
    def __init__(self, text: Buffer, buffers: Iterable[Buffer], reach: Reach, result: Any) -> None:
        super().__init__(io.BytesIO(text), buffers=buffers)
        self._reach = reach
        self._result = result

    def persistent_load(self, name: Any) -> Any:
        if name == _RESULT:
            return self._result
        return self._reach.numbered(name)


def replay(payload: Payload, reach: Reach, codecs: Sequence[Codec]) -> Any:
    """Return the result, after every change is repeated on what is in reach now; or `MISS`.

    Everything is made and checked before the first object is touched, so that a change is never
    repeated by half.
    """
    count, name, description = payload.description
    result = None
    if name is not None:
        codec = next(codec for codec in codecs if codec.name == name)
        result = codec.decode(Payload(description, payload.frames[count:]))
    text, *buffers = payload.frames[:count]
    steps: list[Step] = []
    try:
        value, changes = _Reader(text, map(own, buffers), reach, result).load()
        for place, content in changes:
            kind = reach.kinds[place]
            if kind is None:
                return MISS
            steps += kind.prepare(reach.objects[place], content)
    except DoesNotFitError:
        return MISS  # the function itself says what is wrong with these arguments
    for step in steps:
        step()
    return value
