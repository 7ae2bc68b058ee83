"""Uses a core as a user of the official client does: `client.py HOST PORT USER PASSWORD`.

Prints a line for each check, and ends with 1 after the first that fails.
"""

import asyncio
import os
import sys
import threading
import time
import traceback
import uuid

import numpy as np
import synnax as sy
from synnax.exceptions import InvalidCredentials, NotFoundError, PathError, UnauthorizedError, ValidationError

host, port, user, password = sys.argv[1:5]


def connect(secret=password):
    return sy.Synnax(host=host, port=int(port), username=user, password=secret, secure=False)


client = connect()
checks = []


def check(function):
    checks.append(function)
    return function


def group(name, types=(np.float64,)):
    """An index and data channels of its own."""
    index = client.channels.create(name=f"{name}_time", data_type=sy.DataType.TIMESTAMP, is_index=True)
    data = [
        client.channels.create(name=f"{name}_{place}", data_type=kind, index=index.key)
        for place, kind in enumerate(types)
    ]
    return index, data


def stamps(start, count):
    return [sy.TimeStamp((start + place) * sy.TimeSpan.SECOND) for place in range(count)]


@check
def logs_in_and_out():
    assert client.connectivity.check().node_version == "0.60.0" if hasattr(client, "connectivity") else True
    try:
        connect("wrong")
    except InvalidCredentials:
        return
    raise AssertionError("a wrong password was taken")


@check
def creates_and_finds_channels():
    index, (data,) = group("found")
    assert client.channels.retrieve("found_0").key == data.key
    assert client.channels.retrieve(data.key).index == index.key
    assert {one.name for one in client.channels.retrieve(["found_0", "found_time"])} == {"found_0", "found_time"}
    assert {one.name for one in client.channels.retrieve(["^found_.*$"])} == {"found_0", "found_time"}
    assert client.channels.create(name="found_0", data_type=np.float64, index=index.key, retrieve_if_name_exists=True).key == data.key
    client.channels.rename(data.key, "found_renamed")
    assert client.channels.retrieve("found_renamed").key == data.key
    client.channels.delete([data.key])
    for bad in (lambda: client.channels.retrieve(data.key), lambda: client.channels.retrieve("found_renamed")):
        try:
            bad()
        except NotFoundError:
            continue
        raise AssertionError("a deleted channel was found")
    for bad in (
        dict(name="", data_type=np.float64, virtual=True),
        dict(name="not a name", data_type=np.float64, virtual=True),
        dict(name="found_time", data_type=np.float64, virtual=True),
        dict(name="found_x", data_type=np.float64, is_index=True),
        dict(name="found_y", data_type=np.float64),
    ):
        try:
            client.channels.create(**bad)
        except (PathError, ValidationError):
            continue
        raise AssertionError(f"the core created {bad}")


@check
def streams_one_and_many():
    index, (a, b) = group("many", (np.float32, np.int64))
    with client.open_streamer(["many_0", "many_1", "many_time"]) as streamer:
        with client.open_writer(0, [index.key, a.key, b.key]) as writer:
            for start in range(0, 50, 5):
                writer.write(
                    {index.key: stamps(start, 5), a.key: np.arange(start, start + 5, dtype=np.float32), b.key: np.arange(start, start + 5)}
                )
        got = {"many_time": [], "many_0": [], "many_1": []}
        while len(got["many_time"]) < 50:
            frame = streamer.read(timeout=5)
            assert frame is not None
            for name in got:
                got[name] += list(frame[name])
        assert got["many_0"] == [float(value) for value in range(50)]
        assert got["many_1"] == list(range(50))
        assert [int(value) for value in got["many_time"]] == [value * 10**9 for value in range(50)]
        assert streamer.read(timeout=0.1) is None


