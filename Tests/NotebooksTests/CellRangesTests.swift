import Notebooks
import Testing

@Suite struct CellRangesTests {
  @Test(arguments: [
    ("1-3,5", [1, 2, 3, 5]), ("2", [2]), ("", []), ("8-", [8, 9]), ("-1", [9]), ("-2,1", [8, 1]),
    ("1 3", [1, 3]), ("1, 3", [1, 3]),
  ])
  func readsRanges(_ text: String, _ expected: [Int]) throws {
    #expect(try CellRanges(text, last: 9).numbers == expected)
  }

  @Test(arguments: ["0", "10", "3-1", "a", "1-x", "-", "1--2", "99999999999999999999", "-10"])
  func refusesOthers(_ text: String) {
    #expect(throws: CellRanges.ParseError.self) { try CellRanges(text, last: 9) }
  }

  @Test func splitsFileNames() {
    #expect(FileArguments("a.lua 1-3,5") == FileArguments("  'a.lua'   1-3,5 "))
    #expect(
      FileArguments("\"my file.lua\" 2")?.path == "my file.lua"
        && FileArguments("\"my file.lua\" 2")?.rest == "2")
    #expect(FileArguments("") == nil && FileArguments("'open") == nil)
  }
}
