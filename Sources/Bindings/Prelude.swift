import Lua
import Telemetry

extension Library {
  /// The part of the library that is best said in Lua. Its chunk name keeps it out of tracebacks.
  public static let preludeName = "moontide"

  func runPrelude() throws(LuaError) {
    let prelude = try state.load(Self.prelude, chunkName: "=" + Self.preludeName)
    let made = try state.call(prelude, [.table(natives())])
    onFrames = made[0].reference
    deriving = made[1].reference
  }

  /// What the prelude makes its functions of, and nobody else can call.
  private func natives() -> LuaReference {
    let table = state.newTable()
    /// - Parameter declared: the function that the prelude makes of it.
    func native(_ name: String, of declared: String? = nil, _ body: @escaping LuaBody) {
      let function = state.function(
        name: declared ?? name, declaration: declared.map(Reference.declaration) ?? LuaDeclaration(), body)
      state.rawSet(table, .string(name), function)
    }
    native("wait_any", of: "select") { [unowned self] call throws(LuaError) in try waitForAny(call) }
    native("count_check", of: "check") { [unowned self] call throws(LuaError) in try judge(call) }
    native("make_join", of: "join") { [unowned self] call throws(LuaError) in try join(call) }
    native("make_span", of: "TimeSpan") { [unowned self] call throws(LuaError) in
      call.result(SpanBox(try span(call, 1)), classes.timeSpan)
    }
    native("make_stamp", of: "TimeStamp") { [unowned self] call throws(LuaError) in
      if call.type(1) == .string {
        let text = try call.string(1)
        guard let stamp = TimeStamp(iso8601: text) else {
          throw call.bad(
            1, "\"\(text)\" is no moment", hint: "write \"2024-01-31\" or \"2024-01-31T09:30:00+01:00\"")
        }
        return call.result(StampBox(stamp), classes.timeStamp)
      }
      return call.result(StampBox(TimeStamp(nanoseconds: Int64(try call.integer(1)))), classes.timeStamp)
    }
    native("load_recording", of: "load") { [unowned self] call throws(LuaError) in try load(call) }
    native("names_recording") { [unowned self] call throws(LuaError) in try namesRecording(call) }
    native("note") { [unowned self] call throws(LuaError) in
      note(try call.string(1))
      return .none
    }
    native("show") { [unowned self] call throws(LuaError) in call.results(show(call.value(1))) }
    native("kind") { call throws(LuaError) in call.results(call.typeName(1)) }
    native("raise") { call throws(LuaError) in
      throw LuaError(try call.string(1), try call.string(2), hint: try call.optionalString(3))
    }
    return table
  }

  private static let prelude = #"""
    local native = ...
    local raise, note, count_check, wait_any = native.raise, native.note, native.count_check, native.wait_any
    local make_span, make_stamp, make_join = native.make_span, native.make_stamp, native.make_join
    local kind, show = native.kind, native.show

    -- In the sandbox modules come from the folders that were chosen for it, and from nowhere else.
    if not package then
      local load_module = require
      function require(name)
        if type(name) == "string" and (name:find("..", 1, true) or name:find("[/\\]")) then
          raise("sandbox", "scripts in the sandbox load modules by their name alone, not \"" .. name .. "\"")
        end
        return load_module(name)
      end
    end

    setmetatable(TimeSpan, { __call = function(_, value) return make_span(value) end, __metatable = false })
    setmetatable(TimeStamp, { __call = function(_, value) return make_stamp(value) end, __metatable = false })

    -- Lua's own load, and that of recordings: for a string that ends as our files do, when there is such a file, or when
    -- it is no Lua.
    local lua_load, load_recording, names_recording, is = load, native.load_recording, native.names_recording, type
    function load(...)
      local chunk = ...
      local named = is(chunk) == "string" and names_recording(chunk)
      if named == "file" or named and not lua_load(chunk) then return load_recording(...) end
      return lua_load(...)
    end

    local lua_select, type, pcall, spawn, sleep, ipairs = select, type, pcall, spawn, sleep, ipairs
    function select(n, ...)
      if type(n) ~= "table" then return lua_select(n, ...) end
      return wait_any(n, ...)
    end

