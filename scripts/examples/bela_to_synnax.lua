-- %% [markdown]
-- # A Bela board into a Synnax cluster
--
-- Forwards the ECG of a board into a core, and checks there that every sample arrived, once, in order. The board's
-- ticks become timestamps. Both ends are simulated here; `bela.connect()` and `synnax.connect{ host = … }` are real ones.

-- %% tags=["parameters"]
seconds = 20   -- of ECG
speed = 10     -- times real time

-- %% Both ends
board = bela.connect{ "sim", speed = speed }
core = synnax.connect("sim")

-- %% Channels for it
time = core:create_channel{ name = "bela_time", data_type = "timestamp", is_index = true }
core:create_channel{ name = "bela_ecg", data_type = "float32", index = time }

-- %% Forward
w = core:open_writer{ "bela_ecg" }
s = board:streamer{ "ecg" }
task = s:forward(w, { map = { ecg = "bela_ecg" } })
s:start{ span = seconds }
counts = task:wait()
w:close()
print(("%d samples forwarded, %d dropped"):format(counts.forwarded, counts.dropped))

-- %% Every sample once
sent = s.data.ecg
stored = core:read({}, "bela_ecg").bela_ecg
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
