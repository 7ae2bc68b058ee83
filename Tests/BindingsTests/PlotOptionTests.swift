import Bindings
import Foundation
import Lua
import Plotting
import TestSupport
import Testing

/// Options of plots, their stills, and what they refuse.
@Suite struct PlotOptionTests {
  @Test func showsSpectraCurvesAndSeveralStreams() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(Bench.setting)
      try bench.run("s:collect(4096)")
      let values = try bench.run(
        """
        return s:plot{ kind = "spectrum", size = 1024, term = true }:svg(),
          s:plot{ kind = "xy", x = "pot1", channels = { "pot2" }, term = true }:svg(),
          plot{ s, s:tap() and frame, x, term = true, title = "three" }:svg()
        """
      ).map { $0.string ?? "" }
      #expect(values[0].contains("Hz") && values[0].contains("dB"))
      #expect(values[1].contains("pot1") && values[1].contains("pot2"))
      #expect(values[2].contains("three") && values[2].contains("1:pot1") && values[2].contains("3:pot1"))
    }
  }

  @Test func refusesWhatItCannotDraw() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(Bench.setting)
      let cases = [
        ("s:plot{ windw = '1s' }", "did you mean 'window'?"),
        ("s:plot{ layout = 'grid' }", "\"overlay\", \"lanes\""),
        ("s:plot{ y = { 1, -1 } }", "the lower one first"), ("s:plot{ 'pot9' }", "pot9"),
        ("s:plot{ kind = 'xy' }", "x channel"), ("s:plot{ size = 64 }", "only a spectrum"),
        ("plot{}", "nothing to plot"), ("plot{ 1 }", "a streamer, frame or series expected"),
        ("s:plot{ window = 0, term = true }", "above zero"),
        ("x:plot{ term = true }:save('x.jpg')", ".svg, .png or .pdf"),
        ("x:plot{ term = true }:svg{ width = 1 }", "100 to 4000"),
        ("x:plot{ term = true }:svg{ span = 0 }", "above zero"),
      ]
      for (source, words) in cases {
        let error = try bench.failure(source)
        #expect("\(error)".contains(words), "\(source): \(error)")
      }
    }
  }

  @Test func aPlotOutlivesItsStreamerAsAStill() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(Bench.setting)
      try bench.run("p = s:plot{ open = false }; q = s:plot{ term = true }; s:close(); board:close()")
      let values = try bench.run("return p:svg(), tostring(q), p.url").map { $0.string ?? "" }
      #expect(values[0].contains("<path") && values[1].contains("pot1") && values[2].hasPrefix("http"))
      bench.library.closeAll()
      #expect(bench.library.openPlots.isEmpty)
    }
  }

  @Test func triggersAndMarksFlagThePlotsOfTheirStream() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(Bench.setting)
      try bench.run("other = board:streamer{ 'pot2' }:start(); other:collect(10)")
      try bench.run("p = s:plot{ open = false }; q = other:plot{ open = false }")
      let streams = bench.library.openStreamers
      bench.library.mark("hit", kind: .trigger, on: streams[1])
      bench.library.mark("everywhere")
      let pictures = try bench.run("return p:svg(), q:svg()").map { $0.string ?? "" }
      #expect(pictures.map { $0.contains("hit") } == [false, true])
      #expect(pictures.map { $0.contains("everywhere") } == [true, true])
      #expect(try bench.failure("board:streamer{ 'pot1' }:plot{ open = false }:mark('x')").code == "empty")
    }
  }

  @Test func aComputedChannelIsOnTheClockOfItsSource() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(Bench.setting)
      try bench.run(
        """
        d = s:derive("copy", function(f) return f.pot1 end)
        d:start()
        d:collect(500)
        p = plot{ s, d, channels = { "pot1", "copy" }, open = false }
        """)
      let plot = try #require(bench.library.openPlots.first?.plot)
      let lines = try #require(plot.picture(.everything, columns: 8000, unless: nil)).picture.lines
      let (pot1, copy) = (try #require(lines.first), try #require(lines.last))
      let values = Dictionary(zip(pot1.trace.x, pot1.trace.low)) { $1 }
      #expect(copy.name == "copy" && copy.trace.x.count >= 500)
      #expect(zip(copy.trace.x, copy.trace.low).allSatisfy { values[$0] == $1 })
    }
  }

  @Test func aTriggersHitsAreFlagsWhileAPlotIsOpen() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(Bench.setting)
      let values = try bench.run(
        """
        p = s:plot{ open = false }
        for hit, time in s:triggers{ above = { "pot1", -1 }, post = "20ms", max = 1 } do at = time end
        return p:svg{ span = "20s" }, at
        """)
      #expect(values[0].string?.contains(">pot1</text>") == true)
      #expect(values[1].integer != nil)
      // The name stands in the legend and once more on the flag.
      #expect(values[0].string?.components(separatedBy: ">pot1<").count == 3)
    }
  }

  @Test func savesStillsAndNeverOverAnother() async throws {
    try await onThread {
      let bench = try Bench()
      try bench.run(Bench.setting)
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
        "plots-\(UInt64.random(in: 0...UInt64.max))")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      let path = folder.appendingPathComponent("run.svg").path
      try bench.run("p = x:plot{ term = true }; path = '\(path)'")
      #expect(try bench.run("return p:save(path)").first?.string == path)
      let error = try bench.failure("p:save(path)")
      #expect(error.code == "exists")
      #expect(error.hint?.contains("run-2.svg") == true)
      try bench.run("p:mark('touch', x:time(5)):save(path, { overwrite = true, dark = true })")
      let text = try String(contentsOfFile: path, encoding: .utf8)
      #expect(text.contains("touch"))
      #expect(try bench.run("return p:svg{ dark = true }").first?.string == text)
    }
  }
}
