import Locks
import Telemetry
import TestSupport
import Testing

/// A streamer over a scripted source, with what it tells.
private final class Rig: Sendable {
  let source: ScriptedSource
  let clock = ManualClock()
  let streamer: Streamer
  private let log: Log

  private final class Log: Sendable { let events = Guarded<[StreamEvent]>([]) }

  init(_ channels: [Channel] = [.plain("x"), .plain("y")], capacity: BufferCapacity? = nil) throws {
    source = ScriptedSource(channels)
    let log = Log()
    self.log = log
    streamer = try Streamer(source: source, channels: channels, capacity: capacity, clock: clock) { event in
      log.events.withLock { $0.append(event) }
    }
  }

  var events: [StreamEvent] { log.events.withLock { $0 } }

  func start(samples: Int? = nil) async throws {
    try await streamer.start(StreamRequest(), samples: samples)
  }
}

private func code(_ body: () async throws -> Void) async -> String? {
  do {
    try await body()
    return nil
  } catch {
    return (error as? TelemetryError)?.code ?? "\(error)"
  }
}

@Suite struct StreamerTests {
  // MARK: - Life

  @Test func startsStopsAndStartsAgainWithAGapBetween() async throws {
    let rig = try Rig()
    #expect(rig.streamer.state == "ready")
    try await rig.start()
    #expect(rig.streamer.state == "running")
    rig.source.send(.ramp(0..<5))
    rig.source.script.last = [Frame([.ramp(5..<7)])]
    #expect(try await rig.streamer.stop())
    #expect(rig.streamer.state == "stopped")
    #expect(rig.streamer.snapshot(of: "x")?.count == 7)
    #expect(try await !rig.streamer.stop())
    rig.source.send(.ramp(7..<9))
    #expect(rig.streamer.snapshot(of: "x")?.count == 7)
    try await rig.start()
    rig.source.send(.ramp(50..<52))
    #expect(rig.streamer.snapshot(of: "x")?.gaps == [Gap(at: 7, samples: nil, reason: .paused)])
    #expect(rig.source.feeds.map(\.stops) == [1, 0])
    await rig.streamer.close()
    #expect(rig.streamer.state == "closed")
    #expect(rig.streamer.snapshot(of: "x")?.count == 11)
    #expect(rig.events.isEmpty)
    #expect(await code { try await rig.start() } == "closed")
  }

  @Test func aFeedOfAnEarlierStartReachesNobody() async throws {
    let rig = try Rig()
    try await rig.start()
    let old = rig.source.feeds[0]
    try await rig.streamer.stop()
    try await rig.start()
    old.send([.ramp(0..<5)])
    old.sink.handle(.lost("of old"))
    old.sink.prepare([.plain("z")])
    #expect(rig.streamer.state == "running")
    #expect(rig.streamer.snapshot(of: "x")?.count == 0)
    #expect(rig.streamer.channels.count == 2)
  }

  @Test func aStopWhileStartingCallsItOff() async throws {
    let rig = try Rig()
    let gate = Gate()
    rig.source.script.openGate = gate
    let starting = Task { await code { try await rig.start() } }
    #expect(await comesTrue { gate.waiting == 1 })
    #expect(try await rig.streamer.stop())
    #expect(rig.streamer.state == "stopped")
    rig.source.send(.ramp(0..<3))
    gate.open()
    #expect(await starting.value == "cancelled")
    #expect(rig.source.feeds[0].stops == 1)
    #expect(rig.streamer.snapshot().isEmpty)
    try await rig.start()
    rig.source.send(.ramp(0..<3))
    #expect(rig.streamer.snapshot(of: "x")?.count == 3)
  }

  @Test func aCloseWhileStartingStopsWhatOpens() async throws {
    let rig = try Rig()
    let gate = Gate()
    rig.source.script.openGate = gate
    let starting = Task { await code { try await rig.start() } }
    #expect(await comesTrue { gate.waiting == 1 })
    await rig.streamer.close()
    gate.open()
    #expect(await starting.value == "closed")
    #expect(rig.source.feeds[0].stops == 1)
  }

