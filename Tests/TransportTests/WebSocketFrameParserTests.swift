import Randomness
import Testing
import Transport

@Suite struct WebSocketFrameParserTests {
  /// What a parser tells of bytes that come in such pieces.
  private func read(
    _ bytes: [UInt8], cut: Int = .max, role: WebSocketFrameParser.Role = .client, limit: Int = 1 << 20,
    fragments: Bool = true
  ) -> [String] {
    var parser = WebSocketFrameParser(role: role, messageBytes: limit, acceptsFragments: fragments)
    var story: [String] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = Array(rest.prefix(cut))
      rest = rest.dropFirst(cut)
      let violation = piece.withUnsafeBytes { raw -> WebSocketFrameParser.Violation? in
        do throws(WebSocketFrameParser.Violation) {
          try parser.feed(raw) { story.append(WebSocketFrameParser.line($0)) }
          return nil
        } catch { return error }
      }
      if let violation { return story + ["violation \(violation.closeCode)"] }
      #expect(parser.heldBytes <= limit + 14)
    }
    return story
  }

  private static func frame(
    _ opcode: UInt8, _ payload: [UInt8], mask: UInt32? = nil, isFinal: Bool = true
  ) -> [UInt8] {
    let header = WebSocketFrameWriter.headerBytes(payload: payload.count, isMasked: mask != nil)
    var bytes = [UInt8](repeating: 0, count: header + payload.count)
    bytes.withUnsafeMutableBytes { target in
      payload.withUnsafeBytes {
        WebSocketFrameWriter.write(opcode: opcode, payload: $0, mask: mask, into: target)
      }
    }
    if !isFinal { bytes[0] &= 0x7F }
    return bytes
  }

  private func frame(_ opcode: UInt8, _ text: String, mask: UInt32? = nil, isFinal: Bool = true) -> [UInt8] {
    Self.frame(opcode, Array(text.utf8), mask: mask, isFinal: isFinal)
  }

  @Test func readsTheExamplesOfTheRFC() {
    let server = WebSocketFrameParser.Role.server(acceptsUnmasked: false)
    #expect(read([0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]) == ["text Hello"])
    #expect(
      read([0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58], role: server) == ["text Hello"]
    )
    #expect(read([0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F]) == ["text Hello"])
    #expect(read([0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]) == ["ping [72, 101, 108, 108, 111]"])
    #expect(read([0x88, 0x02, 0x03, 0xE8]) == ["close 1000 "])
    #expect(read([0x88, 0x00]) == ["close - "])
  }

  @Test(arguments: [0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536, 70000])
  func roundTripsEveryLengthInEveryCut(count: Int) {
    let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    for mask in [nil, 0x1234_ABCD as UInt32?] {
      let role: WebSocketFrameParser.Role = mask == nil ? .client : .server(acceptsUnmasked: false)
      let bytes = Self.frame(2, payload, mask: mask) + Self.frame(1, [0x6F, 0x6B], mask: mask)
      let cuts = count < 1000 ? [1, 2, 3, 5, 127, .max] : [4096, 65535, .max]
      for cut in cuts { #expect(read(bytes, cut: cut, role: role) == ["binary \(payload)", "text ok"]) }
    }
  }

  @Test func refusesWhatTheRulesForbid() {
    let server = WebSocketFrameParser.Role.server(acceptsUnmasked: false)
    let lenient = WebSocketFrameParser.Role.server(acceptsUnmasked: true)
    let cases: [(String, [UInt8], WebSocketFrameParser.Role, [String])] = [
      ("reserved bit", [0xC1, 0x00], .client, ["violation 1002"]),
      ("opcode 3", [0x83, 0x00], .client, ["violation 1002"]),
      ("opcode 11", [0x8B, 0x00], .client, ["violation 1002"]),
      ("masked server", frame(1, "a", mask: 1), .client, ["violation 1002"]),
      ("unmasked client", frame(1, "a"), server, ["violation 1002"]),
      ("unmasked client, allowed", frame(1, "a"), lenient, ["text a"]),
      ("long ping", [0x89, 0x7E, 0x00, 0x7E], .client, ["violation 1002"]),
      ("fragmented ping", [0x09, 0x00], .client, ["violation 1002"]),
      ("lone continuation", [0x80, 0x00], .client, ["violation 1002"]),
      ("text in text", [0x01, 0x00, 0x81, 0x00], .client, ["violation 1002"]),
      ("long form of 5", [0x82, 0x7E, 0x00, 0x05], .client, ["violation 1002"]),
      ("very long form of 5", [0x82, 0x7F, 0, 0, 0, 0, 0, 0, 0, 5], .client, ["violation 1002"]),
      ("negative length", [0x82, 0x7F, 0xFF, 0, 0, 0, 0, 0, 0, 5], .client, ["violation 1002"]),
      (
        "huge length", [0x82, 0x7F, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], .client,
        ["violation 1009"]
      ),
      ("Close of one byte", [0x88, 0x01, 0x03], .client, ["violation 1002"]),
      ("Close 1005", [0x88, 0x02, 0x03, 0xED], .client, ["violation 1002"]),
      ("Close with bad text", [0x88, 0x03, 0x03, 0xE8, 0xFF], .client, ["violation 1007"]),
      ("bad UTF-8", [0x81, 0x02, 0xC3, 0x28], .client, ["violation 1007"]),
      ("surrogate", [0x81, 0x03, 0xED, 0xA0, 0x80], .client, ["violation 1007"]),
      ("cut UTF-8 over fragments", [0x01, 0x01, 0xC3, 0x80, 0x01, 0xA9], .client, ["text é"]),
      (
        "ping between fragments", [0x01, 0x01, 0x61, 0x89, 0x00, 0x80, 0x01, 0x62], .client,
        ["ping []", "text ab"]
      ),
      ("nothing after Close", [0x88, 0x00, 0x81, 0x00], .client, ["close - "]),
      (
        "message before the fault stays", [0x81, 0x01, 0x61, 0xFF, 0xFF], .client,
        ["text a", "violation 1002"]
      ),
    ]
    for (name, bytes, role, expected) in cases {
      for cut in [Int.max, 1, 2, 3] {
        #expect(read(bytes, cut: cut, role: role) == expected, "\(name) in \(cut)")
      }
    }
  }

  @Test func boundsAMessageHoweverItIsCut() {
    #expect(read(frame(2, "12345678"), limit: 8).count == 1)
    #expect(read(frame(2, "123456789"), limit: 8) == ["violation 1009"])
    let pieces =
      frame(2, "12345", isFinal: false) + frame(0, "678") + frame(2, "1", isFinal: false)
      + frame(0, "23456789")
    for cut in [1, 4, Int.max] {
      #expect(read(pieces, cut: cut, limit: 8) == ["binary \(Array("12345678".utf8))", "violation 1009"])
    }
    #expect(read(frame(2, "1", isFinal: false), fragments: false) == ["violation 1002"])
  }

  @Test func survivesNoiseAndMutationTheSameWayInEveryCut() {
    var generator = SplitMix(seed: 7)
    var outcomes: Set<Bool> = []
    let seeds = [
      frame(1, "grüße") + frame(2, String(repeating: "x", count: 200)) + frame(9, "p") + frame(8, ""),
      frame(1, "half", mask: 77, isFinal: false) + frame(0, "whole", mask: 99) + frame(2, "", mask: 1),
    ]
    for round in 0..<6000 {
      var bytes =
        round % 3 == 0 ? (0..<40).map { _ in UInt8.random(in: 0...255, using: &generator) } : seeds[round % 2]
      if round % 3 != 0, round % 7 != 0 {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^=
          1 << UInt8.random(in: 0..<8, using: &generator)
      }
      if round % 5 == 0 { bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &generator))) }
      let result = WebSocketFrameParser.feedBothWays([UInt8.random(in: 0...255, using: &generator)] + bytes)
      outcomes.insert(result >= 0)
    }
    #expect(outcomes == [true, false])
  }

  @Test func readsMillionsOfSmallMessagesWithoutHolding() {
    let bytes = Array(
      [[UInt8]](repeating: Self.frame(2, [UInt8](repeating: 7, count: 128)), count: 500).joined())
    var parser = WebSocketFrameParser(role: .client, messageBytes: 1 << 20)
    var count = 0
    for _ in 0..<20 { try? bytes.withUnsafeBytes { try parser.feed($0) { _ in count += 1 } } }
    #expect(count == 10_000)
    #expect(parser.heldBytes == 0)
  }
}

