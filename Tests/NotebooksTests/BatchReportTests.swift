import Foundation
import Lua
import Notebooks
import Testing

@Suite struct BatchReportTests {
  private func result(_ name: String, _ ending: ScriptResult.Ending, _ reason: String = "") -> ScriptResult {
    var result = ScriptResult(script: name + ".lua", label: name)
    (result.ending, result.reason) = (ending, reason)
    return result
  }

  struct Causes: Sendable {
    var endings: [ScriptResult.Ending]
    var others: [Int32] = []
    var code: Int32
  }

  static let causes: [Causes] = [
    Causes(endings: [.passed, .passed], code: 0), Causes(endings: [.passed, .syntax], code: 65),
    Causes(endings: [.unavailable, .unavailable], code: 69), Causes(endings: [.failed, .timedOut], code: 1),
    Causes(endings: [.exit(7), .passed, .notRun], code: 7),
    Causes(endings: [.passed], others: [73], code: 73),
    Causes(endings: [.failed], others: [73], code: 1), Causes(endings: [.unheard, .notRun], code: 0),
  ]

  @Test(arguments: causes) func theCommonCauseIsTheExitCode(_ causes: Causes) {
    let results = causes.endings.map { result("a", $0) }
    #expect(BatchSummary(results).exitCode(others: causes.others) == causes.code)
  }

  @Test func theTableHasALineAScriptAndTheTotals() {
    var first = result("thermo", .passed)
    (first.samples, first.wall) = (120_000, .milliseconds(2_100))
    var second = result("ecg", .failed, "ecg.lua:7: no beat\nseen")
    (second.samples, second.gaps, second.wall) = (5, 2, .seconds(75))
    let table = BatchSummary([first, second, result("night", .notRun)]).table(wall: .seconds(7200))
    #expect(
      table == [
        "script     result                               time  samples  gaps  reason",
        "thermo     passed                              2.1 s   120000     0",
        "ecg        failed                         1 min 15 s        5     2  ecg.lua:7: no beat",
        "night      not run",
        "3 scripts  1 passed, 1 failed, 1 not run         2 h   120005     2",
      ])
    #expect(BatchSummary([second]).table(wall: .seconds(1), columns: 20).allSatisfy { $0.count <= 20 })
  }

  @Test func whatXMLCannotHoldIsSpelledOut() throws {
    var one = result("odd", .failed, "r")
    one.faults = [.init(name: "a\"<&>\n", message: "\u{1B}[31m\u{0}", text: "]]> \u{FFFF} \u{85} ü 🫀\r")]
    one.output.append(Array("\u{7}out\tput\n".utf8) + [0xFF])
    let xml = String(decoding: JUnitReport([one], started: 0, wall: .milliseconds(1234)).xml, as: UTF8.self)
    #expect(xml.contains("name=\"a&quot;&lt;&amp;&gt;&#10;\""))
    #expect(xml.contains("message=\"\\x1b[31m\\x00\""))
    #expect(xml.contains("]]&gt; \u{FFFD} \\x85 ü 🫀&#13;</error>"))
    #expect(xml.contains("<system-out>\\x07out\tput\n\u{FFFD}</system-out>"))
    #expect(xml.contains("time=\"1.234\" timestamp=\"1970-01-01T00:00:00\""))
  }

  @Test func aLongTextKeepsItsBeginningAndItsEnd() {
    var text = BoundedText(bound: 10)
    for number in 0..<1000 { text.append(Array("\(number % 10)".utf8)) }
    #expect(text.text == "0123456789\n… 980 bytes left out …\n0123456789")
    var short = BoundedText(bound: 10)
    short.append(Array("0123456789abc".utf8))
    #expect(short.text == "0123456789abc")
  }

  @Test(arguments: [
    (Int64(0), "1970-01-01T00:00:00.000000Z"), (951_782_400_123_456_789, "2000-02-29T00:00:00.123456Z"),
    (4_107_542_399_000_000_000, "2100-02-28T23:59:59.000000Z"), (-1, "1969-12-31T23:59:59.999999Z"),
  ])
  func timesAreUTC(_ nanoseconds: Int64, _ text: String) { #expect(UTCTime.text(nanoseconds) == text) }

  @Test(arguments: [
    (0.0001, "0 ms"), (0.05, "50 ms"), (0.5, "0.5 s"), (12, "12 s"), (59.97, "1 min"), (200, "3 min 20 s"),
    (7500, "2 h 5 min"),
  ])
  func lengthsOfTimeReadEasily(_ seconds: Double, _ text: String) {
    #expect(Duration.seconds(seconds).shortText == text)
  }
}
