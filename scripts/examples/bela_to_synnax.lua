-- %% [markdown]
-- # A Bela board into a Synnax cluster
--
-- Forwards the ECG of a board into a core, and checks there that every sample arrived, once, in order. The board's
-- ticks become timestamps. Both ends are simulated here; `bela.connect()` is a real board, and the address of a core of
-- your own is an argument: `moontide bela_to_synnax.lua synnax://localhost:9090`.

-- %% tags=["parameters"]
cluster = arg and arg[1] or "sim"
seconds = 20   -- of ECG
speed = 10     -- times real time

-- %% Both ends
board = bela.connect{ "sim", speed = speed }
core = synnax.connect(cluster)

-- %% Channels for it
time = core:create_channel{
  name = "bela_time", data_type = "timestamp", is_index = true, retrieve_if_name_exists = true,
}
core:create_channel{ name = "bela_ecg", data_type = "float32", index = time, retrieve_if_name_exists = true }

-- %% Forward
began = TimeStamp.now()
w = core:open_writer{ "bela_ecg", start = began }
s = board:streamer{ "ecg" }
task = s:forward(w, { map = { ecg = "bela_ecg" } })
s:start{ span = seconds }
counts = task:wait()
w:close()
print(("%d samples forwarded, %d dropped"):format(counts.forwarded, counts.dropped))

-- %% Every sample once
sent = s.data.ecg
stored = core:read({ start = began }, "bela_ecg").bela_ecg
check.equal(#stored, #sent, "as many as were sent")
check.equal(counts.forwarded, #sent)
check.equal(counts.dropped, 0)
for i = 1, #sent do
  if sent[i] ~= stored[i] then check(false, ("sample %d is %g, not %g"):format(i, stored[i], sent[i])) end
end

-- %% In order
times = stored:times()
for i = 2, #times do
  if times[i] <= times[i - 1] then check(false, "timestamp " .. i .. " does not rise") end
end
span = (times[#times] - times[1]) / 1e9
print(("%.2f s of ECG at %.1f Hz"):format(span, (#times - 1) / span))
check.near((#times - 1) / span, 360, 1)
core:close()
board:close()
