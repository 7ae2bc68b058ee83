import JSON
import Randomness
import Testing

/// Hard cases: numbers at their ends, escapes, surrogates, depth, what stands behind, what is cut off.
@Suite struct JSONReadingTests {
  private static func read(_ text: String, _ reading: JSON.Reading = JSON.Reading()) throws -> JSON {
    try JSON(parsing: text.utf8, reading)
  }

  @Test(
    arguments: [
      ("0", .integer(0)), ("-0", .integer(0)), ("-1", .integer(-1)), (" \t\r\n7 \t\r\n", .integer(7)),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("9223372036854775808", .unsigned(1 << 63)), ("18446744073709551615", .unsigned(.max)),
      ("18446744073709551616", .number(18_446_744_073_709_551_616)),
      ("-9223372036854775809", .number(-9_223_372_036_854_775_808)),
      ("99999999999999999999999", .number(1e23)),
      ("0.0", .number(0)), ("1.0", .number(1)), ("1E2", .number(100)), ("1e+2", .number(100)),
      ("1e-2", .number(0.01)),
      ("0e5", .number(0)), ("0e999999999999999999999", .number(0)), ("1e-999999999999999999999", .number(0)),
      ("123456789012345678901234567890e-29", .number(1.2345678901234567890123456789)),
      ("1.7976931348623157e308", .number(.greatestFiniteMagnitude)),
      ("2.2250738585072014e-308", .number(.leastNormalMagnitude)),
      ("5e-324", .number(.leastNonzeroMagnitude)), ("2e-324", .number(0)),
      ("9007199254740993", .integer(9_007_199_254_740_993)),
      ("9007199254740993.0", .number(9_007_199_254_740_992)),
      ("0.1", .number(0.1)), ("0.30000000000000004", .number(0.30000000000000004)),
      ("1e22", .number(1e22)), ("1e23", .number(1e23)), ("-1e-22", .number(-1e-22)),
    ] as [(String, JSON)])
  func numbersAreExactToTheirEnds(_ text: String, _ value: JSON) throws {
    #expect(try Self.read(text) == value)
    #expect(try Self.read("[\(text)]") == [value])
    #expect(try Self.read("{\"a\":\(text)}")["a"] == value)
  }

  @Test func aNegativeZeroWithAPointKeepsItsSign() throws {
    #expect(try Self.read("-0.0").double?.sign == .minus)
    #expect(try Self.read("-0e1").double?.sign == .minus)
  }

  @Test func everyDoubleIsReadAsSwiftReadsIt() throws {
    var random = SplitMix(seed: 1)
    for round in 0..<50_000 {
      let text: String
      switch round % 4 {
      case 0:
        let value = Double(bitPattern: random.next())
        guard value.isFinite else { continue }
        text = "\(value)"
      case 1:
        text =
          "\(random.next() >> UInt64.random(in: 0..<64, using: &random))e\(Int.random(in: -40...40, using: &random))"
      case 2:
        text = "\(Int64.random(in: -9999...9999, using: &random)).\(random.next())"
      default:
        let places = Int.random(in: 0...25, using: &random)
        text = "0." + String(repeating: "0", count: places) + "\(random.next() % 100_000)1"
      }
      let read = try Self.read(text)
      // Without a point or an exponent it is whole.
      guard case .number(let value) = read else { continue }
      #expect(value.bitPattern == Double(text)?.bitPattern, "\(text)")
    }
  }

