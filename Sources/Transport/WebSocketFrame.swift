/// Opcodes of RFC 6455, 5.2.
enum WebSocketOpcode: UInt8 {
  case continuation = 0x0
  case text = 0x1
  case binary = 0x2
  case close = 0x8
  case ping = 0x9
  case pong = 0xA
}

/// Close codes of RFC 6455, 7.4.
public enum WebSocketCloseCode {
  public static let normal: UInt16 = 1000
  public static let goingAway: UInt16 = 1001
  public static let protocolError: UInt16 = 1002
  public static let notUTF8: UInt16 = 1007
  public static let tooLarge: UInt16 = 1009
  public static let internalError: UInt16 = 1011

  /// Whether a code may stand in a Close frame.
  package static func isValid(_ code: UInt16) -> Bool {
    switch code {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}

/// Writes frames: one frame a message, never fragmented, no extension.
package enum WebSocketFrameWriter {
  /// Bytes of the header before a payload of that length.
  package static func headerBytes(payload: Int, isMasked: Bool) -> Int {
    (payload < 126 ? 2 : payload < 65536 ? 4 : 10) + (isMasked ? 4 : 0)
  }

  /// Writes header and payload into `target`, which has exactly the room for both. With a `mask` the payload is
  /// masked on the way, 8 bytes at a time.
  package static func write(
    opcode: UInt8, payload: UnsafeRawBufferPointer, mask: UInt32?, into target: UnsafeMutableRawBufferPointer
  ) {
    let count = payload.count
    let header = headerBytes(payload: count, isMasked: mask != nil)
    precondition(target.count == header + count)
    let maskBit: UInt8 = mask == nil ? 0 : 0x80
    target[0] = 0x80 | opcode
    if count < 126 {
      target[1] = maskBit | UInt8(count)
    } else if count < 65536 {
      target[1] = maskBit | 126
      target.storeBytes(of: UInt16(count).bigEndian, toByteOffset: 2, as: UInt16.self)
    } else {
      target[1] = maskBit | 127
      target.storeBytes(of: UInt64(count).bigEndian, toByteOffset: 2, as: UInt64.self)
    }
    let body = UnsafeMutableRawBufferPointer(rebasing: target[header...])
    if let mask {
      target.storeBytes(of: mask, toByteOffset: header - 4, as: UInt32.self)
      WebSocketMask.apply(mask, to: payload, into: body)
    } else if count > 0 {
      body.copyMemory(from: payload)
    }
  }
}

/// The masking of RFC 6455, 5.3, in memory order: the first byte of `mask` as stored goes with the first byte.
package enum WebSocketMask {
  package static func apply(
    _ mask: UInt32, to source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) {
    precondition(target.count == source.count)
    guard let from = source.baseAddress, let to = target.baseAddress else { return }
    let wide = UInt64(mask) << 32 | UInt64(mask)
    var offset = 0
    while offset &+ 8 <= source.count {
      let word = from.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ wide
      to.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
      offset &+= 8
    }
    // The tail starts at a multiple of 8, so the mask starts anew there.
    var rest = wide.littleEndian
    while offset < source.count {
      let byte = from.load(fromByteOffset: offset, as: UInt8.self) ^ UInt8(truncatingIfNeeded: rest)
      to.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
      rest >>= 8
      offset &+= 1
    }
  }
}
