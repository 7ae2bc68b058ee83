import Terminal
import Testing

@Suite struct KeyDecoderTests {
  private func decode(_ bytes: [UInt8], pieces: Int) -> String {
    var decoder = KeyDecoder()
    var result = String.UnicodeScalarView()
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      decoder.append(bytes[start..<min(bytes.count, start + pieces)])
      while let scalar = decoder.next() { result.append(scalar) }
    }
    return String(result)
  }

  @Test(arguments: [1, 2, 3, 100])
  func decodesInAnyPieces(pieces: Int) {
    let text = "aé日🙂\u{1b}[A"
    #expect(decode(Array(text.utf8), pieces: pieces) == text)
  }

  @Test func replacesWhatIsNoCharacter() {
    let cases: [[UInt8]] = [
      [0x61, 0xff, 0x62], [0xe6, 0x97, 0x62], [0xc0, 0x80, 0x62], [0xed, 0xa0, 0x80, 0x62],
      [0xf4, 0x90, 0x80, 0x80, 0x62],
      [0xe0, 0x80, 0x80, 0x62],
    ]
    for bytes in cases {
      let whole = decode(bytes, pieces: 100)
      #expect(whole.contains("\u{fffd}") && whole.hasSuffix("b"))
      #expect(decode(bytes, pieces: 1) == whole)
    }
  }

  @Test func boundsWhatIsTypedAhead() {
    var decoder = KeyDecoder()
    decoder.append([UInt8](repeating: 0x61, count: (1 << 20) + 5))
    #expect(decoder.bytesDropped == 5)
    #expect(decoder.next() == "a")
    decoder.append([0x62])
    #expect(decoder.bytesDropped == 5)
  }

  @Test func looksAhead() {
    var decoder = KeyDecoder()
    decoder.append(Array("[20".utf8))
    #expect(decoder.startsWith(Array("[200~".utf8)) == nil)
    decoder.append(Array("0~".utf8))
    #expect(decoder.startsWith(Array("[200~".utf8)) == true)
    #expect(decoder.startsWith(Array("[201~".utf8)) == false)
  }
}