  @Test func aStartThatFailsLeavesEverythingAsItWas() async throws {
    let rig = try Rig()
    rig.source.script.openError = TelemetryError("refused", "no")
    #expect(await code { try await rig.start() } == "refused")
    #expect(rig.streamer.state == "ready")
    rig.source.script.openError = nil
    try await rig.start()
    try await rig.streamer.stop()
    rig.source.script.openError = TelemetryError("refused", "no")
    let reader = try rig.streamer.makeReader()
    #expect(await code { try await rig.start() } == "refused")
    #expect(rig.streamer.state == "stopped")
    #expect(reader.take().word == "ended")
  }

  @Test func aSecondStopWaitsForTheFirst() async throws {
    let rig = try Rig()
    try await rig.start()
    let gate = Gate()
    rig.source.script.stopGate = gate
    let first = Task { try await rig.streamer.stop() }
    #expect(await comesTrue { gate.waiting == 1 })
    let ended = Tally()
    let second = Task {
      let stopped = try await rig.streamer.stop()
      ended.add()
      return stopped
    }
    let closing = Task {
      await rig.streamer.close()
      ended.add()
    }
    for _ in 0..<100 { await Task.yield() }
    #expect(ended.count == 0)
    #expect(await code { try await rig.start() } == "busy")
    gate.open()
    #expect(try await first.value)
    #expect(try await !second.value)
    await closing.value
    #expect(rig.source.feeds[0].stops == 1)
  }

  @Test func aStopThatFailsStopsAllTheSame() async throws {
    let rig = try Rig()
    try await rig.start()
    rig.source.script.stopError = TelemetryError("timeout", "no answer")
    #expect(await code { try await rig.streamer.stop() } == "timeout")
    #expect(rig.streamer.state == "stopped")
  }

  @Test func aStreamThatFinishedBeforeItOpenedHasFinished() async throws {
    let rig = try Rig()
    rig.source.script.early = [Frame([.ramp(0..<4)])]
    rig.source.script.earlyEvents = [.finished]
    try await rig.start()
    #expect(rig.streamer.state == "stopped")
    #expect(rig.streamer.snapshot(of: "x")?.count == 4)
    #expect(rig.events == [.finished])
    #expect(try await !rig.streamer.stop())
  }

  @Test func eventsAreToldOnce() async throws {
    let rig = try Rig()
    try await rig.start()
    rig.source.send(.ramp(0..<4))
    for event in [
      StreamEvent.reconnecting("a"), .reconnecting("b"), .resumed, .resumed, .finished, .finished, .lost("c"),
    ] {
      rig.source.tell(event)
    }
    #expect(rig.events == [.reconnecting("a"), .resumed, .finished])
    #expect(rig.streamer.stats.reconnects == 1)
    try await rig.start()
    rig.source.send(.ramp(9..<10))
    #expect(rig.streamer.snapshot(of: "x")?.gaps.count == 1)
    rig.source.tell(.lost("gone"))
    #expect(rig.streamer.state == "lost")
    #expect(rig.streamer.reason == "gone")
    let reader = try rig.streamer.makeReader()
    #expect(reader.take().word == "lost")
  }

