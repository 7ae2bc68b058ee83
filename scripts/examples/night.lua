-- %% [markdown]
-- # A night in fast motion
--
-- Counts the beats of an ECG for hours of the simulated board's time, as fast as it goes: with `speed = 0` the board
-- waits for whoever reads, so nothing is lost. The count must be that of the same detector over the recording itself.
-- `moontide run night.lua -p hours=8` is a night.

-- %% tags=["parameters"]
hours = 0.05

-- %% The detector (heartbeat.lua explains it)
RATE = 360
function detector()
  local lag, window = 10, RATE // 10
  local past, energies = {}, {}
  local n, energy, level = 0, 0.0, 0.0
  local armed, last_beat, beats = true, -RATE, 0
  local max = math.max
  return function(v)
    n = n + 1
    local before = past[n % lag] or v
    past[n % lag] = v
    local slope = (v - before) ^ 2
    energy = energy + slope - (energies[n % window] or 0)
    energies[n % window] = slope
    level = max(energy, level * 0.9995)
    if energy < 0.15 * level then armed = true end
    if armed and energy > 0.3 * level and n > RATE and n - last_beat > RATE // 3 then
      beats = beats + 1
      last_beat, armed = n, false
    end
  end, function() return beats, n end
end

-- %% The night
local began = TimeStamp.now()
board = bela.connect("sim?speed=0")
s = board:streamer{ "ecg" }
s:start{ span = TimeSpan.HOUR * hours, quiet = true }
local step, count = detector()
for frame in s do
  first = first or frame.ecg:time(1)
  for _, v in frame.ecg:each() do step(v) end
  last = frame.ecg:time(#frame.ecg)
end
beats, samples = count()
local took = (TimeStamp.now() - began).seconds
local stats = s:stats()
s:close()
board:close()

-- %% The same from the recording
-- Where the stream began in it follows from the first tick: a row every 122.5 ticks, over and over.
local folder = arg[0]:match("^(.*)/") or "."
local rows = {}
for line in io.lines(folder .. "/../../Sources/Simulation/Recordings/ecg.csv") do
  local v = tonumber(line:match("^[^,]*,([^,]*)"))
  -- As the board sends it: in 32 bits.
  if v then rows[#rows + 1] = string.unpack("f", string.pack("f", v)) end
end
local step, count = detector()
local row = math.ceil(first / 122.5)
for i = row, row + samples - 1 do step(rows[i % #rows + 1]) end
expected = count()

-- %% What came
local length = (last - first) / 44100
print(("%d samples and %d beats in %.2f h, %.0f times as fast as life"):format(samples, beats, length / 3600, length / took))
print(("%d beats in the recording; lost %d, gaps %d, dropped %d"):format(expected, stats.lost, stats.gaps, stats.dropped))
check.equal(beats, expected)
check.equal(stats.lost + stats.gaps + stats.dropped, 0)
check.near(length, hours * 3600, 0.01)