@check
def sees_two_writers_and_partial_frames():
    one, (a,) = group("one")
    two, (b,) = group("two")
    with client.open_streamer([a.key, b.key]) as streamer:
        with client.open_writer(0, [one.key, a.key]) as first, client.open_writer(0, [two.key, b.key]) as second:
            first.write({one.key: stamps(1, 1), a.key: [1.5]})
            frame = streamer.read(timeout=5)
            assert list(frame[a.key]) == [1.5] and b.key not in frame.channels
            second.write({two.key: stamps(1, 2), b.key: [2.5, 3.5]})
            frame = streamer.read(timeout=5)
            assert list(frame[b.key]) == [2.5, 3.5] and a.key not in frame.channels


@check
def changes_channels_three_hundred_times():
    index, data = group("change", (np.float64,) * 3)
    keys = [one.key for one in data]
    with client.open_streamer(keys) as streamer:
        for turn in range(300):
            streamer.update_channels([keys[turn % 3], keys[(turn + 1) % 3]])
        streamer.update_channels([keys[0]])
        with client.open_writer(0, [index.key] + keys) as writer:
            # The core applies a change when it gets to it.
            for start in range(50):
                writer.write({index.key: stamps(start, 1), **{key: [float(start)] for key in keys}})
                frame = streamer.read(timeout=0.2)
                if frame is not None and frame.channels == [keys[0]]:
                    return
    raise AssertionError("no frame of the last set came")


@check
def reduces_and_throttles():
    index, (data,) = group("reduce")
    with client.open_streamer([data.key], downsample_factor=3) as streamer, client.open_streamer(
        [data.key], throttle_rate=5
    ) as slow:
        with client.open_writer(0, [index.key, data.key]) as writer:
            for start in range(0, 40, 10):
                writer.write({index.key: stamps(start, 10), data.key: np.arange(start, start + 10, dtype=np.float64)})
        assert list(streamer.read(timeout=5)[data.key]) == [0.0, 3.0, 6.0, 9.0]
        frame = slow.read(timeout=5)
        assert list(frame[data.key]) == [float(value) for value in range(40)]
    for factor in (-1, 2**33):
        try:
            client.open_streamer([data.key], downsample_factor=factor).close()
        except ValidationError:
            continue
        raise AssertionError(f"the factor {factor} was taken")
    try:
        client.open_streamer([99])
    except NotFoundError:
        return
    raise AssertionError("an unknown channel was streamed")


@check
def streams_asynchronously():
    index, (data,) = group("later")

    async def run():
        async with await client.open_async_streamer([data.key]) as streamer:
            with client.open_writer(0, [index.key, data.key]) as writer:
                writer.write({index.key: stamps(1, 2), data.key: [7.0, 8.0]})
            frame = await asyncio.wait_for(streamer.read(), 5)
            return list(frame[data.key])

    assert asyncio.run(run()) == [7.0, 8.0]


@check
def is_told_that_the_core_lives():
    _, (data,) = group("alive")
    with client.open_streamer([data.key], keep_alive=2) as streamer:
        assert streamer.read(timeout=2.5) is None
    try:
        client.open_streamer([data.key], keep_alive=1)
    except ValidationError:
        return
    raise AssertionError("an interval of a second was taken")