  @Test func manyThreadsMayControlItAtOnce() async throws {
    let rig = try Rig()
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<32 {
        group.addTask {
          for round in 0..<30 {
            switch (worker + round) % 4 {
            case 0: _ = try? await rig.streamer.stop()
            case 1: rig.source.send(.ramp(round..<round + 5))
            case 2: _ = rig.streamer.snapshot()
            default: try? await rig.start()
            }
          }
        }
      }
      await group.waitForAll()
    }
    await rig.streamer.close()
    #expect(rig.source.feeds.allSatisfy { $0.stops == 1 })
    rig.source.send(.ramp(0..<5))
    let count = rig.streamer.stats.samples
    rig.source.send(.ramp(0..<5))
    #expect(rig.streamer.stats.samples == count)
  }

  // MARK: - Ending by count

  @Test func endsAfterExactlySoManySamplesOfEachChannel() async throws {
    let rig = try Rig()
    try await rig.start(samples: 10)
    rig.source.send(.ramp(0..<7), .ramp(0..<2, .plain("y")))
    rig.source.send(.ramp(7..<14))
    #expect(rig.streamer.state == "running")
    rig.source.send(.ramp(2..<30, .plain("y")))
    #expect(await comesTrue { rig.events == [.finished] })
    #expect(rig.streamer.state == "stopped")
    #expect(rig.streamer.snapshot().series.map(\.count) == [10, 10])
    #expect(rig.source.feeds[0].stops == 1)
    #expect(await code { try await rig.start(samples: 0) } == "argument")
  }

  @Test func samplesThatAllCameBeforeTheAcknowledgementEndItToo() async throws {
    let rig = try Rig([.plain("x")])
    rig.source.script.early = [Frame([.ramp(0..<100)])]
    try await rig.start(samples: 20)
    #expect(rig.streamer.state == "stopped")
    #expect(rig.events == [.finished])
    #expect(rig.streamer.snapshot(of: "x")?.count == 20)
    rig.source.script.early = []
    try await rig.start()
    rig.source.send(.ramp(0..<100))
    #expect(rig.streamer.snapshot(of: "x")?.count == 120)
  }

  // MARK: - Channels

  @Test func updateReplacesTheSetAndKeepsWhatStays() async throws {
    let rig = try Rig([.plain("x"), .plain("y"), .plain("z")])
    rig.source.script.channels = [.plain("x"), .plain("y"), .plain("z")]
    try await rig.start()
    rig.source.send(.ramp(0..<5), .ramp(0..<5, .plain("y")))
    #expect(await code { try await rig.streamer.update(["x", "nope"]) } == "unknown_channel")
    #expect(rig.streamer.channels.map(\.name) == ["x", "y", "z"])
    let reader = try rig.streamer.makeReader()
    rig.source.send(.ramp(5..<7), .ramp(5..<7, .plain("y")))
    try await rig.streamer.update(["z", "x", "x"])
    #expect(rig.streamer.channels.map(\.name) == ["z", "x"])
    #expect(rig.streamer.snapshot(of: "x")?.count == 7)
    #expect(rig.streamer.snapshot(of: "y") == nil)
    // What was unread of a channel that left is still read.
    #expect(reader.take().frame?.names == ["x", "y"])
    rig.source.send(.ramp(7..<9, .plain("z")), .ramp(7..<9, .plain("y")))
    #expect(reader.take().frame?.names == ["z"])
    #expect(rig.streamer.stats.stray == 2)
    try await rig.streamer.stop()
    try await rig.streamer.update(["y"])
    #expect(rig.streamer.channels.map(\.name) == ["y"])
    #expect(await code { try await rig.streamer.update(["nope"]) } == "unknown_channel")
  }

  @Test func aChannelThatComesBackHasItsSamplesAndAGap() async throws {
    let rig = try Rig([.plain("x")])
    try await rig.start()
    rig.source.send(.ramp(0..<5))
    try await rig.streamer.update([])
    rig.source.send(.ramp(5..<6))
    #expect(rig.streamer.snapshot().series.isEmpty)
    try await rig.streamer.update(["x"])
    rig.source.send(.ramp(6..<8))
    #expect(rig.streamer.snapshot(of: "x")?.values == [0, 1, 2, 3, 4, 6, 7])
    #expect(rig.streamer.snapshot(of: "x")?.gaps == [Gap(at: 5, samples: nil, reason: .paused)])
  }

  @Test func changingTheSetForEverCostsNoMemory() async throws {
    let rig = try Rig([.plain("x")])
    try await rig.start()
    let unread = try rig.streamer.makeReader()
    for round in 0..<300 {
      let new = Channel.plain("c\(round)")
      rig.source.script.channels = [new]
      try await rig.streamer.update([new.name])
      rig.source.send(.ramp(0..<1000, new))
    }
    #expect(rig.streamer.stats.bufferedSamples <= 3000)
    #expect(unread.lag.dropped >= 297_000)
    #expect(rig.streamer.stats.samples == 300_000)
    guard let frame = unread.take().frame else {
      Issue.record("nothing to read")
      return
    }
    #expect(frame.dropped + Int64(frame.sampleCount) == 299_000)
  }

  @Test func aChannelThatChangedItsTypeBeginsAnew() async throws {
    let rig = try Rig([.plain("x")])
    try await rig.start()
    rig.source.send(.ramp(0..<5))
    try await rig.streamer.stop()
    rig.source.script.channels = [.plain("x", .int16)]
    try await rig.start()
    rig.source.send(Series(.plain("x", .int16), SampleStorage([Int16(3)])))
    rig.source.send(.ramp(0..<5))
    #expect(rig.streamer.snapshot(of: "x")?.samples == [.integer(3)])
    #expect(rig.streamer.stats.stray == 5)
  }

  // MARK: - Capacity

  @Test func theDefaultShrinksForManyChannelsAndTooMuchIsRefused() async throws {
    let channels = (0..<1000).map { Channel.plain("c\($0)") }
    let rig = try Rig(channels)
    #expect(rig.streamer.capacity == .samples(Limits.bufferBytesMax / 8000))
    let one = try Rig([.plain("x")])
    #expect(one.streamer.capacity == .samples(Limits.bufferSamplesDefault))
    #expect(throws: TelemetryError.self) { try rig.streamer.setCapacity(.samples(1_000_000)) }
    for bad in [BufferCapacity.samples(0), .samples(-1), .span(.zero), .span(TimeSpan(nanoseconds: .min))] {
      #expect(throws: TelemetryError.self) { try one.streamer.setCapacity(bad) }
    }
    #expect(try one.streamer.setCapacity(.samples(7)) == .samples(Limits.bufferSamplesDefault))
    #expect(try one.streamer.setCapacity(.span(.second)) == .samples(7))
    #expect(throws: TelemetryError.self) {
      try Streamer(source: one.source, channels: channels, capacity: .samples(.max))
    }
  }

  @Test func theBufferCanBeResizedWhileRunning() async throws {
    let rig = try Rig([.plain("x")], capacity: .samples(100))
    try await rig.start()
    rig.source.send(.ramp(0..<500))
    #expect(rig.streamer.snapshot(of: "x")?.dropped == 400)
    try rig.streamer.setCapacity(.samples(10))
    #expect(rig.streamer.snapshot(of: "x")?.values == (490..<500).map { Double($0) })
    try rig.streamer.setCapacity(.samples(1000))
    rig.source.send(.ramp(500..<700))
    #expect(rig.streamer.snapshot(of: "x")?.count == 210)
    rig.streamer.clear()
    #expect(rig.streamer.snapshot(of: "x")?.count == 0)
    #expect(rig.streamer.snapshot(of: "x")?.dropped == 0)
  }

  // MARK: - Counts

  @Test func everythingIsCounted() async throws {
    let rig = try Rig([Channel(name: "x", type: .float64, clock: .unix)])
    try await rig.start()
    #expect(rig.streamer.stats == StreamStats())
    let newest = rig.clock.now.nanoseconds - 5_000_000
    for _ in 0..<10 {
      rig.source.send(
        Series(
          Channel(name: "x", type: .float64, clock: .unix), SampleStorage([1.0, 2]),
          timing: .steady(start: newest - 1, step: Step(units: 1))))
      rig.clock.advance(by: TimeSpan("100ms")!)
    }
    rig.source.tell(.gap(.lost, samples: 30, channels: ["x"]))
    rig.source.tell(.gap(.overrun, samples: nil, channels: ["other"]))
    let stats = rig.streamer.stats
    #expect(stats.frames == 10)
    #expect(stats.samples == 20)
    #expect(stats.bytes == 160)
    #expect(stats.lost == 30)
    #expect(stats.gaps == 1)
    #expect(abs(stats.rate - 20) < 0.1)
    #expect(stats.idle == TimeSpan("100ms")!)
    #expect(stats.latency == TimeSpan("905ms")!)
    #expect(stats.bufferedBytes == stats.bufferedSamples * 8 + 0 || stats.bufferedBytes <= 20 * 16)
    rig.clock.advance(by: TimeSpan("1m")!)
    #expect(rig.streamer.stats.rate == 0)
  }

  @Test func anUpdateWhileItIsStartedChangesWhatIsStreamed() async throws {
    let rig = try Rig()
    let gate = Gate()
    rig.source.script.channelsGate = gate
    let update = Task { try await rig.streamer.update(["y"]) }
    #expect(await comesTrue { gate.waiting == 1 })
    try await rig.start()
    gate.open()
    try await update.value
    #expect(rig.streamer.channels.map(\.name) == ["y"])
    #expect(rig.source.feeds.last?.channels.map(\.name) == ["y"])
  }
}
