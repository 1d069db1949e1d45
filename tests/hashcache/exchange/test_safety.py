"""What could run code stays out, whichever part of an entry it is in, and nobody reads it to find out."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import pytest
from crafted import Trap, archive, files, made

from hashcache import Cache, ConvertingCodec, Layer, form
from hashcache.arguments import encode_arguments
from hashcache.codec import CODECS
from hashcache.exchange.members import member_of
from hashcache.exchange.safety import why_not
from hashcache.form import COMPRESSED, Form
from hashcache.key import Key
from hashcache.replay import REPLAY
from hashcache.roads import YIELDED


def pickled(sign: Path) -> tuple[str, Any, list[bytes]]:
    return "pickle", None, [pickle.dumps(Trap(sign))]


@pytest.fixture
def traps(tmp_path: Path) -> tuple[Path, list[tuple[str, bytes]]]:
    """A pickle that runs something, in every place where an entry can have one."""
    sign = tmp_path / "sign"
    codec, description, frames = pickled(sign)
    arguments = encode_arguments((Trap(sign),), {}, CODECS, lambda codec, payload: (codec, payload))
    found = [
        made(codec, description, frames),
        made(COMPRESSED, [codec, description, [None]], frames),
        made(YIELDED, [["arrays", 1, 0], [codec, description, 1]], frames),
        made(COMPRESSED, [YIELDED, [[codec, description, 1]], [None]], frames),
        made(REPLAY, description, frames),
        made(arguments=[bytes(frame) for frame in arguments]),
    ]
    return sign, found


def test_what_needs_pickle_stays_out_unless_both_sides_say_otherwise(cache: Cache, traps: Any) -> None:
    sign, found = traps
    for member in found:
        done = cache.import_entries(io.BytesIO(archive(member)))
        assert not done.keys
        assert "allow_pickle" in done.refused[0].reason
        assert files(Path(cache.location)) == []
        never = Cache(cache.location, pickle="never")
        assert never.import_entries(io.BytesIO(archive(member)), allow_pickle=True).refused
        assert files(Path(cache.location)) == []
        assert cache.import_entries(io.BytesIO(archive(member)), allow_pickle=True).keys
        assert cache.export_entries(io.BytesIO()).refused
        assert cache.export_entries(io.BytesIO(), allow_pickle=True).keys
        cache.clear()
    assert not sign.exists()


def test_no_road_of_import_or_comparison_reads_a_pickle(cache: Cache, traps: Any) -> None:
    sign, found = traps
    for member in found:
        cache.import_entries(io.BytesIO(archive(member)), allow_pickle=True)
        other = made("pickle", None, [b"another"])
        done = cache.import_entries(io.BytesIO(archive(other)), allow_pickle=True)
        assert done.different
        cache.import_entries(io.BytesIO(archive(made())))
        cache.clear()
    assert not sign.exists()


class Executable:
    """A codec of something that is for one machine."""

    name = "test-machine-code-1"
    executes_code = True
    machine_bound = True


def test_nothing_unknown_or_bound_to_a_machine_travels_whoever_says_so(cache: Cache) -> None:
    Form(codec=Executable())  # type: ignore[arg-type]
    names = {
        "test-machine-code-1": "one machine",
        "never-heard-of": "import the module",
        "": "import the module",
    }
    for codec, reason in names.items():
        done = cache.import_entries(io.BytesIO(archive(made(codec))), allow_pickle=True)
        assert reason in done.refused[0].reason
        cache.store.put(*_as_put(made(codec)))
        for allow_pickle in (False, True):
            done = cache.export_entries(io.BytesIO(), allow_pickle=allow_pickle)
            assert reason in done.refused[0].reason
            assert not done.keys
        cache.clear()


def _as_put(member: tuple[str, bytes]) -> tuple[str, list[bytes]]:
    return member[0], [member[1]]


def test_of_two_codecs_with_one_name_the_worse_counts() -> None:
    class Careless:
        name = "test-two-1"
        executes_code = True

    Form(codec=ConvertingCodec("test-two-1", set, list, set))
    assert why_not(frozenset({"test-two-1"}), False) == ""
    Form(codec=Careless())  # type: ignore[arg-type]
    assert "allow_pickle" in why_not(frozenset({"test-two-1"}), False)


def test_a_codec_that_takes_a_name_of_the_mechanism_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not(frozenset({"arrays", YIELDED}), False) == ""
    monkeypatch.setitem(form._traits, YIELDED, form.Traits(True, False))
    assert "allow_pickle" in why_not(frozenset({"arrays", YIELDED}), False)


def test_programs_never_leave(cache: Cache) -> None:
    pytest.importorskip("jax")
    from hashcache.programs.compiled import ProgramCodec

    Layer("program", codec=ProgramCodec(), cache=cache)
    key = Key("program", "step", "a" * 32)
    cache.store.put(*_as_put(made("jax-executable-2", {}, [b"code"], key)))
    done = cache.export_entries(io.BytesIO(), allow_pickle=True)
    assert not done.keys
    assert "one machine" in done.refused[0].reason
    done = Cache(cache.location / "other").import_entries(
        io.BytesIO(archive(made("jax-executable-2", {}, [b"code"], key))), allow_pickle=True
    )
    assert not done.keys


def test_contents_are_told_of_all_that_is_read() -> None:
    def contents(*args: Any) -> Any:
        return member_of(*made(*args)).contents

    assert contents().of_result == {"arrays"}
    items = contents(YIELDED, [["arrays", 1, 0], ["pickle", None, 1]], [b"x"])
    assert items.of_result == {"arrays", "pickle", YIELDED}
    assert contents(COMPRESSED, ["arrays", 9, [70]], [b"x"]).expanded == 70
