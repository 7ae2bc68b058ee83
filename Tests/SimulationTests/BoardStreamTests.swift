import Bela
import Simulation
import Synnax
import Telemetry
import Testing

@Suite(.serialized) struct BoardStreamTests {
  /// Every sample once, in order, at its tick, with its value.
  static func expectExact(_ sink: Collector, _ name: String, _ type: DataType, step: Int64, count: Int? = nil)
  {
    let samples = sink.samples(name)
    #expect(sink.gaps(name).isEmpty, "\(name): \(sink.gaps(name))")
    if let count { #expect(samples.count == count, "\(name): \(samples.count)") }
    guard let first = samples.first else {
      Issue.record("\(name) has no samples")
      return
    }
    for (position, sample) in samples.enumerated() {
      guard sample.tick == first.tick + Int64(position) * step,
        sample.value == BoardRig.counter(sample.tick, type)
      else {
        Issue.record("\(name)[\(position)] is \(sample), first \(first)")
        return
      }
    }
  }

  @Test func listsWhatTheBoardWatches() async throws {
    try await BoardRig.with(.standard()) { rig in
      let channels = try await rig.source.channels()
      #expect(channels.map(\.name).prefix(3) == ["pot1", "pot2", "ecg"])
      #expect(channels.first { $0.name == "myvar3" }?.type == .uint32)
      #expect(channels.first { $0.name == "myvar3" }?.mode == .sparse)
      #expect(channels[0].clock == .ticks(rate: 44100))
      #expect(rig.source.projectName == "moontide-sim" && rig.source.sampleRate == 44100)
      #expect(rig.source.state == "open")
    }
  }

  @Test func aTimedStreamOfAllTypesIsExact() async throws {
    try await BoardRig.with(BoardRig.allTypes()) { rig in
      let sink = Collector()
      _ = try await rig.source.open(StreamRequest(options: BelaStreamOptions(ticks: [12000])), sink: sink)
      #expect(await sink.until { $0.events == [.finished] })
      for type in BelaType.allCases {
        // N ticks are N + 1 values; of every twelfth the one at or behind the end comes too.
        Self.expectExact(sink, "\(type.rawValue)_dense", type.dataType, step: 1, count: 12001)
        Self.expectExact(sink, "\(type.rawValue)_sparse", type.dataType, step: 12)
        let count = sink.count("\(type.rawValue)_sparse")
        #expect((1000...1002).contains(count), "\(count)")
      }
    }
  }

  @Test func anEndlessStreamStopsExactly() async throws {
    try await BoardRig.with(BoardRig.allTypes()) { rig in
      let sink = Collector()
      let feed = try await rig.source.open(
        StreamRequest(channels: ["d_dense", "c_dense", "j_sparse"]), sink: sink)
      #expect(feed.channels.map(\.name) == ["d_dense", "c_dense", "j_sparse"])
      #expect(await sink.until { $0.count("c_dense") > 8192 })
      try await feed.stop()
      Self.expectExact(sink, "d_dense", .float64, step: 1)
      Self.expectExact(sink, "c_dense", .uint8, step: 1)
      Self.expectExact(sink, "j_sparse", .uint32, step: 12)
      // All end at the same tick, and nothing is watched any more.
      #expect(sink.samples("d_dense").last!.tick == sink.samples("c_dense").last!.tick)
      let list = try await rig.source.list()
      #expect(list.variables.allSatisfy { !$0.isWatched })
      #expect(sink.events.isEmpty)
    }
  }

  @Test func streamersShareTheBoardsOneStream() async throws {
    try await BoardRig.with(BoardRig.allTypes()) { rig in
      let sinks = (0..<4).map { _ in Collector() }
      var feeds: [any Feed] = []
      for sink in sinks {
        feeds.append(try await rig.source.open(StreamRequest(channels: ["d_dense", "f_sparse"]), sink: sink))
        try await Task.sleep(for: .milliseconds(40))
      }
      let timed = Collector()
      _ = try await rig.source.open(
        StreamRequest(channels: ["d_dense"], options: BelaStreamOptions(ticks: [2000])), sink: timed)
      #expect(await timed.until { $0.events == [.finished] })
      Self.expectExact(timed, "d_dense", .float64, step: 1, count: 2001)
      for (feed, sink) in zip(feeds, sinks) {
        #expect(await sink.until { $0.count("f_sparse") > 512 })
        try await feed.stop()
        Self.expectExact(sink, "d_dense", .float64, step: 1)
        Self.expectExact(sink, "f_sparse", .float32, step: 12)
      }
    }
  }

  @Test func schedulesBeginAndEndAtTheirTicks() async throws {
    try await BoardRig.with(BoardRig.allTypes()) { rig in
      let sink = Collector()
      let now = try await rig.source.now()
      let request = StreamRequest(
        channels: ["d_dense", "i_dense", "j_sparse"],
        options: BelaStreamOptions(ticks: [511, 1, 1000], at: [now + 24410, now + 29000, now + 22000]))
      _ = try await rig.source.open(request, sink: sink)
      #expect(await sink.until { $0.events == [.finished] })
      Self.expectExact(sink, "d_dense", .float64, step: 1, count: 512)
      Self.expectExact(sink, "i_dense", .int32, step: 1, count: 2)
      #expect(sink.samples("d_dense").first?.tick == now + 24410)
      #expect(sink.samples("i_dense").first?.tick == now + 29000)
    }
  }

  @Test func monitorsSendSingleValues() async throws {
    try await BoardRig.with(BoardRig.allTypes()) { rig in
      let sink = Collector()
      let other = Collector()
      let request = StreamRequest(
        channels: ["d_dense", "j_sparse", "c_dense"], options: BelaStreamOptions(periods: [1000, 1000, 441]))
      let feed = try await rig.source.open(request, sink: sink)
      let second = try await rig.source.open(StreamRequest(channels: ["d_dense"]), sink: other)
      #expect(await sink.until { $0.count("d_dense") >= 10 && $0.count("c_dense") >= 10 })
      try await feed.stop()
      try await second.stop()
      for (name, step) in [("d_dense", Int64(1000)), ("j_sparse", 1008), ("c_dense", 441)] {
        let samples = sink.samples(name)
        #expect(zip(samples, samples.dropFirst()).allSatisfy { $1.tick - $0.tick == step })
      }
      Self.expectExact(other, "d_dense", .float64, step: 1)
      let after = try await rig.source.list()
      #expect(after.variables.allSatisfy { $0.monitorPeriod == 0 })
    }
  }

  @Test func peeksControlsAndSets() async throws {
    try await BoardRig.with(BoardRig.allTypes()) { rig in
      let peeked = try await rig.source.peek(["d_dense", "c_dense", "j_sparse"])
      #expect(peeked.count == 3)
      for (name, type) in [("d_dense", DataType.float64), ("c_dense", .uint8), ("j_sparse", .uint32)] {
        let one = try #require(peeked[name])
        #expect(one.value == BoardRig.counter(one.tick, type))
      }
      await #expect(throws: BelaError.self) { try await rig.source.set(["i_dense": 5]) }
      try await rig.source.control(["i_dense", "j_dense", "c_dense", "f_dense"])
      try await rig.source.set(["i_dense": -4.6, "j_dense": 4_294_967_292, "c_dense": 252, "f_dense": 0.1])
      let values = try await rig.source.values(["i_dense", "j_dense", "c_dense", "f_dense"])
      #expect(
        values == ["i_dense": -4, "j_dense": 4_294_967_292, "c_dense": 252, "f_dense": 0.100000001490116])
      await #expect(throws: BelaError.self) { try await rig.source.set(["c_dense": 300]) }
      try await rig.source.set(["j_dense": 0])
      try await rig.source.setMask(["j_dense": (value: 61680, mask: 65280)])
      let masked = try await rig.source.values(["j_dense"])
      #expect(masked == ["j_dense": 61440])
      let controlled = try await rig.source.controlled()
      #expect(controlled == ["f_dense", "i_dense", "j_dense", "c_dense"])
      try await rig.source.uncontrol()
      let rest = try await rig.source.controlled()
      #expect(rest.isEmpty)
    }
  }

