import Telemetry

extension FrameCodec {
  /// Appends one frame to `bytes`, made with the newest state. What an encoder may set is set, so equal input gives
  /// equal bytes (protocol, section 10.2).
  ///
  /// Throws `argument` when there is no state, for a channel that is not in it or has another type there, and
  /// `too_large` for a series that the format cannot count. `bytes` is unchanged then.
  public func encode(_ unsorted: [WireSeries], into bytes: inout [UInt8]) throws(SynnaxError) {
    guard let state = states.last else { throw SynnaxError("argument", "no channels were opened here") }
    var series = unsorted
    if !series.isAscending { series = series.sortedForWire() }
    let flags = try flags(series, state)
    let first = series.first ?? Self.nothing

    bytes.append(flags.rawValue)
    bytes.append(littleEndian: state.sequence)
    if flags.contains(.lengthsEqual) {
      // "Minus one" for a frame without series, as a core writes it.
      bytes.append(littleEndian: series.first.map { UInt32($0.count) } ?? .max)
    }
    if flags.contains(.rangesEqual), !flags.contains(.rangesZero) { bytes.append(first.timeRange) }
    if flags.contains(.alignmentsEqual), !flags.contains(.alignmentsZero) {
      bytes.append(littleEndian: first.alignment.rawValue)
    }
    for one in series {
      if !flags.contains(.allPresent) { bytes.append(littleEndian: one.key) }
      if !flags.contains(.lengthsEqual) { bytes.append(littleEndian: UInt32(one.wireLength)) }
      bytes.append(samplesOf: one)
      if !flags.contains(.rangesEqual) { bytes.append(one.timeRange) }
      if !flags.contains(.alignmentsEqual) { bytes.append(littleEndian: one.alignment.rawValue) }
      if flags.contains(.multiples) { bytes.append(littleEndian: one.multiple) }
    }
  }

  /// As `encode(_:into:)`, as a frame of its own.
  public func encode(_ series: [WireSeries]) throws(SynnaxError) -> [UInt8] {
    var bytes: [UInt8] = []
    try encode(series, into: &bytes)
    return bytes
  }

  /// Stands for the first series where there is none: nothing about it is set.
  private static let nothing = WireSeries(key: 0, SampleStorage(type: .uint8, capacity: 0))

  /// Checks the series against the state on the way.
  private func flags(_ series: [WireSeries], _ state: State) throws(SynnaxError) -> Flags {
    let first = series.first ?? Self.nothing
    var all = !series.isEmpty && series.count == state.entries.count
    var lengths = !state.hasVariableType
    var ranges = true
    var alignments = true
    var multiples = false
    var place = 0
    for (position, one) in series.enumerated() {
      guard let found = state.place(of: one.key, near: place) else {
        throw SynnaxError("argument", "channel \(one.key) was not opened here")
      }
      place = found
      let entry = state.entries[found]
      guard entry.type.canCarry(one.storage.type) else {
        throw SynnaxError(
          "argument",
          "channel \(one.key) is \(entry.type.synnaxName), the samples are \(one.storage.type.synnaxName)")
      }
      guard one.wireLength < UInt32.max else {
        throw SynnaxError("too_large", "\(one.count) samples do not fit into one frame")
      }
      all = all && found == position
      lengths = lengths && one.count == first.count
      ranges = ranges && one.timeRange == first.timeRange
      alignments = alignments && one.alignment == first.alignment
      multiples = multiples || one.multiple > 1
    }
    var flags: Flags = []
    if all { flags.insert(.allPresent) }
    if lengths { flags.insert(.lengthsEqual) }
    if ranges { flags.formUnion(first.timeRange == .zero ? [.rangesZero, .rangesEqual] : .rangesEqual) }
    if alignments {
      flags.formUnion(
        first.alignment.rawValue == 0 ? [.alignmentsZero, .alignmentsEqual] : .alignmentsEqual)
    }
    if multiples { flags.insert(.multiples) }
    return flags
  }
}

extension WireSeries {
  /// What its length field says: samples, for variable types bytes.
  var wireLength: Int {
    if storage.type.width != nil { return count }
    return range.reduce(0) { $0 + 4 + storage.blob($1).count }
  }

  /// Bytes it takes in a frame, without the fields around it.
  var wireByteCount: Int {
    switch storage.type {
    case .bool: (count + 7) / 8
    default: storage.type.width.map { $0 * count } ?? wireLength
    }
  }
}

extension [WireSeries] {
  fileprivate var isAscending: Bool {
    for (one, next) in zip(self, dropFirst())
    where (next.key, next.alignment.rawValue) < (one.key, one.alignment.rawValue) { return false }
    return true
  }

  /// By key, then alignment, then the order they had.
  fileprivate func sortedForWire() -> [WireSeries] {
    enumerated().sorted { a, b in
      (a.element.key, a.element.alignment.rawValue, a.offset)
        < (b.element.key, b.element.alignment.rawValue, b.offset)
    }.map(\.element)
  }
}

extension [UInt8] {
  mutating func append<T: FixedWidthInteger & BitwiseCopyable>(littleEndian value: T) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }

  fileprivate mutating func append(_ range: TimeRange) {
    append(littleEndian: range.start)
    append(littleEndian: range.end)
  }

  fileprivate mutating func append(samplesOf series: WireSeries) {
    switch series.storage.type {
    case .bool:
      var byte: UInt8 = 0
      for (position, value) in series.storage.bytes(series.range).enumerated() {
        if value != 0 { byte |= 1 << UInt8(position & 7) }
        if position & 7 == 7 || position == series.count - 1 {
          append(byte)
          byte = 0
        }
      }
    case .string, .json, .bytes:
      for position in series.range {
        let blob = series.storage.blob(position)
        append(littleEndian: UInt32(blob.count))
        append(contentsOf: blob)
      }
    default: append(contentsOf: series.storage.bytes(series.range))
    }
  }
}
