"""The official pybela against a simulated board: checks PORT ECHO_PORT FOLDER.

PORT runs the five counters of `bela-test`, ECHO_PORT assigns received buffers as `bela-test-send` does. Every value
of a counter is the frame in which it was assigned, so values, order and missing blocks are all seen in the data.
"""
import os
import sys

from pybela import Controller, Monitor, Streamer

HOST = "127.0.0.1"
PORT, ECHO_PORT, FOLDER = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
done = 0


def check(condition, what):
    global done
    if not condition:
        print("FAILED:", what)
        sys.exit(1)
    done += 1


def assert_gapless(blocks, step, what):
    """Each value is its frame; each block begins where the one before ended."""
    check(len(blocks) > 0, f"{what}: no blocks")
    expected = None
    for number, block in enumerate(blocks):
        if "rel_timestamps" in block:
            frames = [block["ref_timestamp"] + r for r in block["rel_timestamps"]]
        else:
            frames = [block["ref_timestamp"] + i for i in range(len(block["data"]))]
        pairs = list(zip(frames, block["data"]))
        # What pybela takes for values at the end of a flushed block is padding.
        while number == len(blocks) - 1 and len(pairs) > 1 and pairs[-1][1] == 0:
            pairs.pop()
        for frame, value in pairs:
            if frame != value or (expected is not None and frame != expected):
                check(False, f"{what}: frame {frame} has {value}, expected {expected}")
            expected = frame + step
    check(True, what)


STEPS = {"myvar": 1, "myvar2": 1, "myvar3": 12, "myvar4": 12, "myvar5": 1}
streamer = Streamer(ip=HOST, port=PORT)
check(streamer.connect() == 1, "connect")
check(streamer.project_name == "bela-test", "project name")

# list
names = [v["name"] for v in streamer.list()["watchers"]]
check(names == list(STEPS), f"list: {names}")
check(streamer.sample_rate == 44100, "sample rate")
check(not streamer.watched_vars, "nothing is watched")

# start and stop, saved
streamer.start_streaming(variables=names, saving_enabled=True, saving_filename="run.txt", saving_dir=FOLDER)
streamer.wait(0.7)
streamer.stop_streaming(variables=names)
streamer.wait(0.1)
for name in names:
    assert_gapless(streamer.streaming_buffers_queue[name], STEPS[name], f"streamed {name}")
    loaded = streamer.load_data_from_file(os.path.join(FOLDER, f"{name}_run.txt"))
    queue = streamer.streaming_buffers_queue[name]
    check([b["data"] for b in sorted(loaded, key=lambda b: b["ref_timestamp"])] == [b["data"] for b in queue],
          f"saved {name}")

# n values
queues = streamer.stream_n_values(variables=["myvar", "myvar5"], n_values=5000)
for name in ["myvar", "myvar5"]:
    check(sum(len(b["data"]) for b in queues[name]) >= 5000, f"n values of {name}")
    assert_gapless(queues[name], 1, f"n values of {name}")

# scheduled; with a new client, since the one above now answers with old lists (it queues them)
streamer.disconnect()
streamer = Streamer(ip=HOST, port=PORT)
check(streamer.connect() == 1, "connect again")
now = streamer.get_latest_timestamp()
start = now + 22050
streamer.schedule_streaming(variables=["myvar", "myvar3"], timestamps=[start, start], durations=[22050, 22050])
for name in ["myvar", "myvar3"]:
    blocks = streamer.streaming_buffers_queue[name]
    first = blocks[0]["ref_timestamp"]
    check(start <= first < start + 12, f"scheduled {name} began at {first}, not {start}")
    assert_gapless(blocks, STEPS[name], f"scheduled {name}")
frames = [v for b in streamer.streaming_buffers_queue["myvar"] for v in b["data"] if v != 0]
check(len(frames) == 22051 and frames[-1] == start + 22050, f"N frames of duration are N + 1 values: {len(frames)}")

