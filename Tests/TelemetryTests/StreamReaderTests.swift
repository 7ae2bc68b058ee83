import Locks
import Telemetry
import TestSupport
import Testing

/// Holds a reader where callbacks find it.
private final class ReaderKeeper: Sendable {
  private let inner = Guarded<(reader: StreamReader?, notes: [String])>((nil, []))

  var reader: StreamReader? {
    get { inner.withLock { $0.reader } }
    set { inner.withLock { $0.reader = newValue } }
  }
  var notes: [String] { inner.withLock { $0.notes } }
  func note(_ text: String) { inner.withLock { $0.notes.append(text) } }
}

@Suite struct StreamReaderTests {
  private func stream(_ names: String..., capacity: BufferCapacity = .samples(1000)) async throws
    -> (Streamer, ScriptedSource)
  {
    let source = ScriptedSource(names.map { .plain($0) })
    let streamer = try Streamer(source: source, channels: source.script.channels, capacity: capacity)
    try await streamer.start(StreamRequest())
    return (streamer, source)
  }

  @Test func eachReaderReadsEverythingFromItsFirstFrameOn() async throws {
    let (streamer, source) = try await stream("x")
    source.send(.ramp(0..<5))
    let first = try streamer.makeReader()
    source.send(.ramp(5..<8))
    let second = try streamer.makeReader()
    source.send(.ramp(8..<9))
    #expect(first.take().frame?["x"]?.values == [5, 6, 7])
    #expect(first.lag.frames == 1)
    #expect(first.take().frame?["x"]?.values == [8])
    #expect(first.take().word == "pending")
    #expect(second.take().frame?["x"]?.values == [8])
    try await streamer.stop()
    #expect(second.take().word == "ended")
  }

  @Test func whatFallsOutUnreadIsCountedExactly() async throws {
    let (streamer, source) = try await stream("x", "y", capacity: .samples(10))
    let reader = try streamer.makeReader()
    for block in 0..<10 {
      source.send(.ramp(block * 3..<block * 3 + 3), .ramp(block..<block + 1, .plain("y")))
    }
    #expect(reader.lag.dropped == 20)
    #expect(streamer.stats.dropped == 20)
    // Of x the last 10 of 30 are left; y has lost nothing, so its frames are all there.
    var seen: [String: Int] = [:]
    var dropped: Int64 = 0
    var values: [Double] = []
    while let frame = reader.take().frame {
      dropped += frame.dropped
      for series in frame.series { seen[series.channel.name, default: 0] += series.count }
      values += frame["x"]?.values ?? []
    }
    #expect(seen == ["x": 10, "y": 10])
    #expect(values == (20..<30).map { Double($0) })
    #expect(dropped == 20)
    #expect(reader.lag.dropped == 20)
    #expect(streamer.stats.dropped == 20)
  }

  @Test func aFrameThatFellOutWhollyIsToldByTheNext() async throws {
    let (streamer, source) = try await stream("x", capacity: .samples(4))
    let reader = try streamer.makeReader()
    source.send(.ramp(0..<4))
    source.send(.ramp(4..<10))
    let frame = reader.take().frame
    #expect(frame?.dropped == 6)
    #expect(frame?["x"]?.values == [6, 7, 8, 9])
    source.send(.ramp(10..<11))
    #expect(reader.take().frame?.dropped == 0)
  }

  @Test func aReaderNobodyReadsStaysSmallAndLosesNothing() async throws {
    let (streamer, source) = try await stream("x", "y", capacity: .samples(1_000_000))
    let reader = try streamer.makeReader()
    for block in 0..<30_000 {
      if block % 3 == 0 {
        source.send(.ramp(block..<block + 1, .plain("y")), .ramp(block..<block + 1))
      } else {
        source.send(.ramp(block..<block + 1))
      }
    }
    #expect(reader.lag.frames <= 4096)
    var next = [0.0, 0.0]
    while let frame = reader.take().frame {
      #expect(frame.dropped == 0)
      for value in frame["x"]?.values ?? [] {
        guard value == next[0] else {
          Issue.record("\(value) instead of \(next[0])")
          return
        }
        next[0] += 1
      }
      for value in frame["y"]?.values ?? [] {
        guard value == next[1] else {
          Issue.record("\(value) instead of \(next[1])")
          return
        }
        next[1] += 3
      }
    }
    #expect(next == [30_000, 30_000])
  }

  @Test func manyChannelsAreJoinedSoonAndStillCountedExactly() async throws {
    let channels = (0..<500).map { Channel.plain("c\($0)") }
    let source = ScriptedSource(channels)
    let streamer = try Streamer(source: source, channels: channels, capacity: .samples(20))
    try await streamer.start(StreamRequest())
    let reader = try streamer.makeReader()
    for block in 0..<200 {
      // In an order that changes, and not all of them.
      let some = block % 2 == 0 ? channels : channels.reversed().dropLast(100)
      source.feeds[0].send(some.map { .ramp(block..<block + 1, $0) })
    }
    #expect(reader.lag.frames <= 40)
    var seen = 0
    var dropped: Int64 = 0
    while let frame = reader.take().frame {
      seen += frame.sampleCount
      dropped += frame.dropped
    }
    #expect(seen == 500 * 20)
    #expect(Int64(seen) + dropped == 100 * 500 + 100 * 400)
  }

