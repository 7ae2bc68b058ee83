/// Pairs headers with payloads on the data socket (section 6.6). Takes any bytes; keeps at most one header.
package struct BelaDecoder: Sendable {
  /// What one message completed. Bytes are borrowed from the message.
  package enum Item {
    /// 4104 bytes of a stream.
    case block(id: Int, type: BelaType, UnsafeRawBufferPointer)
    /// One value of a monitor.
    case value(id: Int, type: BelaType, tick: Int64, UnsafeRawBufferPointer)
    /// A header whose payload never came: the payload of this id is lost.
    case lostPayload(id: Int, type: BelaType)
    /// A payload whose header never came: nobody knows of which variable.
    case lostHeader
    /// A payload of no length the watcher sends: a buffer of the program's own, or damage.
    case foreign(id: Int, type: BelaType)
  }

  package struct Counts: Sendable, Hashable {
    package var blocks: Int64 = 0
    package var values: Int64 = 0
    package var lostHeaders: Int64 = 0
    package var lostPayloads: Int64 = 0
    package var foreign: Int64 = 0
  }

  package private(set) var counts = Counts()
  private var pending: (id: Int, type: BelaType)?

  package init() {}

  /// The connection began anew; a header of the old one has no payload on this.
  package mutating func reset() { pending = nil }

  package mutating func feed(_ message: UnsafeRawBufferPointer) -> Item? {
    if let header = Self.header(message) {
      defer { pending = header }
      guard let lost = pending else { return nil }
      counts.lostPayloads += 1
      return .lostPayload(id: lost.id, type: lost.type)
    }
    guard let (id, type) = pending else {
      counts.lostHeaders += 1
      return .lostHeader
    }
    pending = nil
    switch message.count {
    case BlockLayout.blockBytes:
      counts.blocks += 1
      return .block(id: id, type: type, message)
    case 8 + type.size:
      counts.values += 1
      let tick = Int64(clamping: UInt64(littleEndian: message.loadUnaligned(as: UInt64.self)))
      return .value(id: id, type: type, tick: tick, UnsafeRawBufferPointer(rebasing: message[8...]))
    default:
      counts.foreign += 1
      return .foreign(id: id, type: type)
    }
  }

  /// `^[0-9]+/[fijdc]$` in at most 8 bytes.
  package static func header(_ message: UnsafeRawBufferPointer) -> (id: Int, type: BelaType)? {
    guard (3...BelaLimits.headerBytes).contains(message.count),
      message[message.count - 2] == UInt8(ascii: "/"), let type = BelaType(letter: message[message.count - 1])
    else { return nil }
    var id = 0
    for byte in message[..<(message.count - 2)] {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      id = id * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return (id, type)
  }

  /// The header of a variable's messages.
  package static func header(id: Int, type: BelaType) -> [UInt8] {
    Array("\(id)/".utf8) + [type.letter]
  }
}
