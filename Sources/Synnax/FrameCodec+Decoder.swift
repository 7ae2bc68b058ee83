import Telemetry

extension FrameCodec {
  /// Reads one frame, without the prefix byte of its message. Copies each series' samples once.
  ///
  /// Any bytes get an answer: a frame, or a `protocol` error that names the place. An unknown state number means
  /// that the two sides have lost each other and the stream must be opened anew.
  public mutating func decode(_ bytes: UnsafeRawBufferPointer) throws(SynnaxError) -> WireFrame {
    var cursor = Cursor(bytes)
    let flags = Flags(rawValue: try cursor.take(UInt8.self, "flags"))
    guard !flags.contains(.extended) else {
      throw .malformed("an extended frame, which this version does not know,", at: 0)
    }
    guard !flags.contains(.rangesZero) || flags.contains(.rangesEqual),
      !flags.contains(.alignmentsZero) || flags.contains(.alignmentsEqual)
    else {
      throw .malformed("flags that contradict each other (0x\(String(flags.rawValue, radix: 16)))", at: 0)
    }
    let sequence = try cursor.take(UInt32.self, "state number")
    guard let state = use(sequence) else {
      throw SynnaxError(
        "protocol", "frame of the unknown channel set \(sequence), this side is at \(self.sequence)",
        hint: "the two sides of the stream have lost each other; it must be opened anew")
    }

    var common = Common()
    if flags.contains(.lengthsEqual) { common.length = try cursor.take(UInt32.self, "length") }
    if flags.contains(.rangesEqual), !flags.contains(.rangesZero) { common.range = try cursor.takeRange() }
    if flags.contains(.alignmentsEqual), !flags.contains(.alignmentsZero) {
      common.alignment = Alignment(try cursor.take(UInt64.self, "alignment"))
    }

    var frame = WireFrame(sequence: sequence, series: [])
    // A core writes "minus one" as the common length of a frame without series.
    if cursor.isAtEnd, common.length == .max || !flags.contains(.allPresent) { return frame }
    if flags.contains(.allPresent) {
      frame.series.reserveCapacity(state.entries.count)
      for entry in state.entries {
        frame.series.append(try Self.series(entry, flags, common, &cursor))
      }
      guard cursor.isAtEnd else { throw .malformed("bytes behind the last series", at: cursor.position) }
    } else {
      var place = 0
      while !cursor.isAtEnd {
        let at = cursor.position
        let key = try cursor.take(UInt32.self, "channel key")
        guard let found = state.place(of: key, near: place) else {
          throw .malformed("channel \(key), which is not on this stream,", at: at)
        }
        place = found
        guard frame.series.count < SynnaxLimits.frameSeries else {
          throw .malformed("more than \(SynnaxLimits.frameSeries) series", at: at)
        }
        frame.series.append(try Self.series(state.entries[found], flags, common, &cursor))
      }
    }
    return frame
  }

  /// As `decode(_:)`, for bytes that are in an array.
  public mutating func decode(_ bytes: [UInt8]) throws(SynnaxError) -> WireFrame {
    let result = bytes.withUnsafeBytes { buffer -> Result<WireFrame, SynnaxError> in
      do throws(SynnaxError) { return .success(try decode(buffer)) } catch { return .failure(error) }
    }
    return try result.get()
  }

  /// What all series of a frame share.
  private struct Common {
    var length: UInt32?
    var range = TimeRange.zero
    var alignment = Alignment(0)
  }

  private static func series(
    _ entry: Entry, _ flags: Flags, _ common: Common, _ cursor: inout Cursor
  ) throws(SynnaxError) -> WireSeries {
    let length: UInt32
    if let equal = common.length { length = equal } else { length = try cursor.take(UInt32.self, "length") }
    var series = WireSeries(key: entry.key, try storage(entry.type, Int(length), &cursor))
    if flags.contains(.rangesEqual) {
      series.timeRange = common.range
    } else {
      series.timeRange = try cursor.takeRange()
    }
    if flags.contains(.alignmentsEqual) {
      series.alignment = common.alignment
    } else {
      series.alignment = Alignment(try cursor.take(UInt64.self, "alignment"))
    }
    if flags.contains(.multiples) { series.multiple = max(1, try cursor.take(UInt32.self, "multiple")) }
    return series
  }

  /// `length` is a count of samples, for variable types of bytes.
  private static func storage(
    _ type: DataType, _ length: Int, _ cursor: inout Cursor
  ) throws(SynnaxError) -> SampleStorage {
    if let width = type.width {
      guard type != .bool else { return unpacked(try cursor.takeBlock((length + 7) / 8), length) }
      // 32 bits times 16 fits.
      return SampleStorage(type: type, copying: try cursor.takeBlock(length * width))
    }
    let start = cursor.position
    var block = Cursor(try cursor.takeBlock(length))
    var count = 0
    while !block.isAtEnd {
      guard let size = block.next(UInt32.self), block.skip(Int(size)) else {
        throw .malformed("a \(type.rawValue) sample that does not fit its block", at: start + block.position)
      }
      count += 1
    }
    let storage = SampleStorage(type: type, capacity: count)
    block.position = 0
    while let size = block.next(UInt32.self) { storage.append(blob: Array(try block.takeBlock(Int(size)))) }
    return storage
  }

  private static func unpacked(_ bits: UnsafeRawBufferPointer, _ count: Int) -> SampleStorage {
    let storage = SampleStorage(type: .bool, capacity: count)
    for position in 0..<count { storage.append(bits[position >> 3] >> UInt8(position & 7) & 1) }
    return storage
  }
}

extension FrameCodec.State {
  /// Where a key is. Frames come in ascending order, so the next place is looked at before searching.
  func place(of key: UInt32, near place: Int) -> Int? {
    for candidate in place..<min(place + 2, entries.count) where entries[candidate].key == key {
      return candidate
    }
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].key < key { low = middle + 1 } else { high = middle }
    }
    return low < entries.count && entries[low].key == key ? low : nil
  }
}

/// A place in borrowed bytes that never passes their end.
struct Cursor {
  private let bytes: UnsafeRawBufferPointer
  var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }

  mutating func next<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) -> T? {
    guard bytes.count - position >= MemoryLayout<T>.size else { return nil }
    defer { position += MemoryLayout<T>.size }
    return T(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: T.self))
  }

  mutating func skip(_ count: Int) -> Bool {
    guard count <= bytes.count - position else { return false }
    position += count
    return true
  }

  mutating func take<T: FixedWidthInteger & BitwiseCopyable>(
    _ type: T.Type, _ what: String
  ) throws(SynnaxError) -> T {
    guard let value = next(type) else { throw .malformed("it ends within the \(what)", at: position) }
    return value
  }

  mutating func takeRange() throws(SynnaxError) -> TimeRange {
    TimeRange(start: try take(Int64.self, "time range"), end: try take(Int64.self, "time range"))
  }

  mutating func takeBlock(_ count: Int) throws(SynnaxError) -> UnsafeRawBufferPointer {
    let start = position
    guard skip(count) else {
      throw .malformed("a block of \(count) bytes, \(bytes.count - position) are left,", at: position)
    }
    return UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
  }
}
