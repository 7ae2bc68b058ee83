"""Reads and deletes history as users of the official client do: `client_history.py HOST PORT USER PASSWORD`.

Prints a line for each check, and ends with 1 after the first that fails.
"""

import os
import sys
import time
import traceback

import numpy as np
import synnax as sy
from synnax.exceptions import NotFoundError, UnauthorizedError

host, port, user, password = sys.argv[1:5]
client = sy.Synnax(host=host, port=int(port), username=user, password=password, secure=False)
SECOND = sy.TimeSpan.SECOND
checks = []


def check(function):
    checks.append(function)
    return function


def pair(name, kind=np.float64):
    index = client.channels.create(name=f"{name}_time", data_type=sy.DataType.TIMESTAMP, is_index=True)
    return index, client.channels.create(name=f"{name}_data", data_type=kind, index=index.key)


def stamps(start, count):
    return np.array([(start + place) * SECOND for place in range(count)], dtype=np.int64)


def fill(name, start, values, kind=np.float64):
    """The index first, then the data on it, each with a writer of its own."""
    index, data = pair(name, kind)
    index.write(start * SECOND, stamps(start, len(values)))
    data.write(start * SECOND, np.array(values, dtype=kind))
    return index, data


def values(series):
    return [value.item() if hasattr(value, "item") else value for value in series.to_numpy()]


def limit(aggregation, points):
    return sy.LimitReduction(aggregation=aggregation, point_limit=points)


@check
def data_find_the_index_that_was_written_before():
    index, data = pair("apart")
    for start, count in ((0, 6), (10, 4), (15, 5)):
        index.write(sy.TimeStamp(start * SECOND), stamps(start, count))
        data.write(sy.TimeStamp(start * SECOND), np.arange(start, start + count, dtype=np.float64))
    with client.open_iterator(sy.TimeRange.MAX, data.key) as i:
        assert i.seek_ge(sy.TimeStamp(16 * SECOND)) and i.next(4 * SECOND)
        assert values(i.value.get(data.key)) == [16, 17, 18, 19]
        assert i.seek_last() and i.prev(4 * SECOND)
        assert values(i.value.get(data.key)) == [16, 17, 18, 19]
        assert i.prev(11 * SECOND)
        assert values(i.value.get(data.key)) == [5, 10, 11, 12, 13, 15]
        assert i.seek_le(sy.TimeStamp(6 * SECOND)) and i.prev(3 * SECOND)
        assert values(i.value.get(data.key)) == [3, 4, 5]
        assert not i.seek_le(-1)
        assert not i.seek_ge(sy.TimeStamp(20 * SECOND))


@check
def iterates_in_chunks_both_ways():
    index, _ = pair("chunks")
    index.write(SECOND, stamps(1, 10))
    with client.open_iterator(sy.TimeRange.MAX, index.key) as i:
        assert [len(frame.get(index.key)) for frame in i] == [10]
    with client.open_iterator(sy.TimeRange.MAX, index.key, chunk_size=4) as i:
        assert i.seek_first()
        for first, count in ((1, 4), (5, 4), (9, 2)):
            assert i.next(sy.framer.AUTO_SPAN)
            assert values(i.value.get(index.key)) == list(stamps(first, count))
        assert not i.next(sy.framer.AUTO_SPAN)
        assert i.seek_last()
        for first, count in ((7, 4), (3, 4), (1, 2)):
            assert i.prev(sy.framer.AUTO_SPAN)
            assert values(i.value.get(index.key)) == list(stamps(first, count))
        assert not i.prev(sy.framer.AUTO_SPAN)


@check
def reads_the_latest():
    index, data = fill("latest", 1, range(1, 11))
    assert values(client.read_latest(data.key)) == [10]
    assert values(client.read_latest(data.key, 3)) == [8, 9, 10]
    frame = client.read_latest([index.key, data.key], 3)
    assert values(frame.get(data.key)) == [8, 9, 10] and values(frame.get(index.key)) == list(stamps(8, 3))
    assert values(client.read_latest(data.key, 1_000_000)) == list(range(1, 11))
    for none in (0, -5):
        assert len(client.read_latest(data.key, none)) == 0


