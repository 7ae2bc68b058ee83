import JSON
import Bela
import Telemetry
import Testing

@Suite struct CaptureTests {
  /// Sessions without losses or holes: exact counts of every stream, all gapless.
  static let clean: [(String, [String: Int], [String: Int64])] = [
    ("stream-two-dense", ["myvar": 0, "myvar2": 0], [:]),
    ("stop", ["myvar": 0, "myvar2": 0, "myvar3": 0, "myvar4": 0], [:]),
    ("stream-n-values", ["myvar": 0, "myvar2": 0], [:]),
    ("board-stops", ["myvar": 0], [:]),
    ("two-clients", ["myvar": 0], [:]),
    (
      "scheduled", ["myvar": 13231, "myvar2": 13231, "myvar3": 3676, "myvar4": 1838],
      ["myvar": 129905 + 13230, "myvar2": 129905 + 13230]
    ),
  ]

  @Test(arguments: clean.map(\.0))
  func cleanStreamsHaveEveryValueOnce(_ name: String) throws {
    let (_, counts, ends) = Self.clean.first { $0.0 == name }!
    let capture = try Capture(name)
    let decoded = capture.decode(connection: 2, ends: ends)
    #expect(decoded.decoder.counts.lostHeaders == 0 && decoded.decoder.counts.lostPayloads == 0)
    for (variable, count) in counts {
      let samples = decoded.samples(variable)
      #expect(!samples.isEmpty)
      #expect(count == 0 || samples.count == count, "\(variable): \(samples.count)")
      #expect(decoded.gaps(variable).isEmpty, "\(variable): \(decoded.gaps(variable))")
      let step: Int64 = ["myvar3", "myvar4"].contains(variable) ? 12 : 1
      for (position, sample) in samples.enumerated() {
        guard sample.value == Capture.expected(variable, sample.tick),
          sample.tick == samples[0].tick + Int64(position) * step
        else {
          Issue.record("\(variable)[\(position)] is \(sample)")
          break
        }
      }
    }
  }

  @Test func allTenLayoutsDecode() throws {
    let decoded = try Capture("stream-all-types").decode()
    #expect(decoded.decoder.counts.blocks == 270)
    for variable in ["f", "i", "j", "d", "c"].flatMap({ ["\($0)_dense", "\($0)_sparse"] }) {
      let samples = decoded.samples(variable)
      let step: Int64 = variable.hasSuffix("sparse") ? 12 : 1
      #expect(samples.count > (step == 1 ? 40_000 : 3_300), "\(variable) has \(samples.count)")
      #expect(decoded.gaps(variable).isEmpty)
      let wrong = samples.enumerated().first { position, sample in
        sample.value != Capture.expected(variable, sample.tick)
          || sample.tick != samples[0].tick + Int64(position) * step
      }
      #expect(wrong == nil, "\(variable): \(String(describing: wrong))")
    }
  }

  @Test(arguments: ["monitor", "monitor-all-types", "peek", "raw-large-timestamps", "raw-monitor-and-stream"])
  func monitoredValuesAreExact(_ name: String) throws {
    let decoded = try Capture(name).decode()
    #expect(!decoded.values.isEmpty)
    #expect(decoded.decoder.counts.lostHeaders == 0 && decoded.decoder.counts.foreign == 0)
    for (variable, values) in decoded.values {
      for (tick, value) in values {
        #expect(value == Capture.expected(variable, tick), "\(variable) at \(tick)")
      }
      if name == "monitor", variable == "myvar3" {
        #expect(zip(values, values.dropFirst()).allSatisfy { $1.tick - $0.tick == 1008 })
      }
    }
  }

  @Test func unsignedStaysUnsigned() throws {
    let samples = try Capture("stream-all-types").decode().samples("j_dense")
    #expect(samples.allSatisfy { $0.value.number! > 2_147_483_647 })
  }

  @Test func streamAndMonitorOfOneVariableAreToldApart() throws {
    let decoded = try Capture("raw-monitor-and-stream").decode()
    for variable in ["d_dense", "j_sparse"] {
      let samples = decoded.samples(variable)
      #expect(samples.allSatisfy { $0.value == Capture.expected(variable, $0.tick) })
      #expect(decoded.gaps(variable).isEmpty)
      #expect(decoded.values[variable]!.count > 5)
    }
    // The last block was flushed with 3576 zero bytes; the last value is not among them.
    #expect(decoded.samples("d_dense").count == 43 * 512 + 65)
    #expect(decoded.samples("j_sparse").last!.tick <= decoded.samples("d_dense").last!.tick + 12)
  }

