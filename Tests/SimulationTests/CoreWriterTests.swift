import Simulation
import Synnax
import Telemetry
import Testing
import Transport

/// Writing and reading back, and who may write.
@Suite struct CoreWriterTests {
  private func options(_ change: (inout SynnaxWriter.Options) -> Void = { _ in }) -> SynnaxWriter.Options {
    var options = SynnaxWriter.Options()
    options.start = TimeStamp(nanoseconds: 0)
    change(&options)
    return options
  }

  private func frame(_ rig: CoreRig, _ times: [Int64], _ values: [Double]) async throws -> [Series] {
    let channels = try await rig.source.client.channels(named: ["t", "a"])
    return [
      Series(channels[0], SampleStorage(times, as: .timestamp)), Series(channels[1], SampleStorage(values)),
    ]
  }

  @Test(arguments: ["memory", "file"]) func readsBackWhatWasWritten(_ kind: String) async throws {
    let path = "/tmp/moontide-core-\(UInt64.random(in: 0 ... .max)).sqlite"
    let rig = try await CoreRig { if kind == "file" { $0.store = path } }
    let writer = try await SynnaxWriter.open(rig.source.client, channels: ["t", "a"], options: options())
    for batch in 0..<20 {
      let times = (0..<500).map { Int64(batch * 500 + $0) * 10 }
      try await writer.write(frame(rig, times, times.map { Double($0) / 2 }))
    }
    #expect(try await writer.commit() == TimeStamp(nanoseconds: 99_991))
    try await writer.close()
    let all = try #require(try await rig.source.client.read(.all, channels: ["a"])["a"])
    #expect(all.count == 10_000)
    #expect((0..<10_000).allSatisfy { all[$0] == .float(Double($0) * 5) && all.time($0) == Int64($0) * 10 })
    let part = try await rig.source.client.read(TimeRange(start: 4995, end: 5021), channels: ["t", "a"])
    #expect(part.names == ["t", "a"])
    #expect((0..<3).map { part["t"]![$0] } == [5000, 5010, 5020].map(Sample.integer))
    let latest = try #require(try await rig.source.client.readLatest(["a"], count: 3)["a"])
    #expect(latest.count == 3 && latest[2] == .float(49_995) && latest.time(2) == 99_990)
    #expect(
      try await rig.source.client.read(TimeRange(start: 200_000, end: 300_000), channels: ["a"]).isEmpty)
    await rig.close()
    if kind == "file" {
      var configuration = CoreConfiguration()
      (configuration.plays, configuration.store) = (false, path)
      let again = try await SimulatedCore.start(configuration)
      let client = try await SynnaxClient.connect(SynnaxConfiguration(host: "127.0.0.1", port: again.port))
      #expect(try await client.read(.all, channels: ["a"])["a"]?.count == 10_000)
      await again.stop()
    }
  }

  @Test func carriesEveryType() async throws {
    let rig = try await CoreRig()
    let client = rig.source.client
    for type in DataType.allCases where type != .timestamp {
      _ = try await client.createChannel(name: "x_\(type.rawValue)", type: type, index: "t")
    }
    let types = DataType.allCases.filter { $0 != .timestamp }
    let channels = try await client.channels(named: types.map { "x_\($0.rawValue)" })
    let time = try await client.channels(named: ["t"])[0]
    let frame = zip(types, channels).map { type, channel in
      let storage = SampleStorage(type: type, capacity: 3)
      for row in 0..<3 {
        if let width = type.width {
          let bytes = (0..<width).map { UInt8(type == .bool ? row % 2 : 3 * row + $0) }
          bytes.withUnsafeBytes { storage.append(packed: $0) }
        } else {
          storage.append(blob: Array(type == .json ? "[\(row)]".utf8 : "ä\(row)".utf8))
        }
      }
      return Series(channel, storage)
    }
    let stream = try await rig.stream(channels.map(\.name))
    let writer = try await SynnaxWriter.open(client, channels: channels.map(\.name), options: options())
    try await writer.write([Series(time, SampleStorage([Int64(1), 2, 3], as: .timestamp))] + frame)
    try await writer.commit()
    try await until { stream.stats.samples == Int64(3 * types.count) }
    let back = try await client.read(.all, channels: channels.map(\.name))
    for series in frame {
      for row in 0..<3 {
        #expect(back[series.channel.name]?[row] == series[row])
        #expect(stream.snapshot(of: series.channel.name)?[row] == series[row])
        #expect(back[series.channel.name]?.time(row) == Int64(row + 1))
      }
    }
    await rig.close()
  }

  @Test func saysWhatIsWrongWithAFrame() async throws {
    let rig = try await CoreRig()
    let client = rig.source.client
    let time = try await client.channels(named: ["t"])[0]
    let value = try await client.channels(named: ["a"])[0]
    let cases: [([Series], String)] = [
      ([Series(value, SampleStorage([1.0]))], "received no data for index channel t"),
      (
        [Series(time, SampleStorage([Int64(1), 2], as: .timestamp)), Series(value, SampleStorage([1.0]))],
        "same length"
      ),
      (
        [
          Series(time, SampleStorage([Int64(5), 4], as: .timestamp)), Series(value, SampleStorage([1.0, 2])),
        ],
        "commit timestamp"
      ),
    ]
    for (frame, text) in cases {
      let writer = try await SynnaxWriter.open(client, channels: ["t", "a"], options: options())
      // Caught before it is sent, with the writer none the worse; else the core says it.
      let early = await #expect(throws: SynnaxError.self) { try await writer.write(frame) }
      #expect(early?.code == "validation" && early?.hint != nil && writer.samples == 0)
      try await writer.commit()
      try? await writer.write(wire: frame.map { WireSeries(key: $0.channel.key, $0.chunks[0].storage) })
      let error = await #expect(throws: SynnaxError.self) { try await writer.commit() }
      #expect(error?.code == "validation" && error?.message.contains(text) == true)
      let again = await #expect(throws: SynnaxError.self) { try await writer.write(frame) }
      #expect(again == error)
      await #expect(throws: SynnaxError.self) { try await writer.close() }
      try await writer.close()
    }
    let writer = try await SynnaxWriter.open(client, channels: ["a"], options: options())
    #expect(writer.channels.map(\.name) == ["a", "t"])
    let late = await #expect(throws: SynnaxError.self) {
      try await writer.write([
        Series(Channel(name: "a", type: .string), SampleStorage(type: .string, blobs: [[1]]))
      ])
    }
    #expect(late?.code == "validation")
    await rig.close()
  }

  @Test func findsAChannelThatWasMadeAnew() async throws {
    let rig = try await CoreRig()
    let client = rig.source.client
    let other = try await SynnaxClient.connect(SynnaxConfiguration(host: "127.0.0.1", port: rig.core.port))
    func makeAnew() async throws {
      let _: EmptyPayload = try await other.call("channel/delete", ChannelQueryPayload(names: ["a"]))
      _ = try await other.createChannel(name: "a", type: .float64, index: "t")
    }
    let old = try await client.channels(named: ["a"])[0].key
    try await makeAnew()
    #expect(try await client.channels(named: ["a"])[0].key == old, "it is remembered")
    let writer = try await SynnaxWriter.open(client, channels: ["t", "a"], options: options())
    try await writer.write(frame(rig, [1, 2], [5, 6]))
    try await writer.close()
    try await makeAnew()
    #expect(try await client.read(.all, channels: ["a"])["a"] == nil)
    try await makeAnew()
    let stream = try await rig.stream(["a"])
    try await makeAnew()
    // The core has no words for a key that it does not know, and ends the stream; it is opened with the new one.
    try await stream.update(["a", "b"])
    try await until { stream.stats.reconnects == 1 && stream.state == "running" }
    try await rig.write([("u", [1]), ("b", [1])])
    try await until { stream.snapshot(of: "b")?.count == 1 }
    await rig.close()
  }

  @Test func keepsTheCoresOwnChannelsOutOfSight() async throws {
    let rig = try await CoreRig()
    let own = ChannelPayload(name: "sy_node_1_control", dataType: "string", virtual: true, internal: true)
    let _: ChannelsPayload = try await rig.source.client.call("channel/create", ChannelsPayload([own]))
    #expect(try await rig.source.channels().map(\.name) == ["t", "a", "u", "b"])
    #expect(try await rig.source.client.channels(matching: "^sy_.*$").count == 1)
    #expect(try await rig.stream(["sy_node_1_control"]).state == "running")
    await rig.close()
  }

  @Test func refusesAStartWithinStoredData() async throws {
    let rig = try await CoreRig()
    let writer = try await SynnaxWriter.open(rig.source.client, channels: ["t", "a"], options: options())
    try await writer.write(frame(rig, [10, 20], [1, 2]))
    try await writer.close()
    let inside = options { $0.start = TimeStamp(nanoseconds: 15) }
    let error = await #expect(throws: SynnaxError.self) {
      try await SynnaxWriter.open(rig.source.client, channels: ["t", "a"], options: inside)
    }
    #expect(error?.code == "validation")
    await rig.close()
  }

  @Test func handsControlToTheHigherAuthorityAndBack() async throws {
    let rig = try await CoreRig()
    let client = rig.source.client
    let stream = try await rig.stream(["a"])
    let low = try await SynnaxWriter.open(
      client, channels: ["t", "a"],
      options: options {
        $0.authorities = [10]
        $0.name = "low"
      })
    let high = try await SynnaxWriter.open(
      client, channels: ["t", "a"],
      options: options {
        $0.authorities = [20]
        $0.name = "high"
      })
    try await low.write(frame(rig, [1], [1]))
    try await low.commit()
    try await high.write(frame(rig, [2], [2]))
    try await high.commit()
    try await high.setAuthority(5)
    try await low.write(frame(rig, [3], [3]))
    try await low.commit()
    try await until { stream.snapshot(of: "a")?.count == 2 }
    #expect(stream.snapshot(of: "a").map { [$0[0], $0[1]] } == [.float(2), .float(3)])
    let refused = await #expect(throws: SynnaxError.self) {
      try await SynnaxWriter.open(
        client, channels: ["t", "a"],
        options: options {
          $0.authorities = [10]
          $0.failsWhenHeld = true
        })
    }
    #expect(refused?.code == "control" && refused?.message.contains("held by low") == true)
    await rig.close()
  }

  @Test func splitsLargeFramesAndLetsTheCoreMakeTimes() async throws {
    let rig = try await CoreRig()
    let stream = try await rig.stream(["a"], capacity: .samples(1_000_000))
    let writer = try await SynnaxWriter.open(
      rig.source.client, channels: ["a"],
      options: options {
        $0.makesTimes = true
        $0.mode = .stream
      })
    let value = try await rig.source.client.channels(named: ["a"])[0]
    try await writer.write([Series(value, SampleStorage((0..<300_000).map(Double.init)))])
    try await writer.close()
    try await until { stream.snapshot(of: "a")?.count == 300_000 }
    let series = try #require(stream.snapshot(of: "a"))
    #expect(series[299_999] == .float(299_999) && series.gaps.isEmpty)
    #expect(try #require(series.time(299_999)) > #require(series.time(0)))
    await rig.close()
  }

  @Test func forwardsTicksOnceEachWithRisingTimes() async throws {
    let rig = try await CoreRig()
    let client = rig.source.client
    _ = try await client.createChannel(name: "p", type: .float32, index: "t")
    let writer = try await SynnaxWriter.open(client, channels: ["a", "p"], options: options())
    let clock = ClockReference(
      tick: 1000, at: TimeStamp(nanoseconds: 1_700_000_000_000_000_000), rate: 44_100)
    var forwarding = try Forwarding(map: ["pot1": "a", "pot2": "p"], channels: writer.channels, clock: clock)
    let one = Channel(name: "pot1", type: .float32, clock: .ticks(rate: 44_100))
    let two = Channel(name: "pot2", type: .float32, clock: .ticks(rate: 44_100))
    func block(_ channel: Channel, _ start: Int64, _ count: Int) -> Series {
      Series(
        channel, SampleStorage((0..<count).map { Float(start) + Float($0) }),
        timing: .steady(start: start, step: Step(units: 1)))
    }
    for start in stride(from: Int64(1000), to: 3000, by: 100) {
      // The blocks of two channels come apart; one of the second is lost.
      try await writer.write(forwarding.add(Frame([block(one, start, 100)])))
      if start != 2000 { try await writer.write(forwarding.add(Frame([block(two, start, 100)]))) }
    }
    try await writer.close()
    #expect(forwarding.forwarded == 3800 && forwarding.skipped == 100)
    let back = try await client.read(.all, channels: ["t", "a", "p"])
    #expect(back["a"]?.count == 1900)
    #expect(back["a"]?[1000] == .float(2100))
    #expect(back["t"]?[0] == .integer(1_700_000_000_000_000_000))
    let times = (0..<1900).map { back["t"]!.time($0)! }
    #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
    await rig.close()
  }
}
