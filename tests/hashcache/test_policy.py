"""What goes first: laws of a pure function."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashcache import OptionError
from hashcache.policy import Known, ago, bytes_of, choose, seconds_of, span, worth

NOW = 1e9
times = st.floats(NOW - 1e8, NOW + 1e6)
sizes = st.integers(0, 10**6)
seconds = st.floats(0, 1e5) | st.sampled_from([float("nan"), float("inf"), -1.0])
results = st.lists(
    st.builds(Known, st.text("abc", min_size=1), sizes, seconds, times, times),
    max_size=20,
    unique_by=lambda known: known.name,
)
limits = st.integers(0, 2 * 10**6)


def stay(known: list[Known], **how: float | None) -> set[str]:
    gone = {one.name for one, _ in choose(known, NOW, **how)}  # type: ignore[arg-type]
    return {one.name for one in known} - gone


@given(results, limits)
def test_what_stays_is_within_the_limit(known: list[Known], limit: int) -> None:
    staying = stay(known, max_size=limit)
    assert sum(one.size for one in known if one.name in staying) <= limit


@given(results)
def test_under_the_limit_nothing_goes(known: list[Known]) -> None:
    assert choose(known, NOW, max_size=sum(one.size for one in known)) == []
    assert choose(known, NOW) == []


@given(results, limits)
def test_no_more_goes_than_has_to(known: list[Known], limit: int) -> None:
    gone = [one for one, _ in choose(known, NOW, max_size=limit)]
    if gone:
        staying = sum(one.size for one in known) - sum(one.size for one in gone)
        assert staying + gone[-1].size > limit


@given(results, limits)
def test_what_stays_is_worth_what_went(known: list[Known], limit: int) -> None:
    staying = stay(known, max_size=limit)
    kept = [worth(one, NOW) for one in known if one.name in staying]
    gone = [worth(one, NOW) for one in known if one.name not in staying]
    assert not kept or not gone or min(kept) >= max(gone)


@given(results, limits, st.randoms())
def test_the_order_in_which_results_come_makes_no_difference(known: list[Known], limit: int, random) -> None:
    shuffled = list(known)
    random.shuffle(shuffled)
    assert choose(shuffled, NOW, max_size=limit, max_age=1e7) == choose(
        known, NOW, max_size=limit, max_age=1e7
    )


@given(results, limits, limits)
def test_a_higher_limit_keeps_whatever_a_lower_one_keeps(known: list[Known], one: int, other: int) -> None:
    assert stay(known, max_size=min(one, other)) <= stay(known, max_size=max(one, other))


@given(results, st.floats(1, 1e8), st.floats(1, 1e8), limits)
def test_age_and_idleness_have_no_exceptions(known: list[Known], age: float, idle: float, limit: int) -> None:
    staying = stay(known, max_age=age, unused_for=idle, max_size=limit)
    assert all(NOW - one.created <= age and NOW - one.used <= idle for one in known if one.name in staying)
    assert stay(known, max_age=age) == {one.name for one in known if NOW - one.created <= age}


@given(sizes, st.floats(0, 1e5), times)
def test_worth_grows_with_seconds_and_recency_and_falls_with_size(
    size: int, took: float, used: float
) -> None:
    known = Known("a", size, took, used, used)
    assert worth(known._replace(seconds=2 * took + 1), NOW) > worth(known, NOW)
    assert worth(known._replace(size=2 * size + 2), NOW) < worth(known, NOW)
    assert worth(known._replace(used=used + 10), NOW) >= worth(known, NOW)
    assert worth(known, NOW) > 0


def test_every_reason_says_why() -> None:
    old = Known("a", 10, 1.0, NOW - 4 * 86400, NOW)
    idle = Known("b", 10, 1.0, NOW, NOW - 7300)
    large = Known("c", 100, 0.25, NOW, NOW)
    told = choose([old, idle, large], NOW, max_size=50, max_age=86400.0, unused_for=7200.0)
    assert [reason for _, reason in told] == [
        "computed 4 days ago, over the limit of 1 day",
        "last used 2 hours ago",
        "over 50 bytes in all: saves 0.25 s with 100 bytes, last used 0 seconds ago",
    ]


@pytest.mark.parametrize(
    ("text", "size"),
    [("10 GB", 10**10), ("10gb", 10**10), ("1.5 KiB", 1536), ("7", 7), (7, 7), (0, 0), ("2 MiB", 2**21)],
)
def test_sizes_are_written_as_people_write_them(text: str | int, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize("size", ["", "GB", "10 XB", "-1", -1, True, None, "nan", float("nan"), "1 e5 B", []])
def test_what_is_no_size_is_refused(size: object) -> None:
    with pytest.raises(OptionError, match="no size"):
        bytes_of(size)  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [0, -1, True, None, "1 day", float("nan"), timedelta(0)])
def test_what_is_no_length_of_time_is_refused(length: object) -> None:
    with pytest.raises(OptionError, match="no length of time"):
        seconds_of(length)  # type: ignore[arg-type]


def test_lengths_of_time_are_said_as_people_say_them() -> None:
    assert [span(s) for s in (0.25, 1, 59, 60, 3600, 86399, 86400, 1e9)] == [
        "0.25 seconds", "1 second", "59 seconds", "1 minute", "1 hour", "23 hours", "1 day", "11574 days",
    ]  # fmt: skip
    assert ago(-120) == "2 minutes in the future"
    assert seconds_of(timedelta(days=1)) == seconds_of(86400) == 86400.0
