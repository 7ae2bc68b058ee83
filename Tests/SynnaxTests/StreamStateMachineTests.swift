import Synnax
import Telemetry
import Testing

@Suite struct StreamStateMachineTests {
  static let time = Channel(name: "time", type: .timestamp, key: 1, index: 1, isIndex: true)
  static let data = Channel(name: "data", type: .float32, key: 2, index: 1)
  static let both = StreamChannels(visible: [data], hidden: [time])
  static let none = StreamChannels(visible: [], hidden: [])

  /// A machine, a core that counts as a core counts, and a clock.
  struct Rig {
    var machine = StreamStateMachine(channels: both, settings: .init())
    var core = FrameCodec()
    var now = TimeSpan.zero
    var frames: [Frame] = []
    var ends: [StreamStateMachine.End] = []
    var acknowledged = 0
    var closeRequests = 0
    var tracker = AlignmentTracker(isOn: true)
    var sample: UInt32 = 0

    mutating func perform(_ actions: [StreamStateMachine.Action]) throws {
      for action in actions {
        switch action {
        case .send(let bytes):
          let message = try Wire.decode(Envelope<StreamRequestPayload>.self, bytes)
          if message.kind == .close { closeRequests += 1 }
          let keys = message.payload?.keys ?? []
          if !keys.isEmpty {
            core.addState(keys.map { FrameCodec.Entry(key: $0, type: $0 == 1 ? .timestamp : .float32) })
          }
        case .acknowledged: acknowledged += 1
        case .deliver(let wire, let channels):
          if let frame = channels.frame(wire, &tracker) { frames.append(frame) }
        case .end(let end): ends.append(end)
        }
      }
    }

    mutating func receive(_ bytes: [UInt8]) throws {
      try perform(bytes.withUnsafeBytes { machine.received($0, now: now) })
    }

    mutating func receive(
      _ kind: Envelope<StreamResponsePayload>.Kind, keepAlive: Bool = false, error: ErrorPayload = .none
    ) throws {
      let payload = StreamResponsePayload(isKeepAlive: keepAlive)
      try receive(Wire.encode(Envelope(kind, payload: payload, error: error), prefix: true))
    }

    mutating func open() throws {
      machine.upgraded(now: now)
      try receive(.open)
      try receive(.data)
    }

    /// A live frame as a core sends it, with the state it has now.
    func frame(keys: [UInt32] = [1, 2], sample: UInt32, count: Int = 2) throws -> [UInt8] {
      let stamps = (0..<count).map { Int64(sample) * 10 + Int64($0) * 10 }
      let alignment = Alignment(domain: 4_293_967_296, sample: sample)
      return [Wire.framePrefix]
        + (try core.encode(
          keys.map { key in
            let storage =
              key == 1
              ? SampleStorage(stamps, as: .timestamp) : SampleStorage((0..<count).map { Float($0) })
            return WireSeries(key: key, storage, alignment: alignment)
          }))
    }

    mutating func pass(_ seconds: Int64) throws {
      now = now + TimeSpan(nanoseconds: seconds * 1_000_000_000)
      try perform(machine.checked(now: now))
    }
  }

  @Test func opensAcknowledgesAndDeliversWithTimes() throws {
    var rig = Rig()
    try rig.open()
    #expect(rig.acknowledged == 1)
    try rig.receive(rig.frame(sample: 5))
    #expect(rig.frames[0].names == ["data"])
    #expect(rig.frames[0]["data"]?.time(1) == 60)
    #expect(rig.machine.state == .streaming)
  }

  @Test func staysInStepThroughTheSameSetAndTheEmptyOne() throws {
    var rig = Rig()
    try rig.open()
    for _ in 0..<3 { try rig.perform(rig.machine.update(Self.both)) }
    try rig.receive(rig.frame(sample: 0))
    try rig.perform(rig.machine.update(Self.none))
    try rig.receive(rig.frame(sample: 2))
    try rig.perform(rig.machine.update(Self.both))
    try rig.receive(rig.frame(sample: 4))
    #expect(rig.frames.count == 3 && rig.ends.isEmpty)
    #expect(rig.core.sequence == 5)
    #expect(rig.machine.pendingStates == 0)
  }