@check
def writes_and_reads_back_every_type():
    kinds = {
        sy.DataType.FLOAT32: np.array([1.5, -2.5], dtype=np.float32),
        sy.DataType.FLOAT64: np.array([1.5, -2.5]),
        sy.DataType.INT8: np.array([-1, 2], dtype=np.int8),
        sy.DataType.INT16: np.array([-1, 2], dtype=np.int16),
        sy.DataType.INT32: np.array([-1, 2], dtype=np.int32),
        sy.DataType.INT64: np.array([-1, 2**60], dtype=np.int64),
        sy.DataType.UINT8: np.array([1, 255], dtype=np.uint8),
        sy.DataType.UINT16: np.array([1, 2], dtype=np.uint16),
        sy.DataType.UINT32: np.array([1, 2], dtype=np.uint32),
        sy.DataType.UINT64: np.array([1, 2**63], dtype=np.uint64),
        sy.DataType.STRING: ["héllo", ""],
        sy.DataType.JSON: [{"a": 1}, {"b": [2]}],
    }
    index, channels = group("types", kinds.keys())
    with client.open_streamer([one.key for one in channels]) as streamer:
        with client.open_writer(0, [index.key] + [one.key for one in channels]) as writer:
            writer.write({index.key: stamps(1, 2), **{one.key: data for one, data in zip(channels, kinds.values())}})
            assert int(writer.commit()) == 2 * 10**9 + 1
        live = streamer.read(timeout=5)
    stored = client.read(sy.TimeRange(0, sy.TimeStamp(10 * sy.TimeSpan.SECOND)), [one.key for one in channels])
    for one, data in zip(channels, kinds.values()):
        for frame in (live, stored):
            assert list(frame[one.key]) == list(data), (one.name, list(frame[one.key]), list(data))


@check
def reads_history_by_range_and_latest():
    index, (data,) = group("history")
    with client.open_writer(0, [index.key, data.key]) as writer:
        for start in range(0, 100, 10):
            writer.write({index.key: stamps(start, 10), data.key: np.arange(start, start + 10, dtype=np.float64)})
    second = sy.TimeSpan.SECOND
    part = client.read(sy.TimeRange(sy.TimeStamp(15 * second), sy.TimeStamp(25 * second)), data.key)
    assert list(part) == [float(value) for value in range(15, 25)], list(part)
    latest = client.read_latest([index.key, data.key], 5)
    assert list(latest[data.key]) == [95.0, 96.0, 97.0, 98.0, 99.0]
    with client.open_iterator(sy.TimeRange.MAX, [data.key], chunk_size=30) as iterator:
        sizes = [len(frame[data.key]) for frame in iterator]
        assert sizes == [30, 30, 30, 10], sizes
        assert iterator.seek_ge(sy.TimeStamp(50 * second)) and iterator.next(5 * second)
        assert list(iterator.value[data.key]) == [50.0, 51.0, 52.0, 53.0, 54.0]
        assert iterator.seek_last() and iterator.prev(3 * second)
        assert list(iterator.value[data.key])[-1] == 99.0


@check
def raises_what_is_wrong_with_a_frame():
    index, (data,) = group("wrong")
    cases = [
        {data.key: [1.0]},
        {index.key: stamps(5, 2), data.key: [1.0]},
        {index.key: list(reversed(stamps(5, 2))), data.key: [1.0, 2.0]},
    ]
    for frame in cases:
        try:
            with client.open_writer(0, [index.key, data.key]) as writer:
                writer.write(frame)
                writer.commit()
        except ValidationError:
            continue
        raise AssertionError(f"the core took {frame}")
    with client.open_writer(0, [index.key, data.key]) as writer:
        writer.write({index.key: stamps(10, 2), data.key: [1.0, 2.0]})
    try:
        client.open_writer(sy.TimeStamp(10 * sy.TimeSpan.SECOND) + sy.TimeSpan.MILLISECOND, [index.key, data.key])
    except ValidationError:
        return
    raise AssertionError("a writer opened within stored data")


@check
def hands_control_over():
    index, (data,) = group("control")
    keys = [index.key, data.key]
    with client.open_streamer([data.key]) as streamer:
        with client.open_writer(0, keys, authorities=100, name="low") as low:
            with client.open_writer(0, keys, authorities=200, name="high") as high:
                low.write({index.key: stamps(1, 1), data.key: [1.0]})
                high.write({index.key: stamps(2, 1), data.key: [2.0]})
                assert list(streamer.read(timeout=5)[data.key]) == [2.0]
                try:
                    client.open_writer(0, keys, authorities=50, err_on_unauthorized=True)
                    raise AssertionError("a third writer was let in")
                except UnauthorizedError:
                    pass
                high.set_authority(10)
                low.write({index.key: stamps(3, 1), data.key: [3.0]})
                assert list(streamer.read(timeout=5)[data.key]) == [3.0]


