"""Integer arithmetic of compiled callbacks, which raises where numba would let it wrap."""

# Numba is typed here and there only.
# mypy: allow-untyped-calls, no-warn-unused-ignores, no-warn-return-any
# mypy: disable-error-code="attr-defined, call-arg, assignment"

from __future__ import annotations

from typing import Any

from llvmlite import ir as llvm  # type: ignore[import-untyped]
from numba.core import types
from numba.core.compiler_machinery import register_pass
from numba.core.errors import UnsupportedError
from numba.core.lowering import Lower
from numba.core.typed_passes import BaseNativeLowering

_EXACT = 2**53  # up to here integers are floats, and Python's division is that of floats

_OVERFLOWING = {"add": "sadd", "sub": "ssub", "mul": "smul"}
_CHECKED = {*_OVERFLOWING, "pow", "truediv", "floordiv", "mod", "lshift", "rshift"}


class _CheckedLower(Lower):  # type: ignore[misc]
    """Numba's lowering, with arithmetic on integers that raises where the result has no 64 bits."""

    def lower_binop(self, resty: Any, expr: Any, op: Any) -> Any:
        name = op.__name__
        name = name[1:] if name[1:] in _CHECKED else name  # an operator in place, like iadd
        kinds = [self.typeof(operand.name) for operand in (expr.lhs, expr.rhs)]
        if name not in _CHECKED:
            return super().lower_binop(resty, expr, op)
        for kind in kinds:
            narrow = isinstance(kind, types.Integer) and (kind.bitwidth != 64 or not kind.signed)
            if narrow or (isinstance(kind, types.Float) and kind.bitwidth != 64):
                raise UnsupportedError(f"arithmetic on {kind} is not that of Python", loc=expr.loc)
        if not all(isinstance(kind, types.Integer | types.Boolean) for kind in kinds):
            return super().lower_binop(resty, expr, op)
        if all(isinstance(kind, types.Boolean) for kind in kinds):
            raise UnsupportedError("arithmetic on two booleans is not that of NumPy", loc=expr.loc)
        a, b = (
            self.context.cast(self.builder, self.loadvar(operand.name), kind, types.int64)
            for operand, kind in zip((expr.lhs, expr.rhs), kinds, strict=True)
        )
        if name in _OVERFLOWING:
            result, wrapped = self._with_overflow(_OVERFLOWING[name], a, b)
            self._raise_if(wrapped)
            return self.context.cast(self.builder, result, types.int64, resty)
        if name == "pow":
            result = self.context.compile_internal(
                self.builder, _power, types.int64(types.int64, types.int64), (a, b)
            )
            return self.context.cast(self.builder, result, types.int64, resty)
        if name == "truediv":
            self._raise_if(self._outside(a, -_EXACT, _EXACT))
            self._raise_if(self._outside(b, -_EXACT, _EXACT))
        elif name in ("lshift", "rshift"):
            self._raise_if(self._outside(b, 0, 62))
            if name == "lshift":
                _, wrapped = self._with_overflow("smul", a, self.builder.shl(b.type(1), b))
                self._raise_if(wrapped)
        else:  # of the smallest integer, one quotient has no 64 bits
            self._raise_if(self._outside(a, -(2**63) + 1, 2**63 - 1))
        return super().lower_binop(resty, expr, op)

    def _with_overflow(self, name: str, a: Any, b: Any) -> tuple[Any, Any]:
        """Return the result of an operation, and whether it has wrapped."""
        kind = llvm.FunctionType(llvm.LiteralStructType([a.type, llvm.IntType(1)]), [a.type, a.type])
        function = self.builder.module.declare_intrinsic(f"llvm.{name}.with.overflow", [a.type], kind)
        both = self.builder.call(function, [a, b])
        return self.builder.extract_value(both, 0), self.builder.extract_value(both, 1)

    def _outside(self, value: Any, low: int, high: int) -> Any:
        below = self.builder.icmp_signed("<", value, value.type(low))
        return self.builder.or_(below, self.builder.icmp_signed(">", value, value.type(high)))

    def _raise_if(self, wrong: Any) -> None:
        with self.builder.if_then(wrong, likely=False):
            self.context.call_conv.return_user_exc(
                self.builder, OverflowError, ("an integer has no 64 bits",), loc=self.loc
            )


def _power(a: int, b: int) -> int:
    if b < 0:
        raise ValueError("Python's answer is a float")
    if a == 0 or a == 1 or b == 0:
        return 1 if b == 0 else a
    result = 1
    for _ in range(min(b, 64)):
        if abs(result) > (2**63 - 1) // abs(a):
            raise OverflowError("an integer has no 64 bits")
        result *= a
    if b > 64:
        if a != -1:
            raise OverflowError("an integer has no 64 bits")
        return 1 if b % 2 == 0 else -1
    return result


@register_pass(mutates_CFG=True, analysis_only=False)
class CheckedLowering(BaseNativeLowering):  # type: ignore[misc]
    """The step of numba that writes machine code, with checks."""

    _name = "phasic_checked_lowering"

    @property
    def lowering_class(self) -> Any:
        """What writes it."""
        return _CheckedLower
