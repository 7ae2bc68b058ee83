import Bindings
import Lua

/// `io.read` and its relatives where standard input is a person at a front end, asked line by line.
enum PersonInput {
  /// Replaces them in an interpreter.
  /// - Parameter line: answers the next line with its end, nil where there is none; may wait.
  static func define(in state: LuaState, line: @escaping () throws(LuaError) -> String?) {
    guard case .table = state.global("io") else { return }
    let next = state.function(name: "read") { call throws(LuaError) in
      guard let text = try line() else { return call.results(LuaValue.nil) }
      return call.results(LuaString(Array(text.utf8) + [0x0A]))
    }
    run(prelude, in: state, [next])
  }

  /// Runs Lua of the program's own.
  static func run(_ prelude: String, in state: LuaState, _ arguments: [LuaValue]) {
    do throws(LuaError) {
      _ = try state.call(state.load(prelude, chunkName: "=" + Library.preludeName), arguments)
    } catch {
      preconditionFailure("\(error)")
    }
  }

  private static let prelude = """
    local line = ...
    local stdin, input, unpack, pack = io.stdin, io.input, table.unpack, table.pack
    local find, sub, match, gsub = string.find, string.sub, string.match, string.gsub
    local buffer = ""

    local function fill()
      local text = line()
      if text then buffer = buffer .. text end
      return text ~= nil
    end

    local function whole_line(keeps_end)
      while not find(buffer, "\\n", 1, true) and fill() do end
      if buffer == "" then return nil end
      local text
      text, buffer = match(buffer, "^([^\\n]*\\n?)(.*)$")
      if keeps_end then return text end
      return (gsub(text, "\\n$", ""))
    end

    local function number()
      repeat buffer = gsub(buffer, "^%s+", "") until buffer ~= "" or not fill()
      local text = match(buffer, "^[-+]?0[xX][%x.]*[pP]?[-+]?%d*") or match(buffer, "^[-+]?[%d.]*[eE]?[-+]?%d*")
      buffer = sub(buffer, #text + 1)
      return tonumber(text)
    end

    local function everything()
      while fill() do end
      local text = buffer
      buffer = ""
      return text
    end

    local function bytes(count)
      while #buffer < count and fill() do end
      if buffer == "" and (count > 0 or not fill()) then return nil end
      local text = sub(buffer, 1, count)
      buffer = sub(buffer, count + 1)
      return text
    end

    local readers = {
      n = number, a = everything,
      l = function() return whole_line(false) end, L = function() return whole_line(true) end,
    }

    local function read(...)
      local formats = pack(...)
      if formats.n == 0 then return whole_line(false) end
      local results = {}
      for position = 1, formats.n do
        local format = formats[position]
        if math.type(format) == "integer" then
          results[position] = bytes(format)
        else
          local letter = type(format) == "string" and sub(gsub(format, "^%*", ""), 1, 1)
          local reader = readers[letter]
          if not reader then error("bad argument #" .. position .. " to 'read' (invalid format)", 3) end
          results[position] = reader()
        end
        if results[position] == nil then return unpack(results, 1, position) end
      end
      return unpack(results, 1, formats.n)
    end

    local files = getmetatable(stdin).__index
    local io_read, io_lines, file_read, file_lines = io.read, io.lines, files.read, files.lines
    function io.read(...)
      if input() ~= stdin then return io_read(...) end
      return read(...)
    end
    function files.read(file, ...)
      if file ~= stdin then return file_read(file, ...) end
      return read(...)
    end
    function files.lines(file, ...)
      if file ~= stdin then return file_lines(file, ...) end
      local formats = pack(...)
      return function() return read(unpack(formats, 1, formats.n)) end
    end
    function io.lines(name, ...)
      if name ~= nil or input() ~= stdin then return io_lines(name, ...) end
      return files.lines(stdin, ...)
    end
    """
}
