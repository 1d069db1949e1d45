"""Verifying: whether a program that was found is what its function lowers to now."""

from __future__ import annotations

import random
import weakref
from typing import Any, Literal

from hashcache.programs.ending import at_the_end
from hashcache.programs.lowered import Lowered, Work
from hashcache.programs.shapes import Statics

Verify = Literal["first", "sample", "never"]
CHOICES = ("first", "sample", "never")
FAILED = "verification failed: its key misses something"
_SAMPLED = 0.02  # part of the programs that a process finds
_dice = random.Random()  # the user's own dice fall as they would without us


def is_sampled() -> bool:
    """Return whether the program that was just found is among those that are verified at the end."""
    return _dice.random() < _SAMPLED


class Verification:
    """A program that was found, and all that is needed to lower its function again.

    Parameters
    ----------
    lowered : Lowered
        The programs of the function.
    parts : tuple
        What the program was found by.
    abstract : Work
        The arguments without what is in their arrays.
    module : str
        What the function had been lowered to when the program was stored.
    """

    def __init__(self, lowered: Lowered, parts: tuple[Any, ...], abstract: Work, module: str) -> None:
        self._lowered = weakref.ref(lowered)  # no function is kept until the process ends
        self._parts, self._abstract, self._module = parts, abstract, module
        self._found = lowered.asked(parts)

    def passes(self) -> bool:
        """Lower the function again; if that gives another module, drop the program, warn, return False."""
        lowered = self._lowered()
        if lowered is None or lowered.module(self._abstract) == self._module:
            return True
        # Lowering fills cached properties, and a program is stored under the key after that as well.
        lowered.drop(self._found, lowered.asked(self._parts))
        return False

    def put_off(self) -> None:
        """Do so when the process ends, unless the function or what it was given is another by then.

        Static arguments and captured objects may be changed after a call. Lowering would then say
        something of another program than the one that was found.
        """
        now = self._question()

        def verify() -> None:
            lowered = self._lowered()
            if lowered is None:
                return
            if now is not None and self._question() == now:
                self.passes()
            else:
                lowered.say("not verified: what its program was made from has changed since")

        at_the_end(verify)

    def _question(self) -> bytes | None:
        """Return the digest that the program would be looked for under now; None where there is none."""
        lowered = self._lowered()
        try:
            return None if lowered is None else lowered.asked(self._parts).digest
        except Exception:  # it had one when the program was found
            return None


def abstract(statics: Statics, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Work:
    """Return arguments without what is in their arrays."""
    import jax

    numbers = statics.numbers(len(args))
    shaped = tuple(
        arg if n in numbers else jax.tree_util.tree_map(_shape_of, arg) for n, arg in enumerate(args)
    )
    named = {
        name: arg if statics.is_static(name) else jax.tree_util.tree_map(_shape_of, arg)
        for name, arg in kwargs.items()
    }
    return Work(shaped, named)


def _shape_of(leaf: Any) -> Any:
    import jax

    if isinstance(leaf, jax.Array):
        sharding = leaf.sharding if leaf.committed else None
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding, weak_type=leaf.aval.weak_type)
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if hasattr(leaf, "shape") else leaf
