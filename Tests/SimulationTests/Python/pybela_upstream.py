"""pybela's own tests against `moontide simulate board`: PROGRAM TESTS FOLDER.

TESTS is the folder `test` of pybela's source package. Those of the logger are left out: they fetch files from the board
over SSH. Files are saved in FOLDER.
"""
import importlib.util
import os
import subprocess
import sys
import threading
import traceback
import unittest

import pybela

PROGRAM, TESTS, FOLDER = sys.argv[1:4]
os.chdir(FOLDER)
boards = []


def start(*arguments):
    """The board's port; from here on every client is one of it."""
    board = subprocess.Popen([PROGRAM, "simulate", "board", "--port", "0", *arguments], stdout=subprocess.PIPE, text=True)
    boards.append(board)
    port = int(board.stdout.readline().rsplit(":", 1)[1])
    for kind in (pybela.Watcher, pybela.Streamer, pybela.Logger, pybela.Monitor, pybela.Controller):
        kind.__init__.__defaults__ = ("127.0.0.1", port, "gui_data", "gui_control")
    return port


def load(name):
    spec = importlib.util.spec_from_file_location(f"upstream_{name}", os.path.join(TESTS, f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def end(code):
    for board in boards:
        board.kill()
    sys.stdout.flush()
    os._exit(code)


def fail(kind, error, trace):
    """A board that outlives this program would keep its reader waiting."""
    traceback.print_exception(kind, error, trace, file=sys.stdout)
    end(1)


def hang():
    print("FAILED: something waits for ever", flush=True)
    end(1)


def settle():
    """pybela hangs up in the moment in which it stops a stream: the board then keeps half a block for whoever comes next
    (upstream that is the logger, which streams nothing)."""
    watcher = pybela.Watcher()
    watcher.connect()
    watcher.wait(0.2)
    watcher.cleanup()


class Settled(unittest.TestSuite):
    def run(self, result, debug=False):
        for test in self:
            settle()
            test(result)
        return result


def run(module, leave_out=()):
    cases = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, unittest.TestCase)]
    # In the order in which they are written, as pybela runs them.
    suite = Settled(
        case(name)
        for case in cases
        if case.__name__ not in leave_out
        for name in vars(case)
        if name.startswith("test")
    )
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    if not result.wasSuccessful():
        end(1)
    return result.testsRun


sys.excepthook = fail
watchdog = threading.Timer(300, hang)
watchdog.daemon = True
watchdog.start()

start("--board", "pybela-test")
done = run(load("test"), leave_out=("test_Logger",))
start("--board", "pybela-send")
done += run(load("test_send"))

# Without arguments it waits for a value of every variable.
start()
monitor = pybela.Monitor()
monitor.connect()
peeked = monitor.peek()
names = {variable["name"] for variable in monitor.list()["watchers"]}
if set(peeked) != names or any(value is None for value in peeked.values()):
    print("FAILED: peek", peeked)
    end(1)
done += 1
print(f"{done} tests")
end(0)