extension WebSocketFrameParser {
  /// The first byte chooses role, limit and cut length, the rest is fed in such cuts and whole,
  /// and both ways must tell the same. Answers the number of messages, or -1 after a violation.
  static func feedBothWays(_ input: [UInt8]) -> Int {
    guard let knobs = input.first else { return 0 }
    let bytes = input.dropFirst()
    let role: Role = knobs & 1 == 0 ? .client : .server(acceptsUnmasked: knobs & 2 != 0)
    func run(cut: Int) -> [String] {
      var parser = Self(
        role: role, messageBytes: 1 << (4 + Int(knobs >> 4)), acceptsFragments: knobs & 4 == 0)
      var story: [String] = []
      var rest = bytes
      do throws(Violation) {
        while !rest.isEmpty {
          let piece = Array(rest.prefix(cut))
          rest = rest.dropFirst(cut)
          var violation: Violation?
          piece.withUnsafeBytes { raw in
            do throws(Violation) { try parser.feed(raw) { story.append(Self.line($0)) } } catch {
              violation = error
            }
          }
          if let violation { throw violation }
        }
      } catch {
        story.append("violation \(error.closeCode)")
      }
      return story
    }
    let whole = run(cut: max(1, bytes.count))
    let pieces = run(cut: 1 + Int(knobs >> 3 & 7))
    precondition(whole == pieces, "the cut changed the meaning")
    return whole.last?.hasPrefix("violation") == true ? -1 : whole.count
  }

  /// An event as a line, for comparing runs.
  static func line(_ event: Event) -> String {
    switch event {
    case .text(let bytes): "text \(String(decoding: bytes, as: UTF8.self))"
    case .binary(let bytes): "binary \(Array(bytes))"
    case .ping(let bytes): "ping \(Array(bytes))"
    case .pong(let bytes): "pong \(Array(bytes))"
    case .close(let code, let reason): "close \(code.map { String($0) } ?? "-") \(reason)"
    }
  }
}

/// A generator that gives the same numbers every time.
