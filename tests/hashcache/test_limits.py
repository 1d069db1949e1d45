"""A store stays within its limits whatever is put into it, and nobody who uses it notices."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xxhash import xxh3_128_digest

from hashcache import Cache, DirectoryStore, Layer, OptionError, StoreWarning, UncacheableWarning, entry
from hashcache.__main__ import main
from hashcache.codec import Payload
from hashcache.ledger import BEGINNINGS, UNKNOWN, Ledger, add, correct
from hashcache.limited import LimitedStore
from hashcache.reading import read_all

GROUP = "function/0123456789abcdef"
HOUR, DAY = 3600.0, 86400.0


def name_of(number: int, group: str = GROUP) -> str:
    return f"{group}/{random.Random(number).getrandbits(128):032x}"


def pieces(number: int, size: int, seconds: float = 1.0, group: str = GROUP) -> list[Any]:
    key = bytes.fromhex(name_of(number, group)[-32:])
    about = {"created": time.time(), "seconds": seconds, "function": "f", "fingerprint": "ab" * 16}
    return entry.pack(key, "arrays", Payload(None, [bytes(size)]), about)


def total(location: Path) -> int:
    return sum(path.stat().st_size for path in (location / "v1").rglob("*") if path.is_file())


def limited(location: Path, **limits: Any) -> LimitedStore:
    store = Cache(location, **limits).store
    assert isinstance(store, LimitedStore)
    return store


def age(store: Any, name: str, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(store._path(name), (then, then))


# -- at every put ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_a_store_under_a_random_load_is_never_far_beyond_its_limit(location: Path, seed: int) -> None:
    chance = random.Random(seed)
    limit, largest = 400_000, 0
    groups = [f"function/{place:016x}" for place in range(chance.choice([1, 3, 20]))]
    stores = [limited(location, max_size=limit) for _ in range(chance.choice([1, 3]))]
    for number in range(600):
        size = int(chance.paretovariate(1.1) * 300) % 60_000
        group = chance.choice(groups)
        data = pieces(number, size, chance.expovariate(1), group)
        largest = max(largest, entry.size_of(data))
        chance.choice(stores).put(name_of(number, group), data)
        if chance.random() < 0.1:
            chance.choice(stores).delete(name_of(chance.randrange(number + 1), group))
        if number % 50 == 49:
            assert total(location) <= 1.1 * limit + largest
    assert total(location) >= 0.5 * limit, "no more went than had to"


def test_under_the_limit_nothing_goes(location: Path) -> None:
    store = limited(location, max_size="1 GB")
    for number in range(300):
        store.put(name_of(number), pieces(number, 1000))
    assert len(list(store.names())) == 300


def test_what_saves_least_goes_first(location: Path) -> None:
    store = limited(location, max_size=300_000)
    for number in range(600):
        dear = number % 4 == 0
        store.put(name_of(number), pieces(number, 1000, 100.0 if dear else 0.01))
    kept = [store.size(name_of(number)) > 0 for number in range(600)]
    assert sum(kept[::4]) >= 0.95 * 150
    assert sum(kept) < 400


def test_what_was_not_used_for_long_goes_first(location: Path) -> None:
    store = limited(location, max_size="1 GB")
    for number in range(300):
        store.put(name_of(number), pieces(number, 1000))
        if number % 3:
            age(store, name_of(number), 10 * DAY)
    store = limited(location, max_size=300_000)
    for number in range(300, 400):
        store.put(name_of(number), pieces(number, 1000))
    kept = [store.size(name_of(number)) > 0 for number in range(300)]
    assert sum(kept[::3]) >= 0.9 * 100
    assert sum(kept) < 180


def test_looking_at_a_result_is_no_use_of_it(location: Path) -> None:
    store = DirectoryStore(location)
    store.put(name_of(1), pieces(1, 1000))
    age(store, name_of(1), 10 * DAY)
    before = os.stat(store._path(name_of(1))).st_atime_ns
    store.get(name_of(1), entry.FRONT_SIZE)
    assert not hasattr(os, "O_NOATIME") or os.stat(store._path(name_of(1))).st_atime_ns == before


def test_old_results_go_when_somebody_comes_across_them(location: Path) -> None:
    store = limited(location, max_age=DAY)
    for number in range(200):
        store.put(name_of(number), pieces(number, 10))
        age(store, name_of(number), 2 * DAY if number % 2 else HOUR)
    fresh = limited(location, max_age=DAY)
    for _ in range(300):
        fresh.limiters[0]._due = 0
        fresh.limiters[0].settle()
    kept = [store.size(name_of(number)) > 0 for number in range(200)]
    assert all(kept[::2])
    assert not any(kept[1::2])


def test_others_files_locks_and_unknown_versions_stay(location: Path) -> None:
    store = limited(location, max_size=10_000, max_age=DAY)
    store.put(name_of(0), pieces(0, 100))
    folder = location / "v1" / GROUP / "ab"
    folder.mkdir(parents=True, exist_ok=True)
    unknown = bytearray(b"".join(map(bytes, pieces(1, 100))))
    unknown[8:12] = (7).to_bytes(4, "little")
    texts = int.from_bytes(unknown[12:16], "little") + int.from_bytes(unknown[16:20], "little")
    unknown[64:80] = xxh3_128_digest(bytes(unknown[:64] + unknown[80 : 80 + texts]))
    kept = [folder / "notes", folder / ("0" * 29), folder / ("0" * 30), location / "locks" / "x"]
    kept += [folder / f"{'0' * 30}.{'0' * 16}.partial"]
    (location / "locks").mkdir(exist_ok=True)
    for path in kept:
        path.write_bytes(unknown)
        if path.suffix != ".partial":
            os.utime(path, (0, 0))
    (dead := folder / f"{'1' * 30}.{'1' * 16}.partial").write_bytes(b"half")
    os.utime(dead, (time.time() - 2 * HOUR,) * 2)
    for number in range(400):
        store.put(name_of(number), pieces(number, 500))
    Cache(location).prune(max_size=0, max_age=1)
    assert all(path.exists() for path in kept)
    assert not dead.exists()


def test_a_mapped_result_that_goes_is_still_read_to_its_end(location: Path) -> None:
    cache = Cache(location, max_size="10 MB")
    cached = cache(lambda n: np.arange(n))
    cached(500_000)
    array = cached(500_000)
    (name,) = [header["name"] for header in cache.entries()]
    for number in range(200):
        cache.store.put(name_of(number), pieces(number, 100_000, 1e6))
    assert not cache.store.size(name)
    assert int(array.sum()) == sum(range(500_000))


def test_a_result_beyond_the_limit_is_returned_and_not_stored(location: Path) -> None:
    cached = Cache(location, max_size="50 kB")(lambda n: "x" * n)
    with pytest.warns(UncacheableWarning, match="more|limit of 50000; raise max_size"):
        assert cached(100_000) == "x" * 100_000
    assert cached.stats() == {"hits": 0, "misses": 1, "unstored": 1}
    cached(10)
    assert cached.is_cached(10)


def test_a_function_and_a_layer_can_have_limits_of_their_own(location: Path) -> None:
    cache = Cache(location)

    @cache(max_size="60 kB")
    def small(n: int) -> str:
        return "x" * 1000

    @cache
    def free(n: int) -> str:
        return "y" * 1000

    for n in range(150):
        small(n), free(n)
    assert len(list(free.entries())) == 150
    assert sum(header["size"] for header in small.entries()) <= 66_000
    assert small.stats(details=True)["bytes_written"] > 150_000


def test_limits_can_be_set_later_and_taken_back(location: Path) -> None:
    cache = Cache(location)
    assert (cache.max_size, cache.max_age) == (None, None)
    cache.max_size, cache.max_age = "1 MB", 60
    assert (cache.max_size, cache.max_age) == (10**6, 60.0)
    assert isinstance(cache.store, LimitedStore)
    cache.max_size = cache.max_age = None
    assert isinstance(cache.store, DirectoryStore)


class Elsewhere:
    """A store that knows nothing of files."""

    def names(self, prefix: str = "") -> Any:
        return iter(())


@pytest.mark.parametrize(
    "options", [{"max_size": "much"}, {"max_age": 0}, {"max_size": 1, "store": Elsewhere()}]
)
def test_what_is_no_limit_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        Cache(**options)


def test_a_shared_directory_is_pruned_and_not_limited(location: Path, tmp_path: Path) -> None:
    keys = [tmp_path / "mine", tmp_path / "theirs"]
    for number, key in enumerate(keys):
        key.write_bytes(bytes([number]) * 32)
        key.chmod(0o600)
    mine, theirs = (Cache(location, shared=True, key_file=key) for key in keys)
    with pytest.raises(OptionError, match="shared"):
        mine.max_size = 10
    one, other = mine(lambda n: [n]), theirs(lambda n: [n, n])
    one(1), other(1)
    mine.statistics.flush()
    assert not (location / "statistics").exists()
    assert {reading.state for reading in read_all(mine)} == {"whole", "not trusted"}
    mine.prune(max_size=0)
    assert not one.is_cached(1)
    assert other.is_cached(1)


# -- the ledger --------------------------------------------------------------------------------------


def ledger(location: Path) -> list[int]:
    return Ledger(str(location / "sizes" / "all")).update(lambda slots: None)


def settle(store: LimitedStore, puts: int = 4) -> None:
    for number in range(puts):
        store.put(name_of(number), pieces(number, 100))
    for limiter in store.limiters:
        with suppress(BlockingIOError):
            limiter.settle()


def keep(stores: list[LimitedStore]) -> None:
    """Put and delete by turns, and note all of it."""
    for place, store in enumerate(stores):
        for limiter in store.limiters:
            limiter._random.seed(place)
    settle(stores[0])
    for number in range(200):
        stores[number % len(stores)].put(name_of(number), pieces(number, number))
        if number % 5 == 0:
            stores[-1].delete(name_of(number // 2))
    for store in stores:
        settle(store, 1)


def test_the_ledger_is_right_while_one_keeps_it(location: Path) -> None:
    keep([limited(location, max_size="1 GB")])
    assert sum(ledger(location)) == total(location)


def test_who_clears_without_a_limit_notes_it_for_those_who_keep_one(location: Path) -> None:
    limited = Cache(location, max_size=10**6, memory=0)
    for layer in ("one", "other"):
        cached = Layer(layer, cache=limited, max_size=10**6).wrap(lambda n: bytes(n))
        for n in range(100, 140):
            cached(n)
    for limiter in limited._within_limits().limiters:
        limiter.settle()
    assert sum(ledger(location)) == total(location)
    assert Cache(location).clear("one") == 40
    assert 0 < sum(ledger(location)) == total(location)
    assert sum(Ledger(str(location / "sizes" / "one")).update(lambda slots: None)) == 0
    assert Cache(location).clear() == 40
    assert sum(ledger(location)) == total(location) == 0


def test_the_ledger_is_nearly_right_while_all_keep_it(location: Path) -> None:
    # Who lists a beginning also sees what others have put there and not noted yet, and note later.
    keep([limited(location, max_size="1 GB") for _ in range(2)])
    assert sum(ledger(location)) == pytest.approx(total(location), rel=0.1)


def test_a_change_while_somebody_lists_is_not_lost() -> None:
    for known in (500, UNKNOWN):
        slots = [known, 70, UNKNOWN, 40]
        before = list(slots)
        add(slots, [300, 0, 0, -10])
        correct(slots, before, {0: 500, 1: 70, 2: 90, 3: 40})
        assert slots == [800 if known == 500 else UNKNOWN - 1, 70, 90, 30]


def test_a_number_that_is_far_off_lets_no_other_be_trusted() -> None:
    slots = [500, 70, UNKNOWN - 3]
    correct(slots, list(slots), {0: 490})
    assert slots == [490, 70, UNKNOWN - 3]
    correct(slots, list(slots), {0: 100})
    assert slots == [100, UNKNOWN, UNKNOWN - 3]


@pytest.mark.parametrize("damage", [b"", b"rubbish", bytes(8 + 8 * len(BEGINNINGS)), None])
def test_a_damaged_ledger_is_counted_anew(location: Path, damage: bytes | None) -> None:
    store = limited(location, max_size="1 GB")
    settle(store, 50)
    path = location / "sizes" / "all"
    path.unlink() if damage is None else path.write_bytes(damage)
    settle(limited(location, max_size="1 GB"))
    assert sum(ledger(location)) == total(location)


@pytest.mark.parametrize("factor", [0, 10])
def test_what_others_change_is_noticed(location: Path, factor: int) -> None:
    store = limited(location, max_size=1_000_000)
    for number in range(300):
        store.put(name_of(number), pieces(number, 1000))
    plain = DirectoryStore(location)
    if factor:
        for number in range(1000, 4000):
            plain.put(name_of(number), pieces(number, 1000))
    else:
        for name in list(plain.names()):
            plain.delete(name)
    fresh = limited(location, max_size=1_000_000)
    for number in range(5000, 6000):
        fresh.put(name_of(number), pieces(number, 100))
    fresh.limiters[0].settle()
    assert abs(sum(ledger(location)) - total(location)) <= 0.01 * total(location) + 2000
    if not factor:
        assert len(list(plain.names())) == 1000, "nothing goes for what is there no more"
    else:
        assert total(location) < 3_500_000


def test_a_put_looks_at_a_bounded_number_of_entries(location: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = limited(location, max_size=1_500_000)
    for number in range(1000):
        store.put(name_of(number), pieces(number, 1000))
    looked: list[str] = []
    get, status = DirectoryStore.get, DirectoryStore.status
    monkeypatch.setattr(DirectoryStore, "get", lambda s, n, z=None: looked.append(n) or get(s, n, z))
    monkeypatch.setattr(DirectoryStore, "status", lambda s, n: looked.append(n) or status(s, n))
    for number in range(1000, 1300):
        looked.clear()
        store.put(name_of(number), pieces(number, 1000))
        assert len(looked) <= 2 * 256 + 32
    assert total(location) <= 1_650_000


@pytest.mark.parametrize("method", ["groups", "visit", "beside"])
def test_a_limit_that_cannot_be_kept_costs_nobody_the_result(
    location: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    cached = Cache(location, max_size="20 kB")(lambda n: "x" * 1000)

    def failing(*args: Any) -> Any:
        raise OSError(5, "broken")

    with monkeypatch.context() as patch:
        patch.setattr(DirectoryStore, method, failing)
        with pytest.warns(StoreWarning, match="cannot be kept within its limits") as caught:
            assert all(cached(n) == "x" * 1000 for n in range(100))
        assert len(caught) == 1
    assert cached.is_cached(99)


def test_a_ledger_that_others_hold_makes_nobody_wait(location: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    store = limited(location, max_size="1 GB")
    settle(store)
    with open(location / "sizes" / "all") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        settle(store)
        assert all(store.size(name_of(number)) for number in range(4))
    settle(store, 10)
    assert sum(ledger(location)) == total(location)


def test_threads_and_forked_processes_share_a_limit(location: Path) -> None:
    store = limited(location, max_size=200_000)

    def load(start: int) -> None:
        for number in range(start, start + 150):
            store.put(name_of(number), pieces(number, 1000))

    threads = [threading.Thread(target=load, args=(1000 * place,)) for place in range(4)]
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=load, args=(10_000 * place,)) for place in range(1, 3)]
    for runner in [*processes, *threads]:
        runner.start()
    for runner in [*processes, *threads]:
        runner.join()
    assert [process.exitcode for process in processes] == [0, 0]
    load(90_000)
    assert total(location) <= 1.1 * 200_000 + 2000


# -- prune -------------------------------------------------------------------------------------------


@pytest.fixture
def cache_of_four(cache: Cache) -> Cache:
    """Two functions with two results each; the second results are ten days old."""
    one, other = cache(name="one")(lambda n: "x" * 1000), cache(name="other")(lambda n: "y" * 1000)
    for cached in (one, other):
        cached(1), cached(2)
        age(cache.store, f"function/{next(cached.entries())['name'].split('/')[1]}/{cached.key(2)}", 10 * DAY)
    return cache


def left(cache: Cache) -> list[str]:
    return sorted(f"{header['function']}{header['parts'][-1][2]}" for header in cache.entries())


def test_prune_without_limits_leaves_everything(cache_of_four: Cache) -> None:
    pruned = cache_of_four.prune()
    assert pruned.gone == ()
    assert len(list(cache_of_four.entries())) == 4
    assert pruned.size == total(cache_of_four.location)


def test_prune_drops_what_was_not_used(cache_of_four: Cache) -> None:
    pruned = cache_of_four.prune(unused_for=5 * DAY)
    assert len(pruned.gone) == 2
    assert {gone.reason for gone in pruned.gone} == {"last used 10 days ago"}
    assert left(cache_of_four) == ["one1", "other1"]
    assert pruned.size == total(cache_of_four.location)


def test_a_dry_run_says_what_would_go_and_changes_nothing(cache_of_four: Cache) -> None:
    before = {p: p.stat().st_mtime_ns for p in cache_of_four.location.rglob("*")}
    said = cache_of_four.prune(max_size=0, dry_run=True)
    assert {p: p.stat().st_mtime_ns for p in cache_of_four.location.rglob("*")} == before
    done = cache_of_four.prune(max_size=0)
    assert [gone.name for gone in said.gone] == [gone.name for gone in done.gone]
    assert (said.kept, said.size, said.freed) == (done.kept, done.size, done.freed)
    assert left(cache_of_four) == []


def test_prune_chooses_by_function_and_layer(cache_of_four: Cache) -> None:
    assert cache_of_four.prune(max_size=0, layer="graph").gone == ()
    cache_of_four.prune(max_size=0, function="oth")
    assert left(cache_of_four) == ["one1", "one2"]


def test_prune_goes_by_the_limits_of_the_cache(cache_of_four: Cache) -> None:
    cache_of_four.max_size = 3000
    size = cache_of_four.prune().size
    assert size <= 3000 + sum(
        path.stat().st_size for path in cache_of_four.location.rglob("f-/*") if path.is_file()
    )
    assert sum(ledger(cache_of_four.location)) == size == total(cache_of_four.location)


def test_prune_drops_damaged_entries_and_what_was_left_behind(cache_of_four: Cache) -> None:
    header = next(cache_of_four.entries())
    path = Path(cache_of_four.store._path(header["name"]))
    path.write_bytes(path.read_bytes()[:-1])
    half = path.with_name(f"{path.name}.{'0' * 16}.partial")
    half.write_bytes(b"half")
    assert [gone.reason for gone in cache_of_four.prune(dry_run=True).gone] == [
        "damaged: it is shorter or longer than it says"
    ]
    os.utime(half, (time.time() - 2 * HOUR,) * 2)
    reasons = [gone.reason for gone in cache_of_four.prune().gone]
    assert reasons == [
        "damaged: it is shorter or longer than it says",
        "left by a writer that died 2 hours ago",
    ]
    assert len(list(cache_of_four.entries())) == 3
    assert not half.exists()


def test_listings_go_with_their_last_result(cache_of_four: Cache) -> None:
    listings = [path for path in cache_of_four.location.rglob("f-/*") if path.is_file()]
    assert len(listings) == 2
    cache_of_four.prune(max_size=0, function="one")
    assert all(path.exists() for path in listings), "a young one may wait for its result"
    for path in listings:
        os.utime(path, (time.time() - 2 * HOUR,) * 2)
    gone = cache_of_four.prune().gone
    assert [one.reason for one in gone] == ["lists what no stored result was made from"]
    assert sum(path.exists() for path in listings) == 1
    assert cache_of_four.prune(function="other", unused_for=5 * DAY).freed > 0
    assert sum(path.exists() for path in listings) == 1, "another result has it"


def test_calls_compute_again_what_was_pruned(cache: Cache) -> None:
    cached = cache(lambda n: 2 * n)
    cached(1), cached(1)
    cache.prune(max_size=0)
    assert cached(1) == 2
    assert cached.stats()["misses"] == 2


# -- the command line --------------------------------------------------------------------------------


Said = Callable[[], Any]


def test_prune_from_the_command_line(cache_of_four: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prune", "--dry-run", "--unused-for", "5d"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("function:o") and line.endswith("last used 10 days ago") for line in lines)
    assert last.startswith("would free")
    assert main(["prune", "--max-size", "2 kB", "--function", "one", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["gone"]) == 1
    assert told["freed"] == told["gone"][0]["size"]
    assert left(cache_of_four) == ["one1", "other1", "other2"]
    assert main(["prune", "--max-age", "1w"]) == 0
    assert capsys.readouterr().out.startswith("freed 0 B in 0 files; ")


@pytest.mark.parametrize("option", [("--max-size", "much"), ("--max-age", "soon"), ("--unused-for", "-1d")])
def test_what_is_no_limit_is_refused_on_the_command_line(
    option: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["prune", f"{option[0]}={option[1]}"])
    assert "is no" in capsys.readouterr().err


def test_pruning_nothing_makes_nothing(location: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prune"]) == 0
    assert not location.exists()
