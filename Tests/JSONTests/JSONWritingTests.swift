import JSON
import Testing

@Suite struct JSONWritingTests {
  private static let value: JSON = [
    "b": [1, .number(2), .number(-0.5)], "a": ["x": nil, "w": true], "e": [], "o": [:], "s": "é/\u{7F}\n",
  ]

  @Test func compactIsWithoutASpace() {
    #expect(
      Self.value.encodedText()
        == #"{"b":[1,2.0,-0.5],"a":{"x":null,"w":true},"e":[],"o":{},"s":"é/\u007f\n"}"#)
    #expect(Self.value.encodedText(.line) == Self.value.encodedText() + "\n")
  }

  @Test func spacedIsAsPythonWritesALine() {
    #expect(
      Self.value.encodedText(.spaced)
        == #"{"b": [1, 2.0, -0.5], "a": {"x": null, "w": true}, "e": [], "o": {}, "s": "é/\u007f\n"}"#)
  }

  @Test func indentedIsAsPythonWritesAFile() {
    #expect(
      JSON.object([.init("a", [1, ["b": []]]), .init("c", [:])]).encodedText(.indented(1))
        == "{\n \"a\": [\n  1,\n  {\n   \"b\": []\n  }\n ],\n \"c\": {}\n}")
    #expect(
      JSON.object([.init("a", [["b": 1, "c": [2, 3]], ["b": 4]]), .init("d", 5)]).encodedText(
        .indented(2, unfolds: 2))
        == "{\n  \"a\": [\n    {\"b\": 1, \"c\": [2, 3]},\n    {\"b\": 4}\n  ],\n  \"d\": 5\n}")
  }

  @Test func keysAreSortedWhereThatIsWanted() {
    var writing = JSON.Writing.compact
    writing.sortsKeys = true
    #expect(
      Self.value.encodedText(writing)
        == #"{"a":{"w":true,"x":null},"b":[1,2.0,-0.5],"e":[],"o":{},"s":"é/\u007f\n"}"#)
  }

  @Test func whatIsBeyondASCIIIsEscapedWhereThatIsWanted() {
    var writing = JSON.Writing.compact
    writing.isASCII = true
    #expect(
      JSON.string("aé€😀\u{10FFFF}~").encodedText(writing) == #""a\u00e9\u20ac\ud83d\ude00\udbff\udfff~""#)
    #expect(JSON.string("a/b").encodedText(writing) == #""a/b""#)
    writing.escapesSlash = true
    #expect(JSON.object([.init("a/b", "/")]).encodedText(writing) == #"{"a\/b":"\/"}"#)
  }

  @Test func controlBytesAreEscaped() throws {
    let all = String(String.UnicodeScalarView((0...0x7F).map { Unicode.Scalar(UInt8($0)) }))
    let text = JSON.string(all).encodedText()
    #expect(text.utf8.allSatisfy { (0x20..<0x7F).contains($0) })
    #expect(text.contains(#"\u0000"#) && text.contains(#"\u001f"#) && text.contains(#"\t\n"#))
    #expect(try JSON(parsing: text.utf8).string == all)
  }

  @Test func theEndsOfNumbersAreWrittenExactly() throws {
    for value: JSON in [
      .integer(.min), .integer(.max), .unsigned(.max), .number(.greatestFiniteMagnitude),
      .number(.leastNonzeroMagnitude), .number(0.1), .number(1e16), .number(-0.0), .number(5e-5),
    ] {
      let read = try JSON(parsing: value.encoded())
      #expect(read == value)
      #expect(read.double?.sign == value.double?.sign)
    }
  }

  @Test func whatIsNotFiniteIsNullOrBare() throws {
    let value: JSON = [.number(.nan), .number(.infinity), .number(-.infinity)]
    #expect(value.encodedText() == "[null,null,null]")
    var writing = JSON.Writing.compact
    writing.number = JSON.Writing.shortestOrBare
    #expect(value.encodedText(writing) == "[NaN,Infinity,-Infinity]")
    #expect(
      try JSON(parsing: value.encoded(writing), JSON.Reading(takesNonFinite: true)).encoded(writing)
        == value.encoded(writing))
  }

  @Test func bytesBecomeAString() {
    var out = Array("x".utf8)
    JSON.write(string: [0x61, 0x22, 0xFF], to: &out)
    #expect(String(decoding: out, as: UTF8.self) == "x\"a\\\"\u{FFFD}\"")
  }
}
