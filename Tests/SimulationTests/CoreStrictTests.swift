import Locks
import Foundation
import Simulation
import Synnax
import Telemetry
import Testing
import Transport

/// The simulated core reads messages as a real one's decoder does, so that a message that a real one would refuse
/// shows here.
@Suite struct CoreStrictTests {
  /// A path, a body that is fine, and bodies that are not.
  static let calls: [(path: String, good: String, bad: [String])] = [
    (
      "channel/create",
      #"{"channels":[{"name":"n_new","data_type":"float64","index":1048577,"leaseholder":0,"is_index":false,"virtual":false,"operations":[{"type":"avg","reset_channel":0,"duration":"5"}],"concurrency":0,"newer":[1]}]}"#,
      [
        #"{"channels":[{"name":7,"data_type":"float64","index":1048577}]}"#,
        #"{"channels":[{"name":"x","data_type":"float64","index":"1048577"}]}"#,
        #"{"channels":[{"name":"x","data_type":"float64","index":1048577.0}]}"#,
        #"{"channels":[{"name":"x","data_type":"float64","index":1e6}]}"#,
        #"{"channels":[{"name":"x","data_type":"float64","index":-1}]}"#,
        #"{"channels":[{"name":"x","data_type":"float64","index":4294967296}]}"#,
        #"{"channels":[{"name":"x","data_type":"timestamp","is_index":"true"}]}"#,
        #"{"channels":[{"name":"x","data_type":"timestamp","is_index":1}]}"#,
        #"{"channels":{"name":"x"}}"#,
        #"{"channels":[{"name":"x","data_type":"float64","index":1048577,"operations":[{"duration":5.5}]}]}"#,
      ]
    ),
    (
      "channel/retrieve", #"{"keys":[1048577],"include_status":false,"names":null}"#,
      [
        #"{"keys":["1048577"]}"#, #"{"keys":1048577}"#, #"{"names":"a"}"#, #"{"limit":"5"}"#,
        #"{"virtual":"no"}"#, #"{"search_term":5}"#, "[]", "7", "{", #"{"keys":[1048577]}}"#,
        #"{"keys":[01]}"#, #"{"keys":[+1]}"#, #"{'keys':[1]}"#, #"{"keys":[1,]}"#,
      ]
    ),
    (
      "channel/rename", #"{"keys":[1048578],"names":["a"]}"#,
      [#"{"keys":[1048578],"names":[5]}"#, #"{"keys":["1048578"],"names":["a"]}"#]
    ),
    ("channel/delete", #"{"names":["nothing"]}"#, [#"{"names":[true]}"#, #"{"keys":[1.5]}"#]),
    (
      "frame/delete", #"{"keys":[1048578],"bounds":{"start":"0","end":5}}"#,
      [
        #"{"keys":["1048578"],"bounds":{"start":0,"end":5}}"#,
        #"{"keys":[1048578],"bounds":{"start":"zero","end":5}}"#,
        #"{"keys":[1048578],"bounds":{"start":0.5,"end":5}}"#, #"{"keys":[1048578],"bounds":[0,5]}"#,
      ]
    ),
    (
      "frame/read",
      #"{"keys":[1048578],"bounds":{"start":0,"end":"5"},"timestamps_included":false,"reduction":{"variant":"stride","factor":2}}"#,
      [
        #"{"keys":[1048578],"bounds":{"start":0,"end":5},"timestamps_included":"false"}"#,
        #"{"keys":[1048578],"bounds":{"start":0,"end":5},"reduction":{"variant":"stride","factor":"2"}}"#,
        #"{"keys":[1048578],"bounds":{"start":0,"end":5},"reduction":{"variant":"stride","factor":-2}}"#,
        #"{"keys":[1048578],"bounds":{"start":0,"end":5},"reduction":{"variant":"limit","aggregation":"average","point_limit":"5"}}"#,
        #"{"keys":[1048578],"bounds":{"start":0,"end":5},"reduction":{"variant":"limit","aggregation":"median","point_limit":5}}"#,
        #"{"keys":[1048578],"bounds":{"start":0,"end":5},"reduction":{"variant":"limit","aggregation":"average","point_limit":0}}"#,
        #"{"keys":[1048578],"bounds":{"start":0,"end":5},"reduction":{"variant":"some"}}"#,
      ]
    ),
    ("auth/session/delete", #"{"keys":["nobody"]}"#, [#"{"keys":[5]}"#]),
  ]

  @Test(arguments: calls.indices) func aCallIsTakenOnlyWithWhatIsDueInEachField(_ place: Int) async throws {
    let rig = try await CoreRig()
    let (path, good, bad) = Self.calls[place]
    func status(_ body: String) async throws -> Int {
      try await rig.source.client.respond(
        path, Array(body.utf8),
        accept: path == "frame/read" ? "application/vnd.synnax.frame" : "application/json"
      ).status
    }
    #expect(try await status(good) == 200)
    for body in bad { #expect(try await status(body) == 400, "\(body)") }
    await rig.close()
  }

  /// What was there before a message and what came back on it.
  private final class Listener: WebSocketHandler {
    struct State {
      var messages: [[UInt8]] = []
      var end: CloseReason?
    }
    let state = Guarded(State())

    func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {
      state.withLock { $0.messages.append(message.array) }
    }
    func closed(_ reason: CloseReason, _ connection: WebSocketConnection) {
      state.withLock { $0.end = reason }
    }
  }

  static let requests: [(endpoint: String, good: String, bad: [String])] = [
    (
      "stream",
      #"{"keys":[1048578],"downsample_factor":1,"throttle_rate":0.5,"exclude_groups":[7],"keep_alive":"5000000000","newer":{"a":1}}"#,
      [
        #"{"keys":["1048578"]}"#, #"{"keys":[1048578],"downsample_factor":"1"}"#,
        #"{"keys":[1048578],"downsample_factor":1.5}"#, #"{"keys":[1048578],"throttle_rate":"0.5"}"#,
        #"{"keys":[1048578],"exclude_groups":["7"]}"#, #"{"keys":[1048578],"keep_alive":5.5}"#,
        #"{"keys":[1048578],"keep_alive":true}"#, #"{"keys":1048578}"#,
      ]
    ),
    (
      "iterate",
      #"{"command":0,"keys":[1048578],"bounds":{"start":0,"end":"9223372036854775807"},"chunk_size":100,"span":"-1"}"#,
      [
        #"{"command":"0","keys":[1048578]}"#, #"{"command":0,"keys":[1048578],"chunk_size":"100"}"#,
        #"{"command":0,"keys":[1048578],"chunk_size":1e5}"#,
        #"{"command":0,"keys":[1048578],"downsample_factor":"2"}"#,
        #"{"command":0,"keys":[1048578],"bounds":{"start":"a","end":5}}"#,
        #"{"command":0,"keys":[1048578],"span":"1s"}"#, #"{"command":0,"keys":[1048578],"stamp":[]}"#,
        #"{"command":0,"keys":[1048578],"reduction":{"variant":"stride","factor":"2"}}"#,
        #"{"command":0,"keys":[1048578],"reduction":"stride"}"#,
      ]
    ),
    (
      "write",
      #"{"config":{"keys":[1048577,1048578],"start":"1","mode":1,"authorities":[255],"control_subject":{"key":"k","name":"n","group":0},"auto_index_persist_interval":"5"}}"#,
      [
        #"{"command":0,"config":{"keys":["1048577"]}}"#,
        #"{"command":0,"config":{"keys":[1048577],"mode":"1"}}"#,
        #"{"command":0,"config":{"keys":[1048577],"authorities":["255"]}}"#,
        #"{"command":0,"config":{"keys":[1048577],"authorities":[256]}}"#,
        #"{"command":0,"config":{"keys":[1048577],"authorities":255}}"#,
        #"{"command":0,"config":{"keys":[1048577],"start":1.5}}"#,
        #"{"command":0,"config":{"keys":[1048577],"control_subject":{"key":7}}}"#,
        #"{"command":0,"config":{"keys":[1048577],"control_subject":{"key":"k","group":"0"}}}"#,
        #"{"command":0,"config":{"keys":[1048577],"enable_auto_commit":"true"}}"#,
        #"{"command":0,"config":{"keys":[1048577],"auto_index":1}}"#,
      ]
    ),
  ]

  @Test(arguments: requests.indices) func aStreamIsTakenOnlyWithWhatIsDueInEachField(_ place: Int)
    async throws
  {
    let rig = try await CoreRig()
    let (endpoint, good, bad) = Self.requests[place]
    let token = try await rig.source.client.authorization()
    for payload in [good] + bad {
      let listener = Listener()
      let socket = try await WebSocketClient.connect(
        to: Endpoint(host: "127.0.0.1", port: rig.core.port, path: "/api/v1/frame/\(endpoint)"),
        headers: ["Content-Type": "application/vnd.synnax.frame", "Authorization": token], handler: listener)
      let message = Array("{\"type\":\"data\",\"payload\":\(payload)}".utf8)
      try socket.send(binary: (endpoint == "write" ? [Wire.jsonPrefix] : []) + message)
      // The first is the core's `open`.
      try await until("\(payload)") { listener.state.withLock { $0.messages.count > 1 || $0.end != nil } }
      let (messages, end) = listener.state.withLock { ($0.messages, $0.end) }
      if payload == good {
        let text = String(decoding: messages.dropFirst().first?.dropFirst() ?? [], as: UTF8.self)
        #expect(messages.count == 2 && text.contains(#""type":"data""#), "\(text)")
      } else {
        #expect(messages.count == 1 && end != nil, "\(payload) was taken")
      }
      socket.closeNow()
    }
    await rig.close()
  }

  /// Each message that this client has, with each of its fields set to something.
  @Test func everythingThatWeSendIsTaken() async throws {
    let rig = try await CoreRig()
    let client = rig.source.client
    try await client.checkConnectivity()
    _ = try await client.createChannel(name: "virtual", type: .string, virtual: true)
    #expect(try await client.channels(matching: "^[ab]$").count == 2)
    #expect(try await client.channels(keys: [1_048_577]).count == 1)
    let stream = try await rig.stream(["a", "virtual"]) {
      $0.downsampleFactor = 2
      $0.throttleRate = 1000
      $0.excludeGroups = [9]
    }
    try await stream.update(["a"])
    var options = SynnaxWriter.Options()
    options.start = TimeStamp(nanoseconds: 1)
    options.authorities = [7]
    options.group = 3
    options.failsWhenHeld = true
    options.commitsItself = false
    let writer = try await SynnaxWriter.open(client, channels: ["a"], options: options)
    let (a, t) = (writer.channels[0], writer.channels[1])
    try await writer.write([
      Series(a, SampleStorage([1.0, 2, 3])), Series(t, SampleStorage([1, 2, 3] as [Int64], as: .timestamp)),
    ])
    try await writer.setAuthority(200, channels: ["a"])
    #expect(try await writer.commit() == TimeStamp(nanoseconds: 4))
    try await writer.close()
    let range = TimeRange(start: 2, end: .max)
    #expect(try await client.read(range, channels: ["a"])["a"]?.count == 2)
    #expect(try await client.readLatest(["a"], count: 1)["a"]?[0] == .float(3))
    try await stream.stop()
    await rig.close()
  }

  // MARK: - History

  private func delete(_ rig: CoreRig, _ names: String, _ start: Int64, _ end: Int64) async throws
    -> HTTPResponse
  {
    try await rig.source.client.respond(
      "frame/delete", Array(#"{"names":[\#(names)],"bounds":{"start":\#(start),"end":\#(end)}}"#.utf8))
  }

  /// In memory and in a file.
  @Test(arguments: [false, true]) func whatIsDeletedIsGoneAndTheRestIsThere(_ isFile: Bool) async throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("moontide-core-\(UUID())").path
    defer { for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file + end) } }
    let rig = try await CoreRig { $0.store = isFile ? file : nil }
    let client = rig.source.client
    for start in [0, 100] {
      var options = SynnaxWriter.Options()
      options.start = TimeStamp(nanoseconds: Int64(start))
      let writer = try await SynnaxWriter.open(client, channels: ["a"], options: options)
      let times = (start..<start + 10).map { Int64($0) }
      try await writer.write([
        Series(writer.channels[0], SampleStorage(times.map(Double.init))),
        Series(writer.channels[1], SampleStorage(times, as: .timestamp)),
      ])
      if start == 100 {
        #expect(try await delete(rig, #""a""#, 0, 50).text.contains("sy.control.unauthorized") == false)
        let held = try await delete(rig, #""a""#, 0, 500)
        #expect(held.status == 400 && held.text.contains("sy.control.unauthorized"), "\(held.text)")
      }
      try await writer.close()
    }
    // The first writer's are gone already.
    #expect(try await client.read(.all, channels: ["a"])["a"]?.count == 10)
    #expect(try await delete(rig, #""a""#, 103, 106).status == 200)
    let left = try #require(try await client.read(.all, channels: ["a"])["a"])
    #expect((0..<left.count).map { left[$0] } == [100, 101, 102, 106, 107, 108, 109].map { .float($0) })
    #expect((0..<left.count).map { left.time($0) } == [100, 101, 102, 106, 107, 108, 109])
    // The index keeps what a channel needs.
    let needed = try await delete(rig, #""t""#, 100, 103)
    #expect(needed.status == 400 && needed.text.contains("unknown"), "\(needed.text)")
    #expect(try await delete(rig, #""t""#, 103, 106).status == 200)
    #expect(try await delete(rig, #""t","a""#, 0, 105).status == 200)
    #expect(try await client.read(.all, channels: ["t", "a"])["a"]?.count == 4)
    // All or none.
    let missing = try await delete(rig, #""a","nothing""#, 0, 500)
    #expect(missing.status == 400 && missing.text.contains("sy.query.not_found"))
    #expect(try await delete(rig, #""a""#, 500, 0).status == 200)
    #expect(try await client.read(.all, channels: ["a"])["a"]?.count == 4)
    await rig.close()
  }

  /// Numbers of a client reach ranges and sums.
  @Test func boundsTheWrongWayRoundEndNothing() async throws {
    let rig = try await CoreRig()
    let writer = try await SynnaxWriter.open(
      rig.source.client, channels: ["a"],
      options: {
        var options = SynnaxWriter.Options()
        options.start = TimeStamp(nanoseconds: 0)
        return options
      }())
    try await writer.write([
      Series(writer.channels[0], SampleStorage([1.0, 2])),
      Series(writer.channels[1], SampleStorage([0, 20] as [Int64], as: .timestamp)),
    ])
    try await writer.close()
    let token = try await rig.source.client.authorization()
    for bounds in [
      (10, 5), (Int64.max, Int64.min), (.min, .min), (.max, .max), (.min, .max), (0, 0),
    ] as [(Int64, Int64)] {
      let listener = Listener()
      let socket = try await WebSocketClient.connect(
        to: Endpoint(host: "127.0.0.1", port: rig.core.port, path: "/api/v1/frame/iterate"),
        headers: ["Content-Type": "application/vnd.synnax.frame", "Authorization": token], handler: listener)
      let commands = [
        #""command":0,"keys":[1048578],"chunk_size":-5,"bounds":{"start":\#(bounds.0),"end":\#(bounds.1)}"#,
        #""command":3"#, #""command":1,"span":9223372036854775807"#, #""command":4"#,
        #""command":2,"span":-9223372036854775808"#, #""command":5,"stamp":-9223372036854775808"#,
        #""command":6,"stamp":9223372036854775807"#, #""command":1,"span":-1"#, #""command":2,"span":5"#,
        #""command":9,"bounds":{"start":\#(bounds.1),"end":\#(bounds.0)}"#, #""command":3"#,
        #""command":7"#,
      ]
      for command in commands {
        try socket.send(binary: Array("{\"type\":\"data\",\"payload\":{\(command)}}".utf8))
      }
      try await until("\(bounds)") {
        listener.state.withLock { state in
          state.messages.count { $0.first == Wire.jsonPrefix } == commands.count + 1 || state.end != nil
        }
      }
      #expect(listener.state.withLock { $0.end } == nil)
      socket.closeNow()
    }
    #expect(try await rig.source.client.read(.all, channels: ["a"])["a"]?.count == 2)
    await rig.close()
  }
}
