import Bindings
import JSON
import Jupyter
import Lua
import Notebooks

/// The cell that started a task, which its output belongs to.
final class CellOrigin: Sendable {
  let header: JSON
  init(_ header: JSON) { self.header = header }
}

/// Shows what a session does to all front ends of a kernel. Text is gathered: front ends redraw for every message.
final class KernelDisplay: Display {
  /// The request that is being answered, or was last.
  private(set) var origin = CellOrigin(.object([]))
  /// Nothing of the cell is to be seen.
  var isSilent = false
  /// What of a value can be shown as more than text, by media type.
  var richForms: ([LuaValue]) -> [(type: String, value: JSON)] = { _ in [] }
  /// The task whose output it is; nil between tasks.
  var currentTask: () -> LuaTask? = { nil }
  /// The error that ended the cell.
  private(set) var failure: CellError?

  private let send: (JupyterMessage) -> Void
  private let factory: MessageFactory
  private let text: TextGatherer
  private var allowance = Allowance()
  private var progress: (id: String, text: String, at: ContinuousClock.Instant)?

  init(_ factory: MessageFactory, text: TextGatherer, send: @escaping (JupyterMessage) -> Void) {
    self.factory = factory
    self.text = text
    self.send = send
  }

  /// What comes from now on belongs to a request.
  func begin(_ request: JupyterMessage, isSilent: Bool) {
    flush()
    origin = CellOrigin(request.header)
    self.isSilent = isSilent
    failure = nil
  }

  // MARK: Display

  func echo(_ text: String, number: Int) { show([], as: text, number: number) }

  func show(_ values: [LuaValue], as text: String, number: Int) {
    guard !isSilent else { return }
    let data = [("text/plain", JSON.string(text))] + richForms(values)
    publish(
      "execute_result",
      [
        "execution_count": .integer(Int64(number)), "data": .object(data.map { JSON.Member($0.0, $0.1) }),
        "metadata": [:],
      ])
  }

  func note(_ text: String) { write(Array("\(text)\n".utf8), isError: false, to: here) }

  func error(_ error: CellError) {
    failure = error
    guard !isSilent else { return }
    publish("error", .object(Self.content(of: error)))
  }

  /// As `error` messages and `execute_reply` have it.
  static func content(of error: CellError) -> [JSON.Member] {
    let lines = error.description.split(separator: "\n", omittingEmptySubsequences: false)
    return [
      JSON.Member("ename", .string(error.code)), JSON.Member("evalue", .string(error.message)),
      JSON.Member("traceback", .array(lines.map { .string(String($0)) })),
    ]
  }

  func taskFailed(_ name: String, _ error: CellError) {
    let text = "\(name) failed: \(error.description)\n"
    write(Array(text.utf8), isError: true, to: failedTasks.removeValue(forKey: name) ?? here)
  }

  /// Whose cell hears of a task's failure, by the name under which it is told.
  var failedTasks: [String: CellOrigin] = [:]

  func output(_ bytes: UnsafeRawBufferPointer, isError: Bool, task: LuaTask?) {
    (task?.userData as? TaskLog)?.add(bytes)
    var bytes = Array(bytes)
    let origin = here
    // A cell may print what it likes; what goes on beside it must leave the front end room to breathe.
    if task != nil { bytes = allowance.take(bytes) }
    write(bytes, isError: isError, to: origin)
  }

  func ended(_ outcome: Outcome) { flush(everything: true) }

  private var here: CellOrigin { currentTask()?.heritage as? CellOrigin ?? origin }

  // MARK: Text

  private func write(_ bytes: [UInt8], isError: Bool, to origin: CellOrigin) {
    guard !bytes.isEmpty, !(isSilent && origin === self.origin) else { return }
    text.add(bytes, isError: isError, of: origin)
  }

  func flush(everything: Bool = false) { text.flush(everything: everything) }

  // MARK: Everything else

  /// To all front ends, behind what was printed before.
  func publish(_ type: String, _ content: JSON, of origin: CellOrigin? = nil) {
    flush()
    send(factory.publication(type, parent: (origin ?? here).header, content))
  }

  /// One line that changes in its place; nil when it has come to its end.
  func progress(_ text: String?) {
    guard !isSilent else { return }
    guard let text else {
      progress = nil
      return
    }
    let now = ContinuousClock.now
    let shown = progress
    if let shown, text == shown.text || now - shown.at < KernelLimits.progressDelay { return }
    let id = shown?.id ?? KernelLimits.newID()
    progress = (id, text, now)
    publish(
      shown == nil ? "display_data" : "update_display_data",
      ["data": ["text/plain": .string(text)], "metadata": [:], "transient": ["display_id": .string(id)]])
  }
}

/// What tasks may print beside the cells: a burst, then so much a second. What is more is counted, and said.
struct Allowance {
  private var left = KernelLimits.burstBytes
  private var at = ContinuousClock.now
  private var omitted = 0

  mutating func take(_ bytes: [UInt8], now: ContinuousClock.Instant = .now) -> [UInt8] {
    let passed = (now - at).seconds
    at = now
    left = min(KernelLimits.burstBytes, left + Int(passed * Double(KernelLimits.bytesPerSecond)))
    guard bytes.count <= left else {
      omitted += bytes.count
      return []
    }
    left -= bytes.count
    guard omitted > 0 else { return bytes }
    defer { omitted = 0 }
    return Array("\n(\(omitted) bytes left out: more than a notebook can show)\n".utf8) + bytes
  }
}