  @Test(
    arguments: [
      (#""""#, ""), (#""a""#, "a"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
      (#""\u0000""#, "\0"), (#""\u0041\u00e9\u20AC""#, "Aé€"), ("\"é€😀\"", "é€😀"), ("\"\u{7F}\"", "\u{7F}"),
      (#""\ud83d\ude00""#, "😀"), (#""\uD83D\uDE00!""#, "😀!"), (#""\uDBFF\uDFFF""#, "\u{10FFFF}"),
      (#""\ud800""#, "\u{FFFD}"), (#""\udc00""#, "\u{FFFD}"), (#""\ud800x""#, "\u{FFFD}x"),
      (#""\ud800\n""#, "\u{FFFD}\n"), (#""\ud800\u0041""#, "\u{FFFD}A"),
      (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"),
      (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"), (#""\uFFFF\ufeff""#, "\u{FFFF}\u{FEFF}"),
      (#""12345678\n12345678\"1234567\\""#, "12345678\n12345678\"1234567\\"),
    ] as [(String, String)])
  func stringsAreRead(_ text: String, _ value: String) throws {
    #expect(try Self.read(text).string == value)
    // Wherever a string begins, and whatever its length: it is looked at eight bytes at a time.
    for before in 0..<9 {
      for behind in 0..<9 {
        let filler = (String(repeating: "x", count: before), String(repeating: "y", count: behind))
        let inside = filler.0 + text.dropFirst().dropLast() + filler.1
        #expect(try Self.read("[\"\(inside)\"]").array?.first?.string == filler.0 + value + filler.1)
      }
    }
    #expect(try Self.read("{\(text):1}").members == [.init(value, 1)])
  }

  @Test(
    arguments: [
      [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
      [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22],
      [0x22, 0xC0, 0x80, 0x22], [0x22, 0x61, 0x80, 0x5C, 0x6E, 0xE2, 0x82, 0x22],
    ] as [[UInt8]])
  func whatIsNoUTF8IsReplaced(_ bytes: [UInt8]) throws {
    let text = try #require(try JSON(parsing: bytes).string)
    #expect(text.contains("\u{FFFD}"))
    #expect(
      text == String(decoding: bytes.dropFirst().dropLast(), as: UTF8.self).replacing("\\n", with: "\n"))
  }

  @Test(
    arguments: [
      ("", .valueMissing, 0), ("  ", .valueMissing, 2), ("\u{0}", .valueMissing, 0),
      ("\u{FEFF}1", .valueMissing, 0),
      ("]", .valueMissing, 0), (",", .valueMissing, 0), ("+1", .valueMissing, 0), (".5", .valueMissing, 0),
      ("'a'", .valueMissing, 0), ("\u{B}1", .valueMissing, 0), ("\u{A0}1", .valueMissing, 0),
      ("tru", .unknownWord, 0), ("True", .unknownWord, 0), ("nul", .unknownWord, 0), ("NaN", .unknownWord, 0),
      ("Infinity", .unknownWord, 0), ("nan", .unknownWord, 0), ("truex", .textBehind, 4),
      ("null null", .textBehind, 5),
      ("-", .malformedNumber, 1), ("-a", .malformedNumber, 1), ("-Infinity", .malformedNumber, 1),
      ("--1", .malformedNumber, 1), ("01", .malformedNumber, 2), ("-00", .malformedNumber, 3),
      ("1.", .malformedNumber, 2), ("1.e1", .malformedNumber, 2), ("1e", .malformedNumber, 2),
      ("1e+", .malformedNumber, 3), ("1E-x", .malformedNumber, 3),
      ("1.2.3", .textBehind, 3), ("1e5.2", .textBehind, 3), ("0x10", .textBehind, 1),
      ("1_000", .textBehind, 1),
      ("1 2", .textBehind, 2), ("1e999", .numberOutOfRange, 0), ("[1,-1e999]", .numberOutOfRange, 3),
      ("\"", .unfinishedString, 1), ("\"abc", .unfinishedString, 4), ("\"abc\\", .unfinishedString, 5),
      ("\"\\\"", .unfinishedString, 3), ("\"a\nb\"", .controlByte, 2), ("\"\u{0}\"", .controlByte, 1),
      ("\"12345678\u{1F}\"", .controlByte, 9), ("\"\\x41\"", .unknownEscape, 1),
      ("\"\\ \"", .unknownEscape, 1),
      ("\"\\U0041\"", .unknownEscape, 1), ("\"\\u\"", .malformedEscape, 1),
      ("\"\\u12\"", .malformedEscape, 1),
      ("\"\\u12g4\"", .malformedEscape, 1), ("\"\\u+123\"", .malformedEscape, 1),
      ("\"\\u 123\"", .malformedEscape, 1),
      ("\"ab\\u1", .malformedEscape, 3), ("\"\\ud800\\u12\"", .malformedEscape, 7),
      ("\"\\ud800\\x\"", .unknownEscape, 7),
      ("[", .valueMissing, 1), ("[1", .commaOrBracketMissing, 2), ("[1,", .valueMissing, 3),
      ("[1,]", .valueMissing, 3),
      ("[,1]", .valueMissing, 1), ("[1 2]", .commaOrBracketMissing, 3), ("[1}", .commaOrBracketMissing, 2),
      ("[1]]", .textBehind, 3), ("[1],", .textBehind, 3), ("[1;2]", .commaOrBracketMissing, 2),
      ("{", .keyMissing, 1), ("{\"a\"", .colonMissing, 4), ("{\"a\":", .valueMissing, 5),
      ("{\"a\":1", .commaOrBraceMissing, 6),
      ("{\"a\":1,", .keyMissing, 7), ("{\"a\":1,}", .keyMissing, 7), ("{a:1}", .keyMissing, 1),
      ("{1:1}", .keyMissing, 1),
      ("{\"a\" 1}", .colonMissing, 5), ("{\"a\":}", .valueMissing, 5),
      ("{\"a\":1 \"b\":2}", .commaOrBraceMissing, 7),
      ("{\"a\":1]", .commaOrBraceMissing, 6), ("{,}", .keyMissing, 1), ("{}{}", .textBehind, 2),
      ("// x\n1", .valueMissing, 0), ("[1/**/]", .commaOrBracketMissing, 2),
    ] as [(String, JSON.ReadError.Reason, Int)])
  func whatIsNoJSONIsRefusedWithItsPlace(_ text: String, _ reason: JSON.ReadError.Reason, _ offset: Int) {
    do throws(JSON.ReadError) {
      let value = try JSON(parsing: text.utf8)
      Issue.record("\(text) was read as \(value.encodedText())")
    } catch {
      #expect(error.reason == reason && error.offset == offset, "\(text): \(error)")
    }
  }

  @Test func barewordsAreNumbersWhereTheyAreWanted() throws {
    let reading = JSON.Reading(takesNonFinite: true)
    for text in ["nan", "-nan", "NaN"] {
      #expect(try Self.read("[\(text)]", reading).array?[0].double?.isNaN == true)
    }
    for text in ["inf", "Infinity", "1e999"] { #expect(try Self.read(text, reading) == .number(.infinity)) }
    for text in ["-inf", "-Infinity", "-1e999"] {
      #expect(try Self.read(text, reading) == .number(-.infinity))
    }
    #expect(try Self.read("null", reading) == .null)
    for text in ["nana", "infinity", "-", "-i", "nul", "--inf", "+inf"] {
      #expect(throws: JSON.ReadError.self, "\(text)") { try Self.read(text, reading) }
    }
  }

  @Test func levelsValuesAndBytesHaveABound() throws {
    func nested(_ levels: Int) -> String {
      String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }
    func reason(_ text: String, _ reading: JSON.Reading) -> JSON.ReadError? {
      do throws(JSON.ReadError) { _ = try JSON(parsing: text.utf8, reading) } catch { return error }
      return nil
    }
    let three = JSON.Reading(depth: 3)
    #expect(reason(nested(3), three) == nil)
    #expect(reason("[[{\"a\":1}]]", three) == nil)
    #expect(reason("[[[1]]]", three) == nil)
    #expect(reason(nested(4), three)?.offset == 3)
    #expect(reason("[1,[[{}, []]], [[[[", three)?.reason == .tooDeep)
    #expect(reason("1", JSON.Reading(depth: 0)) == nil)
    #expect(reason("[]", JSON.Reading(depth: 0))?.reason == .tooDeep)
    for open in ["[", "{\"a\":", "[[{\"\":"] {
      let text = String(repeating: open, count: 100_000)
      #expect(reason(text, JSON.Reading())?.reason == .tooDeep)
    }
    #expect(reason("[1,2]", JSON.Reading(values: 3)) == nil)
    #expect(reason("[1,2,3]", JSON.Reading(values: 3))?.offset == 5)
    #expect(reason("[{\"a\":1},2]", JSON.Reading(values: 3))?.reason == .tooManyValues)
    #expect(reason("[1]", JSON.Reading(bytes: 3)) == nil)
    #expect(reason("[1] ", JSON.Reading(bytes: 3))?.reason == .tooLong)
  }

  @Test func aValueInsideOtherTextHasItsLength() throws {
    let (value, length) = try JSON.prefix(of: "[1,2] rest".utf8)
    #expect(value == [1, 2] && length == 5)
    #expect(try JSON.prefix(of: Array("xx\"a\"b".utf8)[2...]).length == 3)
    #expect(try JSON.prefix(of: "12x".utf8).value == 12)
    #expect(throws: JSON.ReadError.self) { try JSON.prefix(of: "x".utf8) }
  }

  @Test func aPlaceIsALineAndAColumn() throws {
    let text = "{\n  \"é\": 1,\n  \"b\" 2\n}"
    do throws(JSON.ReadError) {
      _ = try JSON(parsing: text.utf8)
      Issue.record("read")
    } catch {
      #expect(error.description == "`:` is missing at byte 19")
      #expect(error.place(in: text.utf8) == (line: 3, column: 7))
    }
  }

  /// Nothing traps, whatever is cut off, and what is read is written and read again as the same.
  private static let pieces = [
    #"{"a":[1,-2.5e3,true,false,null],"b":{"c":"\u00e9\ud83d\ude00é😀\n\"\\"},"":{}}"#,
    #"[[],{},"x\\",18446744073709551615,-9223372036854775808,0.1e-7,[[[[]]]]]"#,
    #"{"t":1763690000.25,"session":"a1","cell":"for i = 1, 3 do\n\tprint(i)\nend"}"#,
    " [ 1 , { \"a\" : \"b\" } ]\r\n", #""\ud800\udc00\ud800""#, "[nan,-inf,Infinity,NaN]",
  ]

  @Test(arguments: pieces)
  func everyPrefixIsReadOrRefused(_ text: String) throws {
    let bytes = Array(text.utf8)
    let lenient = JSON.Reading(takesNonFinite: true)
    _ = try JSON(parsing: bytes, lenient)
    let whole = bytes.last! <= 0x20 ? text.dropLast().utf8.count : bytes.count
    for count in 0..<whole {
      // Values without brackets around them may be shorter; none of these is.
      #expect(throws: JSON.ReadError.self, "\(count)") { try JSON(parsing: bytes[..<count], lenient) }
      do throws(JSON.ReadError) { _ = try JSON(parsing: bytes[..<count], lenient) } catch {
        #expect((0...count).contains(error.offset))
      }
    }
  }

  @Test func brokenBytesAreReadOrRefused() throws {
    var random = SplitMix(seed: 5)
    var counts = (read: 0, refused: 0)
    let special =
      Array("\"\\{}[],:0123456789eE+-.untfalse \n".utf8) + [0, 0x1F, 0x7F, 0x80, 0xC3, 0xED, 0xFF]
    for round in 0..<60_000 {
      var bytes = Array(Self.pieces[round % Self.pieces.count].utf8)
      for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[place] = special.randomElement(using: &random)!
        case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 2: bytes.remove(at: place)
        case 3: bytes.insert(special.randomElement(using: &random)!, at: place)
        default: bytes.insert(contentsOf: bytes[..<place], at: place)
        }
      }
      do throws(JSON.ReadError) {
        let value = try JSON(parsing: bytes)
        counts.read += 1
        let text = value.encoded()
        #expect(try JSON(parsing: text).encoded() == text)
      } catch {
        counts.refused += 1
        #expect((0...bytes.count).contains(error.offset))
      }
    }
    // Both happen, and often.
    #expect(counts.read > 2_000 && counts.refused > 10_000)
  }
}
