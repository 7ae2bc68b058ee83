-- %% [markdown]
-- # Streaming live data from Synnax
--
-- Connect, open a streamer, read, wait with a time-out, iterate, change the channels, ask for less, close. It runs
-- against the simulated core, which plays a motion recording at 10 Hz, a temperature twice and a pressure five times a
-- second. For a core of your own: `core = synnax.connect{ host = "localhost", port = 9090, username = "synnax",
-- password_env = "SYNNAX_PASSWORD", secure = true }`.

-- %% Connect
core = synnax.connect("sim")
print(core:channels("^(acc_x|acc_y|activity|temperature|pressure)$"))

-- %% Open a streamer
s = core:open_streamer{ "acc_x", "acc_y" }

-- %% Read a frame
frame = s:read()
print("channels in the frame:", table.concat(frame:names(), ", "))
check(#frame.acc_x == #frame.acc_y, "channels of one index come together")
check(frame.acc_x:time(1) == frame.acc_y:time(1), "with the same timestamps")

-- %% Read with a time-out
-- A time-out loses nothing: it only says that nothing has come yet.
frame = s:read(1)
check(frame, "a frame within a second")
frame, why = s:read(0)
if not frame then print("nothing right now:", why) end
while s:read(0) do end
frame, why = s:read(TimeSpan.MILLISECOND)
check(frame or why == "timeout")

-- %% Iterate
n = 0
for f in s:frames{ max = 5 } do
  n = n + #f.acc_x
  print(("acc_x = %.3f  acc_y = %.3f"):format(f[-1].acc_x, f[-1].acc_y))
end
check.equal(n, 5)

-- %% Iterate for a time, with an idle tick
for f in s:frames{ span = "500ms", idle = "20ms" } do
  if f then n = n + #f.acc_x end
end
check(n >= 8, "half a second of frames")

-- %% Change the channels of an open streamer
s:update_channels{ "temperature", "pressure" }
check.equal(s:channels(), { "temperature", "pressure" })
ok, err = pcall(s.update_channels, s, { "temprature" })
print("a wrong name changes nothing:", err.message, err.hint)
check.equal(err.code, "unknown_channel")

-- %% Frames may be partial
-- Temperature and pressure have indexes of their own and come at their own rates, so most frames have only one.
partial = 0
for f in s:frames{ span = "1200ms" } do
  if f.temperature and f.pressure then
    print(("%.2f °C  %.1f hPa"):format(f.temperature[-1], f.pressure[-1]))
  elseif f.pressure then
    partial = partial + 1
  elseif f.temperature then
    partial = partial + 1
  end
end
check(partial > 0, "some frames had one channel only")

-- Only whole ones, or the last value held until the next:
for f in s:frames{ max = 1, complete = true } do check(f.temperature and f.pressure) end
for f in s:frames{ max = 4, align = "hold" } do
  if f.temperature then print("temperature", f.temperature[-1], f.temperature.held and "held" or "new") end
end
s:close()

-- %% Downsample
-- Every second sample of each frame. A frame of the recording has one sample, which is the first, so it stays.
d = core:open_streamer{ "acc_x", downsample_factor = 2 }
check(d:read(2), "a frame of a downsampled stream")
d:close()

-- %% Throttle
-- At most two frames a second; each joins what came meanwhile, nothing is left out.
t = core:open_streamer{ "acc_x", throttle_rate = 2 }
t:read(2)
joined = t:read(2)
print(#joined.acc_x, "samples in one frame")
check(#joined.acc_x >= 3, "frames are joined")
t:close()

-- %% Close at the end of a block
do
  local short <close> = core:open_async_streamer("counter")
  check(short:read(3), "a virtual channel streams, too")
  last = short
end
check.equal(last.state, "closed")
core:close()
