import Foundation
import Lua
import Notebooks
import Testing

/// What a session showed, as lines.
final class RecordingDisplay: Display {
  var lines: [String] = []
  var errors: [CellError] = []
  var output: [(text: String, task: String?)] = []
  var printed: String { output.map(\.text).joined() }

  func echo(_ text: String, number: Int) { lines.append("[\(number)]= \(text)") }
  func note(_ text: String) { lines.append("note: \(text)") }
  func error(_ error: CellError) {
    errors.append(error)
    lines.append(error.description)
  }
  func output(_ bytes: UnsafeRawBufferPointer, isError: Bool, task: LuaTask?) {
    output.append((String(decoding: bytes, as: UTF8.self), task?.name))
  }

  func take() -> [String] {
    defer { lines = [] }
    return lines
  }
}

/// A session with a display that remembers.
struct Bench {
  let session: Session
  let display = RecordingDisplay()
  var state: LuaState { session.state }

  init(memoryLimit: Int = 0) throws {
    session = Session(try LuaState(memoryLimit: memoryLimit), display: display)
  }

  /// What a cell shows.
  @discardableResult
  func run(_ text: String) -> [String] {
    session.run(Cell(text))
    return display.take()
  }
}

/// Runs a body on a thread of its own: what may block does not belong on the few threads that tests share.
func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
  }
}
