-- %% [markdown]
-- # Logging on the board
--
-- A stream needs somebody who listens. A log is written by the board into its own files, also while nobody is
-- connected, and fetched afterwards: with `scp` from a board on the network, by copying from the simulated one.

-- %% Log two variables for a tenth of a second, from a tick that lies ahead
board = bela.connect("sim")
log = board:log{ "myvar", "myvar3" }
local from = board:now() + 22050
log:start{ at = from, ticks = 4410 }
print("files on the board: " .. table.concat(log:files(), ", "))

-- %% Wait for its end, fetch
while board:now() < from + 4410 do sleep("50ms") end
log:stop()
folder = (os.getenv("TMPDIR") or "/tmp") .. "/moontide-log"
paths = log:fetch(folder)
print(#paths .. " files fetched")

-- %% [markdown]
-- ## What is in them
--
-- `log:read()` cuts the padding at the ticks that the board accepted. The files can also be read later, and without
-- a board, with `bela.read_log`.

-- %% Read
d = log:read()
print(("myvar: %d values, myvar3: %d values"):format(#d.myvar, #d.myvar3))
print("ticks between them: " .. d.myvar:time(2) - d.myvar:time(1) .. " and " .. d.myvar3:time(2) - d.myvar3:time(1))
print("the file alone says it is " .. bela.read_log(paths[1]).name)

-- %% Tidy up
log:delete()
for _, path in ipairs(paths) do os.remove(path) end
os.remove(folder)
board:close()
