import JSON

/// What a page asks for: 24 little-endian bytes and a bit for each line that is hidden.
///
/// Bytes: 0 version (1), 1 mode (0 newest, 1 range), 2 pixels (u16), 4 revision that the page knows (u32),
/// 8 span in seconds or start (f64), 16 end (f64), 24… hidden lines, lowest bit first.
package struct ViewRequest: Sendable, Hashable {
  package var view: PlotView
  package var pixels: Int
  package var revision: UInt32
  private var hidden: [UInt8]

  /// Nil for anything that is not a view: another length, another version, numbers that are none.
  package init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= 24, bytes.count <= PlotLimits.viewBytesMax, bytes[0] == 1 else { return nil }
    let pixels = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
    revision = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    func number(_ offset: Int) -> Double {
      Double(bitPattern: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
    }
    let (a, b) = (number(8), number(16))
    guard pixels > 0, pixels <= PlotLimits.pixelsMax else { return nil }
    self.pixels = Int(pixels)
    switch bytes[1] {
    case 0:
      guard a.isNaN || a > 0 && a < 1e12 else { return nil }
      view = .follow(span: a.isNaN ? nil : a)
    case 1:
      guard a.isFinite, b.isFinite, a < b, b - a < 1e12, a.magnitude < 1e15, b.magnitude < 1e15 else {
        return nil
      }
      view = .range(a...b)
    default: return nil
    }
    hidden = Array(bytes[24...])
  }

  package func isHidden(_ line: Int) -> Bool {
    line / 8 < hidden.count && hidden[line / 8] & (1 << UInt8(line % 8)) != 0
  }
}

