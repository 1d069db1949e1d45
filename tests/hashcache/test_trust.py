"""What others may have written is not believed, and nothing of it runs."""

from __future__ import annotations

import mmap
import os
import pickle
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faulty import said

from hashcache import (
    Cache,
    Cached,
    Codec,
    ConvertingCodec,
    DirectoryStore,
    Layer,
    OptionError,
    Payload,
    StoreWarning,
    UncacheableWarning,
    entry,
)
from hashcache.errors import KeyFileError, UntrustedEntryError
from hashcache.stores import files, seal
from hashcache.stores.authenticated import AuthenticatedStore

A, B = "function/0123456789abcdef/" + "a" * 32, "function/0123456789abcdef/" + "b" * 32
NOBODY = 65534
as_root = pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can be others")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "place"


@pytest.fixture
def keys(tmp_path: Path) -> Callable[[str], Path]:
    """Files with keys, by name."""

    def key_file(name: str) -> Path:
        seal.make_key(str(tmp_path / name))
        return tmp_path / name

    return key_file


class Trap:
    """What, pickled, makes a file when it is read."""

    def __init__(self, sign: Path) -> None:
        self.sign = str(sign)

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.sign, "w")


def twice(x: int) -> Any:
    return 2 * x


def as_set(x: int) -> Any:
    return {x}  # which only pickle can store


def plant(cached: Cached[..., Any], sign: Path, *args: Any) -> list[Any]:
    """Return the pieces of an entry that is whole, of the very key of a call, and a trap."""
    payload = Payload(None, [pickle.dumps(Trap(sign))])
    return entry.pack(bytes.fromhex(cached.key(*args)), "pickle", payload, {"function": "twice"})


def name_of(cached: Cached[..., Any], *args: Any) -> str:
    return cached._call(args, {}).name


def test_the_trap_works_where_a_private_directory_is_written_by_its_owner(place: Path) -> None:
    cached = Cache(place)(as_set)
    cached(1)
    cached._layer.cache.store.put(name_of(cached, 1), plant(cached, place / "sign", 1))
    Cache(place)(as_set)(1).close()
    assert (place / "sign").exists(), "or the other tests show nothing"


# -- what is refused ---------------------------------------------------------------------------------


def open_to_others(place: Path) -> None:
    place.chmod(0o777)


def behind_a_link(place: Path) -> None:
    place.rename(place.parent / "elsewhere")
    place.symlink_to(place.parent / "elsewhere")


def of_somebody_else(place: Path) -> None:
    os.chown(place, NOBODY, NOBODY)


Suspect = tuple[str, Callable[[Path], None]]


@pytest.fixture(
    params=[
        ("writable by others", open_to_others),
        ("is a symbolic link", behind_a_link),
        pytest.param(("belongs to somebody else", of_somebody_else), marks=as_root),
    ],
    ids=["open", "link", "other"],
)
def suspect(request: pytest.FixtureRequest) -> Suspect:
    """What the warning says, and what makes a directory so."""
    found: Suspect = request.param
    return found


def test_a_suspect_directory_is_neither_read_nor_written_and_one_warning_says_why(
    place: Path, suspect: Suspect
) -> None:
    reason, make = suspect
    cached = Cache(place)(as_set)
    cached(1)
    cached._layer.cache.store.put(name_of(cached, 1), plant(cached, place / "sign", 1))
    make(place)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    cached = Cache(place)(as_set)
    with pytest.warns(StoreWarning, match=reason) as caught:
        assert [cached(1), cached(1), cached(2)] == [{1}, {1}, {2}]
    assert len(caught) == 1
    assert "shared=True" in str(caught[0].message)
    assert cached.stats() == {"hits": 0, "misses": 3, "failed to read": 3, "failed to write": 3}
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    assert not (place / "sign").exists()


