import Locks
import Bindings
import Lua
import Synchronization
import Telemetry
import TestSupport
import Testing

/// What completion and help know of a source's channels.
@Suite struct KnownChannelsTests {
  /// Counts how often it is asked, and answers when it is told to, or never.
  private final class Asked: Source {
    let count = Atomic(0)
    private let known: Guarded<[Channel]?>
    private let later = OneShot<[Channel]>()

    init(_ channels: [Channel]? = nil) { known = Guarded(channels) }

    var name: String { "asked" }
    var state: String { "open" }

    func channels() async throws -> [Channel] {
      count.add(1, ordering: .sequentiallyConsistent)
      if let channels = known.withLock({ $0 }) { return channels }
      return await later.wait() ?? []
    }

    func answer(_ channels: [Channel]) {
      known.withLock { $0 = channels }
      later.fulfill(channels)
    }

    func open(_ request: StreamRequest, sink: any StreamSink) async throws -> any Feed {
      throw CancellationError()
    }
    func close() async { answer([]) }
  }

  private func at(_ seconds: Int64) -> LuaInstant { LuaInstant(nanoseconds: seconds * 1_000_000_000) }
  private let one = [Channel(name: "one", type: .float32)]

  @Test func aSourceIsAskedOnceInAWhile() async throws {
    try await onThread {
      let (known, source) = (KnownChannels(), Asked(one))
      for second in 0..<9 {
        #expect(known.channels(of: source, at: at(Int64(second))).map(\.name) == ["one"])
      }
      #expect(source.count.load(ordering: .sequentiallyConsistent) == 1)
      source.answer([Channel(name: "two", type: .float32)])
      #expect(known.channels(of: source, at: at(20)).map(\.name) == ["two"])
    }
  }

  /// Each Tab would stand still for a moment.
  @Test func aSourceThatDoesNotAnswerIsWaitedForOnce() async throws {
    try await onThread {
      let (known, source) = (KnownChannels(), Asked())
      let begin = ContinuousClock.now
      for second in 0..<100 { #expect(known.channels(of: source, at: at(Int64(second))).isEmpty) }
      // A hundred waits would be half a minute.
      #expect(ContinuousClock.now - begin < .seconds(10))
      #expect(source.count.load(ordering: .sequentiallyConsistent) == 1)
      source.answer(one)
      let deadline = ContinuousClock.now + .seconds(20)
      // Its late answer counts.
      while known.channels(of: source, at: at(100)).isEmpty, ContinuousClock.now < deadline {}
      #expect(known.channels(of: source, at: at(101)).map(\.name) == ["one"])
    }
  }
}
