-- %% [markdown]
-- # Sending buffers to the board
--
-- A program on a board can own buffers that are filled from here: a wave table, filter coefficients, text. Each has
-- a number, in the order in which the program made them, and a type: "f" float, "d" double, "i" int, "j" unsigned
-- int, "c" char. A board answers nothing. The program of the simulated one here has two float buffers, and assigns
-- what comes to its variables `buffer1` and `buffer2`, one element after the other.

-- %% A wave table of 1024 values
board = bela.connect{ "sim", vars = "pot1:f,buffer1:f:buffer:0,buffer2:f:buffer:1" }
local wave = {}
for i = 1, 1024 do wave[i] = math.sin(2 * math.pi * (i - 1) / 1024) end
board:send_buffer(0, "f", wave)
print(("sent a sine of %d values"):format(#wave))

-- %% What was streamed, back to the board: a series goes as it is, without a detour through a table
s = board:streamer{ "pot1" }
s:start()
local pot1 = s:collect(512).pot1:slice(1, 512)
s:stop()
board:send_buffer(0, "f", pot1 * 0.5)
print(("sent %d values that came from the board"):format(#pot1))

-- %% Did it come? The variable of the second buffer has the last element that was sent
board:send_buffer(1, "f", { 0.5, 0.25, 0.125 })
local variable, tries = "buffer2", 0
repeat
  sleep("10ms")
  tries = tries + 1
  last = board:get{ variable }[variable]
until last == 0.125 or tries == 200
print("the program has received " .. last)

-- %% Text, and whole numbers
board:send_buffer(2, "c", "hello board")
board:send_buffer(3, "i", { 3, -2, 1 })
print("sent text and whole numbers")

-- %% [markdown]
-- ## What does not fit is refused here
--
-- A board would drop it without a word, or read beyond its end.

-- %% Errors
for _, attempt in ipairs{
  function() board:send_buffer(0, "x", wave) end,
  function() board:send_buffer(3, "i", { 3e9 }) end,
} do
  local ok, err = try(attempt)
  print(err)
end

-- %% Done
board:close()
