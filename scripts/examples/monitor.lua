-- %% [markdown]
-- # Monitoring
--
-- A stream sends every value. A monitor sends one now and then, each variable at its own period, which suits values
-- that change slowly and leaves the board's processor alone. It is a streamer like any other.

-- %% Monitor two variables, every 2205 and every 4410 ticks
board = bela.connect("sim")
m = board:monitor{ pot1 = 2205, pot2 = 4410 }
m:start()

-- %% Some values of each
local f = m:collect(5)
for _, name in ipairs{ "pot1", "pot2" } do
  local x = f[name]
  print(("%s: a value every %d ticks, %.0f a second"):format(name, x:time(2) - x:time(1), x.rate))
end

-- %% [markdown]
-- ## One value now
--
-- `peek` asks for the next value of each variable, whether it is monitored or not.

-- %% Peek
local now = board:peek{ "pot1", "ecg" }
print(("pot1 is %.2f, the ECG %.2f mV"):format(now.pot1, now.ecg))

-- %% [markdown]
-- ## A watch dog
--
-- Frames come as they are sent; an alarm needs no more than a loop.

-- %% Wait for the potentiometer to move
local first
for frame in m:frames{ span = "3s" } do
  local value = frame.pot1 and frame.pot1[-1]
  first = first or value
  if value and math.abs(value - first) > 0.2 then
    print("pot1 has been turned")
    break
  end
end

-- %% [markdown]
-- ## Keeping what was seen
--
-- The buffer holds the past, so nothing has to be armed beforehand. (`m:start{ save = path }` would have written all.)

-- %% The last seconds, into a table
local path = os.tmpname() .. ".csv"
m:keep("2s", path)
local kept = load(path).pot1
print(("kept %s values of pot1, the last one %s"):format(#kept > 1 and "some" or "no", kept[-1] and "with its time" or "?"))
os.remove(path)
os.remove((path:gsub("csv$", "meta.json")))

-- %% Done
m:stop()
print("missing: " .. m:stats().lost)
board:close()
