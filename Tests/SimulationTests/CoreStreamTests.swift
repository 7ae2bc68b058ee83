import Bela
import Simulation
import SocketFaults
import Synnax
import Telemetry
import TestSupport
import Testing
import Transport

/// Our client against our core, over sockets on loopback.
@Suite struct CoreStreamTests {
  @Test func streamsWhatTheCorePlays() async throws {
    let rig = try await CoreRig(plays: true)
    let stream = try await rig.stream(["acc_x", "activity"])
    try await until { (stream.snapshot(of: "acc_x")?.count ?? 0) >= 3 }
    let frame = stream.snapshot()
    let x = try #require(frame["acc_x"])
    let first = try #require(x.time(0))
    let stored = try await rig.source.client.read(TimeRange(start: 0, end: first + 1), channels: ["acc_x"])
    let past = try #require(stored["acc_x"])
    #expect(past[0] == .float(0.079106) && past[past.count - 1] == x[0])
    #expect(past.time(past.count - 1) == first)
    #expect(frame["activity"]?[0] == .bytes(Array("Standing".utf8)))
    #expect(try #require(x.time(1)) - #require(x.time(0)) == 100_000_000)
    #expect(frame["motion_time"] == nil)
    await rig.close()
  }

  @Test func streamsPartialFramesOfOneAndMany() async throws {
    let rig = try await CoreRig()
    let stream = try await rig.stream(["a", "b"])
    try await rig.write([("t", [10]), ("a", [1])])
    try await rig.write([("u", [20, 21]), ("b", [2, 3])])
    try await until { (stream.snapshot(of: "b")?.count ?? 0) == 2 }
    #expect(stream.snapshot(of: "a")?.count == 1)
    #expect(stream.snapshot(of: "a")?.time(0) == 10)
    #expect(stream.snapshot(of: "b")?.time(1) == 21)
    #expect(stream.stats.frames == 2)
    await rig.close()
  }

  @Test func losesNothingThroughThreeHundredUpdates() async throws {
    let rig = try await CoreRig()
    let stream = try await rig.stream(["a", "b"])
    let writer = Task {
      for number in 0..<3000 {
        try await rig.write([("t", [Double(100 + number)]), ("a", [Double(number)])])
        if number % 30 == 29 { try await Task.sleep(for: .milliseconds(1)) }
      }
    }
    for round in 0..<300 {
      try await stream.update([["a", "b"], ["b", "a"], ["a"], ["a"]][round % 4])
    }
    try await writer.value
    try await until { (stream.snapshot(of: "a")?.count ?? 0) >= 3000 }
    let series = try #require(stream.snapshot(of: "a"))
    #expect(series.gaps.isEmpty)
    #expect((0..<3000).allSatisfy { series[$0] == .float(Double($0)) && series.time($0) == Int64(100 + $0) })
    await rig.close()
  }

  @Test func comesBackFromTheEmptySet() async throws {
    let rig = try await CoreRig()
    let stream = try await rig.stream(["a"])
    try await rig.write([("t", [1]), ("a", [1])])
    try await until { stream.snapshot(of: "a")?.count == 1 }
    try await stream.update([])
    try await until { rig.core.streamRequests == 2 }
    try await rig.write([("t", [2]), ("a", [2])])
    try await rig.commit()
    try await stream.update(["a"])
    try await stream.update(["a"])
    try await until { rig.core.streamRequests == 4 }
    try await rig.write([("t", [3]), ("a", [3])])
    try await until { stream.snapshot(of: "a")?.count == 2 }
    let series = try #require(stream.snapshot(of: "a"))
    #expect(series[1] == .float(3))
    #expect(series.gaps.map(\.samples) == [1] && series.gaps[0].reason == .paused)
    await rig.close()
  }

  @Test func downsamplesThrottlesAndLeavesGroupsOut() async throws {
    let rig = try await CoreRig()
    let third = try await rig.stream(["a"], { $0.downsampleFactor = 3 })
    let slow = try await rig.stream(["a"], { $0.throttleRate = 10 })
    let other = try await rig.stream(["a"], { $0.excludeGroups = [7] })
    for start in [0, 10, 20] {
      let values = (0..<7).map { Double(start + $0) }
      try await rig.write([("t", values), ("a", values)], group: 7)
    }
    try await until { slow.snapshot(of: "a")?.count == 21 }
    #expect(slow.stats.frames == 1)
    let picked = try #require(third.snapshot(of: "a"))
    #expect((0..<picked.count).map { picked[$0] } == [0, 3, 6, 10, 13, 16, 20, 23, 26].map { .float($0) })
    #expect(picked.time(1) == 3 && picked.gaps.isEmpty)
    #expect(other.snapshot(of: "a")?.isEmpty == true)
    await rig.close()
  }

