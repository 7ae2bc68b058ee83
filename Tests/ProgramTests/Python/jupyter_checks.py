"""What Jupyter's own suite does not ask of a kernel: interrupts, input, tasks beside cells, keys, ends."""
import json
import os
import queue
import signal
import subprocess
import sys
import time

import zmq
from jupyter_client.manager import start_new_kernel

ORPHAN = """
import os, time
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name="moontide")
client.execute("while true do end")
time.sleep(0.5)
print(manager.provisioner.pid, flush=True)
os._exit(0)
"""
checks = 0


def check(condition, what):
    global checks
    checks += 1
    if not condition:
        print("FAILED:", what, flush=True)
        sys.exit(1)


manager, client = start_new_kernel(kernel_name="moontide")


def reply_to(message, timeout=20):
    while True:
        reply = client.get_shell_msg(timeout=timeout)
        if reply["parent_header"].get("msg_id") == message:
            return reply["content"]


def outputs(message, timeout=20):
    """Everything up to idle."""
    found = []
    while True:
        out = client.get_iopub_msg(timeout=timeout)
        if out["parent_header"].get("msg_id") != message:
            continue
        if out["msg_type"] == "status" and out["content"]["execution_state"] == "idle":
            return found
        found.append((out["msg_type"], out["content"]))


def run(code, **options):
    message = client.execute(code, **options)
    reply = reply_to(message)
    return reply, outputs(message)


def text(found):
    return "".join(content["text"] for kind, content in found if kind == "stream")


# Numbers, silence, history.
reply, found = run("x = 21")
check(reply["status"] == "ok" and not [k for k, _ in found if k == "execute_result"], f"assignment {reply}")
first = reply["execution_count"]
reply, found = run("x * 2", user_expressions={"y": "x + 1", "z": "nope.x"})
check(reply["execution_count"] == first + 1, f"count {reply}")
check(reply["user_expressions"]["y"]["data"]["text/plain"] == "22", reply)
check(reply["user_expressions"]["z"]["status"] == "error", reply)
check(dict(found)["execute_result"]["data"]["text/plain"] == "42", found)
reply, found = run("x = x + 1 print(x)", silent=True)
check([k for k, _ in found if k != "status"] == [], f"silent: {found}")
reply, found = run("x", store_history=False)
check(dict(found)["execute_result"]["data"]["text/plain"] == "22", found)
reply, found = run("_")
check(reply["execution_count"] == first + 2, f"what is not kept has no number: {reply}")
check(dict(found)["execute_result"]["data"]["text/plain"] == "42", found)

# Errors, and what waits behind them.
reply, found = run("local t = nil\nt.x = 1")
check(reply["status"] == "error" and "line 2" in "\n".join(reply["traceback"]), reply)
slow = client.execute("sleep(0.3) error('first')")
behind = client.execute("y = 1")
check(reply_to(slow)["status"] == "error", "first")
check(reply_to(behind)["status"] == "aborted", "behind an error")
outputs(behind)
go_on = client.execute("error('a')", stop_on_error=False)
behind = client.execute("return 'runs'")
check(reply_to(go_on)["status"] == "error" and reply_to(behind)["status"] == "ok", "stop_on_error = False")
outputs(behind)

# Interrupts by message and by signal; nothing holds them up.
for code in ["while true do end", "while true do pcall(error) end", "sleep(100)", "pcall(sleep, 100) while true do end"]:
    for how in ["message", "signal"]:
        message = client.execute("print('go') " + code)
        while client.get_iopub_msg(timeout=20)["msg_type"] != "stream":
            pass
        time.sleep(0.05)
        begin = time.monotonic()
        if how == "message":
            manager.interrupt_kernel()
        else:
            os.kill(manager.provisioner.pid, signal.SIGINT)
        reply = reply_to(message)
        took = time.monotonic() - begin
        check(reply["status"] == "error" and reply["ename"] == "interrupted", f"{code}: {reply}")
        check(took < 5, f"{code} by {how}: {took}")
        print(f"{code} by {how}: {took * 1000:.0f} ms")
        outputs(message)
        check(run("1")[0]["status"] == "ok", "alive")

# A person's answers.
for code in ["print('[' .. io.read() .. ']')", "print('[' .. input('name? ') .. ']')", "print('[' .. io.read('l') .. ']')"]:
    message = client.execute(code, allow_stdin=True)
    question = client.get_stdin_msg(timeout=20)
    check(question["msg_type"] == "input_request", question)
    if "name" in code:
        check(question["content"]["prompt"] == "name? ", question)
    client.input("ä b")
    check(reply_to(message)["status"] == "ok", code)
    check(text(outputs(message)) == "[ä b]\n", code)
