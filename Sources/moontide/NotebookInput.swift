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
    PersonInput.define(in: state) { [unowned self] () throws(LuaError) in try readLine(editor) }
    let lend = state.function(name: "lend") { _ throws(LuaError) in
      editor.lendTerminal()
      return .none
    }
    let take = state.function(name: "take") { _ throws(LuaError) in
      editor.takeTerminal()
      return .none
    }
    PersonInput.run(Self.commandPrelude, in: state, [lend, take])
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

  private static let commandPrelude = """
    local lend, take = ...
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
