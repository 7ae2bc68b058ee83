"""Files of moontide in the hands of the official pybela, and the other way round: checks PORT FOLDER.

FOLDER has dense_ours.txt, sparse_ours.txt and slow_mon.txt of moontide. Leaves NAME_theirs.txt and NAME_theirmon.txt.
"""
import json
import os
import sys

from pybela import Monitor, Streamer

PORT, FOLDER = int(sys.argv[1]), sys.argv[2]
done = 0


def check(condition, what):
    global done
    if not condition:
        print("FAILED:", what)
        sys.exit(1)
    done += 1


def path(name):
    return os.path.join(FOLDER, name)


streamer = Streamer(ip="127.0.0.1", port=PORT)
check(streamer.connect() == 1, "connect")

blocks = streamer.load_data_from_file(path("dense_ours.txt"))
check([set(b) for b in blocks] == [{"ref_timestamp", "data"}] * len(blocks), "keys of dense blocks")
check([len(b["data"]) for b in blocks] == [1024, 1024, 952], "lengths of dense blocks")
check([b["ref_timestamp"] for b in blocks] == [5000, 6024, 7048], "times of dense blocks")
values = [v for b in blocks for v in b["data"]]
check(values == [2**32 - 1 - n for n in range(3000)] and all(isinstance(v, int) for v in values), "dense values")
blocks = streamer.load_data_from_file(path("sparse_ours.txt"))
check([list(b) for b in blocks] == [["ref_timestamp", "data", "rel_timestamps"]] * len(blocks), "keys of sparse blocks")
check([len(b["data"]) for b in blocks] == [341, 159], "lengths of sparse blocks")
frames = [b["ref_timestamp"] + r for b in blocks for r in b["rel_timestamps"]]
check(frames == [100 + 12 * n for n in range(500)], "times of sparse values")
check([v for b in blocks for v in b["data"]] == [n / 3 for n in range(500)], "sparse values")
# The very text that pybela would write.
lines = open(path("sparse_ours.txt")).read().splitlines()
check(lines == [json.dumps(b) for b in blocks], "text")

names = ["myvar", "myvar2", "myvar3"]
streamer.start_streaming(variables=names, saving_enabled=True, saving_filename="theirs.txt", saving_dir=FOLDER)
streamer.wait(0.7)
streamer.stop_streaming(variables=names)
streamer.wait(0.1)
streamer.disconnect()

monitor = Monitor(ip="127.0.0.1", port=PORT)
monitor.connect()
loaded = monitor.load_data_from_file(path("slow_mon.txt"))
check(loaded == {"timestamps": [1000, 2000, 3000], "values": [0.5, 0.25, 0.125]}, f"monitor: {loaded}")
monitor.start_monitoring(variables=["myvar"], periods=[1000], saving_enabled=True, saving_filename="theirmon.txt",
                         saving_dir=FOLDER)
monitor.wait(0.5)
monitor.stop_monitoring()
monitor.disconnect()
print(f"{done} checks")
os._exit(0)
