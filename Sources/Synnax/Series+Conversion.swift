package import Telemetry

extension Series {
  /// The samples in one storage of a type. Numbers are converted where the value stays the same (floating-point ones
  /// may be rounded to `float32`); anything else throws `validation`, naming the sample.
  package func joined(as type: DataType) throws(SynnaxError) -> SampleStorage {
    let storage = SampleStorage(type: type, capacity: count)
    let isSame = self.type.canCarry(type)
    var failure: SynnaxError?
    forEachChunk { chunk in
      guard failure == nil else { return }
      if isSame, type.width != nil {
        storage.append(packed: chunk.storage.bytes(chunk.range))
        return
      }
      for position in chunk.range {
        guard storage.append(chunk.storage.sample(position), isSame: isSame) else {
          failure = SynnaxError(
            "validation",
            "\(channel.name): sample \(storage.used + 1) is no \(type.synnaxName): \(chunk.storage.sample(position))"
          )
          return
        }
      }
    }
    if let failure { throw failure }
    return storage
  }
}

extension SampleStorage {
  /// False when the value does not fit the type.
  func append(_ sample: Sample, isSame: Bool) -> Bool {
    func whole<T: FixedWidthInteger & FixedWidthSample>(_: T.Type) -> Bool {
      let value: T? =
        switch sample {
        case .integer(let value): T(exactly: value)
        case .unsigned(let value): T(exactly: value)
        case .float(let value): T(exactly: value)
        case .bool(let value): value ? 1 : 0
        case .bytes, .uuid: nil
        }
      if let value { append(value) }
      return value != nil
    }
    switch type {
    case .float32:
      guard let number = sample.number else { return false }
      append(Float(number))
    case .float64:
      guard let number = sample.number else { return false }
      append(number)
    case .int8: return whole(Int8.self)
    case .int16: return whole(Int16.self)
    case .int32: return whole(Int32.self)
    case .int64, .timestamp: return whole(Int64.self)
    case .uint8: return whole(UInt8.self)
    case .uint16: return whole(UInt16.self)
    case .uint32: return whole(UInt32.self)
    case .uint64: return whole(UInt64.self)
    case .bool:
      guard let number = sample.number, number == 0 || number == 1 else { return false }
      append(UInt8(number))
    case .string, .json, .bytes:
      guard case .bytes(let blob) = sample, isSame || type == .bytes else { return false }
      append(blob: blob)
    case .uuid: return false
    }
    return true
  }
}
