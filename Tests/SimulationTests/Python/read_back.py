"""Reads what scripts/examples/bela_to_synnax.lua forwarded: `read_back.py HOST PORT USER PASSWORD RECORDING COUNT`.

Every sample of the recording must be there, once, in order, and no other; timestamps must rise by its rate.
"""

import os
import sys

import numpy as np
import synnax as sy

host, port, user, password, recording, count = sys.argv[1:7]
client = sy.Synnax(host=host, port=int(port), username=user, password=password, secure=False)

samples = np.concatenate([np.asarray(part) for part in client.read(sy.TimeRange.MAX, "bela_ecg").series])
times = np.concatenate([np.asarray(part).astype(np.int64) for part in client.read(sy.TimeRange.MAX, "bela_time").series])
assert len(samples) == len(times) == int(count), (len(samples), len(times), count)

steps = np.diff(times)
assert (steps > 0).all(), "a timestamp does not rise"
assert abs(steps.mean() - 1e9 / 360) < 1e3 and steps.max() < 1.1e9 / 360, (steps.mean(), steps.min(), steps.max())

played = np.loadtxt(recording, delimiter=",", skiprows=1, usecols=1).astype(np.float32)
played = np.concatenate([played, played])
starts = np.flatnonzero(played[: len(played) // 2] == samples[0])
assert any(np.array_equal(played[start : start + len(samples)], samples) for start in starts), "not a run of the recording"

latest = client.read_latest("bela_ecg", 3)
assert list(latest) == list(samples[-3:]), list(latest)
print(f"{len(samples)} samples, each once, {(times[-1] - times[0]) / 1e9:.2f} s", flush=True)
os._exit(0)
