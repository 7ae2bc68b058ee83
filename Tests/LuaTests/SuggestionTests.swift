import Lua
import Testing

@Suite struct SuggestionTests {
  @Test(
    arguments: [
      ("pritn", "print"), ("Print", "print"), ("sleap", "sleep"), ("streamr", "streamer"),
      ("settmetatable", "setmetatable"),
      ("openstreamer", "open_streamer"), ("x", nil), ("zzz", nil), ("", nil), ("prin", "print"),
      (String(repeating: "x", count: 1000), nil),
    ] as [(String, String?)])
  func findsWhatWasMeant(_ typed: String, _ expected: String?) {
    let names = ["print", "sleep", "streamer", "setmetatable", "open_streamer", "pairs", "abc"]
    #expect(Suggestion.nearest(to: typed, among: names) == expected)
  }

  @Test(arguments: [("ab", "ba", 1), ("kitten", "sitting", 3), ("", "a", 1), ("same", "same", 0)])
  func countsEdits(_ a: String, _ b: String, _ expected: Int) {
    #expect(Suggestion.distance(Array(a.utf8), Array(b.utf8), bound: 3) == expected)
    #expect(Suggestion.distance(Array(a.utf8), Array(b.utf8), bound: expected - 1) == nil || expected == 0)
  }
}