    local function settled(ok, ...)
      if ok then return true, ... end
      return nil, (...)
    end
    function try(fn, ...) return settled(pcall(fn, ...)) end

    function after(delay, fn)
      return spawn{ name = "after", function() sleep(delay) return fn() end }
    end

    function every(interval, fn)
      local step = make_span(interval)
      if step <= make_span(0) then raise("argument", "bad argument #1 to 'every' (an interval above zero expected)") end
      return spawn{ name = "every", function()
        local due = TimeStamp.now() + step
        while true do
          -- Always a wait, if only for the others' sake: an interval may be shorter than what is to be done.
          local left = due - TimeStamp.now()
          sleep(left > make_span(0) and left or 0)
          fn()
          due = due + step
          if due < TimeStamp.now() then due = TimeStamp.now() + step end
        end
      end }
    end

    function gather(...)
      local tasks, results = { ... }, {}
      for i, task in ipairs(tasks) do
        if kind(task) ~= "Task" then
          raise("argument", ("bad argument #%d to 'gather' (task expected, got %s)"):format(i, kind(task)))
        end
        results[i] = (task:wait())
      end
      return table.unpack(results, 1, #tasks)
    end

    -- Calls back for every frame of a tap until cancelled, or given up after three errors.
    local function on_frames(tap, fn, blocks, what)
      return spawn{ name = what, function()
        local errors = 0
        for frame in tap:frames{ complete = blocks } do
          local ok, err = pcall(fn, frame)
          if not ok then
            errors = errors + 1
            if errors == 3 then
              note(what .. ": given up after 3 errors; the last one: " .. tostring(err))
              tap:close()
              return
            end
          end
        end
      end }
    end

    local function started(stream, position)
      if kind(stream) == "Source" then stream = stream:streamer{} end
      if kind(stream) ~= "Streamer" then
        raise("argument", ("bad argument #%d to 'join' (streamer or source expected, got %s)"):format(position, kind(stream)))
      end
      if stream.state == "ready" then stream:start{ quiet = true } end
      return stream
    end
    function join(a, b, options) return make_join(started(a, 1), started(b, 2), options) end

    -- Hands every frame and what the function makes of it on until the stream ends.
    local function deriving(tap, fn, take, align)
      local ok, err = pcall(function()
        for frame in tap:frames{ complete = not align, align = align } do take(frame, pcall(fn, frame)) end
      end)
      if ok then return end
      if type(err) ~= "table" or err.code ~= "lost" then error(err, 0) end
      take(nil, err.message)
    end

    local function same(a, b, seen)
      if a == b then return true end
      if type(a) ~= "table" or type(b) ~= "table" then return a ~= a and b ~= b end
      if seen[a] == b then return true end
      seen[a] = b
      for k, v in next, a do if not same(v, rawget(b, k), seen) then return false end end
      for k in next, b do if rawget(a, k) == nil then return false end end
      return true
    end
    -- A failed signal check leaves its window in the error.
    local function judge(ok, message, wrong, ...)
      if ok then return count_check(true, message) end
      if message == nil then message = wrong(...) else message = tostring(message) end
      local window, sentence, channel, levels = count_check(false, message, (...) == false)
      if not window then raise("check_failed", message) end
      local _, err = pcall(raise, "check_failed", message, sentence ~= message and sentence or nil)
      err.window, err.sentence, err.channel, err.levels = window, sentence, channel, levels
      error(err, 0)
    end
    local function unmet() return "check failed" end
    local function unequal(actual, expected)
      return "expected " .. show(expected) .. ", got " .. show(actual)
    end
    local function far(actual, expected, tolerance)
      return ("expected %s ± %s, got %s"):format(expected, tolerance, show(actual))
    end
    check = setmetatable({
      equal = function(actual, expected, message)
        judge(same(actual, expected, {}), message, unequal, actual, expected)
      end,
      near = function(actual, expected, tolerance, message)
        tolerance = tolerance or 1e-9
        judge(type(actual) == "number" and math.abs(actual - expected) <= tolerance,
          message, far, actual, expected, tolerance)
      end,
    }, { __metatable = false, __call = function(_, condition, message)
      judge(condition, message, unmet, condition)
      return condition
    end })

    return on_frames, deriving
    """#
}