# callbacks
buffers, blocks = [], []
streamer.start_streaming(variables=["myvar", "myvar5"], on_buffer_callback=lambda buffer: buffers.append(buffer))
streamer.wait(0.5)
streamer.stop_streaming(variables=["myvar", "myvar5"])
streamer.wait(0.1)
check(len(buffers) > 20 and {b["name"] for b in buffers} == {"myvar", "myvar5"}, "on buffer")
assert_gapless([b["buffer"] for b in buffers if b["name"] == "myvar"], 1, "on buffer")
streamer.start_streaming(variables=["myvar", "myvar5"], on_block_callback=lambda block: blocks.append(block))
streamer.wait(0.5)
streamer.stop_streaming(variables=["myvar", "myvar5"])
streamer.wait(0.1)
check(len(blocks) > 10 and all(len(b) == 2 for b in blocks), "on block")
check(all(b[0]["buffer"]["ref_timestamp"] == b[1]["buffer"]["ref_timestamp"] for b in blocks), "blocks belong together")
streamer.disconnect()

# monitor
monitor = Monitor(ip=HOST, port=PORT)
monitor.connect()
check(monitor.is_connected(), "monitor connects")
peeked = monitor.peek()
check(set(peeked) == set(names), f"peek: {peeked}")
for name in names:
    value = peeked[name]
    check(value["timestamp"] == value["value"], f"peek of {name}: {value}")
monitor.start_monitoring(variables=["myvar", "myvar3"], periods=[1000, 1000], saving_enabled=True,
                         saving_filename="monitor.txt", saving_dir=FOLDER)
monitor.wait(0.6)
values = monitor.stop_monitoring()
for name, step in [("myvar", 1000), ("myvar3", 1008)]:
    frames = values[name]["timestamps"]
    check(len(frames) > 15 and frames == values[name]["values"], f"monitored {name}")
    check(all(b - a == step for a, b in zip(frames, frames[1:])), f"periods of {name}: {frames[:5]}")
    loaded = monitor.load_data_from_file(os.path.join(FOLDER, f"{name}_monitor.txt"))
    check(sorted(loaded["timestamps"]) == frames, f"saved monitor of {name}")
values = monitor.monitor_n_values(variables=["myvar", "myvar5"], periods=[1000, 1000], n_values=10)
check(all(len(values[name]["values"]) >= 10 for name in ["myvar", "myvar5"]), "monitor n values")
monitor.disconnect()

# control
controller = Controller(ip=HOST, port=PORT)
controller.connect()
check(controller.is_connected(), "controller connects")
controller.start_controlling(variables=["myvar", "myvar2"])
check(controller.get_controlled_status(["myvar", "myvar2", "myvar3"])
      == {"myvar": True, "myvar2": True, "myvar3": False}, "controlled")
controller.send_value(variables=["myvar", "myvar2"], values=[4.6, 7])
controller.wait(0.1)
check(controller.get_value(["myvar", "myvar2"]) == {"myvar": 4.6, "myvar2": 7}, "value read back")
controller.stop_controlling(variables=["myvar", "myvar2"])
check(not any(controller.get_controlled_status(["myvar", "myvar2"]).values()), "released")
controller.disconnect()

# buffers
sender = Streamer(ip=HOST, port=ECHO_PORT)
check(sender.connect() == 1, "sender connects")
sender.start_streaming(variables=["myvar1", "myvar2"])
sender.wait(0.2)
sent = [float(n) for n in range(1, 1025)]
for buffer_id in [0, 1]:
    sender.send_buffer(buffer_id, "f", 1024, sent)
sender.wait(0.5)
for name in ["myvar1", "myvar2"]:
    check(sender.streaming_buffers_data[name] == sent, f"buffer of {name} came back")
sender.stop_streaming(variables=["myvar1", "myvar2"])
sender.wait(0.1)
sender.disconnect()
print(f"{done} checks")
os._exit(0)
