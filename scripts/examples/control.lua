-- %% [markdown]
-- # Taking control of variables
--
-- A controlled variable gets its value from here instead of from the program on the board. The program goes on
-- assigning it; what it assigns is kept, and comes back with `release`.

-- %% Connect, and see what is controlled
board = bela.connect("sim")
print("controlled at first: " .. #board:controlled())

-- %% Control, set, read back
board:control{ "pot1", "myvar2" }
board:set{ pot1 = 0.25, myvar2 = 12 }
local values = board:get{ "pot1", "myvar2" }
print(("the program reads pot1 = %g, myvar2 = %d"):format(values.pot1, values.myvar2))
check.equal(values, { pot1 = 0.25, myvar2 = 12 })

-- %% [markdown]
-- ## A ramp
--
-- `set` returns when the board has read it, so a loop needs no pauses to keep the order. Values are converted as C
-- does: 4.6 becomes 4 in an integer.

-- %% Ten steps
for step = 1, 10 do board:set{ pot1 = step / 10 } end
print(("after the ramp: %.1f"):format(board:get{ "pot1" }.pot1))
board:set{ myvar2 = 4.6 }
print("4.6 in an integer: " .. board:get{ "myvar2" }.myvar2)

-- %% Single bits: set the lowest two to 01, leave the others alone
board:set{ myvar2 = 10 }
board:set_mask{ myvar2 = { value = 1, mask = 3 } }
print(("10 with its lowest bits set to 01: %d"):format(board:get{ "myvar2" }.myvar2))

-- %% [markdown]
-- ## What is not controlled cannot be set
--
-- A board ignores that in silence. Here it is an error that says what to do.

-- %% The error
local ok, err = try(function() board:set{ pot2 = 0.5 } end)
print(err)

-- %% Give everything back
board:release()
print("controlled at the end: " .. #board:controlled())
board:close()
