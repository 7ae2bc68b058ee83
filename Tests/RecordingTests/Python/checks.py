"""Reads what moontide wrote, with numpy, sqlite3 and wave: checks FOLDER. Then writes FOLDER/theirs.* for it to read."""
import json
import os
import sqlite3
import struct
import sys
import wave

import numpy as np

folder = sys.argv[1]
done = 0


def check(condition, what):
    global done
    if not condition:
        print("FAILED:", what)
        sys.exit(1)
    done += 1


def path(name):
    return os.path.join(folder, name)


# The values are functions of the tick: f32 tick / 4, u32 2**32 - tick, i64 2**53 + tick; ticks 1000 to 1999 without 1500 to 1599.
ticks = np.array([t for t in range(1000, 2000) if not 1500 <= t < 1600], dtype=np.int64)
wanted = {
    "f32": (ticks / 4).astype(np.float32),
    "u32": (2**32 - ticks).astype(np.uint32),
    "i64": 2**53 + ticks,
}

archive = np.load(path("run.npz"))
check(sorted(archive.files) == sorted([n for k in wanted for n in (k, k + "_time")]), f"npz: {archive.files}")
for name, values in wanted.items():
    check(archive[name].dtype == values.dtype and np.array_equal(archive[name], values), f"npz {name}")
    check(np.array_equal(archive[name + "_time"], ticks), f"npz times of {name}")
single = np.load(path("u32.npy"))
check(single.dtype == np.uint32 and np.array_equal(single, wanted["u32"]), "npy")

table = np.genfromtxt(path("run.csv"), delimiter=",", skip_header=1, dtype=np.float64)
check(np.array_equal(table[:, 0], ticks) and np.array_equal(table[:, 1], wanted["f32"]), "csv")
meta = json.load(open(path("run.meta.json")))
check([c["name"] for c in meta["channels"]] == list(wanted), "sidecar")
check(meta["channels"][0]["gaps"] == [{"after": 500, "samples": 100, "why": "lost"}], "gaps in the sidecar")
check(meta["cell"] == "the cell" and meta["source"] == "a test", "origin")

lines = [json.loads(line) for line in open(path("run.jsonl"))]
data = [v for line in lines for s in line["series"] if s["name"] == "i64" for v in s["data"]]
check(data == wanted["i64"].tolist(), "jsonl")

sound = wave.open(path("sound.wav"))
check((sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (8000, 2, 2), "wav parameters")
frames = struct.unpack("<8h", sound.readframes(4))
check(frames == (0, 0, 1, -1, 2, -2, 3, -3), f"wav: {frames}")

db = sqlite3.connect(f"file:{path('run.mtr')}?mode=ro", uri=True)
check(db.execute("PRAGMA journal_mode").fetchone()[0] == "wal", "write-ahead log")
facts = dict(db.execute("SELECT name, value FROM meta"))
check(facts["source"] == "a test" and facts["cell"] == "the cell" and facts["program"] == "moontide 0", "meta")
for name, values in wanted.items():
    rows = db.execute("""SELECT samples, count, start, step_units, step_samples FROM chunks JOIN channels
        ON channels.id = channel WHERE name = ? ORDER BY chunks.id""", [name]).fetchall()
    found = np.concatenate([np.frombuffer(row[0], dtype=values.dtype.newbyteorder("<")) for row in rows])
    times = np.concatenate([row[2] + np.arange(row[1]) * row[3] // row[4] for row in rows])
    check(np.array_equal(found, values) and np.array_equal(times, ticks), f"mtr {name}")
gaps = db.execute("SELECT after, samples, why FROM gaps").fetchall()
check(gaps == [(500, 100, "lost")] * 3, f"gaps: {gaps}")
check(db.execute("SELECT COUNT(*) FROM frames").fetchone()[0] == 1, "frames")
db.close()

np.save(path("theirs.npy"), np.arange(5, dtype=np.int16))
np.savez(path("theirs.npz"), a=np.arange(4, dtype=np.float64) / 2, a_time=np.array([3, 5, 7, 9]), b=np.array([True, False]))
print(f"{done} checks")