  @Test func schedulesEndWithTheFirstAssignmentAtTheirEnd() throws {
    let capture = try Capture("raw-scheduled-edge")
    let blocks = capture.messages.filter { !$0.isToBoard && !$0.isControl && $0.bytes.count == 4104 }
    let variables = capture.lists[0].variables
    // Start and duration of each stream, and the values that come: N + 1, or every 12 ticks.
    let streams: [(Int, [Int], Int64, Int)] = [
      (3, [0, 1], 70585 + 1000, 1001), (5, [2], 70585 + 1000, 84), (3, [3], 79712 + 511, 512),
      (3, [4, 5], 84256 + 512, 513), (3, [6], 88752 + 1, 2), (3, [7], 97648, 1),
    ]
    for (id, numbers, end, count) in streams {
      var track = BelaTrack(channel: variables[id].channel(rate: nil), type: variables[id].type)
      track.end = end
      var series: [Series] = []
      for number in numbers { series += blocks[number].bytes.withUnsafeBytes { track.append($0) } }
      #expect(track.isEnded, "ending at \(end)")
      series += track.finish(flushed: true)
      #expect(series.reduce(0) { $0 + $1.count } == count, "ending at \(end)")
      for one in series {
        for position in 0..<one.count {
          #expect(one[position] == Capture.expected(variables[id].name, one.time(position)!))
        }
      }
    }
  }

  @Test func aHoleShowsAtTheNextBlock() throws {
    let decoded = try Capture("raw-inactive-active").decode()
    let gaps = decoded.gaps("d_dense")
    #expect(gaps.map(\.reason) == [.hole])
    #expect(gaps.map(\.samples) == [8864])
  }

  @Test func anInheritedStreamBeginsWithASuspectBlock() throws {
    let capture = try Capture("disconnect-while-streaming")
    let own = capture.decode(connection: 2)
    #expect(own.gaps("myvar").isEmpty && own.gaps("myvar3").isEmpty)
    #expect(own.samples("myvar").count == 17 * 512)
    var track = BelaTrack(channel: capture.lists[0].variables[0].channel(rate: nil), type: .float64)
    track.isInherited = true
    var gaps: [Gap] = []
    for message in capture.messages where message.connection == 4 && message.bytes.count == 4104 {
      if message.bytes.withUnsafeBytes({ $0.loadUnaligned(fromByteOffset: 8, as: Double.self) }) < 98288 {
        continue
      }
      gaps += message.bytes.withUnsafeBytes { track.append($0) }.flatMap(\.gaps)
    }
    #expect(gaps.contains { $0.reason == .hole && $0.samples == 17920 })
  }

  @Test func aStaleBlockIsOneBlock() throws {
    let capture = try Capture("raw-unwatch-then-disconnect")
    #expect(capture.decode(connection: 2).samples("d_dense").count == 17 * 512)
    #expect(capture.decode(connection: 4).decoder.counts.blocks == 1)
  }

