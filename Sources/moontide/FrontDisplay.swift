import Bindings
import Lua
import Notebooks
import Terminal

/// Shows what a session does: in the notebook everything on the terminal, in a script results on standard output and
/// the rest on standard error.
final class FrontDisplay: Display {
  let writer: TerminalWriter
  /// Echoes values and puts messages where a person reads them.
  var isNotebook: Bool
  /// Whether an interrupt is the program's own doing, which says why in its place.
  var isInterruptKnown: () -> Bool = { false }

  init(writer: TerminalWriter, isNotebook: Bool) {
    self.writer = writer
    self.isNotebook = isNotebook
  }

  func print(_ text: String, to stream: TerminalWriter.Stream) { writer.print(text, to: stream) }

  func echo(_ text: String, number: Int) {
    guard isNotebook else { return }
    let separator = text.contains("\n") ? "\n" : " "
    writer.print("\(dimmed("[\(number)]="))\(separator)\(text)\n")
  }

  func note(_ text: String) {
    writer.print(text + "\n", to: isNotebook ? .output : .error)
  }

  func error(_ error: CellError) {
    if error.isInterrupt, isInterruptKnown() { return }
    if error.isInterrupt, isNotebook {
      writer.print("interrupted\n", to: .error)
    } else {
      writer.print(error.description + "\n", to: .error)
    }
  }

  func taskFailed(_ name: String, _ error: CellError) {
    writer.print("\(name) failed: \(error.description)\n", to: .error)
  }

  func output(_ bytes: UnsafeRawBufferPointer, isError: Bool, task: LuaTask?) {
    (task?.userData as? TaskLog)?.add(bytes)
    writer.print(
      Array(bytes), to: isError ? .error : .output,
      job: task?.name)
  }

  private func dimmed(_ text: String) -> String { writer.usesColor ? "\u{1b}[2m\(text)\u{1b}[0m" : text }
}

extension FrontDisplay: PictureScreen {
  var size: TerminalSize { writer.size }
  var isTerminal: Bool { writer.outputIsTerminal }
  var usesColor: Bool { writer.usesColor }
  var isEditing: Bool { writer.isEditing }
  func showPicture(_ lines: [String]?) { writer.showPicture(lines) }
}
