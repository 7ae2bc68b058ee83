import Synnax
import Testing

@Suite struct MessageQueueTests {
  @Test func handsMessagesOutInTheirOrder() {
    var queue = MessageQueue()
    for number in 0..<1000 {
      _ = queue.put([UInt8(truncatingIfNeeded: number)])
      if number % 3 == 0 { _ = queue.take() }
    }
    var last: UInt8?
    var count = 0
    while let (message, _) = queue.take() {
      if let last { #expect(message == [last &+ 1]) }
      last = message[0]
      count += 1
    }
    #expect(count == 1000 - 334 && queue.isEmpty && queue.bytes == 0)
  }

  /// Whatever a core sends, memory has an end: large messages, small ones, and those that hold nothing.
  @Test(arguments: [0, 1, 1000, 1 << 20]) func pausesItsSocketBeforeItsMemoryGrowsOutOfBounds(_ size: Int) {
    var queue = MessageQueue()
    let message = [UInt8](repeating: 7, count: size)
    var count = 0
    while !queue.put(message) {
      count += 1
      guard count < 1_000_000 else {
        Issue.record("a million messages of \(size) bytes, and no pause")
        return
      }
    }
    // What is on its way still comes.
    let pausesAgain = queue.put(message)
    #expect(!pausesAgain)
    var resumed = 0
    while let (_, resumes) = queue.take() { resumed += resumes ? 1 : 0 }
    #expect(resumed == 1 && queue.bytes == 0)
  }
}
