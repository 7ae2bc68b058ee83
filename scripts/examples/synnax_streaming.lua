-- %% [markdown]
-- # Streaming data from Synnax
--
-- The streaming page of the Synnax documentation, snippet by snippet, in its order and with its channels. The core is a
-- simulated one; for your own: `client = synnax.connect{ host = "localhost", port = 9090, username = "synnax",
-- password_env = "SYNNAX_PASSWORD", secure = true }`.

-- %% Connect
client = synnax.connect("sim")
print(client:channels("^(temperature|pressure|counter).*$"))

-- %% Devices
-- The simulated core has a temperature twice and a pressure five times a second. The page's other channels are written
-- here: some at once by one device, humidity by another.
client:create_channel{ name = "device_time", is_index = true }
names = { "channel1", "channel2", "temperature1", "temperature2" }
for _, name in ipairs(names) do
  client:create_channel{ name = name, data_type = "float32", index = "device_time" }
end
client:create_channel{ name = "humidity_time", is_index = true }
client:create_channel{ name = "humidity", data_type = "float32", index = "humidity_time" }
device, hygrometer = client:open_writer(names), client:open_writer{ "humidity" }
n = 0
writing = every("50ms", function()
  n = n + 1
  local now = TimeStamp.now()
  local times, values = { now, now + TimeSpan.MILLISECOND }, { n, n + 0.5 }
  device:write{
    device_time = times, channel1 = values, channel2 = values, temperature1 = values, temperature2 = values,
  }
  if n % 4 == 0 then hygrometer:write{ humidity_time = now, humidity = 40 + n } end
end)

-- %% Opening a streamer
streamer = client:open_streamer{ "channel1", "channel2" }
streamer:close()

-- %% Downsampling
-- Every second sample of each frame; it skips, and does not average.
streamer = client:open_streamer{ "channel1", "channel2", downsample_factor = 2 }
frame = streamer:read()
check.equal(#frame.channel1, 1, "one of two samples")
streamer:close()
streamer = client:open_streamer({ "temperature", "pressure" }, 2)
streamer:close()

-- %% Throttling
-- At most so many frames a second. Each joins what came meanwhile; nothing is left out.
streamer = client:open_streamer{ "channel1", throttle_rate = 4 }
streamer:read()
frame = streamer:read()
print(#frame.channel1, "samples in one frame")
check(#frame.channel1 >= 6, "frames are joined")
streamer:close()

-- %% An async streamer
-- The same thing here: whether a cell waits or a task does is decided where the frames are read.
watching = spawn(function()
  local streamer <close> = client:open_async_streamer{ "channel1", "channel2" }
  for frame in streamer:frames{ max = 3 } do
    check.equal(#frame.channel1, #frame.channel2)
  end
end)
watching:wait()

-- %% Reading frames
streamer = client:open_streamer{ "channel1", "channel2" }
frame = streamer:read()
print("channels in the frame:", table.concat(frame:names(), ", "))
check.equal(frame.channel1:times(), frame.channel2:times(), "channels of one index have the same timestamps")

-- %% A for loop
for frame in streamer do
  print(frame:at(-1))
  if frame:at(-1).channel1 > 20 then break end
end
streamer:close()

-- %% Partial frames
-- Temperature and pressure come from different devices at different rates: a frame may hold one of them.
streamer = client:open_streamer{ "temperature", "pressure" }
partial = 0
for i = 1, 6 do
  frame = streamer:read()
  print(frame[-1])
  if frame.temperature then print(frame.temperature) end
  if not (frame.temperature and frame.pressure) then partial = partial + 1 end
end
check(partial > 0, "some frames had one channel only")

-- %% Whole frames only, or the last value until the next
for frame in streamer:frames{ max = 1, complete = true } do
  check(frame.temperature and frame.pressure)
end
for frame in streamer:frames{ max = 4, align = "hold" } do
  if frame.temperature then print(frame[-1], frame.temperature.held and "temperature held" or "") end
end

-- %% A time-out
-- It loses nothing: it only says that nothing has come yet.
frame = streamer:read(5)
frame = streamer:read(5 * TimeSpan.SECOND)
check(frame, "a frame within five seconds")
repeat frame, why = streamer:read(0) until frame == nil
if frame == nil then print("Timed out waiting for a frame:", why) end
check.equal(why, "timeout")

-- %% Updating the channel list
-- Replaces the list. A wrong name changes nothing.
ok, err = pcall(streamer.update_channels, streamer, { "temprature" })
print(err.message, err.hint)
check.equal(err.code, "unknown_channel")
streamer:update_channels{ "temperature", "pressure", "humidity" }
check.equal(streamer:channels(), { "temperature", "pressure", "humidity" })
repeat frame = streamer:read(5) until frame.humidity

-- %% Closing
streamer:close()
check.equal(streamer.state, "closed")

-- %% Closing by itself
do
  local streamer <close> = client:open_streamer{ "temperature1", "temperature2" }
  for frame in streamer:frames{ max = 2 } do print(frame[-1]) end
  last = streamer
end
check.equal(last.state, "closed")

-- %% The end
writing:cancel()
client:close()
