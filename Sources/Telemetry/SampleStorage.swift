/// A block of memory for samples of one type that is only ever appended to, by one owner. What has been written
/// never changes, so any number of readers may look at it while the owner goes on behind their part.
///
/// Types of variable width hold one byte array a sample.
// Safety: `used` is touched by the owner only (a decoder before it hands the storage on, a `SampleBuffer` under the
// lock of its streamer). Readers reach samples through a `Chunk` whose count was fixed under that same lock, after
// the samples were written; memory behind that count is never read.
public final class SampleStorage: @unchecked Sendable {
  public let type: DataType
  public let capacity: Int
  /// How many samples have been written. For the owner.
  public var used: Int { header.pointee }
  /// The times of an index, which all of its channels refer to: they count as memory of the index alone.
  let isShared: Bool
  private let base: UnsafeMutableRawPointer
  // Before the samples, where counting on costs no look at who else does.
  let header: UnsafeMutablePointer<Int>

  // As long as a full chunk.
  private let isBlock: Bool

  /// Bytes of a slot: the sample itself, or the reference to its bytes.
  private let stride: Int

  public convenience init(type: DataType, capacity: Int) {
    self.init(type: type, capacity: capacity, isShared: false)
  }

  init(type: DataType, capacity: Int, isShared: Bool) {
    precondition(capacity >= 0)
    self.isShared = isShared
    self.type = type
    self.capacity = capacity
    stride = type.width ?? Self.blobStride
    let bytes = Self.headerBytes + max(1, capacity * stride)
    isBlock = bytes > ChunkMemory.blockBytes * 15 / 16 && bytes <= ChunkMemory.blockBytes
    let memory =
      isBlock
      ? ChunkMemory.take() : UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16)
    header = memory.bindMemory(to: Int.self, capacity: 1)
    header.initialize(to: 0)
    base = memory + Self.headerBytes
  }

  private static let headerBytes = 16

  deinit {
    if type.width == nil { base.assumingMemoryBound(to: [UInt8].self).deinitialize(count: used) }
    if isBlock { ChunkMemory.giveBack(header) } else { header.deallocate() }
  }

  /// A storage that holds a copy of packed little-endian samples; bytes behind the last whole sample are left out.
  /// - Precondition: the type has a fixed width.
  public convenience init(type: DataType, copying bytes: UnsafeRawBufferPointer) {
    self.init(type: type, capacity: bytes.count / type.width!)
    append(packed: bytes)
  }

  /// A storage of values whose type fits `T`.
  public convenience init<T: FixedWidthSample>(_ values: some Collection<T>, as type: DataType = T.dataType) {
    precondition(type.width == MemoryLayout<T>.stride)
    self.init(type: type, capacity: values.count)
    for value in values { append(value) }
  }

  /// A storage of text, JSON, or bytes.
  public convenience init(type: DataType, blobs: some Collection<[UInt8]>) {
    precondition(type.width == nil)
    self.init(type: type, capacity: blobs.count)
    for blob in blobs { append(blob: blob) }
  }

  /// Appends one sample. For the owner.
  public func append<T: FixedWidthSample>(_ value: T) {
    precondition(used < capacity && MemoryLayout<T>.stride == stride && type.width != nil)
    base.storeBytes(of: value, toByteOffset: used * stride, as: T.self)
    header.pointee += 1
  }

  /// Appends packed little-endian samples, whole ones only. For the owner.
  public func append(packed bytes: UnsafeRawBufferPointer) {
    let count = bytes.count / stride
    precondition(used + count <= capacity && type.width != nil)
    if count > 0 { (base + used * stride).copyMemory(from: bytes.baseAddress!, byteCount: count * stride) }
    header.pointee += count
  }

  /// Where the next sample goes. For the owner.
  var end: UnsafeMutableRawPointer { base + used * stride }

  /// As `append(packed:)` for a caller that has seen to it that they fit.
  @inline(__always)
  func appendUnchecked(packed bytes: UnsafeRawPointer, samples: Int, width: Int) {
    (base + used &* width).copyMemory(from: bytes, byteCount: samples &* width)
    header.pointee &+= samples
  }

  /// Appends one sample of variable width. For the owner.
  public func append(blob: [UInt8]) {
    precondition(used < capacity && type.width == nil)
    (base.assumingMemoryBound(to: [UInt8].self) + used).initialize(to: blob)
    header.pointee += 1
  }

  /// Appends a run of another storage of the same type. For the owner.
  func append(_ other: SampleStorage, _ range: Range<Int>) {
    if type.width != nil {
      append(packed: other.bytes(range))
    } else {
      for position in range { append(blob: other.blob(position)) }
    }
  }

  /// The memory of a run of fixed-width samples, valid while this storage lives.
  public func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    precondition(range.lowerBound >= 0 && range.upperBound <= capacity && type.width != nil)
    return UnsafeRawBufferPointer(start: base + range.lowerBound * stride, count: range.count * stride)
  }

  /// The bytes of one sample of variable width.
  public func blob(_ position: Int) -> [UInt8] {
    precondition(position >= 0 && position < capacity && type.width == nil)
    return base.assumingMemoryBound(to: [UInt8].self)[position]
  }

  /// A run as values, without a copy. The closure must not keep the pointer.
  public func withValues<T: FixedWidthSample, R>(
    _ range: Range<Int>, as: T.Type = T.self, _ body: (UnsafeBufferPointer<T>) throws -> R
  ) rethrows -> R {
    precondition(MemoryLayout<T>.stride == stride)
    return try body(bytes(range).assumingMemoryBound(to: T.self))
  }

  /// One sample, of whatever type.
  public func sample(_ position: Int) -> Sample {
    guard type.width != nil else { return .bytes(blob(position)) }
    let at = UnsafeRawPointer(base + position * stride)
    precondition(position >= 0 && position < capacity)
    switch type {
    case .float32: return .float(Double(at.load(as: Float.self)))
    case .float64: return .float(at.load(as: Double.self))
    case .int8: return .integer(Int64(at.load(as: Int8.self)))
    case .int16: return .integer(Int64(at.load(as: Int16.self)))
    case .int32: return .integer(Int64(at.load(as: Int32.self)))
    case .int64, .timestamp: return .integer(at.load(as: Int64.self))
    case .uint8: return .integer(Int64(at.load(as: UInt8.self)))
    case .uint16: return .integer(Int64(at.load(as: UInt16.self)))
    case .uint32: return .integer(Int64(at.load(as: UInt32.self)))
    case .uint64:
      let value = at.load(as: UInt64.self)
      return Int64(exactly: value).map(Sample.integer) ?? .unsigned(value)
    case .bool: return .bool(at.load(as: UInt8.self) != 0)
    case .uuid:
      return .uuid(
        high: UInt64(bigEndian: at.load(as: UInt64.self)),
        low: UInt64(bigEndian: (at + 8).load(as: UInt64.self)))
    case .string, .json, .bytes: preconditionFailure("has no fixed width")
    }
  }

  /// Bytes that a run takes: for variable widths the bytes themselves and the reference to them.
  func byteCount(_ range: Range<Int>) -> Int {
    if type.width != nil { return range.count * stride }
    return range.reduce(0) { $0 + blob($1).count + stride }
  }

  /// Memory that a run takes: byte arrays have a header of their own.
  func memory(_ range: Range<Int>) -> Int {
    if type.width != nil { return range.count * stride }
    return range.reduce(0) { $0 + Self.memory(ofBlob: blob($1).count) }
  }

  /// How many samples of a run, at least one, take not much more memory than so many bytes.
  func prefix(_ range: Range<Int>, bytes: Int) -> Int {
    var rest = bytes
    for position in range {
      rest -= Self.memory(ofBlob: blob(position).count)
      if rest <= 0 { return position - range.lowerBound + 1 }
    }
    return range.count
  }

  private static func memory(ofBlob count: Int) -> Int { blobStride + (count > 0 ? 32 + count : 0) }

  /// Bytes of a reference to a byte array.
  static let blobStride = MemoryLayout<[UInt8]>.stride
}

/// Swift types whose memory is a sample.
public protocol FixedWidthSample: BitwiseCopyable, Sendable {
  static var dataType: DataType { get }
}

extension Float: FixedWidthSample { public static var dataType: DataType { .float32 } }
extension Double: FixedWidthSample { public static var dataType: DataType { .float64 } }
extension Int8: FixedWidthSample { public static var dataType: DataType { .int8 } }
extension Int16: FixedWidthSample { public static var dataType: DataType { .int16 } }
extension Int32: FixedWidthSample { public static var dataType: DataType { .int32 } }
extension Int64: FixedWidthSample { public static var dataType: DataType { .int64 } }
extension UInt8: FixedWidthSample { public static var dataType: DataType { .uint8 } }
extension UInt16: FixedWidthSample { public static var dataType: DataType { .uint16 } }
extension UInt32: FixedWidthSample { public static var dataType: DataType { .uint32 } }
extension UInt64: FixedWidthSample { public static var dataType: DataType { .uint64 } }