  @Test func everythingUnreadIsOneFrameWhereThatIsWanted() async throws {
    let (streamer, source) = try await stream("x", "y", capacity: .samples(50))
    let reader = try streamer.makeReader()
    #expect(reader.takeJoined().word == "pending")
    for block in 0..<10 {
      source.send(.ramp(block * 10..<block * 10 + 10))
      if block % 2 == 0 { source.send(.ramp(block..<block + 1, .plain("y"))) }
    }
    let frame = reader.takeJoined().frame
    #expect(frame?["x"]?.values == (50..<100).map { Double($0) })
    #expect(frame?["y"]?.values == [0, 2, 4, 6, 8])
    #expect(frame?.dropped == 50)
    #expect(reader.takeJoined().word == "pending" && reader.lag.frames == 0)
    source.send(.ramp(100..<101))
    #expect(reader.take().frame?["x"]?.values == [100])
    try await streamer.stop()
    #expect(reader.takeJoined().word == "ended")
  }

  @Test func framesOfABatchAreThoseThatCame() async throws {
    let (streamer, source) = try await stream("x", "y")
    let reader = try streamer.makeReader()
    for block in 0..<6 {
      if block == 3 { source.send(.ramp(0..<2, .plain("y"))) }
      source.send(.ramp(block * 2..<block * 2 + 2))
    }
    var seen: [[String: [Double]]] = []
    while let batch = reader.takeBatch().batch {
      for number in 0..<batch.count {
        let series = batch[number].series
        #expect(series.count == batch[number].seriesCount)
        seen.append(Dictionary(uniqueKeysWithValues: series.map { ($0.channel.name, $0.values) }))
      }
    }
    let x = (0..<6).map { ["x": [Double($0 * 2), Double($0 * 2 + 1)]] }
    #expect(seen == Array(x[..<3]) + [["y": [0, 1]]] + Array(x[3...]))
    #expect(reader.take().word == "pending")
  }

  @Test func aBatchReadsTheSameAfterItsStreamHasGone() async throws {
    var kept: [Frame] = []
    do {
      let (streamer, source) = try await stream("x", capacity: .samples(4))
      let reader = try streamer.makeReader()
      source.send(.ramp(0..<2))
      source.send(.ramp(2..<4))
      let batch = try #require(reader.takeBatch().batch)
      kept = (0..<batch.count).map { batch[$0] }
      for block in 1..<1000 { source.send(.ramp(block * 4..<block * 4 + 4)) }
      await streamer.close()
    }
    #expect(kept.map { $0["x"]?.values } == [[0, 1], [2, 3]])
  }

  @Test func clearForgetsWhatIsUnreadWithoutCountingIt() async throws {
    let (streamer, source) = try await stream("x")
    let reader = try streamer.makeReader()
    source.send(.ramp(0..<5))
    streamer.clear()
    #expect(reader.take().word == "pending")
    source.send(.ramp(5..<6))
    #expect(reader.take().frame?.dropped == 0)
  }

  @Test func thereAreOnlySoManyReadersAndTheyGoByThemselves() async throws {
    let (streamer, _) = try await stream("x")
    do {
      let readers = try (0..<Limits.readersMax).map { _ in try streamer.makeReader() }
      #expect(throws: TelemetryError.self) { try streamer.makeReader() }
      withExtendedLifetime(readers) {}
    }
    _ = try streamer.makeReader()
  }

  // MARK: - Waking

  @Test func armingSaysWhatIsThereAlready() async throws {
    let (streamer, source) = try await stream("x")
    let reader = try streamer.makeReader()
    let woken = Tally()
    let wake: @Sendable () -> Void = { woken.add() }
    #expect(reader.arm(wake) == .armed)
    #expect(reader.arm(wake) == .busy)
    source.send(.ramp(0..<1))
    source.send(.ramp(1..<2))
    #expect(woken.count == 1)
    #expect(reader.arm(wake) == .ready)
    while reader.take().frame != nil {}
    #expect(reader.arm(wake) == .armed)
    reader.disarm()
    source.send(.ramp(2..<3))
    #expect(woken.count == 1)
    while reader.take().frame != nil {}
    #expect(reader.arm(wake) == .armed)
    try await streamer.stop()
    #expect(woken.count == 2)
    #expect(reader.arm(wake) == .ready)
    #expect(reader.take().word == "ended")
  }

