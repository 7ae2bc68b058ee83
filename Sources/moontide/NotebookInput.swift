import Bindings
import Lua
import Terminal

/// `io.read` and `os.execute` at the prompt. The terminal is the editor's and echoes nothing by itself: lines are read
/// through it, so tasks go on, what they print stands above, and Ctrl-C works; commands get it as it was found.
extension NotebookFront {
  /// Replaces them in the interpreter of now.
  func defineInput() {
    let state = interpreter.state
    guard let editor, case .table = state.global("io") else { return }
    let line = state.function(name: "read") { [unowned self] call throws(LuaError) in
      guard let text = try readLine(editor) else { return call.results(LuaValue.nil) }
      return call.results(LuaString(Array(text.utf8) + [0x0A]))
    }
    let lend = state.function(name: "lend") { _ throws(LuaError) in
      editor.lendTerminal()
      return .none
    }
    let take = state.function(name: "take") { _ throws(LuaError) in
      editor.takeTerminal()
      return .none
    }
    do throws(LuaError) {
      let prelude = try state.load(Self.inputPrelude, chunkName: "=" + Library.preludeName)
      _ = try state.call(prelude, [line, lend, take])
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// A line from the person; nil at Ctrl-D.
  private func readLine(_ editor: LineEditor) throws(LuaError) -> String? {
    guard editor.line == nil else {
      throw LuaError(
        "busy", "a cell is being typed, so nothing else reads from the terminal",
        hint: "only the cell that runs in the foreground can: io.read() in it, not in a task")
    }
    let complete = editor.complete
    editor.complete = nil
    defer { editor.complete = complete }
    // What was printed without a line end asks for the answer.
    let prompt = display.writer.takeOpenLine()
    let result = editor.readCell(prompt: { prompt }, continuation: { "" }, isComplete: { _ in true })
    if let code = exitCodeOfTasks { throw LuaError.exit(code) }
    switch result {
    case .cell(let text): return text
    case .endOfFile where !isTerminating: return nil
    case .endOfFile, .interrupted:
      // It was taken from the cell to give up the line; the cell is what it was for.
      interpreter.state.interrupter.interrupt()
      return nil
    }
  }

  private static let inputPrelude = """
    local line, lend, take = ...
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

    local execute = os.execute
    local terminal = setmetatable({}, { __close = function() take() end })
    function os.execute(command)
      if command == nil then return execute() end
      lend()
      local back <close> = terminal
      return execute(command)
    end
    """
}
