import Foundation
import Plotting
import Telemetry
import Testing

/// Pictures as files: each was looked at before it became the measure. With `MOONTIDE_GOLDEN=write` in the environment
/// the files are written anew, to be looked at again.
@Suite struct GoldenTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var width = 72
    var height = 18
    var style = TerminalStyle(glyphs: .braille, hasColours: true)
    var options = PlotOptions(title: "golden", utcOffset: 0)
    var flags: [PlotFlag] = []
    var series: @Sendable () -> [Series]
    var testDescription: String { name }
  }

  static let cases: [Case] = [
    Case(name: "constant") { [Signal.series(Signal.channel("level", unit: "V"), count: 2000) { _ in 3.3 }] },
    Case(name: "nan") {
      [Signal.series(Signal.channel("holes"), count: 2000) { $0 % 500 > 400 ? .nan : sin(Double($0) / 200) }]
    },
    Case(
      name: "gap",
      flags: [PlotFlag(kind: .trigger, label: "touch", time: Signal.start + 2_500_000_000, clock: .unix)]
    ) {
      let channel = Signal.channel("fsr", unit: "V")
      let before = Signal.series(channel, count: 1200) { sin(Double($0) / 100) }
      let after = Signal.series(channel, from: 2000, count: 1200) { sin(Double($0) / 100) }
      return [
        Series(
          channel, chunks: before.chunks + after.chunks, gaps: [Gap(at: 1200, samples: 800, reason: .lost)])
      ]
    },
    Case(name: "one-sample") { [Signal.series(Signal.channel("single"), count: 1) { _ in 42 }] },
    Case(name: "negative") {
      [Signal.series(Signal.channel("depth", .int32, unit: "mm"), count: 3000) { -1500 - Double($0 % 700) }]
    },
    Case(name: "huge-range") {
      [
        Signal.series(Signal.channel("huge", .float64), count: 1000) {
          $0 == 500 ? 1.7e308 : $0 == 700 ? -1.7e308 : Double($0)
        }
      ]
    },
    Case(name: "unequal-rates") {
      [
        Signal.series(Signal.channel("audio", rate: 8000), count: 16_000) {
          sin(Double($0) / 40) * cos(Double($0) / 5000)
        },
        Signal.series(Signal.channel("pot", rate: 20), count: 40) { Double($0 % 20) / 10 - 1 },
        Signal.series(Signal.channel("switch", rate: 5), count: 10) { Double($0 % 2) },
      ]
    },
    Case(
      name: "lanes", height: 24,
      options: PlotOptions(layout: .lanes, title: "three lanes", utcOffset: 0)
    ) { threeLines },
    Case(name: "ascii", style: TerminalStyle(glyphs: .ascii, hasColours: false)) { threeLines },
    Case(name: "no-colour", style: TerminalStyle(glyphs: .braille, hasColours: false)) { threeLines },
    Case(name: "narrow", width: 24, height: 10) { threeLines },
    Case(name: "wide-names") {
      [
        Signal.series(Signal.channel("温度センサー", unit: "°C"), count: 1000) { 20 + sin(Double($0) / 90) },
        Signal.series(Signal.channel("Drück & <Größe>", unit: "µbar"), count: 1000) { 18 + Double($0) / 500 },
        Signal.series(Signal.channel("esc\u{1B}[31m\u{202E}evil", unit: "V"), count: 1000) { _ in 19 },
      ]
    },
  ]

  static let threeLines: [Series] = [
    Signal.series(Signal.channel("pot1", unit: "V", clock: .ticks(rate: 1000)), count: 3000) {
      sin(Double($0) / 200)
    },
    Signal.series(Signal.channel("pot2", unit: "V", clock: .ticks(rate: 1000)), count: 3000) {
      Double($0 % 1000) / 1000
    },
    Signal.series(Signal.channel("count", .int32, clock: .ticks(rate: 1000)), count: 3000) {
      Double($0 / 300 % 4) - 2
    },
  ]

  static func plot(_ one: Case) throws -> Plot {
    let plot = try Plot([.frame(Frame(one.series()), label: nil)], options: one.options)
    for flag in one.flags { plot.add(flag) }
    return plot
  }

  @Test(arguments: cases) func terminalPictureIsAsItWas(_ one: Case) throws {
    let lines = try Self.plot(one).terminalPicture(width: one.width, height: one.height, style: one.style)
    #expect(lines.count <= one.height)
    for line in lines { #expect(Self.visibleWidth(line) <= one.width) }
    try Golden.check(lines.joined(separator: "\n") + "\n", "\(one.name).txt")
  }

  @Test(arguments: cases) func svgIsAsItWas(_ one: Case) throws {
    let svg = try Self.plot(one).svg(width: one.width < 40 ? 320 : 960, height: one.width < 40 ? 240 : 540)
    let again = try Self.plot(one).svg(width: one.width < 40 ? 320 : 960, height: one.width < 40 ? 240 : 540)
    #expect(svg == again)
    try Golden.check(svg, "\(one.name).svg")
  }

  static func visibleWidth(_ line: String) -> Int {
    PlainText.width(line.replacing(/\u{1B}\[[0-9;]*m/, with: ""))
  }
}

enum Golden {
  static func check(_ text: String, _ name: String) throws {
    if ProcessInfo.processInfo.environment["MOONTIDE_GOLDEN"] == "write" {
      let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
        "Golden")
      try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
      return
    }
    let folder = try #require(Bundle.module.url(forResource: "Golden", withExtension: nil))
    let expected = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    #expect(
      text == expected, "\(name) is not as it was; MOONTIDE_GOLDEN=write writes it anew, then look at it")
  }
}