def test_a_suspect_directory_that_is_shared_is_used(place: Path, suspect: Suspect) -> None:
    Cache(place)(as_set)(1)
    suspect[1](place)
    for hits in (0, 1):
        cached = Cache(place, shared=True)(as_set)
        assert said(lambda c=cached: c(1)) == ({1}, [])
        assert cached.stats()["hits"] == hits


def test_a_slash_does_not_lead_through_a_link(place: Path) -> None:
    place.mkdir(mode=0o700)
    link = place.parent / "link"
    link.symlink_to(place)
    for spelled in (f"{link}/", f"{link}//"):
        with pytest.raises(PermissionError, match="symbolic link"):
            DirectoryStore(spelled).put(A, [b""])
    below = DirectoryStore(link / "below")
    below.put(A, [b"x"])
    assert below.get(A) == b"x", "links above are common"


@as_root
def test_what_root_owns_is_refused_by_others_and_the_other_way_round(place: Path, tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    cached = Cache(place)(as_set)
    cached(1)
    place.chmod(0o755)
    answer, end = os.pipe()
    child = os.fork()
    if not child:
        said_there = b"nothing"
        try:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            theirs = DirectoryStore(place)
            theirs.get(A)
        except PermissionError as error:
            said_there = str(error).encode()
        finally:
            os.write(end, said_there)
            os._exit(0)
    os.waitpid(child, 0)
    os.close(end)
    assert b"belongs to somebody else" in os.read(answer, 1000)
    os.close(answer)


# -- sealed entries ------------------------------------------------------------------------------------


@pytest.fixture(params=["directory", "wrapper"])
def make(request: pytest.FixtureRequest, place: Path) -> Callable[..., Any]:
    """Makes shared stores at one place, whichever way they are sealed."""

    def shared(key_file: Path | None = None) -> Any:
        if request.param == "directory":
            return DirectoryStore(place, shared=True, key_file=key_file)
        return AuthenticatedStore(DirectoryStore(place), key_file)

    return shared


def file_of(place: Path, name: str) -> Path:
    (path,) = place.rglob(name[-30:])
    return path


@pytest.mark.parametrize("size", [0, 1, 300, 8_192 - seal.SEAL_SIZE, 65_536, 200_000])
def test_what_was_sealed_is_read_back_whole(make: Callable[..., Any], place: Path, size: int) -> None:
    data = os.urandom(size)
    make().put(A, [data[:100], bytearray(data[100:])])
    for mode in ("c", "r", None):
        assert bytes(make().get(A, mode=mode)) == data
    assert make().get(A, 50) == data[:50]
    assert make().size(A) == size
    assert file_of(place, A).stat().st_size == size + seal.SEAL_SIZE


@pytest.mark.parametrize("length", [0, 1, 200, 100_000])
def test_nothing_but_what_was_sealed_under_its_name_is_returned(
    make: Callable[..., Any], place: Path, length: int
) -> None:
    store = make()
    store.put(A, [os.urandom(length)])
    store.put(B, [os.urandom(length)])
    one, other = file_of(place, A), file_of(place, B)
    whole = one.read_bytes()
    assert store.get(A) is not None

    def flipped(at: int) -> bytes:
        data = bytearray(whole)
        data[at] ^= 1
        return bytes(data)

    bad = {
        "empty": b"",
        "moved here from another name": other.read_bytes(),
        "without its seal": whole[: -seal.SEAL_SIZE],
        "cut seal": whole[:-1],
        "longer seal": whole + b"\0",
        "the seal twice": whole + whole[-seal.SEAL_SIZE :],
        "the seal of another": whole[: -seal.SEAL_SIZE] + other.read_bytes()[-seal.SEAL_SIZE :],
        "the seal in front": whole[-seal.SEAL_SIZE :] + whole[: -seal.SEAL_SIZE],
        "zeros": bytes(len(whole)),
        "last bit": flipped(-1),
        "mark": flipped(-seal.SEAL_SIZE),
        "first bit": flipped(0),
        "a byte moved into the seal": whole[1:] + b"\0",
    }
    for what, data in bad.items():
        if data == whole:  # nothing in front of a seal
            continue
        one.write_bytes(data)
        for size in (None, 0, 5):
            with pytest.raises(UntrustedEntryError):
                make().get(A, size)
        assert one.read_bytes() == data, f"{what}: left as it is"
    one.write_bytes(whole)
    assert store.get(A) is not None


def test_an_older_entry_of_the_same_name_is_as_good(make: Callable[..., Any], place: Path) -> None:
    # By design: the name is the key of a call, so that both are results of the same call.
    store = make()
    store.put(A, [b"old"])
    old = file_of(place, A).read_bytes()
    store.put(A, [b"new"])
    file_of(place, A).write_bytes(old)
    assert store.get(A) == b"old"


def test_another_key_opens_nothing(make: Callable[..., Any], keys: Callable[[str], Path]) -> None:
    make(keys("ours")).put(A, [b"x"])
    assert make(keys("ours")).get(A) == b"x"
    for stranger in (make(keys("theirs")), make()):
        with pytest.raises(UntrustedEntryError, match="another key"):
            stranger.get(A)


@pytest.mark.parametrize("function", [twice, as_set])
def test_a_planted_entry_is_a_miss_said_once_counted_and_replaced(
    place: Path, function: Callable[[int], Any]
) -> None:
    cached = Cache(place, shared=True)(function)
    for x in (1, 2):
        cached(x)
        file_of(place, name_of(cached, x)).write_bytes(b"".join(plant(cached, place / "sign", x)))
    cached = Cache(place, shared=True)(function)
    assert said(lambda: cached.is_cached(1)) == (False, [StoreWarning])
    assert list(cached.entries()) == []
    assert not cached.explain(1).hit
    cached = Cache(place, shared=True)(function)
    with pytest.warns(StoreWarning, match=r"it is not sealed.*HASHCACHE_KEY_FILE") as caught:
        assert [cached(1), cached(2)] == [function(1), function(2)]
    assert len(caught) == 1
    assert cached.stats() == {"hits": 0, "misses": 2, "untrusted": 2}
    assert said(lambda: Cache(place, shared=True)(function)(1)) == (function(1), [])
    assert not (place / "sign").exists()


def test_a_planted_listing_is_not_believed_and_replaced(place: Path) -> None:
    Cache(place, shared=True)(twice)(1)
    (listing,) = (path for path in place.rglob("f-/*") if path.is_file())
    listing.write_bytes(b"planted")
    again = Cache(place, shared=True)(twice)
    assert again.explain(3).reason
    again(2)
    assert listing.read_bytes() != b"planted"


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_file_stops_nobody(place: Path, kind: str) -> None:
    cached = Cache(place, shared=True)(twice)
    cached(1)
    file = file_of(place, name_of(cached, 1))
    whole = file.read_bytes()
    file.unlink()
    if kind == "link":
        (place / "whole").write_bytes(whole)
        file.symlink_to(place / "whole")
    elif kind == "pipe":
        os.mkfifo(file)
    else:
        file.mkdir()
    cached = Cache(place, shared=True)(twice)
    value, categories = said(lambda: [cached(1), cached(1)])
    assert value == [2, 2]
    assert set(categories) == {StoreWarning}


def test_a_lock_that_is_a_link_leaves_alone_what_it_leads_to(place: Path) -> None:
    store = DirectoryStore(place, shared=True)
    held = store.lock(A)
    assert held is not None
    held.release()
    notes = place / "notes"
    notes.write_text("notes")
    (place / "shared-locks" / A.rpartition("/")[2]).symlink_to(notes)
    with pytest.raises(OSError, match=r".*"):
        store.lock(A)
    assert notes.read_text() == "notes"


def test_what_was_private_stays_apart_from_what_is_shared(place: Path) -> None:
    private, shared = Cache(place)(twice), Cache(place, shared=True)(twice)
    for hits in (0, 1, 1):
        for cached in (private, shared):
            assert said(lambda c=cached: c(1)) == (2, [])
            assert cached.stats()["hits"] == hits or hits == 1
    assert [Cache(place, shared=s)(twice).is_cached(1) for s in (False, True)] == [True, True]


# -- maps ------------------------------------------------------------------------------------------------


def numbers(scale: float) -> Any:
    return {"a": np.arange(100_000) * scale, "small": np.arange(3)}


def root(array: Any) -> Any:
    while isinstance(array, np.ndarray):
        array = array.base
    return array.obj if isinstance(array, memoryview) else array


def test_large_results_of_a_shared_directory_are_maps_and_the_callers_own(place: Path) -> None:
    cached = Cache(place, shared=True)(numbers)
    cached(2.0)
    for _ in range(2):
        value = cached(2.0)
        assert isinstance(root(value["a"]), mmap.mmap)
        assert value["a"][-1] == 199_998.0
        value["a"][:] = -1


def test_a_file_that_others_can_write_to_is_copied_before_its_seal_is_compared(place: Path) -> None:
    # Else what was compared and what is read later could be two things.
    cached = Cache(place, shared=True)(numbers)
    cached(2.0)
    file = file_of(place, name_of(cached, 2.0))
    file.chmod(0o660)
    value = cached(2.0)
    assert not isinstance(root(value["a"]), mmap.mmap)
    with open(file, "r+b") as opened:
        opened.write(bytes(file.stat().st_size))
    assert value["a"][-1] == 199_998.0


def test_a_seal_is_compared_again_once_the_file_changed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_is_settled", lambda *times: True)
    compared: list[int] = []
    check = seal.Seal.check
    monkeypatch.setattr(seal.Seal, "check", lambda *args: [compared.append(1), check(*args)][1])
    cached = Cache(place, shared=True)(numbers)
    cached(2.0)
    for _ in range(3):
        cached(2.0)
    assert len(compared) == 1
    file = file_of(place, name_of(cached, 2.0))
    data = bytearray(file.read_bytes())
    data[1000] ^= 1
    file.write_bytes(data)
    value, categories = said(lambda: cached(2.0))
    assert (value["a"][-1], categories) == (199_998.0, [StoreWarning])
    assert cached.stats()["untrusted"] == 1


@pytest.mark.parametrize("shared", [False, True])
def test_mmap_r_gives_arrays_that_nobody_can_write_to(place: Path, shared: bool) -> None:
    cache = Cache(place, shared=shared)
    cached = cache(mmap="r")(numbers)
    cached(2.0)
    for _ in range(2):
        value = cached(2.0)
        assert isinstance(root(value["a"]), mmap.mmap)
        for array in value.values():
            assert not array.flags.writeable
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.flags.writeable = True
    assert value["a"][-1] == 199_998.0
    own = cache(numbers)(2.0)
    assert own["a"].flags.writeable
    assert own["small"].flags.writeable
    own["a"][:] = 0
    assert value["a"][-1] == cached(2.0)["a"][-1] == 199_998.0


def test_mmap_r_shares_one_copy_in_memory(place: Path) -> None:
    cached = Cache(place)(mmap="r")(numbers)
    cached(2.0)
    one, other = cached(2.0)["a"], cached(2.0)["a"]
    if sys.platform == "linux":
        lines = Path("/proc/self/maps").read_text().splitlines()
        ours = [line for line in lines if str(place) in line]
        assert ours
        assert all(line.split()[1] == "r--s" for line in ours)
    assert one[5] == other[5] == 10.0


def test_mmap_none_reads(place: Path) -> None:
    cached = Cache(place)(mmap=None)(numbers)
    cached(2.0)
    value = cached(2.0)
    assert not isinstance(root(value["a"]), mmap.mmap)
    value["a"][:] = 1
    assert cached(2.0)["a"][-1] == 199_998.0


def test_mmap_r_without_maps_is_read_only_too(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "mapped", lambda *file: None)
    cached = Cache(place)(mmap="r")(numbers)
    cached(2.0)
    assert not cached(2.0)["a"].flags.writeable


def test_generators_and_pickles_come_back_read_only_as_well(place: Path) -> None:
    cache = Cache(place)

    @cache(mmap="r")
    def yielding() -> Any:
        yield np.arange(3)

    @cache(mmap="r")
    def pickled() -> Any:
        return {1}, np.arange(20_000)

    list(yielding()), pickled()
    assert not next(iter(yielding())).flags.writeable
    assert not pickled()[1].flags.writeable


# -- permissions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
@pytest.mark.parametrize("before", [None, 0o2770, 0o775])
def test_a_shared_directory_is_the_groups_whatever_the_umask(
    place: Path, umask: int, before: int | None
) -> None:
    previous = os.umask(umask)
    try:
        if before is not None:
            place.mkdir()
            place.chmod(before)
        store = DirectoryStore(place, shared=True)
        store.put(A, [b"x"])
        held = store.lock(A)
        assert held is not None
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [place, *place.rglob("*")]}
        held.release()
    finally:
        os.umask(previous)
    assert modes.pop(place) == (before or 0o2770)
    assert modes.pop(next(path for path in modes if path.parent.name == "shared-locks")) == 0o660
    assert {mode for path, mode in modes.items() if path.suffix == "" and mode > 0o777} == {0o2770}
    assert {mode for path, mode in modes.items() if mode <= 0o777} == {0o640}