  @Test func labelsFramesInFlightByTheSetTheyWereMadeWith() throws {
    var rig = Rig()
    try rig.open()
    let early = try rig.frame(sample: 0)
    try rig.perform(rig.machine.update(StreamChannels(visible: [Self.time], hidden: [])))
    try rig.receive(early)
    try rig.receive(rig.frame(keys: [1], sample: 2))
    #expect(rig.frames.map(\.names) == [["data"], ["time"]])
    #expect(rig.frames[1]["time"]?[0] == .integer(20))
  }

  @Test func endsOnAStateItDoesNotKnow() throws {
    var rig = Rig()
    try rig.open()
    rig.core.addState([FrameCodec.Entry(key: 1, type: .timestamp)])
    try rig.receive(rig.frame(keys: [1], sample: 0))
    guard case .failed(let error)? = rig.ends.first else { return #expect(Bool(false)) }
    #expect(error.code == "protocol")
  }

  @Test func noticesLostSamplesByTheirAlignment() throws {
    var rig = Rig()
    try rig.open()
    try rig.receive(rig.frame(sample: 0))
    try rig.receive(rig.frame(sample: 7))
    #expect(rig.frames[1]["data"]?.gaps == [Gap(at: 0, samples: 5, reason: .lost)])
    try rig.receive(rig.frame(sample: 9))
    #expect(rig.frames[2]["data"]?.gaps == [])
  }

  /// Channel 2 is taken off and taken back, and misses nothing meanwhile.
  @Test func aLossAfterAPauseWithoutOneIsALoss() throws {
    var rig = Rig()
    try rig.open()
    try rig.receive(rig.frame(sample: 0))
    rig.tracker.pause([2], after: rig.machine.sequence)
    try rig.perform(rig.machine.update(StreamChannels(visible: [Self.time], hidden: [])))
    try rig.perform(rig.machine.update(Self.both))
    try rig.receive(rig.frame(sample: 2))
    #expect(rig.frames[1]["data"]?.gaps == [])
    try rig.receive(rig.frame(sample: 9))
    #expect(rig.frames[2]["data"]?.gaps == [Gap(at: 0, samples: 5, reason: .lost)])
  }

  @Test func aFrameThatWasOnItsWayEndsNoPause() throws {
    var rig = Rig()
    try rig.open()
    try rig.receive(rig.frame(sample: 0))
    let late = try rig.frame(sample: 4)
    rig.tracker.pause([2], after: rig.machine.sequence)
    try rig.perform(rig.machine.update(StreamChannels(visible: [Self.time], hidden: [])))
    // Lost before the core heard of the pause.
    try rig.receive(late)
    #expect(rig.frames[1]["data"]?.gaps == [Gap(at: 0, samples: 2, reason: .lost)])
    try rig.perform(rig.machine.update(Self.both))
    try rig.receive(rig.frame(sample: 10))
    #expect(rig.frames[2]["data"]?.gaps == [Gap(at: 0, samples: 4, reason: .paused)])
  }

  /// The interval is a user's number.
  @Test func theLongestIntervalIsSurvived() throws {
    var settings = StreamStateMachine.Settings()
    settings.keepAlive = TimeSpan(nanoseconds: .max)
    var rig = Rig(machine: StreamStateMachine(channels: Self.both, settings: settings))
    rig.now = TimeSpan(nanoseconds: .max - 1)
    try rig.open()
    try rig.receive(.data, keepAlive: true)
    try rig.pass(5)
    #expect(rig.machine.state == .streaming || rig.machine.state == .ended)
  }

  @Test func showsPartialFramesAndSeveralSeriesOfOneChannel() throws {
    var rig = Rig()
    try rig.open()
    try rig.receive(rig.frame(keys: [2], sample: 0))
    #expect(rig.frames[0]["data"]?.time(0) == nil)
    let parts = [0, 100].map { sample in
      WireSeries(
        key: 2, SampleStorage([Float(sample)]), alignment: Alignment(domain: 4_293_967_300, sample: sample))
    }
    try rig.receive([Wire.framePrefix] + rig.core.encode(parts))
    #expect(rig.frames[1]["data"]?.count == 2)
    #expect(rig.frames[1]["data"]?.gaps.map(\.samples) == [99])
  }

  @Test func keepsLivenessOnlyAfterTheFirstKeepAlive() throws {
    var rig = Rig()
    try rig.open()
    try rig.pass(100)
    #expect(rig.ends.isEmpty)
    try rig.receive(.data, keepAlive: true)
    for _ in 0..<14 { try rig.pass(1) }
    #expect(rig.ends.isEmpty)
    try rig.receive(rig.frame(sample: 0))
    for _ in 0..<14 { try rig.pass(1) }
    #expect(rig.ends.isEmpty)
    try rig.pass(1)
    guard case .failed(let error)? = rig.ends.first else { return #expect(Bool(false)) }
    #expect(error.code == "closed")
  }

  @Test func givesUnreadBytesAChanceAfterALongAbsence() throws {
    var rig = Rig()
    try rig.open()
    try rig.receive(.data, keepAlive: true)
    try rig.pass(1)
    try rig.pass(3600)
    #expect(rig.ends.isEmpty)
    try rig.pass(5)
    #expect(rig.ends.count == 1)
  }

  @Test func takesAKeepAliveBeforeTheAcknowledgementForNoAcknowledgement() throws {
    var rig = Rig()
    rig.machine.upgraded(now: rig.now)
    try rig.receive(.open)
    try rig.receive(.data, keepAlive: true)
    #expect(rig.acknowledged == 0)
    try rig.receive(.data)
    #expect(rig.acknowledged == 1)
    for _ in 0..<15 { try rig.pass(1) }
    #expect(rig.ends.count == 1)
  }

  @Test(arguments: [0, 1]) func givesUpASilentCoreAtEachStep(_ messages: Int) throws {
    var rig = Rig()
    rig.machine.upgraded(now: rig.now)
    if messages > 0 { try rig.receive(.open) }
    try rig.pass(4)
    #expect(rig.ends.isEmpty)
    try rig.pass(1)
    guard case .failed(let error)? = rig.ends.first else { return #expect(Bool(false)) }
    #expect(error.code == "timeout")
  }

  @Test func deliversUntilTheCoreHasClosed() throws {
    var rig = Rig()
    try rig.open()
    try rig.perform(rig.machine.close(now: rig.now))
    #expect(rig.closeRequests == 1)
    try rig.receive(rig.frame(sample: 0))
    #expect(rig.frames.count == 1)
    try rig.receive(.close, error: .endOfStream)
    try rig.perform(rig.machine.disconnected(SynnaxError("closed", "late")))
    #expect(rig.ends == [.closed])
  }

  @Test func waitsForTheCloseNoLongerThanItMay() throws {
    var rig = Rig()
    try rig.open()
    try rig.perform(rig.machine.close(now: rig.now))
    try rig.pass(2)
    #expect(rig.ends == [.closed])
  }

  @Test func tellsEndsApart() throws {
    let errors: [(ErrorPayload, StreamStateMachine.End)] = [
      (.endOfStream, .endedByCore), (.nothing, .endedByCore),
      (
        ErrorPayload(type: "sy.auth.session_ended", data: "over"),
        .failed(SynnaxError(ErrorPayload(type: "sy.auth.session_ended", data: "over")))
      ),
    ]
    for (payload, end) in errors {
      var rig = Rig()
      try rig.open()
      try rig.receive(.close, error: payload)
      #expect(rig.ends == [end])
    }
  }

  @Test(arguments: [[], [253, 1], [254], [254, 1, 2], [255], [254] + Array("[]".utf8)] as [[UInt8]])
  func endsOnWhatItCannotRead(_ bytes: [UInt8]) throws {
    var rig = Rig()
    try rig.open()
    try rig.receive(bytes)
    #expect(rig.ends.count == 1)
  }
}