  @Test func wrongRequestsAreRefusedBeforeAnythingHappens() async throws {
    try await BoardRig.with(BoardRig.allTypes()) { rig in
      let sink = Collector()
      let wrong: [(StreamRequest, String)] = [
        (StreamRequest(channels: ["nothing"]), "unknown_channel"),
        (StreamRequest(channels: ["d_dense", "d_dense"]), "argument"),
        (StreamRequest(channels: ["d_dense"], options: BelaStreamOptions(ticks: [1, 2])), "argument"),
        (StreamRequest(channels: ["d_dense"], options: BelaStreamOptions(ticks: [-1])), "argument"),
        (StreamRequest(channels: ["d_dense"], options: BelaStreamOptions(at: [-1])), "argument"),
        (StreamRequest(channels: ["d_dense"], options: BelaStreamOptions(periods: [1 << 31])), "argument"),
        (StreamRequest(span: .second, options: BelaStreamOptions(ticks: [1])), "argument"),
        (StreamRequest(options: BelaStreamOptions(projectName: "other")), "project"),
      ]
      for (request, code) in wrong {
        let error = await #expect(throws: BelaError.self) {
          _ = try await rig.source.open(request, sink: sink)
        }
        #expect(
          error?.code == code && error?.hint != nil || code == "argument", "\(String(describing: error))")
      }
      var cores = SynnaxStreamOptions()
      cores.downsampleFactor = 2
      let request = StreamRequest(options: cores)
      let refused = await #expect(throws: TelemetryError.self) {
        _ = try await rig.source.open(request, sink: sink)
      }
      #expect(refused?.code == "unsupported")
      let after = try await rig.source.list()
      #expect(after.variables.allSatisfy { !$0.isWatched && $0.monitorPeriod == 0 })
    }
  }

  @Test func channelsAreReplacedWhileStreaming() async throws {
    try await BoardRig.with(BoardRig.allTypes()) { rig in
      let sink = Collector()
      let feed = try await rig.source.open(StreamRequest(channels: ["d_dense", "f_dense"]), sink: sink)
      #expect(await sink.until { $0.count("f_dense") > 1024 })
      await #expect(throws: BelaError.self) { _ = try await feed.update(["d_dense", "no"]) }
      let channels = try await feed.update(["d_dense", "i_dense"])
      #expect(channels.map(\.name) == ["d_dense", "i_dense"])
      let count = sink.count("f_dense")
      #expect(await sink.until { $0.count("i_dense") > 2048 })
      try await feed.stop()
      Self.expectExact(sink, "d_dense", .float64, step: 1)
      Self.expectExact(sink, "i_dense", .int32, step: 1)
      #expect(sink.count("f_dense") - count <= 2048)
      let after = try await rig.source.list()
      #expect(after.variables.allSatisfy { !$0.isWatched })
    }
  }
}
