-- %% [markdown]
-- # Two potentiometers
--
-- pybela's first tutorial, on the simulated board: look at what the program on the board watches, stream two
-- potentiometers, read what has come, and look at single blocks as they arrive. With a board on the desk only the
-- connection changes: `bela.connect()`.

-- %% Connect
board = bela.connect("sim")
print(board:channels())

-- %% [markdown]
-- ## Streaming for a while
--
-- `start` returns once the board has acknowledged. Everything is kept in the streamer's buffer while the script does
-- something else: `s.data` is what has come so far.

-- %% Stream
s = board:streamer{ "pot1", "pot2" }
s:start()
sleep(0.5)
s:stop()
print(s.data)

-- %% Every value carries its place in time, here in ticks of the board's audio clock
local pot1 = s.data.pot1
print(("%d values from tick %d to tick %d"):format(#pot1, pot1:time(1), pot1:time(-1)))
print("missing: " .. s:stats().lost)

-- %% [markdown]
-- ## A number of values
--
-- pybela's `stream_n_values`: wait until so many have come of every variable.

-- %% Collect
s:start()
local f = s:collect(1000)
print(("%d and %d values, mean %.2f and %.2f"):format(#f.pot1, #f.pot2, f.pot1:mean(), f.pot2:mean()))

-- %% [markdown]
-- ## While it streams
--
-- pybela's callbacks: `on_block` gets a block of all variables together, whenever one is there. The script goes on.

-- %% A callback
local blocks, highest = 0, 0
local watcher = s:on_block(function(block)
  blocks = blocks + 1
  highest = math.max(highest, block.pot1:max())
end)
sleep(0.3)
watcher:cancel()
print(("the callback saw %s blocks, the highest value was %.2f"):format(blocks > 3 and "some" or "few", highest))

-- %% Exactly one second, scheduled on the board's clock
s:stop()
s:clear()
s:start{ at = board:now() + 22050, ticks = 44100 }
for frame in s do end
print(("%d values of one second, both ends included"):format(#s.data.pot1))

-- %% [markdown]
-- ## Saving and loading
--
-- pybela's `saving_enabled`, and `load_data_from_file`: everything from the first sample on, in pybela's own layout, a
-- file for each variable. With `run.mtr` it is one file that keeps types, gaps and where it came from; `s:save("run.csv")`
-- writes what is in the buffer.

-- %% Save while it streams
local folder = os.tmpname()
os.remove(folder)
os.execute("mkdir " .. folder)
s:clear()
s:start{ ticks = 22050, save = folder .. "/run.txt", quiet = true }
for frame in s do end
s:stop()

-- %% Load one variable, or all of them
local saved = load(folder .. "/pot1_run.txt").pot1
print(("%d values of pot1 were saved, %s"):format(#saved, saved[-1] == s.data.pot1[-1] and "the same as came" or "others"))
print("together: " .. table.concat(load(folder .. "/run.txt"):names(), ", "))
os.execute("rm -r " .. folder)

-- %% Done
s:close()
board:close()