@check
def reads_the_latest_of_what_is_empty_or_holds_one():
    index, data = pair("few")
    assert len(client.read_latest(data.key, 5)) == 0
    frame = client.read_latest([index.key, data.key], 5)
    assert not len(frame.get(data.key, [])) and not len(frame.get(index.key, []))
    index.write(SECOND, [SECOND])
    data.write(SECOND, [42.0])
    assert values(client.read_latest(data.key, 5)) == [42] == values(client.read_latest(data.key, 1))


@check
def reads_the_latest_of_different_lengths_and_with_gaps():
    index, long = fill("lengths", 1, range(1, 21))
    short = client.channels.create(name="lengths_short", data_type=np.float32, index=index.key)
    short.write(SECOND, np.arange(100, 105, dtype=np.float32))
    frame = client.read_latest([long.key, short.key], 10)
    assert values(frame.get(long.key)) == list(range(11, 21))
    assert values(frame.get(short.key)) == list(range(100, 105))
    index, data = fill("gaps", 1, [1, 2, 3])
    index.write(10 * SECOND, stamps(10, 3))
    data.write(10 * SECOND, [10.0, 11.0, 12.0])
    assert values(client.read_latest(data.key, 4)) == [3, 10, 11, 12]


@check
def keeps_every_nth_of_each_domain():
    index, data = fill("nth", 1, range(1, 10), np.float32)
    for factor, wanted in ((0, range(1, 10)), (1, range(1, 10)), (2, range(1, 10, 2)), (3, range(1, 10, 3))):
        reduction = sy.StrideReduction(factor=factor)
        with client.open_iterator(sy.TimeRange.MAX, [index.key, data.key], reduction=reduction) as i:
            assert i.seek_first() and i.next(sy.framer.AUTO_SPAN)
            assert values(i.value.get(data.key)) == list(wanted), factor
    index, data = fill("domains", 1, [1, 2, 3], np.float32)
    index.write(10 * SECOND, stamps(10, 4))
    data.write(10 * SECOND, np.array([10, 11, 12, 13], dtype=np.float32))
    with client.open_iterator(sy.TimeRange.MAX, [index.key, data.key], reduction=sy.StrideReduction(factor=2)) as i:
        assert i.seek_first() and i.next(sy.framer.AUTO_SPAN)
        assert values(i.value.get(data.key)) == [1, 3, 10, 12]


@check
def keeps_the_smallest_and_largest_of_each_group():
    rows = [5, 1, 9, 3, 2, 8, 8, 0, 7, 7, 7, 7]
    index, data = fill("extremes", 1, rows)
    frame = client.read(sy.TimeRange.MAX, [index.key, data.key], limit("min_max", 6))
    # Groups of four, the two points of each in the order in which they came.
    assert values(frame[data.key]) == [1, 9, 8, 0, 7, 7], values(frame[data.key])
    assert values(frame[index.key]) == [1 * SECOND, 4 * SECOND, 5 * SECOND, 8 * SECOND, 9 * SECOND, 12 * SECOND]
    # Groups that would be of three are of four: two points have a place each.
    assert len(client.read(sy.TimeRange.MAX, data.key, limit("min_max", 8))) == 6
    assert values(client.read(sy.TimeRange.MAX, data.key, limit("min_max", 12))) == rows
    with client.open_iterator(sy.TimeRange.MAX, [index.key, data.key], reduction=limit("min_max", 6)) as i:
        assert i.seek_first() and i.next(sy.framer.AUTO_SPAN)
        assert values(i.value.get(data.key)) == [1, 9, 8, 0, 7, 7]


@check
def averages_each_group():
    index, data = fill("means", 1, [1, 2, 3, 4, 5, 6, 70, 80, 9, 10])
    frame = client.read(sy.TimeRange.MAX, [index.key, data.key], limit("average", 5))
    assert values(frame[data.key]) == [1.5, 3.5, 5.5, 75, 9.5]
    # Time stamps are as exact as they are large.
    assert values(frame[index.key]) == [int(second * 10**9) for second in (1.5, 3.5, 5.5, 7.5, 9.5)]
    # A read of a part has the same groups.
    part = client.read(sy.TimeRange(sy.TimeStamp(2 * SECOND), sy.TimeStamp(11 * SECOND)), data.key, limit("average", 5))
    assert values(part) == [2, 3.5, 5.5, 75, 9.5], values(part)
    for kind, rows, wanted in (
        (np.int8, [-128, 127, 1, 2], [-1, 1]),
        (np.uint64, [2**64 - 1, 2**64 - 3, 0, 1], [2**64 - 2, 0]),
        (np.int64, [-(2**62), 2**62, 7, 8], [0, 7]),
    ):
        _, whole = fill(f"means_{np.dtype(kind).name}", 1, rows, kind)
        assert values(client.read(sy.TimeRange.MAX, whole.key, limit("average", 2))) == wanted, kind