  @Test func aReaderWaitsForTheFirstStartAndIsWokenByEveryEnd() async throws {
    let source = ScriptedSource("x")
    let woken = Tally()
    let wake: @Sendable () -> Void = { woken.add() }
    let streamer = try Streamer(source: source, channels: source.script.channels)
    let reader = try streamer.makeReader()
    #expect(reader.take().word == "pending")
    #expect(reader.arm(wake) == .armed)
    await streamer.close()
    #expect(woken.count == 1)
    for end in [StreamEvent.finished, .interrupted("x"), .lost("x")] {
      let (other, source) = try await stream("x")
      let reader = try other.makeReader()
      #expect(reader.arm(wake) == .armed)
      let before = woken.count
      source.tell(end)
      #expect(woken.count == before + 1)
    }
    let (other, script) = try await stream("x")
    try await other.stop()
    let gate = Gate()
    script.script.openGate = gate
    script.script.openError = TelemetryError("refused", "no")
    let starting = Task { try await other.start(StreamRequest()) }
    #expect(await comesTrue { gate.waiting == 1 })
    let late = try other.makeReader()
    let before = woken.count
    #expect(late.arm(wake) == .armed)
    gate.open()
    _ = await starting.result
    #expect(woken.count == before + 1)
  }

  @Test func anEndIsToldBeforeAReaderSeesIt() async throws {
    let source = ScriptedSource("x")
    let keeper = ReaderKeeper()
    let streamer = try Streamer(source: source, channels: source.script.channels) { event in
      keeper.note("told, reader \(keeper.reader?.take().word ?? "none")")
    }
    keeper.reader = try streamer.makeReader()
    try await streamer.start(StreamRequest())
    #expect(
      keeper.reader?.arm { keeper.note("woken, reader \(keeper.reader?.take().word ?? "none")") } == .armed)
    source.tell(.finished)
    #expect(keeper.notes == ["told, reader pending", "woken, reader ended"])
    try await streamer.start(StreamRequest(), samples: 3)
    source.send(.ramp(0..<5))
    #expect(await comesTrue { keeper.notes.count == 3 })
    #expect(keeper.notes[2] == "told, reader frame")
  }

  // MARK: - Under load

  @Test func nothingIsLostOrSeenTwiceWhileManyReadAndWait() async throws {
    let names = (0..<8).map { "c\($0)" }
    let channels = names.map { Channel.plain($0) }
    let source = ScriptedSource(channels)
    let streamer = try Streamer(source: source, channels: channels, capacity: .samples(3000))
    try await streamer.start(StreamRequest())
    let total = 20_000
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<24 {
        let reader = try? streamer.makeReader()
        guard let reader else { continue }
        group.addTask { await Self.readAll(reader, total, isSlow: worker % 4 == 0) }
      }
      for _ in 0..<8 {
        group.addTask { Self.lookAtSnapshots(streamer) }
      }
      for worker in 0..<8 {
        group.addTask {
          for round in 0..<50 {
            _ = try? streamer.setCapacity(.samples(2000 + (worker * 50 + round) % 1000))
            _ = streamer.stats
            await Task.yield()
          }
        }
      }
      group.addTask {
        var sent = 0
        while sent < total {
          let count = min(1 + sent % 61, total - sent)
          source.feeds[0].send(channels.map { .ramp(sent..<sent + count, $0) })
          sent += count
          if sent % 7 == 0 { await Task.yield() }
        }
        source.tell(.finished)
      }
      await group.waitForAll()
    }
    #expect(streamer.stats.samples == Int64(total * 8))
  }

  private static func readAll(_ reader: StreamReader, _ total: Int, isSlow: Bool) async {
    var next = [Int: Int64]()
    var seen: Int64 = 0
    var dropped: Int64 = 0
    while true {
      switch reader.take() {
      case .frame(let frame):
        dropped += frame.dropped
        for (place, series) in frame.series.enumerated() {
          let first = Int64(series.values[0])
          #expect(first >= next[place, default: 0])
          #expect(series.values.last == Double(first) + Double(series.count - 1))
          next[place] = first + Int64(series.count)
          seen += Int64(series.count)
        }
        if isSlow { try? await Task.sleep(for: .milliseconds(1)) }
      case .pending:
        await withCheckedContinuation { continuation in
          switch reader.arm({ continuation.resume() }) {
          case .armed: break
          case .ready: continuation.resume()
          case .busy:
            Issue.record("nobody else reads here")
            continuation.resume()
          }
        }
      case .ended:
        #expect(seen + dropped + (reader.lag.dropped - dropped) == Int64(total * 8))
        return
      case .lost:
        Issue.record("lost")
        return
      }
    }
  }

  private static func lookAtSnapshots(_ streamer: Streamer) {
    for _ in 0..<60 {
      for series in streamer.snapshot().series where !series.isEmpty {
        let values = series.values
        #expect(values.count == series.count)
        #expect(values.last! - values.first! == Double(series.count - 1))
        #expect(values.first == Double(series.dropped))
      }
    }
  }
}