  @Test func lossesAreCountedAndNeverBookedWrongly() throws {
    let decoded = try Capture("raw-loss").decode()
    #expect(decoded.decoder.counts.lostHeaders + decoded.decoder.counts.lostPayloads > 0)
    #expect(decoded.decoder.counts.values > 1000)
    // A payload behind a foreign header would be a value of another variable: all are the frame number.
    for values in decoded.values.values {
      for (tick, value) in values { #expect(value == .float(Double(tick))) }
    }
  }

  @Test func buffersComeBack() throws {
    let decoded = try Capture("send-buffer").decode()
    for (variable, tick) in [("myvar1", 1), ("myvar2", 2)] {
      let samples = (decoded.series[variable] ?? []).flatMap { one in (0..<one.count).map { one[$0] } }
      #expect(samples == (1...1024).map { .float(Double($0)) })
      #expect(decoded.series[variable]?.first?.time(0) == Int64(tick))
    }
  }

  @Test(arguments: Capture.names)
  func everyControlMessageIsUnderstood(_ name: String) throws {
    for message in try Capture(name).messages
    where !message.isToBoard && message.isControl && message.kind == "text" {
      switch BelaReply(message.bytes) {
      case .garbage, .other, .command: Issue.record("\(message.text)")
      case .connection(let project): #expect(project != nil)
      case .list(let list): #expect(!list.variables.isEmpty && list.sampleRate == 44100)
      case .log(let reply): #expect(reply.fileName.hasSuffix(".bin"))
      }
    }
  }

  @Test(arguments: Capture.names)
  func theRecordedCommandsAreWhatWeWouldSend(_ name: String) throws {
    for text in try Capture(name).commands {
      let recorded = try #require(JSON(board: text))
      if let event = recorded["event"]?.string {
        let ours = try #require(BelaEvent(rawValue: event))
        #expect(JSON(board: ours.message).map(Self.normal) == Self.normal(recorded))
        continue
      }
      let commands = try #require(recorded["watcher"]?.array).map { try #require(Self.command($0)) }
      let ours = try BelaCommand.messages(commands)
      #expect(ours.count == 1)
      #expect(JSON(board: ours[0]).map(Self.normal) == Self.normal(recorded))
      #expect(ours[0].utf8.allSatisfy { (0x20...0x7E).contains($0) })
    }
  }

  @Test func theRecordedBuffersAreWhatWeWouldSend() throws {
    let sent = try Capture("send-buffer").messages.filter {
      $0.isToBoard && !$0.isControl && $0.kind == "binary"
    }
    #expect(sent.count == 2)
    for (id, message) in sent.enumerated() {
      let values = (1...1024).map(Double.init)
      #expect(try BelaBuffer(id: id, type: .float32, values: values).bytes == message.bytes)
    }
  }

  /// What a recorded command object means.
  private static func command(_ json: JSON) -> BelaCommand? {
    let names = json["watchers"]?.array?.compactMap(\.string) ?? []
    func numbers(_ key: String) -> [Double] {
      let given = json[key]?.array?.compactMap(\.boardNumber) ?? []
      return given + Array(repeating: 0, count: max(0, names.count - given.count))
    }
    let at = numbers("timestamps").map { Int64($0) }
    let ticks = numbers("durations").map { Int64($0) }
    let schedules = zip(names, zip(at, ticks)).map { BelaCommand.Schedule($0, at: $1.0, ticks: $1.1) }
    switch json["cmd"]?.string {
    case "list": return .list
    case "watch": return .watch(schedules)
    case "log": return .log(schedules)
    case "unwatch": return .unwatch(zip(names, at).map { .init($0, at: $1) })
    case "unlog": return .unlog(zip(names, at).map { .init($0, at: $1) })
    case "monitor": return .monitor(zip(names, numbers("periods")).map { .init($0, ticks: Int64($1)) })
    case "control": return .control(names)
    case "uncontrol": return .uncontrol(names)
    case "set": return .set(zip(names, numbers("values")).map { .init($0, value: $1) })
    case "setMask":
      return .setMask(
        zip(names, zip(numbers("values"), numbers("masks"))).map {
          .init($0, value: UInt32($1.0), mask: UInt32($1.1))
        })
    default: return nil
    }
  }

  /// Without what section 4 says is ignored or means the same: `periods` of a watch, empty arrays, the order of keys, how
  /// a number is written.
  private static func normal(_ json: JSON) -> JSON {
    switch json {
    case .array(let elements): return .array(elements.map(normal))
    case .object(let all):
      var members = Dictionary(all.map { ($0.key, normal($0.value)) }) { $1 }
      let name = members["cmd"]?.string
      if name == "watch" { members["periods"] = nil }
      // pybela turns off more monitors than it names; the rest has no variable.
      if name == "monitor", let count = members["watchers"]?.array?.count {
        members["periods"] = members["periods"]?.array.map { .array(Array($0.prefix(count))) }
      }
      for (key, value) in members where name != nil && value == .array([]) { members[key] = nil }
      return .object(members.sorted { $0.key < $1.key }.map { JSON.Member($0.key, $0.value) })
    default: return json.boardNumber.map { .number($0) } ?? json
    }
  }
}