@check
def leaves_what_is_no_number_as_it_is():
    index = client.channels.create(name="words_time", data_type=sy.DataType.TIMESTAMP, is_index=True)
    words = client.channels.create(name="words", data_type=sy.DataType.STRING, index=index.key)
    index.write(SECOND, stamps(1, 4))
    client.write(SECOND, {words.key: ["a", "b", "c", "d"]})
    for aggregation in ("min_max", "average", "decimate"):
        assert list(client.read(sy.TimeRange.MAX, words.key, limit(aggregation, 2))) == ["a", "b", "c", "d"]


@check
def deletes_a_time_range_by_key_and_by_name():
    for by_name in (False, True):
        index, _ = pair(f"doomed_{by_name}")
        with client.open_writer(SECOND, index.key) as writer:
            writer.write({index.key: stamps(1, 50)})
            writer.commit()
        client.delete([index.name if by_name else index.key], sy.TimeRange(0, sy.TimeStamp(25 * SECOND)))
        left = index.read(sy.TimeRange.MAX)
        assert values(left) == list(stamps(25, 26))
        assert left.time_range == sy.TimeRange(sy.TimeStamp(25 * SECOND), sy.TimeStamp(50 * SECOND) + sy.TimeSpan(1))


@check
def deletes_all_or_nothing():
    index, data = fill("whole", 1, range(50))
    gone, _ = pair("whole_gone")
    client.channels.delete([gone.key + 1])
    try:
        client.delete([index.key, gone.key + 1], sy.TimeRange.MAX)
        raise AssertionError("a channel that does not exist was deleted from")
    except NotFoundError:
        assert len(index.read(sy.TimeRange.MAX)) == 50
    # Others need its times.
    try:
        client.delete([index.key], sy.TimeRange(sy.TimeStamp(SECOND), sy.TimeStamp(2 * SECOND)))
        raise AssertionError("an index was deleted from under its channel")
    except AssertionError:
        raise
    except Exception:
        assert len(index.read(sy.TimeRange.MAX)) == 50
    client.delete([index.key, data.key], sy.TimeRange(sy.TimeStamp(SECOND), sy.TimeStamp(3 * SECOND)))
    assert values(data.read(sy.TimeRange.MAX)) == list(range(2, 50))


@check
def deletes_nothing_from_under_a_writer():
    index, _ = pair("held")
    with client.open_writer(0, index.key):
        try:
            client.delete([index.key], sy.TimeRange(sy.TimeStamp(SECOND), sy.TimeStamp(2 * SECOND)))
            raise AssertionError("a channel was deleted from under its writer")
        except UnauthorizedError:
            pass


@check
def deletes_channels_with_their_samples():
    index, data = fill("short_lived", 1, range(5))
    try:
        client.channels.delete([index.key])
        raise AssertionError("an index was deleted before its channel")
    except AssertionError:
        raise
    except Exception:
        pass
    client.channels.delete([data.key])
    again = client.channels.create(name="short_lived_data", data_type=np.float64, index=index.key)
    assert again.key != data.key and len(again.read(sy.TimeRange.MAX)) == 0
    client.channels.delete(["short_lived_data", "short_lived_time"])
    try:
        client.channels.retrieve("short_lived_time")
        raise AssertionError("a deleted channel was found")
    except NotFoundError:
        pass


for function in checks:
    began = time.monotonic()
    try:
        function()
    except BaseException:
        traceback.print_exc()
        print(f"failed {function.__name__}", flush=True)
        sys.stdout.flush()
        os._exit(1)
    print(f"ok {function.__name__} {time.monotonic() - began:.2f} s", flush=True)
print(f"{len(checks)} checks", flush=True)
# Threads of the client would keep the program alive.
sys.stdout.flush()
os._exit(0)
