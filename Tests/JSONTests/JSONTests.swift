import JSON
import Testing

@Suite struct JSONTests {
  @Test func theLastOfEqualKeysCountsAndAllAreKept() throws {
    let json = try JSON(parsing: #"{"a":1,"b":2,"a":3}"#.utf8)
    #expect(json["a"] == 3)
    #expect(json["c"] == nil)
    #expect(json.members?.map(\.key) == ["a", "b", "a"])
    #expect(json.encodedText() == #"{"a":1,"b":2,"a":3}"#)
  }

  @Test func aWholeNumberIsAnIntegerHoweverItIsWritten() throws {
    #expect(try JSON(parsing: "4.0".utf8).integer == 4)
    #expect(try JSON(parsing: "4e2".utf8).integer == 400)
    #expect(try JSON(parsing: "4.5".utf8).integer == nil)
    #expect(try JSON(parsing: "9223372036854775808".utf8).integer == nil)
    #expect(try JSON(parsing: "9223372036854775808".utf8).double == 9.223372036854775808e18)
    #expect(JSON.integer(3).double == 3)
    #expect(JSON.number(1e300).integer == nil)
  }

  @Test func nothingIsTakenForWhatItIsNot() {
    for value: JSON in [nil, true, 1, .number(1.5), .unsigned(.max), "x", [], [:]] {
      #expect((value.bool != nil) == (value == true))
      #expect((value.string != nil) == (value == "x"))
      #expect((value.array != nil) == (value == []))
      #expect((value.members != nil) == (value == [:]))
      #expect(value["x"] == nil)
    }
  }
}
