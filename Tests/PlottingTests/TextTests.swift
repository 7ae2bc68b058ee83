import Plotting
import Testing

@Suite struct TextTests {
  @Test(arguments: [
    (0.0, "0"), (-0.0, "0"), (1, "1"), (2.5, "2.5"), (0.123456789, "0.12346"), (-1234.5678, "-1234.6"),
    (99_999, "99999"), (123_456, "1.2346e5"), (1e-7, "1e-7"), (1.7e308, "1.7e308"), (.nan, "nan"),
    (-.infinity, "-inf"),
  ])
  func valuesAreShort(value: Double, text: String) {
    #expect(NumberText.value(value) == text)
  }

  @Test func integersStayWhole() {
    #expect(NumberText.value(123_456_789, isInteger: true) == "123456789")
    #expect(NumberText.value(-5, isInteger: true, unit: "mm") == "-5 mm")
    #expect(NumberText.frequency(44_100) == "44.1 kHz")
    #expect(NumberText.frequency(1000) == "1 kHz")
    #expect(NumberText.frequency(22.5) == "22.5 Hz")
    #expect(NumberText.count(9999) == "9999")
    #expect(NumberText.count(12_345) == "12.3k")
  }

  @Test func widthsAreThoseOfATerminal() {
    #expect(PlainText.width("abc") == 3)
    #expect(PlainText.width("温度") == 4)
    #expect(PlainText.width("e\u{301}") == 1)
    #expect(PlainText.width("µ°") == 2)
    #expect(PlainText.width("👍🏽") == 2)
    #expect(PlainText.fit("温度センサー", columns: 5) == "温度…")
    #expect(PlainText.fit("abc", columns: 3) == "abc")
  }

  @Test func nothingFromOutsideCommandsATerminalOrAPage() {
    #expect(PlainText.clean("a\u{1B}[31mb\u{7}\u{202E}c\u{85}") == "a·[31mb··c·")
    #expect(PlainText.clean("plain µ°温") == "plain µ°温")
  }

  @Test func theTerminalIsChosenByItsEnvironment() {
    func style(_ environment: [String: String]) -> TerminalStyle { TerminalStyle(environment: environment) }
    let good = ["LANG": "de_DE.UTF-8", "TERM": "xterm-256color"]
    #expect(style(good) == TerminalStyle(glyphs: .braille, hasColours: true))
    #expect(style(good.merging(["LC_ALL": "C"]) { $1 }).glyphs == .ascii)
    #expect(style(good.merging(["TERM": "linux"]) { $1 }) == TerminalStyle(glyphs: .ascii, hasColours: true))
    #expect(style(good.merging(["TERM": "dumb"]) { $1 }) == TerminalStyle(glyphs: .ascii, hasColours: false))
    #expect(!style(good.merging(["NO_COLOR": "1"]) { $1 }).hasColours)
    #expect(style(good.merging(["NO_COLOR": ""]) { $1 }).hasColours)
  }
}
