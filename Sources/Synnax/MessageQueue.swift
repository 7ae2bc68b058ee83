/// Messages that wait to be read, and when the socket is to wait for their reader. A plain value.
package struct MessageQueue: Sendable {
  private var waiting: [[UInt8]] = []
  private var head = 0
  private var isPaused = false
  /// What the messages hold of memory; one that is empty holds some, too.
  package private(set) var bytes = 0

  package init() {}

  package var isEmpty: Bool { head == waiting.count }

  /// - Returns: true when nothing more is to be read from the socket until `take` says so.
  package mutating func put(_ message: [UInt8]) -> Bool {
    waiting.append(message)
    bytes += Self.cost(message)
    guard bytes >= SynnaxLimits.receivedBytes, !isPaused else { return false }
    isPaused = true
    return true
  }

  /// The oldest message, and whether the socket is to be read again.
  package mutating func take() -> (message: [UInt8], resumes: Bool)? {
    guard head < waiting.count else { return nil }
    let message = waiting[head]
    waiting[head] = []
    head += 1
    if head > 64, head > waiting.count / 2 {
      waiting.removeFirst(head)
      head = 0
    }
    bytes -= Self.cost(message)
    let resumes = isPaused && bytes < SynnaxLimits.receivedBytes / 2
    if resumes { isPaused = false }
    return (message, resumes)
  }

  private static func cost(_ message: [UInt8]) -> Int { message.count + SynnaxLimits.messageOverhead }
}
