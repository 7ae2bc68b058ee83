-- %% [markdown]
-- # Heart rate from a live ECG
--
-- Streams the ECG of the simulated board (ten times as fast as life), finds the beats while streaming goes on,
-- and prints the rate. Half of this patient's beats are wide ventricular ones, so a threshold on the voltage alone
-- would not do: what counts is the energy of the slope, against a level that follows the strongest beats.

-- %% tags=["parameters"]
seconds = 30   -- of ECG
speed = 10     -- times real time

-- %% Stream
board = bela.connect{ "sim", speed = speed }
s = board:streamer{ "ecg" }
s:start{ span = seconds }

-- %% Find the beats
RATE = 360
local lag, window = 10, RATE // 10     -- slope over 28 ms, energy over 100 ms
local past, energies = {}, {}          -- rings of the last samples and slopes
local n, energy, level = 0, 0.0, 0.0
local armed, last_beat = true, -RATE
beats = {}

local function sample(v)
  n = n + 1
  local before = past[n % lag] or v
  past[n % lag] = v
  local slope = (v - before) ^ 2
  energy = energy + slope - (energies[n % window] or 0)
  energies[n % window] = slope
  level = math.max(energy, level * 0.9995)
  if energy < 0.15 * level then armed = true end
  if armed and energy > 0.3 * level and n > RATE and n - last_beat > RATE // 3 then
    beats[#beats + 1] = n
    last_beat, armed = n, false
  end
end

for frame in s do
  for _, v in frame.ecg:each() do sample(v) end
end

-- %% The rate
local intervals = {}
for i = 2, #beats do intervals[i - 1] = (beats[i] - beats[i - 1]) / RATE end
local span = (beats[#beats] - beats[1]) / RATE
print(("%d beats in %.1f s of ECG, %d samples lost"):format(#beats, n / RATE, s:stats().lost))
print(("heart rate: %.1f beats a minute"):format((#beats - 1) / span * 60))
s:close()
board:close()
