import Bindings
import Foundation
import Lua
import Plotting
import Telemetry
import TestSupport
import Testing

/// Plots from Lua: pages, pictures, stills.
@Suite struct PlotTests {
  /// A front that keeps what it is told; its keys are pressed by the test.
  private final class Front: PlotFront {
    var opened: [String] = []
    var pictures: [[String]] = []
    var isTaken = false
    var endings = 0
    var keyAfter = 3

    var pictureSize: (columns: Int, rows: Int) { (60, 12) }
    var pictureStyle: TerminalStyle { TerminalStyle(hasColours: false) }
    func open(_ url: String) -> [String] {
      opened.append(url)
      return ["on your own machine: ssh"]
    }
    func beginPicture() -> Bool {
      isTaken = true
      return true
    }
    func showPicture(_ lines: [String]) { pictures.append(lines) }
    var wantsPictureToEnd: Bool { pictures.count >= keyAfter }
    func endPicture() {
      isTaken = false
      endings += 1
    }
  }

  private static func bench(_ front: Front = Front()) throws -> Bench {
    let bench = try Bench()
    bench.library.plotFront = front
    try bench.run(Bench.setting)
    return bench
  }

  @Test func aPageHasAnAddressThatIsPrintedAndOpened() async throws {
    try await onThread {
      let front = Front()
      let bench = try Self.bench(front)
      try bench.run("p = s:plot{ 'pot1', window = '5s', layout = 'lanes', y = { -1, 1 } }")
      let url = try #require(try bench.run("return p.url").first?.string)
      #expect(url.hasPrefix("http://127.0.0.1:"))
      #expect(front.opened == [url])
      #expect(Array(bench.notes.suffix(2)) == ["plot: \(url)", "on your own machine: ssh"])
      let options = try #require(bench.library.openPlots.first?.plot.options)
      #expect(options.window?.seconds == 5 && options.layout == .lanes && options.y == -1...1)
      #expect(options.channels == ["pot1"])
      // Told not to, it opens nothing; one server has all pages.
      let other = try #require(try bench.run("return s:plot{ open = false }.url").first?.string)
      #expect(front.opened.count == 1)
      #expect(other.split(separator: "/")[1] == url.split(separator: "/")[1])
      try bench.run("p:close() p:close()")
      #expect(bench.library.openPlots.count == 1)
      #expect(try bench.run("return tostring(p)").first?.string == "plot of pot1, closed")
    }
  }

  @Test func aTerminalPlotMovesUntilAKeyIsPressed() async throws {
    try await onThread {
      let front = Front()
      let bench = try Self.bench(front)
      try bench.run("n = 0; counting = every('20ms', function() n = n + 1 end); p = s:plot{ term = true }")
      #expect(front.pictures.count == 3)
      #expect(!front.isTaken && front.endings == 1)
      #expect(try bench.run("return n > 0, p.url").first == .boolean(true))
      // The echo does not show it a second time, print does.
      #expect(bench.library.rendering(of: bench.state.global("p")) == "plot of pot1, pot2")
      #expect(try bench.run("return #tostring(p) > 300").first == .boolean(true))
    }
  }

  @Test func theTerminalIsGivenBackHoweverItEnds() async throws {
    try await onThread {
      let front = Front()
      front.keyAfter = .max
      let bench = try Self.bench(front)
      // Stopped by a task, the last picture is the picture.
      try bench.run("after('150ms', function() s:stop() end); s:plot{ term = true }")
      #expect(front.endings == 1)
      try bench.run("s:start()")
      // Where Lua cannot yield it works as well.
      front.keyAfter = front.pictures.count + 2
      try bench.run(
        "table.sort({ 2, 1 }, function(a, b) if s then s:plot{ term = true } s = nil end return a < b end)")
      #expect(front.endings == 2)
      #expect(!front.isTaken)
    }
  }

  @Test func inATaskAndOfLoadedDataItIsAPictureToPrint() async throws {
    try await onThread {
      let front = Front()
      let bench = try Self.bench(front)
      let values = try bench.run(
        "local t = spawn(function() return tostring(s:plot{ term = true }) end)\n"
          + "return t:wait(30), tostring(x:plot{ term = true }), tostring(frame:plot{ term = true })")
      #expect(front.pictures.isEmpty)
      for value in values {
        let rows = value.string?.split(separator: "\n", omittingEmptySubsequences: false) ?? []
        #expect(rows.count > 8 && rows.count <= 12)
        #expect(value.string?.contains("pot1") == true)
      }
    }
  }
}
