import Synnax
import Telemetry
import Testing

@Suite struct FrameCodecTests {
  static let frames = Vector.all.filter { $0.kind == "frame" }

  @Test func hasAllVectors() {
    #expect(Self.frames.count == 121)
    #expect(Vector.all.count { $0.kind == "frame_invalid" } == 6)
    #expect(Vector.all.count { $0.kind == "control" } == 29)
  }

  @Test(arguments: frames) func decodesAsTheOfficialCodec(_ vector: Vector) throws {
    var codec = vector.codec
    let frame = try codec.decode(vector.bytes)
    #expect(frame.sequence == vector.seq)
    #expect(frame.series.count == vector.decoded!.series.count)
    for (series, expected) in zip(frame.series, vector.decoded!.series) {
      #expect(series.key == expected.key)
      #expect(series.storage.type.synnaxName == expected.data_type)
      #expect(series.count == expected.length)
      #expect(series.packed == [UInt8](hex: expected.data_hex))
      #expect("\(series.timeRange.start)" == expected.time_range.start)
      #expect("\(series.timeRange.end)" == expected.time_range.end)
      #expect("\(series.alignment.rawValue)" == expected.alignment)
      #expect(series.multiple == expected.alignment_multiple)
    }
  }

  @Test(arguments: frames) func encodesByteForByte(_ vector: Vector) throws {
    var codec = vector.codec
    let frame = try codec.decode(vector.bytes)
    let encoded = try codec.encode(frame.series)
    if vector.server_style_encoding! {
      #expect(encoded == vector.bytes)
    } else {
      #expect(try codec.decode(encoded).series.map(\.packed) == frame.series.map(\.packed))
    }
    #expect(try codec.encode(frame.series.reversed()).count == encoded.count)
  }

  @Test(arguments: Vector.all.filter { $0.kind == "frame_invalid" })
  func refusesBrokenFramesWithATypedError(_ vector: Vector) {
    var codec = vector.codec
    let error = #expect(throws: SynnaxError.self) { try codec.decode(vector.bytes) }
    #expect(error?.code == "protocol")
  }

  @Test(arguments: frames) func refusesOrReadsEveryCut(_ vector: Vector) {
    let bytes = vector.bytes
    for end in bytes.indices {
      var codec = vector.codec
      let frame = try? codec.decode(Array(bytes[..<end]))
      // A partial frame may be cut between two series; nothing else may pass.
      #expect(frame.map { $0.series.count < vector.decoded!.series.count } ?? true)
    }
  }

  @Test func countsAStateForEachRequestAndForgetsOlderOnes() throws {
    let one = [FrameCodec.Entry(key: 1, type: .uint8)]
    let two = [FrameCodec.Entry(key: 2, type: .int16)]
    var sender = FrameCodec(one)
    var receiver = FrameCodec(one)
    let bytes = SampleStorage([UInt8(7)])
    let words = SampleStorage([Int16(-2)])
    let early = try sender.encode([WireSeries(key: 1, bytes)])
    for state in [one, two, two] {
      sender.addState(state)
      receiver.addState(state)
    }
    #expect(try receiver.decode(early).series[0].key == 1)
    let late = try sender.encode([WireSeries(key: 2, words)])
    #expect(try receiver.decode(late).sequence == 4)
    #expect(receiver.stateCount == 1)
    #expect(throws: SynnaxError.self) { try receiver.decode(early) }
  }

  @Test func refusesWhatTheStateDoesNotHold() {
    let codec = FrameCodec([FrameCodec.Entry(key: 1, type: .uint8)])
    #expect(throws: SynnaxError.self) { try FrameCodec().encode([]) }
    #expect(throws: SynnaxError.self) { try codec.encode([WireSeries(key: 2, SampleStorage([UInt8(1)]))]) }
    #expect(throws: SynnaxError.self) { try codec.encode([WireSeries(key: 1, SampleStorage([Float(1)]))]) }
  }

  @Test func takesAFrameWithoutSeriesAsACoreWritesIt() throws {
    var codec = FrameCodec([FrameCodec.Entry(key: 1, type: .uint8)])
    #expect(try codec.decode([0x3F, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]).series.isEmpty)
    #expect(try codec.decode([0x36, 1, 0, 0, 0]).series.isEmpty)
  }

  @Test func sharesNoMoreMemoryThanTheBytesAllow() {
    var codec = FrameCodec([FrameCodec.Entry(key: 1, type: .uuid), FrameCodec.Entry(key: 2, type: .string)])
    for length in [UInt8(0x7F), 0xFE, 0xFF] {
      let huge: [UInt8] = [0x36, 1, 0, 0, 0, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, length]
      #expect(throws: SynnaxError.self) { try codec.decode(huge) }
    }
    // Series of no sample cost memory all the same.
    var many: [UInt8] = [0x36, 1, 0, 0, 0]
    for _ in 0...65_536 { many += [1, 0, 0, 0, 0, 0, 0, 0] }
    #expect(throws: SynnaxError.self) { try codec.decode(many) }
  }
}