/// What the page gets for it: one binary message, little-endian, arrays at multiples of 8 so that a browser maps them.
///
/// Header, 56 bytes: 0 magic `MTP1`, 4 revision (u32), 8 lines (u32), 12 state in the lowest two bits and 4 for
/// "nothing changed" (u32), 16 and 24 the view, 32 and 40 all that there is (f64, not-a-number for nothing),
/// 48 bytes buffered (f64).
/// Each line, 104 bytes: 0 points (u32), 4 kind: 0 none, 1 samples, 2 buckets (u32), 8 where its arrays begin (u32),
/// 12 gaps (u32), then f64: 16 and 24 base and scale of x, 32 and 40 of values, 48 newest value, 56 samples a second,
/// 64 lost, 72 and 80 smallest and largest in view, 88 samples a bucket; 96 is 1 when more is lost than counted (u32).
/// Arrays: x, smallest, for buckets also largest (f32 each, as base + scale × number), gaps as (from, to, samples) (f64).
package enum PageFrame {
  static let magic: UInt32 = 0x3150_544D
  private static let headerBytes = 56
  private static let recordBytes = 104

  /// The whole message when nothing changed since the last one.
  package static func unchanged(revision: UInt32) -> [UInt8] {
    var writer = Writer()
    writer.put(magic)
    writer.put(revision)
    writer.put(UInt32(0))
    writer.put(UInt32(4))
    for _ in 0..<5 { writer.put(Double.nan) }
    return writer.bytes
  }

  package static func encode(_ picture: PlotPicture, revision: UInt32, bufferedBytes: Int) -> [UInt8] {
    var writer = Writer()
    var size = headerBytes + recordBytes * picture.lines.count
    var offsets: [Int] = []
    for line in picture.lines {
      offsets.append(size)
      let count = line.trace.x.count
      size += padded(count) * (count == 0 ? 0 : line.trace.isBuckets ? 3 : 2) + line.trace.gaps.count * 24
    }
    writer.bytes.reserveCapacity(size)
    writer.put(magic)
    writer.put(revision)
    writer.put(UInt32(picture.lines.count))
    writer.put(picture.state.kind.rawValue)
    writer.put(picture.view.lowerBound)
    writer.put(picture.view.upperBound)
    writer.put(picture.extent?.lowerBound ?? .nan)
    writer.put(picture.extent?.upperBound ?? .nan)
    writer.put(Double(bufferedBytes))
    let scales = picture.lines.map { line in
      (
        x: picture.kind == .xy ? Scale(line.trace.x) : Scale(base: picture.view.lowerBound, size: 1),
        y: Scale(line.trace.range)
      )
    }
    for (position, line) in picture.lines.enumerated() {
      let trace = line.trace
      writer.put(UInt32(trace.x.count))
      writer.put(UInt32(trace.x.isEmpty ? 0 : trace.isBuckets ? 2 : 1))
      writer.put(UInt32(offsets[position]))
      writer.put(UInt32(trace.gaps.count))
      let (x, y) = scales[position]
      for number in [
        x.base, x.size, y.base, y.size, line.last ?? .nan, line.rate ?? .nan, Double(line.lost),
        trace.range.low,
        trace.range.high, Double(trace.bucketSize),
      ] { writer.put(number) }
      writer.put(UInt32(line.lostMore ? 1 : 0))
      writer.put(UInt32(0))
    }
    for (position, line) in picture.lines.enumerated() {
      let trace = line.trace
      if !trace.x.isEmpty {
        let (x, y) = scales[position]
        writer.put(trace.x, x)
        writer.put(trace.low, y)
        if trace.isBuckets { writer.put(trace.high, y) }
      }
      for gap in trace.gaps {
        writer.put(gap.from)
        writer.put(gap.x)
        writer.put(gap.samples.map(Double.init) ?? .nan)
      }
    }
    return writer.bytes
  }

  private static func padded(_ count: Int) -> Int { (count * 4 + 7) & ~7 }

  /// Keeps the digits of numbers far from zero, which 32 bits would not.
  private struct Scale {
    var base: Double
    var size: Double

    init(base: Double, size: Double) {
      self.base = base
      self.size = size
    }

    init(_ range: Envelope) {
      base = range.isEmpty ? 0 : range.low / 2 + range.high / 2
      let half = range.isEmpty ? 0 : range.high / 2 - range.low / 2
      size = half > 0 ? half : 1
    }

    init(_ values: [Double]) {
      var range = Envelope.empty
      for value in values where value.isFinite { range.join(Envelope(low: value, high: value)) }
      self.init(range)
    }
  }

  private struct Writer {
    var bytes: [UInt8] = []

    mutating func put(_ value: UInt32) {
      withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func put(_ value: Double) {
      withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func put(_ values: [Double], _ scale: Scale) {
      let start = bytes.count
      bytes.append(contentsOf: repeatElement(0, count: padded(values.count)))
      bytes.withUnsafeMutableBytes { target in
        var offset = start
        for value in values {
          let bits = Float((value - scale.base) / scale.size).bitPattern.littleEndian
          target.storeBytes(of: bits, toByteOffset: offset, as: UInt32.self)
          offset += 4
        }
      }
    }
  }
}

/// What does not change with every sample, as JSON: sent when the page knows an older revision.
package enum PageNews {
  package static func json(_ picture: PlotPicture, revision: UInt32, window: Double) -> String {
    let axis: JSON =
      switch picture.axis {
      case .wall(let origin, let utcOffset):
        [
          "kind": "wall", "origin": .integer(origin / 1_000_000_000), "utcOffset": .integer(Int64(utcOffset)),
          "caption": "",
        ]
      case .seconds, .count, .frequency, .value:
        ["kind": "number", "caption": .string(picture.axis.caption)]
      }
    let lines = picture.lines.map { line -> JSON in
      [
        "name": .string(line.name), "unit": line.unit.map { .string($0) } ?? .null,
        "whole": .bool(line.isInteger),
        "light": .string("\(line.colour.onLight)"), "dark": .string("\(line.colour.onDark)"),
      ]
    }
    let flags = picture.flags.map { flag -> JSON in
      ["kind": .string("\(flag.kind.rawValue)"), "label": .string(flag.label), "x": .number(flag.x)]
    }
    let news: JSON = [
      "revision": .integer(Int64(revision)), "title": .string(picture.title),
      "kind": .string("\(picture.kind.rawValue)"),
      "scaleUnit": picture.scaleUnit.map { .string($0) } ?? .null,
      "layout": .string("\(picture.layout.rawValue)"), "window": .number(window),
      "isLoaded": .bool(picture.isLoaded),
      "y": picture.y.map { [.number($0.lowerBound), .number($0.upperBound)] } ?? .null,
      "state": ["kind": .integer(Int64(picture.state.kind.rawValue)), "text": .string(picture.state.text)],
      "axis": axis, "lines": .array(lines), "flags": .array(flags),
    ]
    return news.encodedText()
  }
}
