"""Types runaway cells into the notebook on a pseudo-terminal and measures the time from Ctrl-C to the next prompt."""

import os
import pty
import re
import select
import sys
import time

RUNAWAYS = {
    "loop": "while true do end",
    "goto": "::again:: goto again",
    "pcall": "while true do pcall(function() while true do end end) end",
    "coroutine": "while true do coroutine.wrap(function() while true do end end)() end",
    "gsub": 'while true do (("x"):rep(100)):gsub("x", function() for i = 1, 1e4 do end end) end',
    "sort": "local t = {} for i = 1, 1000 do t[i] = i end table.sort(t, function(a, b) while true do end end)",
    "read": "while true do s:read(0) end",
    "sleep": "sleep(100)",
}


class Notebook:
    def __init__(self, program):
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.environ.update(TERM="xterm", MOONTIDE_HISTORY="", MOONTIDE_INIT="", LC_ALL="C.UTF-8")
            os.execv(program, [program])
        self.seen = b""

    def send(self, text):
        os.write(self.terminal, text.encode())

    def expect(self, pattern, seconds):
        """Waits for it and returns the match; what came up to it is forgotten."""
        deadline = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.seen)
            if found:
                self.seen = self.seen[found.end():]
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise SystemExit(f"no {pattern} within {seconds} s, but {self.seen[-400:]!r}")
            if select.select([self.terminal], [], [], left)[0]:
                self.seen += os.read(self.terminal, 65536)

    def cell(self, text, number):
        self.send(text + "\r")
        self.expect(rb"\[%d\][^\r\n]*> " % (number + 1), 30)
        return number + 1


def main():
    program, rounds = sys.argv[1], int(sys.argv[2])
    notebook = Notebook(program)
    notebook.expect(rb"\[1\]> ", 60)
    number = notebook.cell('s = bela.connect("sim"):streamer{ "pot1", "myvar" }:start();', 1)
    all_times = []
    for name, source in RUNAWAYS.items():
        times = []
        for _ in range(rounds):
            notebook.send(source + "\r")
            time.sleep(0.05)
            start = time.monotonic()
            notebook.send("\x03")
            notebook.expect(rb"\[%d\][^\r\n]*> " % (number + 1), 10)
            times.append(time.monotonic() - start)
            number += 1
        times.sort()
        all_times += times
        print(f"{name:10} median {times[len(times) // 2] * 1000:6.1f} ms, longest {times[-1] * 1000:6.1f} ms")
    all_times.sort()
    p99 = all_times[min(len(all_times) - 1, len(all_times) * 99 // 100)]
    notebook.seen = b""
    notebook.send('print("LOSSES=" .. s:stats().gaps .. "/" .. s:stats().lost .. "/" .. #s.data.pot1:gaps())\r')
    losses = notebook.expect(rb"LOSSES=(\d+)/(\d+)/(\d+)", 30).groups()
    notebook.send("\x04")
    whole = all(int(loss) == 0 for loss in losses)
    print(f"all: {len(all_times)} times, p99 {p99 * 1000:.1f} ms; the stream {'has no gap' if whole else 'HAS GAPS'}")
    sys.exit(0 if p99 < 0.3 and whole else 1)


main()