reply, _ = run("io.read()", allow_stdin=False)
check(reply["status"] == "error", reply)

# Commands of the shell, text that is no text.
check(text(run("os.execute('echo out; echo err >&2')")[1]) == "out\nerr\n", "a command's output")
check(text(run("io.write('\\xff', 'ü')")[1]) == "\ufffdü", "bytes that are no text")

# What a task prints belongs to the cell that started it, also later.
starter = client.execute("task = spawn(function() sleep(0.4) print('late') sleep(0.2) print('later') end)")
outputs(starter)
reply, found = run("print('mine')")
check(text(found) == "mine\n", found)
late = ""
while "later" not in late:
    out = client.get_iopub_msg(timeout=20)
    if out["msg_type"] == "stream":
        check(out["parent_header"]["msg_id"] == starter, out)
        late += out["content"]["text"]
check(late == "late\nlater\n", late)

# Streams: a frame is a table, a plot is drawn anew while data comes.
run("b = bela.connect('sim') s = b:streamer{ 'pot1', 'ecg' } s:start()")
reply, found = run("s:collect(500)")
data = [c for k, c in found if k == "execute_result"][0]["data"]
check("<table>" in data["text/html"] and "pot1" in data["text/html"] and "pot1" in data["text/plain"], data)
plot = client.execute("p = s:plot()")
reply_to(plot)
shown, updates = None, 0
deadline = time.monotonic() + 20
while updates < 2 and time.monotonic() < deadline:
    out = client.get_iopub_msg(timeout=20)
    if out["msg_type"] == "display_data":
        shown = out["content"]["transient"]["display_id"]
    if out["msg_type"] == "update_display_data" and out["content"]["transient"]["display_id"] == shown:
        check(out["content"]["data"]["image/svg+xml"].startswith("<svg"), "a picture")
        updates += 1
check(updates == 2, "the plot moves")
check(run("s:stop() p:close()")[0]["status"] == "ok", "stop")
check(run("return s:stats().gaps + s:stats().lost")[1][-1][1]["data"]["text/plain"] == "0", "nothing is lost")

# Who has not got the key is nobody; what is no message ends nothing.
connection = json.load(open(manager.connection_file))
check(os.stat(manager.connection_file).st_mode & 0o77 == 0, "the connection file is private")
context = zmq.Context()
stranger = context.socket(zmq.DEALER)
stranger.linger = 0
stranger.connect(f"tcp://{connection['ip']}:{connection['shell_port']}")
header = json.dumps({"msg_id": "1", "msg_type": "kernel_info_request", "session": "x", "username": "", "version": "5.4", "date": ""})
for frames in [
    [b"<IDS|MSG>", b"0" * 64, header.encode(), b"{}", b"{}", b"{}"],
    [b"<IDS|MSG>", b"", header.encode(), b"{}", b"{}", b"{}"],
    [b"<IDS|MSG>"], [b""], [b"x"] * 200, [b"<IDS|MSG>"] * 8, [os.urandom(1000)] * 3,
]:
    stranger.send_multipart(frames)
check(stranger.poll(500) == 0, "a stranger is answered with nothing")
check(run("1")[0]["status"] == "ok", "alive after strangers")

# A debugger is refused, restart and shutdown come to an end.
message = client.session.msg("debug_request", {"type": "request", "seq": 1, "command": "initialize"})
client.control_channel.send(message)
answer = client.get_control_msg(timeout=20)
check(answer["content"]["success"] is False, answer)
pid = manager.provisioner.pid
manager.restart_kernel(now=False)
client.wait_for_ready(timeout=30)
check(manager.provisioner.pid != pid, "restarted")
check(run("x")[1][-1][1]["data"]["text/plain"] == "nil" if run("x")[1] else True, "a new state")
message = client.execute("while true do end")
time.sleep(0.3)
begin = time.monotonic()
manager.shutdown_kernel(now=False)
check(time.monotonic() - begin < 2, "ends in the middle of a cell")

# A kernel whose front end is gone has no use, whatever it does.
orphan = subprocess.run([sys.executable, "-c", ORPHAN], capture_output=True, text=True, timeout=30)
pid = int(orphan.stdout)
deadline = time.monotonic() + 10
while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
    time.sleep(0.05)
check(not os.path.exists(f"/proc/{pid}"), "ends with who started it")
print(f"{checks} checks")