@check
def writes_virtual_channels():
    channel = client.channels.create(name="virtual_one", data_type=np.uint8, virtual=True)
    with client.open_streamer([channel.key]) as streamer:
        with client.open_writer(sy.TimeStamp.now(), [channel.key]) as writer:
            writer.write({channel.key: np.array([1, 2, 3], dtype=np.uint8)})
            assert list(streamer.read(timeout=5)[channel.key]) == [1, 2, 3]


@check
def streams_one_by_name_and_waits_no_longer_than_told():
    index, (data,) = group("single")
    with client.open_streamer("single_0") as streamer:
        for wait, least in ((0.2, 0.2), (200 * sy.TimeSpan.MILLISECOND, 0.2), (0.0, 0.0)):
            began = time.monotonic()
            assert streamer.read(timeout=wait) is None
            assert least <= time.monotonic() - began < least + 5, time.monotonic() - began
        with client.open_writer(0, ["single_time", "single_0"]) as writer:
            for start in range(10):
                writer.write({"single_time": stamps(start, 1), "single_0": [start / 4]})
                frame = streamer.read(timeout=5)
                assert frame.channels == ["single_0"] and list(frame["single_0"]) == [start / 4]
        assert streamer.read(timeout=0.1) is None


@check
def loses_nothing_of_a_kept_channel_through_changes():
    index, (kept, other) = group("kept", (np.int64,) * 2)
    total = 3000

    def write():
        with client.open_writer(0, [index.key, kept.key, other.key]) as writer:
            for start in range(0, total, 10):
                values = np.arange(start, start + 10)
                writer.write({index.key: stamps(start, 10), kept.key: values, other.key: -values})

    with client.open_streamer([kept.key]) as streamer:
        thread = threading.Thread(target=write)
        thread.start()
        got, others = [], []
        # The official client counts changes only, so no two sets in a row are the same here.
        for turn in range(300):
            streamer.update_channels([kept.key, other.key] if turn % 2 == 0 else [kept.key])
            frame = streamer.read(timeout=0.001)
            if frame is not None:
                got += [int(value) for value in frame[kept.key]] if kept.key in frame else []
                others += [int(value) for value in frame[other.key]] if other.key in frame else []
        thread.join()
        while len(got) < total:
            frame = streamer.read(timeout=5)
            assert frame is not None, f"{len(got)} of {total}"
            got += [int(value) for value in frame[kept.key]]
            others += [int(value) for value in frame[other.key]] if other.key in frame else []
        assert got == list(range(total))
        assert all(-value in range(total) for value in others) and others == sorted(others, reverse=True)


@check
def raises_for_what_does_not_exist():
    index, (data,) = group("exists")
    whole = sy.TimeRange(0, sy.TimeStamp(sy.TimeSpan.SECOND))
    # By name the client itself finds out, and says so in its own way; by key the core does.
    for classes, bad in (
        (KeyError, lambda: client.open_streamer(["no_such_channel"])),
        (KeyError, lambda: asyncio.run(client.open_async_streamer(["no_such_channel"]))),
        (NotFoundError, lambda: client.open_streamer([data.key, 77])),
        (NotFoundError, lambda: asyncio.run(client.open_async_streamer([77]))),
        (NotFoundError, lambda: client.open_writer(0, [77])),
        (NotFoundError, lambda: client.read(whole, 77)),
        (NotFoundError, lambda: client.channels.retrieve("no_such_channel")),
        (NotFoundError, lambda: client.channels.delete([77])),
    ):
        try:
            bad()
        except classes:
            continue
        raise AssertionError("something that does not exist was found")
    with client.open_streamer([data.key]) as streamer:
        try:
            streamer.update_channels([77])
            raise AssertionError("an unknown channel was taken")
        except NotFoundError:
            pass
        with client.open_writer(0, [index.key, data.key]) as writer:
            writer.write({index.key: stamps(1, 1), data.key: [1.0]})
        assert list(streamer.read(timeout=5)[data.key]) == [1.0]


