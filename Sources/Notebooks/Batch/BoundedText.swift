/// The beginning and the end of a text of any length; what was in between is counted.
package struct BoundedText: Equatable, Sendable {
  private var head: [UInt8] = []
  private var tail: [UInt8] = []
  private var left = 0
  private let bound: Int

  /// - Parameter bound: bytes of each part.
  package init(bound: Int = Limits.reportedOutput) { self.bound = bound }

  package mutating func append(_ bytes: some Collection<UInt8>) {
    let room = max(0, bound - head.count)
    head.append(contentsOf: bytes.prefix(room))
    tail.append(contentsOf: bytes.dropFirst(room))
    // Twice the bound before it is cut: each byte is moved once.
    guard tail.count > 2 * bound else { return }
    left += tail.count - bound
    tail.removeFirst(tail.count - bound)
  }

  package var text: String {
    let over = max(0, tail.count - bound)
    guard left + over > 0 else { return String(decoding: head + tail, as: UTF8.self) }
    return String(decoding: head, as: UTF8.self) + "\n… \(left + over) bytes left out …\n"
      + String(decoding: tail.dropFirst(over), as: UTF8.self)
  }

  package var isEmpty: Bool { head.isEmpty }
}
