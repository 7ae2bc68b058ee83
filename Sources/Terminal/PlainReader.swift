import Glibc

/// Reads cells as plain lines: from a file, a pipe, or a terminal without cursor movement (`TERM=dumb`).
///
/// Waits through `waitForKey` as ``LineEditor`` does, so tasks go on. A text that ends in the middle of a
/// cell is handed over as it is, for the language to say what is missing.
package final class PlainReader: CellReader {
  private let input: Int32
  private let writer: TerminalWriter
  private let waitForKey: (Int32) -> WaitResult
  private let showsPrompt: Bool
  private var bytes: [UInt8] = []
  private var first = 0
  private var searched = 0
  private var isAtEnd = false

  /// - Parameter showsPrompt: prompts are for terminals.
  package init(
    input: Int32 = 0, writer: TerminalWriter, showsPrompt: Bool? = nil,
    waitForKey: @escaping (Int32) -> WaitResult
  ) {
    self.input = input
    self.writer = writer
    self.waitForKey = waitForKey
    self.showsPrompt = showsPrompt ?? (isatty(input) == 1 && writer.outputIsTerminal)
  }

  package func readCell(
    prompt: @escaping () -> String, continuation: @escaping () -> String,
    isComplete: @escaping (String) -> Bool, prefill: String = ""
  ) -> ReadResult {
    var cell = prefill
    var isFirst = true
    while true {
      if showsPrompt {
        let first = prompt()
        writer.showPlainPrompt(isFirst ? first : TextWidth.padded(continuation(), like: first))
      }
      let line = nextLine()
      if showsPrompt { writer.endPlainPrompt(wasEntered: (try? line.get()) != nil) }
      switch line {
      case .success(let line):
        cell += isFirst ? line : "\n" + line
        isFirst = false
        if isComplete(cell) { return .cell(cell) }
      case .failure(.interrupted):
        return .interrupted
      case .failure(.over):
        return isFirst ? .endOfFile : .cell(cell)
      }
    }
  }

  private enum Stop: Error { case interrupted, over }

  private func nextLine() -> Result<String, Stop> {
    while true {
      if let newline = bytes[searched...].firstIndex(of: 0x0a) {
        let line = String(decoding: bytes[first..<newline], as: UTF8.self)
        first = newline + 1
        searched = first
        return .success(line)
      }
      searched = bytes.count
      if isAtEnd || bytes.count - first > Limits.typeAheadBytes {
        guard first < bytes.count else { return .failure(.over) }
        let line = String(decoding: bytes[first...], as: UTF8.self)
        first = bytes.count
        return .success(line)
      }
      switch waitForKey(input) {
      case .ready: fill()
      case .attention: _ = TerminalSignals.take()
      case .interrupted: return .failure(.interrupted)
      case .closed: return .failure(.over)
      }
    }
  }

  private func fill() {
    bytes.removeFirst(first)
    searched -= first
    first = 0
    var chunk = [UInt8](repeating: 0, count: Limits.pasteReadBytes)
    let count = read(input, &chunk, chunk.count)
    if count > 0 {
      bytes += chunk[..<count]
    } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
      isAtEnd = true
    }
  }
}