def test_a_folder_of_a_shared_directory_is_open_to_the_others_from_the_first(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[tuple[str, int]] = set()

    def looking(operation: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **more: Any) -> Any:
            done = operation(*args, **more)
            seen.update((path.name, stat.S_IMODE(path.stat().st_mode)) for path in [place, *place.rglob("*")]
                        if path.is_dir() and not path.name.endswith(".partial"))  # fmt: skip
            return done

        return run

    with monkeypatch.context() as patched:
        for name in ("mkdir", "chmod", "rename"):
            patched.setattr(os, name, looking(getattr(os, name)))
        DirectoryStore(place, shared=True).put(A, [b"x"])
    assert {mode for _, mode in seen} == {0o2770}
    assert len(seen) == 5
    assert not list(place.parent.rglob("*.partial"))


def test_a_folder_that_somebody_else_made_meanwhile_is_used(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = DirectoryStore(place, shared=True)
    rename = os.rename

    def late(source: str, target: str) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(os, "rename", rename)
            other.put(B, [b"theirs"])
        rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", late)
        DirectoryStore(place, shared=True).put(A, [b"ours"])
    assert [other.get(A), other.get(B)] == [b"ours", b"theirs"]
    assert not list(place.parent.rglob("*.partial"))


@as_root
def test_what_is_shared_is_of_the_group_of_the_directory(place: Path) -> None:
    place.mkdir()
    os.chown(place, -1, NOBODY)
    place.chmod(0o770)
    DirectoryStore(place, shared=True).put(A, [b"x"])
    assert {path.stat().st_gid for path in place.rglob("*")} == {NOBODY}


@as_root
def test_a_team_shares_by_group_and_key(place: Path, keys: Callable[[str], Path], tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    place.mkdir()
    os.chown(place, -1, NOBODY)
    place.chmod(0o2770)
    key = keys("team")
    os.chown(key, -1, NOBODY)
    key.chmod(0o640)
    DirectoryStore(place, shared=True, key_file=key).put(A, [b"from root"])

    def other() -> int:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        store = DirectoryStore(place, shared=True, key_file=key)
        if store.get(A) != b"from root":
            return 1
        store.put(A, [b"from nobody"])
        store.put(B, [b"from nobody"])
        held = store.lock(B)
        return 0 if held is not None else 2

    child = os.fork()
    if not child:
        status = 3
        try:
            status = other()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    store = DirectoryStore(place, shared=True, key_file=key)
    assert [store.get(A), store.get(B)] == [b"from nobody"] * 2


# -- keys ------------------------------------------------------------------------------------------------


def test_the_own_key_is_made_once_for_nobody_else_and_not_in_the_cache(place: Path) -> None:
    previous = os.umask(0)
    try:
        DirectoryStore(place, shared=True).put(A, [b"x"])
    finally:
        os.umask(previous)
    path = Path(seal.own_key_file())
    assert path.is_relative_to(os.environ["HOME"])
    assert not path.is_relative_to(place)
    assert [stat.S_IMODE(p.stat().st_mode) for p in (path, path.parent)] == [0o600, 0o700]
    assert [p.name for p in path.parent.iterdir()] == ["key"]
    key = path.read_bytes()
    assert len(key) == seal.KEY_SIZE
    seal.make_key(str(path))
    assert path.read_bytes() == key


MAKING = """
import sys
from hashcache.stores import seal
sys.stdin.read(1)
sys.stdout.write(seal.read_key().hex())
"""


def test_processes_that_make_the_key_at_once_have_one(tmp_path: Path) -> None:
    import subprocess

    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", MAKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )
        for _ in range(6)
    ]
    for run in runs:
        assert run.stdin is not None
        run.stdin.write("x")
        run.stdin.flush()
    assert len({run.communicate()[0] for run in runs}) == 1
    assert seal.read_key().hex()


def test_a_key_is_made_where_the_file_system_has_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", lambda *names: (_ for _ in ()).throw(PermissionError("no links")))
    key = seal.read_key()
    assert seal.read_key() == key
    assert [p.name for p in Path(seal.own_key_file()).parent.iterdir()] == ["key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o606, 0o660])
def test_a_key_that_others_can_read_is_refused_and_the_answer_given(place: Path, mode: int) -> None:
    seal.read_key()
    os.chmod(seal.own_key_file(), mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        seal.read_key()
    cached = Cache(place, shared=True)(twice)
    with pytest.warns(StoreWarning, match="chmod 600") as caught:
        assert [cached(1), cached(1)] == [2, 2]
    assert len(caught) == 1


def test_the_key_of_a_team_is_not_made_and_may_be_the_groups(
    keys: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyFileError, match="there is no key"):
        seal.read_key(str(tmp_path / "missing"))
    assert not (tmp_path / "missing").exists()
    key = keys("team")
    key.chmod(0o640)
    monkeypatch.setenv("HASHCACHE_KEY_FILE", str(key))
    assert seal.read_key() == key.read_bytes()
    key.chmod(0o644)
    with pytest.raises(KeyFileError, match="others"):
        seal.read_key()
    key.chmod(0o600)
    for content in (b"", b"short", bytes(33)):
        key.write_bytes(content)
        with pytest.raises(KeyFileError, match="32 bytes"):
            seal.read_key()


def test_a_key_belongs_to_what_is_shared(place: Path, keys: Callable[[str], Path]) -> None:
    for make in (Cache, DirectoryStore):
        with pytest.raises(ValueError, match="shared=True"):
            make(place, key_file=keys("k"))
    for options in ({"shared": True}, {"key_file": keys("k")}):
        with pytest.raises(OptionError, match="location="):
            Cache(place)(**options)
    shared = Cache()(location=place, shared=True, key_file=keys("k"))(twice)
    shared(1)
    assert Cache(place, shared=True, key_file=keys("k"))(twice).is_cached(1)
    wrapped = Cache(store=DirectoryStore(place / "b"), shared=True)(twice)
    assert [wrapped(1), wrapped(1), wrapped.stats()["hits"]] == [2, 2, 1]


# -- pickle="never" --------------------------------------------------------------------------------------


@pytest.fixture(params=["cache", "decorator"])
def never(request: pytest.FixtureRequest, place: Path) -> Callable[..., Any]:
    """Decorates without pickle."""
    if request.param == "cache":
        return lambda function, **more: Cache(place, pickle="never")(**more)(function)
    return lambda function, **more: Cache(place)(pickle="never", **more)(function)


def test_without_pickle_a_pickled_entry_is_a_miss_said_once(never: Callable[..., Any], place: Path) -> None:
    trusting = Cache(place)(twice)
    for x in (1, 2):
        trusting(x)
        trusting._layer.cache.store.put(name_of(trusting, x), plant(trusting, place / "sign", x))
    cached = never(twice)
    assert not cached.is_cached(1)
    assert not cached.explain(1).hit
    value, categories = said(lambda: [cached(1), cached(2), cached(1)])
    assert (value, categories) == ([2, 4, 2], [StoreWarning])
    assert cached.stats() == {"hits": 1, "misses": 2}
    assert not (place / "sign").exists()


def test_without_pickle_a_result_that_needs_it_is_returned_and_not_stored(
    never: Callable[..., Any], place: Path
) -> None:
    cached = never(as_set)
    with pytest.warns(UncacheableWarning, match="pickle='never'") as caught:
        assert [cached(1), cached(1)] == [{1}, {1}]
    assert len(caught) == 1
    assert [path for path in place.rglob("*") if path.is_file() and path.parent.name != "locks"] == [
        path for path in place.rglob("f-/*")
    ]
    assert said(lambda: [never(numbers)(2.0)["a"][1], never(numbers)(2.0)["a"][1]]) == ([2.0, 2.0], [])


def test_without_pickle_generators_and_exceptions_run_nothing(never: Callable[..., Any], place: Path) -> None:
    def items() -> Any:
        yield 1
        yield {2}

    def fails() -> Any:
        raise ValueError("no")

    list(Cache(place)(items)())
    trusting = Cache(place)(cache_exceptions=(ValueError,))(fails)
    with pytest.raises(ValueError, match="no"):
        trusting()
    value, categories = said(lambda: list(never(items)()))
    assert (value, categories) == ([1, {2}], [StoreWarning, UncacheableWarning])

    def call() -> Any:
        with pytest.raises(ValueError, match="no"):
            never(fails, cache_exceptions=(ValueError,))()

    assert said(call)[1] == [StoreWarning, UncacheableWarning]


def test_a_forged_array_of_objects_is_not_built(never: Callable[..., Any], place: Path) -> None:
    cached = never(twice)
    key = bytes.fromhex(cached.key(1))
    for text in ("O", "|O", "O,O", "i8,O"):
        payload = Payload(["array", text, [1], "C", 0], [b"\x01" * 64])
        cached._layer.cache.store.put(name_of(cached, 1), entry.pack(key, "arrays", payload, {}))
        fresh = never(twice)
        assert said(lambda c=fresh: c(1)) == (2, [StoreWarning])


@pytest.mark.parametrize(
    "head", [b"", b"[", b"[1,2]", b"9", b'["arrays",9,3]', b'["arrays",9,["x"]]', b"[" * 100_000, b"\xff"]
)
def test_a_head_that_makes_no_sense_is_damage(
    place: Path, monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    cached = Cache(place)(twice)
    cached(1)
    with monkeypatch.context() as patched:
        patched.setattr(entry, "_json", lambda value: head if type(value) is list else b"{}")
        pieces = entry.pack(bytes.fromhex(cached.key(1)), "", Payload(9, ()), {})
    cached._layer.cache.store.put(name_of(cached, 1), pieces)
    fresh = Cache(place)(twice)
    assert said(lambda: [len(list(fresh.entries())) < 2, fresh(1)]) == ([True, 2], [StoreWarning])
    assert fresh.stats()["torn"] == 1


class Own:
    def __init__(self, x: int) -> None:
        self.x = x


def test_converting_codecs_run_nothing_and_others_count_as_ones_that_may(
    never: Callable[..., Any],
) -> None:
    def own(x: int) -> Any:
        return Own(x)

    cached = never(own, codec=ConvertingCodec("own-1", Own, lambda value: value.x, Own))
    assert said(lambda: [cached(1).x, cached(1).x]) == ([1, 1], [])
    assert cached.stats()["hits"] == 1

    class Silent:
        name = "silent-1"

        def accepts(self, value: Any) -> bool:
            return isinstance(value, Own)

        def encode(self, value: Any) -> Payload:
            return Payload(value.x, ())

        def decode(self, payload: Payload) -> Any:
            return Own(payload.description)

    class Honest(Silent):
        executes_code = False

    silent: Codec = Silent()
    cached = never(own, codec=silent)
    assert said(lambda: cached(2).x) == (2, [UncacheableWarning])
    cached = never(own, codec=Honest())
    assert said(lambda: [cached(2).x, cached(2).x]) == ([2, 2], [])


def test_replay_and_no_pickle_exclude_each_other(never: Callable[..., Any]) -> None:
    with pytest.raises(OptionError, match="replay"):
        never(twice, mutation="replay")


@pytest.mark.parametrize(
    "options",
    [{"pickle": "sometimes"}, {"mmap": "w"}, {"mmap": "off"}, {"compress": 0}, {"compress": "gzip"}],
)
def test_options_that_do_not_exist_are_refused(place: Path, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        Cache(place)(**options)
    if "mmap" not in options:
        with pytest.raises(OptionError, match=next(iter(options))):
            Cache(place, **options)


# -- the command -----------------------------------------------------------------------------------------


def test_the_command_says_whether_a_directory_is_used_and_by_whom_its_entries_are(
    place: Path, capsys: pytest.CaptureFixture[str], keys: Callable[[str], Path], tmp_path: Path
) -> None:
    from hashcache.__main__ import main

    def run(*arguments: str) -> tuple[int, str]:
        status = main(["trust", "--location", str(place), *arguments])
        output = capsys.readouterr()
        return status, output.out + output.err

    Cache(place)(twice)(1)
    assert run() == (0, f"location: {place}\nkind: private\ntrusted: 2 files\n")
    place.chmod(0o777)
    status, text = run()
    assert (status, "not used: " in text, "writable by others (mode 0777)" in text) == (1, True, True)
    Cache(place, shared=True)(twice)(1)
    assert run("--shared")[0] == 0
    status, text = run("--key-file", str(keys("other")))
    assert status == 1
    assert "not trusted: it was sealed with another key, or changed since: 2 files" in text
    assert '"used": true' in run("--shared", "--json")[1]
    assert run("--new-key", str(tmp_path / "new"))[0] == 0
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    status, text = run("--new-key", str(tmp_path / "new"))
    assert (status, "already" in text) == (1, True)
    assert main(["ls", "--location", str(place), "--shared"]) == 0
    assert "twice" in capsys.readouterr().out


# -- names -----------------------------------------------------------------------------------------------

HOSTILE = [
    "../../escaped", "/absolute", "nul\0byte", "x" * 5000, "line\nbreak", "\u202eright to left\u202c",
    "\x1b[2J", ".", "..", "", " ", "con", "a/b", "a\\b", "locks", "v1", "\ud800", "é" * 200,
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name)[:20])
def test_no_name_of_a_function_leads_anywhere(
    place: Path, name: str, python: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    from hashcache.__main__ import main

    before = set(place.parent.rglob("*"))
    cached = Cache(place)(name=name)(twice)
    assert said(lambda: [cached(1), cached(1)]) == ([2, 2], [])
    assert cached.stats()["hits"] == 1
    new = [path.relative_to(place) for path in set(place.parent.rglob("*")) - before - {place}]
    assert all(set(part) <= set("0123456789abcdef-") for path in new for part in path.parts[2:])
    assert {path.parts[:2] for path in new if len(path.parts) > 1} == {("v1", "function")}
    main(["ls", "--location", str(place)])
    printed = capsys.readouterr().out
    assert printed.count("\n") == 2
    assert printed.replace("\n", "").isprintable()
    (header,) = cached.entries()
    assert header["function"] == (name or "twice")
    assert cached.clear() == 1


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", "A", "x\n", "é", "x\0", ".", "..", "a b", "x" * 101, "_"]
)
def test_a_name_of_a_layer_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a layer's name"):
        Layer(name)