@check
def iterates_asynchronously_over_two_writers():
    (one, (a,)), (two, (b,)) = group("async_a"), group("async_b")

    async def run():
        got = {a.key: [], b.key: []}
        async with await client.open_async_streamer([a.key, b.key], downsample_factor=2) as streamer:
            with client.open_writer(0, [one.key, a.key]) as first, client.open_writer(0, [two.key, b.key]) as second:
                for start in range(0, 20, 4):
                    values = np.arange(start, start + 4, dtype=np.float64)
                    first.write({one.key: stamps(start, 4), a.key: values})
                    second.write({two.key: stamps(start, 4), b.key: -values})
            async for frame in streamer:
                for key in frame.channels:
                    got[key] += list(frame[key])
                if all(len(values) == 10 for values in got.values()):
                    return got

    got = asyncio.run(asyncio.wait_for(run(), 10))
    assert got[a.key] == [float(value) for value in range(0, 20, 2)]
    assert got[b.key] == [-float(value) for value in range(0, 20, 2)]


@check
def carries_booleans_bytes_and_identifiers():
    identifiers = [uuid.UUID(int=value) for value in (1, 2**127 + 5, 3)]
    kinds = {
        sy.DataType.BOOLEAN: np.array([True, False, True]),
        sy.DataType.UUID: identifiers,
        # The client takes and gives these packed only: a length before each.
        sy.DataType.BYTES: sy.Series(b"\2\0\0\0\0\xff" b"\0\0\0\0" b"\3\0\0\0abc", data_type=sy.DataType.BYTES),
    }
    index, channels = group("odd", kinds.keys())
    keys = [one.key for one in channels]
    with client.open_streamer(keys) as streamer:
        with client.open_writer(0, [index.key] + keys) as writer:
            writer.write({index.key: stamps(1, 3), **dict(zip(keys, kinds.values()))})
        live = streamer.read(timeout=5)
    stored = client.read(sy.TimeRange(0, sy.TimeStamp(10 * sy.TimeSpan.SECOND)), keys)
    for one, data in zip(channels, kinds.values()):
        for frame in (live, stored):
            if one.data_type == sy.DataType.BYTES:
                assert b"".join(bytes(part.data) for part in frame[one.key].series) == data.data
            else:
                assert list(frame[one.key]) == list(data), (one.name, list(frame[one.key]), list(data))


@check
def reads_fewer_samples():
    index, (data,) = group("fewer")
    keys = [index.key, data.key]
    client.write(0, {index.key: stamps(0, 100), data.key: np.arange(100, dtype=np.float64)})
    for reduction, wanted in (
        (sy.StrideReduction(factor=10), range(0, 100, 10)),
        (sy.LimitReduction(aggregation="decimate", point_limit=25), range(0, 100, 4)),
    ):
        frame = client.read(sy.TimeRange(0, sy.TimeStamp(sy.TimeSpan.HOUR)), keys, reduction)
        assert list(frame[data.key]) == [float(value) for value in wanted], list(frame[data.key])
        assert [int(value) for value in frame[index.key]] == [value * 10**9 for value in wanted]


for function in checks:
    began = time.monotonic()
    try:
        function()
    except BaseException:
        traceback.print_exc()
        print(f"failed {function.__name__}", flush=True)
        sys.exit(1)
    print(f"ok {function.__name__} {time.monotonic() - began:.2f} s", flush=True)
print(f"{len(checks)} checks", flush=True)
# Threads of the client would keep the program alive.
sys.stdout.flush()
os._exit(0)
