/// Reads the frames of one direction of a WebSocket connection: bytes in, events out. A plain value without I/O,
/// so that it can be fed whole, byte by byte, cut or with noise; it never traps and never holds more than one
/// frame header, one message and one control frame.
///
/// A frame that lies whole in the bytes fed is handed over without a copy (masked ones are unmasked into a scratch
/// buffer). Only the frame at a cut between two feeds is gathered.
package struct WebSocketFrameParser {
  package enum Role: Sendable {
    /// Reads what a server sent: masked frames are refused.
    case client
    /// Reads what a client sent: unmasked frames are refused unless `acceptsUnmasked`.
    case server(acceptsUnmasked: Bool)
  }

  package enum Event {
    case text(UnsafeRawBufferPointer)
    case binary(UnsafeRawBufferPointer)
    case ping(UnsafeRawBufferPointer)
    case pong(UnsafeRawBufferPointer)
    /// Nothing is read after it.
    case close(code: UInt16?, reason: String)
  }

  /// The peer broke a rule; the parser is of no use any more.
  package struct Violation: Error, Equatable {
    /// What to close with.
    package var closeCode: UInt16
    package var message: String
    /// The rule is only this side's own: fragments are not accepted here.
    package var isFragment = false
  }

  private let role: Role
  private let messageBytes: Int
  private let acceptsFragments: Bool
  /// The start of a frame that the next feed will go on with.
  private var held: [UInt8] = []
  /// Payload of the fragments so far.
  private var fragments: [UInt8] = []
  private var fragmentOpcode: WebSocketOpcode?
  private var unmasked: [UInt8] = []
  /// A Close came or a rule was broken: what follows is not looked at.
  package private(set) var isEnded = false

  package init(role: Role, messageBytes: Int, acceptsFragments: Bool = true) {
    self.role = role
    self.messageBytes = max(0, messageBytes)
    self.acceptsFragments = acceptsFragments
  }

  /// Bytes kept between feeds.
  package var heldBytes: Int { held.count + fragments.count }

  /// Reads `bytes`. The pointers in an event are valid during the call of `sink` only.
  package mutating func feed(
    _ bytes: UnsafeRawBufferPointer, _ sink: (Event) -> Void
  ) throws(Violation) {
    var rest = bytes[...]
    while !isEnded, !rest.isEmpty {
      if held.isEmpty {
        let used = try readFrames(UnsafeRawBufferPointer(rebasing: rest), sink)
        rest = rest.dropFirst(used)
        if isEnded { return }
        // Less than a frame is left: the first bytes tell how many are missing.
        held.append(contentsOf: rest)
        return
      }
      // Complete the frame that was cut, and only that one.
      let wanted = try withHeld { (parser, bytes) throws(Violation) in try parser.frameBytes(bytes) }
      if held.count < wanted {
        let taken = min(wanted - held.count, rest.count)
        held.append(contentsOf: rest.prefix(taken))
        rest = rest.dropFirst(taken)
        continue
      }
      _ = try withHeld { (parser, bytes) throws(Violation) in try parser.readFrames(bytes, sink) }
      held.removeAll(keepingCapacity: held.capacity <= 1 << 16)
    }
    if !isEnded, !held.isEmpty { try readHeldIfWhole(sink) }
  }

  /// After the last byte of a feed the held frame may just have become whole.
  private mutating func readHeldIfWhole(_ sink: (Event) -> Void) throws(Violation) {
    let wanted = try withHeld { (parser, bytes) throws(Violation) in try parser.frameBytes(bytes) }
    // A header that grew tells more: its length field may make the frame longer than known before.
    guard held.count >= wanted else { return }
    _ = try withHeld { (parser, bytes) throws(Violation) in try parser.readFrames(bytes, sink) }
    held.removeAll(keepingCapacity: held.capacity <= 1 << 16)
  }

  /// Lends out the held bytes while the rest of the parser may change.
  private mutating func withHeld<Result>(
    _ body: (inout Self, UnsafeRawBufferPointer) throws(Violation) -> Result
  ) throws(Violation) -> Result {
    let taken = held
    var outcome: Swift.Result<Result, Violation>?
    taken.withUnsafeBytes { bytes in
      do throws(Violation) { outcome = .success(try body(&self, bytes)) } catch { outcome = .failure(error) }
    }
    guard let outcome else { preconditionFailure("withUnsafeBytes runs its body") }
    return try outcome.get()
  }

  private struct Header {
    var isFinal: Bool
    var opcode: WebSocketOpcode
    var mask: UInt32?
    var headerBytes: Int
    var payloadBytes: Int
  }

  /// How many bytes are needed: the whole frame, or as much of its header as tells the next step.
  private mutating func frameBytes(_ bytes: UnsafeRawBufferPointer) throws(Violation) -> Int {
    guard bytes.count >= 2 else { return 2 }
    if let header = try header(bytes) { return header.headerBytes + header.payloadBytes }
    let second = bytes[1]
    return WebSocketFrameWriter.headerBytes(
      payload: second & 0x7F == 127 ? 65536 : Int(second & 0x7F), isMasked: second & 0x80 != 0)
  }

  /// `nil` when the header is not whole yet. Everything that can be refused is refused here, before its payload
  /// has come.
  private mutating func header(_ bytes: UnsafeRawBufferPointer) throws(Violation) -> Header? {
    guard bytes.count >= 2 else { return nil }
    let first = bytes[0]
    let second = bytes[1]
    guard first & 0x70 == 0 else { throw fail("a reserved bit is set") }
    guard let opcode = WebSocketOpcode(rawValue: first & 0x0F) else {
      throw fail("unknown opcode \(first & 0x0F)")
    }
    let isFinal = first & 0x80 != 0
    let isMasked = second & 0x80 != 0
    switch role {
    case .client: if isMasked { throw fail("a server must not mask") }
    case .server(let acceptsUnmasked):
      if !isMasked, !acceptsUnmasked { throw fail("a client must mask") }
    }
    let short = Int(second & 0x7F)
    if opcode.rawValue >= 8 {
      guard isFinal else { throw fail("a control frame must not be fragmented") }
      guard short <= TransportLimits.controlBytes else { throw fail("a control frame is too long") }
    } else {
      if !acceptsFragments, !isFinal || opcode == .continuation {
        throw fail("a fragment", isFragment: true)
      }
      if opcode == .continuation, fragmentOpcode == nil { throw fail("a continuation of nothing") }
      if opcode != .continuation, fragmentOpcode != nil { throw fail("a message inside a fragmented one") }
    }
    var offset = 2
    var payload = short
    if short == 126 {
      guard bytes.count >= 4 else { return nil }
      payload = Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
      guard payload >= 126 else { throw fail("a length is not written in the shortest way") }
      offset = 4
    } else if short == 127 {
      guard bytes.count >= 10 else { return nil }
      let long = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
      guard long >= 65536, long <= UInt64(Int64.max) else {
        throw fail("a length is not written in the shortest way")
      }
      payload = Int(long)
      offset = 10
    }
    if opcode.rawValue < 8, payload > messageBytes - fragments.count {
      throw fail(
        "a message of more than \(messageBytes) bytes", closeCode: WebSocketCloseCode.tooLarge)
    }
    var mask: UInt32?
    if isMasked {
      guard bytes.count >= offset + 4 else { return nil }
      mask = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
      offset += 4
    }
    return Header(
      isFinal: isFinal, opcode: opcode, mask: mask, headerBytes: offset, payloadBytes: payload)
  }

  /// Reads all whole frames and answers how many bytes they took.
  private mutating func readFrames(
    _ bytes: UnsafeRawBufferPointer, _ sink: (Event) -> Void
  ) throws(Violation) -> Int {
    var offset = 0
    let count = bytes.count
    while !isEnded {
      // The case that matters: a short, final, unmasked data frame from a server.
      if offset &+ 2 <= count, case .client = role, fragmentOpcode == nil {
        let first = bytes[offset]
        let short = Int(bytes[offset &+ 1])
        if first == 0x82 || first == 0x81, short < 126, short <= messageBytes {
          guard offset &+ 2 &+ short <= count else { return offset }
          let start = offset &+ 2
          let payload = UnsafeRawBufferPointer(rebasing: bytes[start..<start &+ short])
          offset = start &+ short
          if first == 0x82 { sink(.binary(payload)) } else { try emit(.text, payload, sink) }
          continue
        }
      }
      let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
      guard let header = try header(rest), header.payloadBytes <= rest.count - header.headerBytes else {
        return offset
      }
      let end = header.headerBytes + header.payloadBytes
      try readFrame(header, UnsafeRawBufferPointer(rebasing: rest[header.headerBytes..<end]), sink)
      offset += end
    }
    return offset
  }

  private mutating func readFrame(
    _ header: Header, _ payload: UnsafeRawBufferPointer, _ sink: (Event) -> Void
  ) throws(Violation) {
    guard let mask = header.mask, !payload.isEmpty else { return try deliver(header, payload, sink) }
    var scratch: [UInt8] = []
    swap(&scratch, &unmasked)
    if scratch.count < payload.count { scratch = [UInt8](repeating: 0, count: payload.count) }
    defer { if scratch.count <= 1 << 16 { unmasked = scratch } }
    var violation: Violation?
    scratch.withUnsafeMutableBytes { room in
      let target = UnsafeMutableRawBufferPointer(rebasing: room[..<payload.count])
      WebSocketMask.apply(mask, to: payload, into: target)
      do throws(Violation) { try deliver(header, UnsafeRawBufferPointer(target), sink) } catch {
        violation = error
      }
    }
    if let violation { throw violation }
  }

  private mutating func deliver(
    _ header: Header, _ payload: UnsafeRawBufferPointer, _ sink: (Event) -> Void
  ) throws(Violation) {
    switch header.opcode {
    case .ping: sink(.ping(payload))
    case .pong: sink(.pong(payload))
    case .close: try close(payload, sink)
    case .text, .binary:
      if header.isFinal { return try emit(header.opcode, payload, sink) }
      fragmentOpcode = header.opcode
      fragments.append(contentsOf: payload)
    case .continuation:
      fragments.append(contentsOf: payload)
      guard header.isFinal, let opcode = fragmentOpcode else { return }
      var whole: [UInt8] = []
      swap(&whole, &fragments)
      fragmentOpcode = nil
      var violation: Violation?
      whole.withUnsafeBytes { bytes in
        do throws(Violation) { try emit(opcode, bytes, sink) } catch { violation = error }
      }
      if let violation { throw violation }
    }
  }

  private mutating func emit(
    _ opcode: WebSocketOpcode, _ payload: UnsafeRawBufferPointer, _ sink: (Event) -> Void
  ) throws(Violation) {
    guard opcode == .text else { return sink(.binary(payload)) }
    guard Self.isUTF8(payload) else {
      throw fail("a text message is not UTF-8", closeCode: WebSocketCloseCode.notUTF8)
    }
    sink(.text(payload))
  }

  private mutating func close(
    _ payload: UnsafeRawBufferPointer, _ sink: (Event) -> Void
  ) throws(Violation) {
    guard !payload.isEmpty else {
      isEnded = true
      return sink(.close(code: nil, reason: ""))
    }
    guard payload.count >= 2 else { throw fail("a Close of one byte") }
    let code = UInt16(bigEndian: payload.loadUnaligned(as: UInt16.self))
    guard WebSocketCloseCode.isValid(code) else { throw fail("Close code \(code) must not be sent") }
    let reason = UnsafeRawBufferPointer(rebasing: payload[2...])
    guard Self.isUTF8(reason) else {
      throw fail("a Close reason is not UTF-8", closeCode: WebSocketCloseCode.notUTF8)
    }
    isEnded = true
    sink(.close(code: code, reason: String(decoding: reason, as: UTF8.self)))
  }

  private mutating func fail(
    _ message: String, closeCode: UInt16 = WebSocketCloseCode.protocolError, isFragment: Bool = false
  ) -> Violation {
    isEnded = true
    held = []
    fragments = []
    return Violation(closeCode: closeCode, message: message, isFragment: isFragment)
  }

  private static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard !bytes.isEmpty else { return true }
    return (try? UTF8Span(validating: bytes.bindMemory(to: UInt8.self).span)) != nil
  }
}
