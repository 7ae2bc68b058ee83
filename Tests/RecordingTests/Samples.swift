import Foundation
import Recording
import Telemetry
import Testing

/// Series to save, and what must come back.
enum Samples {
  static let ticks = ClockDomain.ticks(rate: 44100)

  static func channel(
    _ name: String, _ type: DataType, _ clock: ClockDomain = ticks, _ mode: Channel.Mode = .dense,
    unit: String? = nil
  ) -> Channel {
    Channel(name: name, type: type, clock: clock, mode: mode, key: 7, unit: unit, rate: 44100)
  }

  static func steady<T: FixedWidthSample>(
    _ name: String, _ values: [T], type: DataType = T.dataType, from start: Int64 = 1000,
    step: Step = Step(units: 1),
    gaps: [Gap] = [], unit: String? = nil
  ) -> Series {
    Series(
      channel(name, type, unit: unit), SampleStorage(values, as: type),
      timing: .steady(start: start, step: step),
      gaps: gaps)
  }

  /// Every numeric type, with the values at its ends.
  static var numbers: [Series] {
    [
      steady(
        "f32",
        [
          0.1 as Float, -0.0, Float.leastNonzeroMagnitude, .greatestFiniteMagnitude, .infinity, -.infinity,
          16_777_216,
        ]),
      steady(
        "f64",
        [0.1, 1 / 3, Double.leastNonzeroMagnitude, 1.7e308, -.infinity, .infinity, 9_007_199_254_740_992]),
      steady("i8", [Int8.min, .max, 0, 1, 2, 3, 4]), steady("i16", [Int16.min, .max, 0, 1, 2, 3, 4]),
      steady("i32", [Int32.min, .max, 0, 1, 2, 3, 4]),
      steady("i64", [Int64.min, .max, 0, 1, 2, 3, 1 << 53 + 1]),
      steady("u8", [UInt8.min, .max, 0, 1, 2, 3, 4]), steady("u16", [UInt16.min, .max, 0, 1, 2, 3, 4]),
      steady("u32", [UInt32.min, .max, 0, 1, 2, 3, 4_294_931_758]),
      steady("u64", [UInt64.min, .max, 0, 1, 2, 3, 1 << 63 + 1]),
      steady("when", [Int64(0), 1, 2, 3, 4, 5, 1_732_174_599_123_456_789], type: .timestamp),
      steady("on", [0 as UInt8, 1, 1, 0, 0, 1, 1], type: .bool),
    ]
  }

  static var texts: [Series] {
    let words = ["", "a,b", "say \"hi\"", "two\nlines", "ü, €", "null", "12"].map { Array($0.utf8) }
    let raw: [[UInt8]] = [[], [0], [255, 0, 13, 10], [34], [44], [1, 2, 3], [9]]
    return [
      Series(channel("s", .string), SampleStorage(type: .string, blobs: words), timing: even),
      Series(
        channel("j", .json),
        SampleStorage(type: .json, blobs: words.map { _ in Array("{\"a\": [1, \"x\"]}".utf8) }),
        timing: even),
      Series(channel("b", .bytes), SampleStorage(type: .bytes, blobs: raw), timing: even),
      Series(
        channel("id", .uuid),
        (0..<7 * 16).map { UInt8($0) }.withUnsafeBytes { SampleStorage(type: .uuid, copying: $0) },
        timing: even),
    ]
  }

  private static var even: Timing { .steady(start: 1000, step: Step(units: 1)) }

  /// Gaps of every reason, uneven times, a clock that began anew, three samples a tick.
  static var broken: [Series] {
    let gaps = [
      Gap(at: 0, samples: nil, reason: .reconnect), Gap(at: 3, samples: 512, reason: .lost),
      Gap(at: 5, samples: nil, reason: .hole), Gap(at: 6, samples: 9, reason: .overrun),
      Gap(at: 8, samples: nil, reason: .restart), Gap(at: 9, samples: nil, reason: .paused),
    ]
    let stamps: [Int64] = [10, 22, 34, 6000, 6012, 7000, 8000, 8012, 5, 17, 29]
    let uneven = Series(
      channel("uneven", .uint32, ticks, .sparse), SampleStorage((0..<11).map { UInt32($0) }),
      timing: .stamped(SampleStorage(stamps, as: .timestamp), offset: 0), gaps: gaps)
    let chunks = [(0, 100), (5, 700)].map { number, start in
      Chunk(
        SampleStorage((0..<5).map { Float($0 + number) }),
        timing: .steady(start: Int64(start), step: Step(units: 1)))
    }
    return [
      uneven,
      Series(channel("chunks", .float32), chunks: chunks, gaps: [Gap(at: 5, samples: 595, reason: .lost)]),
      steady("thrice", (0..<9).map { Double($0) }, step: Step(units: 1, samples: 3)),
    ]
  }

  /// All that a file must keep of a series is in both.
  static func expectSame(_ a: Series, _ b: Series?, times: Bool = true, _ where: String) {
    guard let b else {
      Issue.record("\(`where`): \(a.channel.name) is missing")
      return
    }
    #expect(a.channel == b.channel, "\(`where`)")
    #expect(a.count == b.count, "\(`where`) \(a.channel.name)")
    guard a.count == b.count else { return }
    for position in 0..<a.count {
      let same =
        a[position] == b[position] || a[position].number?.isNaN == true && b[position].number?.isNaN == true
      if !same || times && a.time(position) != b.time(position) {
        Issue.record(
          "\(`where`): \(a.channel.name)[\(position)] is \(b[position]) at \(b.time(position) as Any), not \(a[position])"
        )
        return
      }
    }
    let moved = a.gaps.map { Gap(at: $0.at - a.first, samples: $0.samples, reason: $0.reason) }
    #expect(b.gaps == moved, "\(`where`) \(a.channel.name)")
  }
}

/// A folder that is gone with the test.
final class Folder: Sendable {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("moontide-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  func text(_ name: String) -> String { (try? String(contentsOfFile: self(name), encoding: .utf8)) ?? "" }

  func write(_ name: String, _ text: String) throws -> String {
    try text.write(toFile: self(name), atomically: true, encoding: .utf8)
    return self(name)
  }

  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}