  @Test func refusesWhatCannotBeStreamed() async throws {
    let rig = try await CoreRig()
    await #expect(throws: SynnaxError.self) { try await rig.stream(["nothing"]) }
    await #expect(throws: SynnaxError.self) { try await rig.stream(["a"], { $0.downsampleFactor = -1 }) }
    let refused = await #expect(throws: TelemetryError.self) {
      _ = try await rig.source.open(
        StreamRequest(channels: ["a"], options: BelaStreamOptions(at: [1])), sink: Collector())
    }
    #expect(refused?.code == "unsupported" && refused?.message.contains("'at' is for Bela boards") == true)
    let stream = try await rig.stream(["a"])
    let error = await #expect(throws: SynnaxError.self) { try await stream.update(["a", "c"]) }
    #expect(error?.code == "unknown_channel" && error?.hint?.hasPrefix("did you mean") == true)
    #expect(stream.channels.map(\.name) == ["a"])
    await rig.close()
  }

  @Test func survivesARestartAndEndedSessions() async throws {
    let rig = try await CoreRig()
    let stream = try await rig.stream(["a"])
    try await rig.write([("t", [1]), ("a", [1])])
    try await until { stream.snapshot(of: "a")?.count == 1 }
    try await rig.core.restart()
    rig.forgetWriters()
    try await until { stream.state == "running" && stream.stats.reconnects == 1 }
    try await rig.write([("t", [2]), ("a", [2])])
    try await until { stream.snapshot(of: "a")?.count == 2 }
    #expect(stream.snapshot(of: "a")?.gaps.map(\.reason) == [.reconnect])
    rig.core.endSessions()
    #expect(try await rig.source.channels().count == 4)
    rig.core.endSessions()
    let second = try await rig.stream(["b"])
    try await rig.write([("t", [3]), ("a", [3])])
    try await until { stream.snapshot(of: "a")?.count == 3 }
    #expect(second.state == "running")
    await rig.close()
  }

  @Test(arguments: ["fragments", "oversize", "garbage", "cut", "reset", "close 1001", "close with error"])
  func survivesAStreamThatGoesWrong(_ fault: String) async throws {
    let rig = try await CoreRig()
    let stream = try await rig.stream(["a"])
    try await rig.write([("t", [1]), ("a", [1])])
    try await until { stream.snapshot(of: "a")?.count == 1 }
    let socket = try #require(rig.core.streamConnections.first)
    switch fault {
    case "fragments":
      let frame = try FrameCodec([
        .init(key: 1_048_577, type: .timestamp), .init(key: 1_048_578, type: .float64),
      ])
      .encode([WireSeries(key: 1_048_578, SampleStorage([2.0]))])
      let message = [Wire.framePrefix] + frame
      socket.sendRaw([0x02, UInt8(message.count - 1)] + message.dropLast())
      socket.sendRaw([0x80, 1, message.last!])
      try await until { stream.snapshot(of: "a")?.count == 2 }
    case "oversize": socket.sendRaw([0x82, 127, 0, 0, 0, 0, 0x7F, 0, 0, 0])
    case "garbage": try socket.send(binary: [255, 0x80, 1, 2, 3])
    case "cut":
      rig.core.cutConnections()
      rig.forgetWriters()
    case "reset": socket.reset()
    case "close 1001": socket.beginClose(code: 1001)
    default:
      let error = ErrorPayload(type: "freighter.stream_closed", data: "stream closed")
      try socket.send(
        binary: Wire.encode(Envelope(.close, payload: StreamResponsePayload(), error: error), prefix: true))
    }
    if fault != "fragments" { try await until { stream.stats.reconnects == 1 } }
    try await until { stream.state == "running" }
    let before = stream.snapshot(of: "a")?.count ?? 0
    try await rig.write([("t", [5]), ("a", [5])])
    try await until { stream.snapshot(of: "a")?.count == before + 1 }
    #expect(stream.snapshot(of: "a")?.gaps.isEmpty == (fault == "fragments"))
    await rig.close()
  }

  @Test func drainsTheSocketForASlowReader() async throws {
    let rig = try await CoreRig()
    let stream = try await rig.stream(["a"], capacity: .samples(100))
    let reader = try stream.makeReader()
    for batch in 0..<50 {
      let values = (0..<1000).map { Double(batch * 1000 + $0) }
      try await rig.write([("t", values), ("a", values)])
    }
    try await until { stream.stats.samples == 50_000 }
    guard case .frame(let frame) = reader.take() else { return #expect(Bool(false)) }
    #expect(frame.dropped == 49_900 && frame["a"]?.count == 100)
    #expect(rig.core.counts.dropped == 0)
    await rig.close()
  }

  @Test func stopsAfterItsTimeAndWhenAsked() async throws {
    let rig = try await CoreRig()
    let short = try await rig.stream(["a"], span: TimeSpan(nanoseconds: 50_000_000))
    let long = try await rig.stream(["a"])
    try await until { short.state == "stopped" }
    #expect(long.state == "running")
    try await long.stop()
    #expect(long.state == "stopped")
    try await until { rig.core.counts.streams == 0 }
    try await long.start(StreamRequest(channels: ["a"]))
    #expect(long.state == "running" && rig.source.state == "open")
    await rig.close()
    #expect(rig.source.state == "closed")
  }

  @Test func logsInTheOlderWayAndTellsWhatIsWrong() async throws {
    let old = try await CoreRig { $0.login = .tokens }
    #expect(try await old.source.client.checkConnectivity().version == "0.58.0")
    let stream = try await old.stream(["a"])
    #expect(stream.state == "running")
    await old.close()

    let rig = try await CoreRig()
    var configuration = rig.source.client.configuration
    configuration.password = Secret("wrong")
    let refused = await #expect(throws: SynnaxError.self) { try await SynnaxSource.connect(configuration) }
    #expect(refused?.code == "auth" && refused?.type == "sy.auth.invalid-credentials")
    #expect("\(configuration)".contains("wrong") == false)
    configuration.port = 1
    let unreachable = await #expect(throws: SynnaxError.self) {
      try await SynnaxSource.connect(configuration)
    }
    #expect(unreachable?.code == "refused")
    await rig.close()
  }

  @Test func opensANewConnectionWhenTheCoreTakesNoMoreChanges() async throws {
    let rig = try await CoreRig()
    let stream = try await rig.stream(["a"])
    // Nothing is written, so no frame tells that the core has taken a change.
    for round in 0..<45 { try await stream.update(round % 2 == 0 ? ["b"] : ["a"]) }
    try await rig.write([("u", [1]), ("b", [1])])
    try await until { stream.snapshot(of: "b")?.count == 1 }
    #expect(stream.state == "running")
    try await until { rig.core.counts.streams == 1 }
    await rig.close()
  }

  @Test func leavesFramesOutForAReaderThatDoesNotRead() async throws {
    let rig = try await CoreRig()
    let handler = Deaf()
    let token = try await rig.source.client.authorization()
    let socket = try await WebSocketClient.connect(
      to: Endpoint(host: "127.0.0.1", port: rig.core.port, path: "/api/v1/frame/stream"),
      headers: ["Content-Type": "application/vnd.synnax.frame", "Authorization": token], handler: handler)
    let key = try await rig.source.client.channels(named: ["a"])[0].key
    let request = StreamRequestPayload(
      keys: [key], downsampleFactor: 1, throttleRate: 0, excludeGroups: [], keepAlive: 0)
    try socket.send(binary: Wire.encode(Envelope(.data, payload: request)))
    try await until { rig.core.streamRequests == 1 }
    socket.pauseReading()
    let good = try await rig.stream(["a"])
    let values = (0..<50_000).map(Double.init)
    var batches = 0
    while rig.core.counts.dropped == 0, batches < 400 {
      try await rig.write([("t", values.map { $0 + Double(batches * 50_000) }), ("a", values)])
      batches += 1
      try await rig.commit()
    }
    #expect(rig.core.counts.dropped > 0)
    try await until { good.stats.samples == Int64(batches * 50_000) }
    socket.closeNow()
    await rig.close()
  }

  private final class Deaf: WebSocketHandler {
    func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {}
  }
}
