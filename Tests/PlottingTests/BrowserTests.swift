import Foundation
import Glibc
import Plotting
import Telemetry
import Testing

/// What a person sees, checked in a real browser; one after the other, because frames a second are counted.
@Suite(.serialized, .enabled(if: Chromium.isInstalled, "Chromium is not installed"), .timeLimit(.minutes(5)))
struct BrowserTests {
  static let three = [
    Signal.channel("pot1", unit: "V"), Signal.channel("level", unit: "V"), Signal.channel("count", .int32),
  ]
  static let threeValues: @Sendable (Int, Int) -> Double = { place, number in
    place == 0 ? sin(Double(number) / 300) : place == 1 ? 2.5 : Double(number / 500 % 3)
  }

  static let isConnected = "window.moontide !== undefined && window.moontide.frames > 2"
  static let connected = "document.getElementById('dot').className === 'live' && window.moontide.frames > 2"
  static func cell(_ name: String, _ column: Int) -> String {
    "document.querySelector('tr[data-name=\"\(name)\"]').cells[\(column)].textContent"
  }

  /// Rows of the plot where a channel's colour is, between two parts of its width: `[first, last, count]`.
  static func rows(_ line: Int, from: Double = 0, to: Double = 1) -> String {
    """
    (() => {
      const m = window.moontide, a = m.area(), r = devicePixelRatio;
      const want = m.meta.lines[\(line)][m.view.theme].slice(1).match(/../g).map((h) => parseInt(h, 16));
      let first = Infinity, last = -Infinity, count = 0;
      for (const canvas of document.querySelectorAll('#plot canvas')) {
        const x = Math.round((a.x + a.w * \(from)) * r), w = Math.max(1, Math.round(a.w * (\(to) - \(from)) * r));
        const d = canvas.getContext('2d').getImageData(x, Math.round(a.y * r), w, Math.round(a.h * r)).data;
        for (let i = 0; i < d.length; i += 4) {
          const alpha = d[i + 3];
          if (alpha < 128 || want.some((v, c) => Math.abs(v - d[i + c]) > 24)) continue;
          const row = Math.floor(i / 4 / w) / (a.h * r);
          first = Math.min(first, row); last = Math.max(last, row); count += 1;
        }
      }
      return [first, last, count];
    })()
    """
  }

  static func coloured(_ tab: Tab, _ line: Int, from: Double = 0, to: Double = 1) async throws -> [Double] {
    try #require(
      try await tab.value(
        "JSON.stringify(\(rows(line, from: from, to: to)).map((v) => Number.isFinite(v) ? v : -1))")
        as? String
    )
    .dropFirst().dropLast().split(separator: ",").map { Double($0) ?? .nan }
  }

  /// How much of the plot's height has the colour of flags, in the columns around a part of its width.
  static func flagRows(_ tab: Tab, at place: Double) async throws -> Double {
    try await tab.number(
      """
      (() => {
        const a = window.moontide.area(), r = devicePixelRatio;
        const want = getComputedStyle(document.documentElement).getPropertyValue('--flag').trim().slice(1)
          .match(/../g).map((h) => parseInt(h, 16));
        const rows = new Set();
        for (const canvas of document.querySelectorAll('#plot canvas')) {
          const x = Math.round((a.x + a.w * \(place)) * r) - 3, h = Math.round(a.h * r);
          const d = canvas.getContext('2d').getImageData(x, Math.round(a.y * r), 7, h).data;
          for (let i = 0; i < d.length; i += 4) {
            if (d[i + 3] > 128 && want.every((v, c) => Math.abs(v - d[i + c]) < 24)) rows.add(Math.floor(i / 28));
          }
        }
        return rows.size / (a.h * r);
      })()
      """)
  }

  /// Asks until the answer is as wanted, and answers the last one: a busy machine draws late.
  static func settled<Value>(
    for patience: Duration = .seconds(20), _ value: () async throws -> Value, _ isRight: (Value) -> Bool
  ) async throws -> Value {
    let end = ContinuousClock.now + patience
    while true {
      let now = try await value()
      if isRight(now) || ContinuousClock.now > end { return now }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  /// True when over the last minute twice as many threads wanted to run as there are cores.
  static var isOverloaded: Bool {
    var load = 0.0
    return getloadavg(&load, 1) == 1 && load > Double(2 * ProcessInfo.processInfo.activeProcessorCount)
  }

  // 1
  @Test func showsNumbersWithinFiveSeconds() async throws {
    let feed = try await LivePage.Feed(Self.three, value: Self.threeValues)
    let page = try await LivePage(feed)
    feed.run()
    try await Chromium.with { browser in
      // The best of a few: the machine may be busy with something else just now.
      var tab = try await browser.open(page.url)
      for _ in 0..<4 {
        if try await Self.settled({ try await tab.isTrue(Self.isConnected) }, { $0 }),
          try await tab.number("window.moontide.firstDrawn") < 5000
        {
          break
        }
        tab = try await browser.open(page.url)
      }
      #expect(try await tab.number("window.moontide.firstDrawn") < 5000)
      try await tab.until(Self.connected)
      #expect(try await tab.number("document.querySelectorAll('#rows tr').length") == 3)
      try await tab.until("\(Self.cell("level", 1)) === '2.5 V'")
      try await tab.until("/^-?[01](\\.\\d+)? V$/.test(\(Self.cell("pot1", 1)))")
      // Once two seconds of samples are there.
      try await tab.until("window.moontide.frame.newest - window.moontide.frame.oldest > 2")
      // By the samples' own times; none while the machine stood still for two seconds.
      try await tab.until("window.moontide.frame.lines.every((line) => Math.abs(line.rate - 1000) < 20)")
      try await tab.until("\(Self.cell("pot1", 5)) === '1 kHz'")
      #expect(try await tab.text(Self.cell("pot1", 6)) == "0")
      #expect(tab.complaints == [])
      // What has ended is shown without an empty beginning.
      try await feed.stream.streamer.stop()
      try await tab.until("document.getElementById('status').textContent === 'stopped'")
      try await tab.until(
        "window.moontide.view.to === window.moontide.frame.newest && "
          + "window.moontide.view.from >= window.moontide.frame.oldest")
      let local = ["http://127.0.0.1:\(page.server.port)/", "ws://127.0.0.1:\(page.server.port)/"]
      #expect(tab.requests.count >= 8)
      #expect(tab.requests.allSatisfy { url in local.contains { url.hasPrefix($0) } })
    }
    await page.end()
  }

  // 2
  @Test func drawsAndSaysWhenNothingComes() async throws {
    let channels = (1...5).map { Signal.channel("ch\($0)", rate: 44_100) }
    let feed = try await LivePage.Feed(channels, history: 10) { place, number in
      sin(Double(number) / Double(20 + 30 * place)) + Double(place)
    }
    let page = try await LivePage(feed)
    feed.run()
    try await Chromium.with { browser in
      let tab = try await browser.open(page.url)
      try await tab.until(Self.connected)
      // Ten a second for two seconds, as soon as the machine has two seconds for it. One that has twice as much to do
      // as it can never has: there it is enough that the page goes on.
      let best = try await Self.settled(
        for: .seconds(60),
        {
          let before = try await tab.number("window.moontide.frames")
          try await Task.sleep(for: .seconds(2))
          return try await tab.number("window.moontide.frames") - before
        }
      ) { $0 >= 20 }
      #expect(best >= (Self.isOverloaded ? 1 : 20))
      feed.hold(true)
      try await tab.until("document.getElementById('status').textContent.startsWith('nothing came for')")
      #expect(try await tab.text("document.getElementById('dot').className") == "held")
      try await tab.press("t", text: "t")
      try await tab.press("l", text: "l")
      try await tab.until("window.moontide.view.lanes")
      feed.hold(false)
      try await tab.until(Self.connected)
      #expect(tab.complaints == [])
    }
    await page.end()
  }

  // 3
  @Test func aSpikeIsSeenAndAGapIsABreak() async throws {
    let channels = [Signal.channel("spike", rate: 44_100), Signal.channel("flat", rate: 44_100)]
    let feed = try await LivePage.Feed(channels, history: 4) { place, number in
      place == 1 ? -0.5 : number == 132_301 ? 1 : 0
    }
    feed.lose(44_100)
    feed.send(to: Int(10 * 44_100))
    let mark = PlotFlag(kind: .mark, label: "here", time: Signal.start + 8_000_000_000, clock: .unix)
    let page = try await LivePage(feed, options: PlotOptions(y: -1...1), flags: [mark])
    try await Chromium.with { browser in
      for ratio in [1.0, 2.0] {
        let tab = try await browser.open(page.url, ratio: ratio)
        try await tab.until("window.moontide.frames > 0")
        // The spike is at 3 s of 10: up to the top of the scale, one column of pixels.
        let spike = try await Self.settled({ try await Self.coloured(tab, 0, from: 0.29, to: 0.31) }) {
          $0[2] > 0
        }
        #expect(spike[0] >= 0 && spike[0] < 0.01)
        #expect(abs(spike[1] - 0.5) < 0.02)
        // Elsewhere each line is at its own height.
        let zero = try await Self.coloured(tab, 0, from: 0.6, to: 0.9)
        #expect(abs(zero[0] - 0.5) < 0.01 && abs(zero[1] - 0.5) < 0.01)
        let flat = try await Self.coloured(tab, 1, from: 0.6, to: 0.9)
        #expect(abs(flat[0] - 0.75) < 0.01 && abs(flat[1] - 0.75) < 0.01)
        // Samples of the fifth second are missing.
        for line in 0..<2 { #expect(try await Self.coloured(tab, line, from: 0.41, to: 0.49)[2] == 0) }
        // A mark is a flag from top to bottom.
        #expect(try await Self.settled({ try await Self.flagRows(tab, at: 0.8) }) { $0 > 0.9 } > 0.9)
        try await tab.until("\(Self.cell("spike", 6)) === '44100'")
        try await tab.until(
          "document.querySelector('tr[data-name=spike]').cells[6].classList.contains('bad')")
        #expect(tab.complaints == [])
      }
    }
    await page.end()
  }

  @Test func everySampleIsSeenWhereThereAreFew() async throws {
    let dense = Signal.series(Signal.channel("dense"), count: 1500) {
      $0 == 750 ? 1 : 900..<1000 ~= $0 ? .nan : 0
    }
    let sparse = Signal.series(Signal.channel("sparse", rate: 20), count: 30) { $0 == 20 ? .nan : -0.5 }
    let server = try await PlotServer.start()
    let url = try server.publish(
      try Plot([.frame(Frame([dense, sparse]), label: nil)], options: PlotOptions(y: -1...1)))
    try await Chromium.with { browser in
      for ratio in [1.0, 2.0] {
        let tab = try await browser.open(url, ratio: ratio)
        try await tab.until("window.moontide.frames > 0")
        let spike = try await Self.settled({ try await Self.coloured(tab, 0, from: 0.49, to: 0.51) }) {
          $0[2] > 0
        }
        #expect(spike[0] >= 0 && spike[0] < 0.01 && abs(spike[1] - 0.5) < 0.02)
        #expect(try await Self.coloured(tab, 0, from: 0.61, to: 0.66)[2] == 0)
        let flat = try await Self.coloured(tab, 1, from: 0.1, to: 0.6)
        #expect(abs(flat[0] - 0.75) < 0.01 && abs(flat[1] - 0.75) < 0.01)
        #expect(try await Self.coloured(tab, 1, from: 0.65, to: 0.68)[2] == 0)
        #expect(tab.complaints == [])
      }
    }
    await server.stop()
  }

  // 4
  @Test func zoomsPausesAndComesBack() async throws {
    let channel = Signal.channel("audio", rate: 44_100)
    let feed = try await LivePage.Feed([channel], history: 20) { _, number in sin(Double(number) / 50) }
    let page = try await LivePage(feed)
    feed.run()
    try await Chromium.with { browser in
      let tab = try await browser.open(page.url)
      try await tab.until(Self.connected)
      let coarse = try await tab.number("window.moontide.frame.lines[0].bucket")
      let area = try #require(
        try await tab.value(
          "(() => { const a = window.moontide.area(), r = document.getElementById('plot').getBoundingClientRect();"
            + " return [r.left + a.x, r.top + a.y, a.w, a.h]; })()") as? [Double])
      let before = try await tab.number("window.moontide.view.to")
      try await tab.drag(
        from: (area[0] + area[2] * 0.3, area[1] + 60), to: (area[0] + area[2] * 0.4, area[1] + 90))
      try await tab.until(
        "!window.moontide.view.following && window.moontide.frame.lines[0].bucket < \(coarse)")
      let from = try await tab.number("window.moontide.view.from")
      let to = try await tab.number("window.moontide.view.to")
      #expect(abs(to - from - 1) < 0.05)
      let after = try await tab.number("window.moontide.frame.newest")
      #expect(from > before - 7.1 && from < after - 6.9)
      // Far in: single samples.
      for _ in 0..<12 {
        try await tab.mouse("mouseWheel", area[0] + area[2] / 2, area[1] + 80, deltaY: -200)
      }
      try await tab.until(
        "window.moontide.frame.lines[0].bucket === 1 && window.moontide.frame.lines[0].kind === 1")
      let narrow = try await tab.number("window.moontide.view.from")
      try await tab.mouse("mouseWheel", area[0] + area[2] / 2, area[1] + 80, deltaY: 200, modifiers: 8)
      try await tab.until("window.moontide.view.from > \(narrow)")
      try await tab.doubleClick(area[0] + 100, area[1] + 80)
      try await tab.until("window.moontide.view.following")
      try await tab.until("window.moontide.frame.lines[0].bucket === \(coarse)")
      // Paused: the picture stays, the numbers go on.
      try await tab.press(" ", text: " ")
      try await tab.until("window.moontide.view.paused")
      let held = try await tab.text("JSON.stringify(window.moontide.view)")
      let newest = try await tab.number("window.moontide.frame.newest")
      try await tab.until("window.moontide.frame.newest > \(newest) + 1")
      #expect(try await tab.text("JSON.stringify(window.moontide.view)") == held)
      #expect(try await Self.settled({ try await Self.coloured(tab, 0)[2] }) { $0 > 1000 } > 1000)
      try await tab.press("Escape")
      try await tab.until("window.moontide.view.following && !window.moontide.view.paused")
      try await tab.press("]", text: "]")
      try await tab.until("Math.abs(window.moontide.view.to - window.moontide.view.from - 20) < 0.1")
      try await tab.press("[", text: "[")
      try await tab.press("[", text: "[")
      try await tab.until("Math.abs(window.moontide.view.to - window.moontide.view.from - 5) < 0.1")
      #expect(tab.complaints == [])
    }
    await page.end()
  }

  // 5
  @Test func lanesHidingThemesPicturesAndSmallWindows() async throws {
    let feed = try await LivePage.Feed(Self.three, history: 10, value: Self.threeValues)
    let page = try await LivePage(feed)
    feed.run()
    try await Chromium.with { browser in
      let tab = try await browser.open(page.url)
      try await tab.until(Self.connected)
      // Lanes: each line in its own third.
      try await tab.press("l", text: "l")
      try await tab.until("window.moontide.view.lanes")
      for line in 0..<3 {
        let isInItsThird = { (rows: [Double]) in
          rows[2] > 0 && rows[0] >= Double(line) / 3 && rows[1] <= Double(line + 1) / 3
        }
        let rows = try await Self.settled(
          { try await Self.coloured(tab, line, from: 0.2, to: 0.9) }, isInItsThird)
        #expect(isInItsThird(rows))
      }
      // Hidden by a click, alone with alt.
      try await tab.value("document.querySelector('tr[data-name=pot1]').cells[0].click()")
      #expect(try await Self.settled({ try await Self.coloured(tab, 0)[2] }) { $0 == 0 } == 0)
      #expect(
        try await tab.isTrue("document.querySelector('tr[data-name=pot1]').classList.contains('hidden')"))
      try await tab.value(
        "document.querySelector('tr[data-name=count]').cells[0].dispatchEvent(new MouseEvent('click', {altKey: true, bubbles: true}))"
      )
      #expect(try await Self.settled({ try await Self.coloured(tab, 1)[2] }) { $0 == 0 } == 0)
      #expect(try await Self.settled({ try await Self.coloured(tab, 2)[2] }) { $0 > 100 } > 100)
      // The theme changes the ground.
      let ground = "getComputedStyle(document.body).backgroundColor"
      let light = try await tab.text(ground)
      try await tab.press("t", text: "t")
      try await tab.until("\(ground) !== '\(light)'")
      // The scale is locked, and free again.
      try await tab.press("y", text: "y")
      try await tab.until("window.moontide.view.locked")
      try await tab.press("y", text: "y")
      try await tab.until("!window.moontide.view.locked")
      // The picture is as large as the plot and its two lines of text.
      let size = try #require(
        try await tab.value(
          "(() => { const c = window.moontide.picture(), p = document.getElementById('plot');"
            + " return [c.width, c.height, p.clientWidth, p.clientHeight, c.toDataURL().length]; })()")
          as? [Double])
      #expect(size[0] == size[2] && size[1] == size[3] + 52 && size[4] > 3000)
      // Small windows: nothing overlaps, nothing is out of sight.
      for (width, height) in [(600, 400), (400, 300), (1600, 1000)] {
        try await tab.resize(width, height)
        let layout = """
          (() => {
            const box = (s) => document.querySelector(s).getBoundingClientRect();
            const parts = ['header', 'main', '#legend', 'footer'].map(box);
            return parts.every((b, i) => b.height > 0 && b.left >= 0 && b.right <= innerWidth + 0.5
              && b.bottom <= innerHeight + 0.5 && (i === 0 || b.top >= parts[i - 1].bottom - 0.5))
              && document.documentElement.scrollWidth <= innerWidth && box('main').height >= 100;
          })()
          """
        #expect(
          try await Self.settled({ try await tab.isTrue(layout) }) { $0 }, "\(width) × \(height)")
      }
      #expect(tab.complaints == [])
    }
    await page.end()
  }

  // 6
  @Test func findsTheProgramAgain() async throws {
    let feed = try await LivePage.Feed(Self.three, value: Self.threeValues)
    let token = "0123456789abcdef0123456789abcdef"
    let first = try await LivePage(feed, token: token)
    feed.run()
    try await Chromium.with { browser in
      let tab = try await browser.open(first.url)
      try await tab.until(Self.connected)
      await first.server.stop()
      try await tab.until("document.getElementById('dot').className === 'lost'")
      #expect(
        try await tab.text("document.getElementById('status').textContent") == "no connection to the program")
      let second = try await LivePage(feed, port: first.server.port, token: token)
      try await tab.until(Self.connected)
      // A source that is away shows too.
      feed.stream.source.tell(.reconnecting("cable"))
      try await tab.until("document.getElementById('status').textContent === 'reconnecting: cable'")
      #expect(try await tab.text("document.getElementById('dot').className") == "lost")
      feed.stream.source.tell(.resumed)
      try await tab.until(Self.connected)
      second.plot.close()
      try await tab.until("document.getElementById('status').textContent === 'the plot was closed'")
      // A page from elsewhere can neither read the page nor open its stream.
      let foreign = try await browser.open("about:blank")
      let third = try await LivePage(feed)
      let attempt = """
        new Promise((done) => {
          const s = new WebSocket('\(third.url.replacing("http", with: "ws"))data');
          s.onopen = () => done('open'); s.onerror = () => done('refused');
        })
        """
      #expect(try await foreign.text(attempt) == "refused")
      await third.server.stop()
      await second.server.stop()
    }
    feed.end()
  }

  // 7
  @Test func twoPagesAndASlowOne() async throws {
    let channels = (1...4).map { Signal.channel("ch\($0)", rate: 44_100) }
    let feed = try await LivePage.Feed(channels, history: 20) { place, number in
      sin(Double(number) / Double(20 + 30 * place))
    }
    let page = try await LivePage(feed)
    feed.run()
    try await Chromium.with { browser in
      let one = try await browser.open(page.url)
      let two = try await browser.open(page.url)
      try await two.call("Page.bringToFront")
      try await two.until("window.moontide && window.moontide.frames > 2")
      try await two.press("[", text: "[")
      try await two.until("Math.abs(window.moontide.view.to - window.moontide.view.from - 5) < 0.1")
      try await one.call("Page.bringToFront")
      try await one.until("window.moontide && window.moontide.frames > 2")
      try await one.until("Math.abs(window.moontide.view.to - window.moontide.view.from - 10) < 0.1")
      #expect(page.server.pageCount == 2)
      // A page that draws once a second: it asks less often, and nothing waits for it.
      try await two.value(
        "setInterval(() => { const e = performance.now() + 900; while (performance.now() < e); }, 1000), 1")
      let (before, sent) = (Self.residentBytes(), feed.sent)
      try await Task.sleep(for: .seconds(4))
      let growth = Self.residentBytes() - before
      // What the buffers themselves take in this time (4 channels × 4 bytes a sample), twice that, and 16 MB.
      #expect(growth < (feed.sent - sent) * 16 * 2 + (16 << 20))
      #expect(one.complaints == [])
    }
    await page.end()
  }

  /// Not a check: frames a second, and what the program needs for them, printed for `scripts/bench plots`.
  @Test(
    .enabled(if: ProcessInfo.processInfo.environment["MOONTIDE_FRAMES"] != nil),
    arguments: [(5, 44_100.0), (32, 1000.0)])
  func countsFrames(channels: Int, rate: Double) async throws {
    let all = (1...channels).map { Signal.channel("ch\($0)", rate: rate) }
    let feed = try await LivePage.Feed(all, history: 12) { place, number in
      sin(Double(number % 44_100) / Double(20 + 30 * place)) + Double(place)
    }
    let page = try await LivePage(feed)
    feed.run()
    try await Chromium.with { browser in
      /// Frames and the share of a core in each of some windows of time, the middle one of each.
      func windows(_ tab: Tab?) async throws -> (frames: Double, share: Double) {
        var frames: [Double] = []
        var shares: [Double] = []
        for _ in 0..<7 {
          let (count, used) = (try await tab?.number("window.moontide.frames") ?? 0, Self.processorSeconds())
          let begin = ContinuousClock.now
          try await Task.sleep(for: .seconds(2))
          let passed = (ContinuousClock.now - begin) / .seconds(1)
          let now = try await tab?.number("window.moontide.frames") ?? 0
          frames.append((now - count) / passed)
          shares.append((Self.processorSeconds() - used) / passed)
        }
        return (frames.sorted()[3], shares.sorted()[3])
      }
      try await Task.sleep(for: .seconds(1))
      let alone = try await windows(nil)
      let tab = try await browser.open(page.url)
      try await tab.until(Self.connected)
      try await Task.sleep(for: .seconds(1))
      let shown = try await windows(tab)
      let cost = try await tab.number("window.moontide.drawCost")
      let share = shown.share - alone.share
      func text(_ value: Double, _ format: String) -> String { String(format: format, value) }
      print(
        "\(channels) × \(Int(rate)) Hz: \(text(shown.frames, "%.1f")) frames/s, drawing \(text(cost, "%.1f")) ms, "
          + "program \(text(share * 100, "%.1f")) % of a core for the page, "
          + "\(text(alone.share * 100, "%.1f")) % to make and keep the data")
    }
    await page.end()
  }

  /// What this process has used of the processor.
  static func processorSeconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
      + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
  }

  /// Not a check: pictures for people to look at, made when a folder is named.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["MOONTIDE_SCREENSHOTS"] != nil))
  func screenshots() async throws {
    let folder = URL(fileURLWithPath: ProcessInfo.processInfo.environment["MOONTIDE_SCREENSHOTS"] ?? ".")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let channels = [
      Signal.channel("pot1", unit: "V"), Signal.channel("fsr", unit: "V"), Signal.channel("audio"),
      Signal.channel("count", .int32),
    ]
    let values: @Sendable (Int, Int) -> Double = { place, number in
      switch place {
      case 0: 0.6 + 0.35 * sin(Double(number) / 1900)
      case 1: max(0, sin(Double(number) / 700)) * (number % 997 == 0 ? 1.3 : 1)
      case 2: 0.5 * sin(Double(number) / 3) * sin(Double(number) / 2600) - 0.4
      default: Double(number / 1500 % 3) - 1
      }
    }
    let feed = try await LivePage.Feed(channels, history: 6.5, value: values)
    feed.lose(800)
    feed.send(to: 12_000)
    let touch = PlotFlag(kind: .trigger, label: "touch", time: Signal.start + 9_400_000_000, clock: .unix)
    let page = try await LivePage(feed, flags: [touch])
    feed.run()
    try await Chromium.with { browser in
      func keep(_ tab: Tab, _ name: String) async throws {
        // For what the keys did, and for the numbers of the table, to be drawn.
        try await Task.sleep(for: .seconds(1))
        try await tab.screenshot().write(to: folder.appendingPathComponent("\(name).png"))
      }
      let tab = try await browser.open(page.url)
      try await tab.until(Self.connected)
      try await tab.mouse("mouseMoved", 500, 200)
      try await keep(tab, "light")
      try await tab.press("t", text: "t")
      try await keep(tab, "dark")
      try await tab.press("l", text: "l")
      try await keep(tab, "lanes")
      try await tab.press("l", text: "l")
      try await tab.press("t", text: "t")
      try await tab.drag(from: (700, 120), to: (720, 200))
      try await keep(tab, "zoomed")
      try await tab.press("Escape")
      try await tab.resize(600, 400)
      try await keep(tab, "small")
      try await tab.resize(1100, 700)
      for options in [PlotOptions(kind: .spectrum, spectrumSize: 4096), PlotOptions(kind: .xy, x: "pot1")] {
        let other = try Plot([.stream(feed.stream.streamer, label: nil)], options: options)
        let view = try await browser.open(page.server.publish(other))
        try await view.until("window.moontide.frames > 2")
        try await view.mouse("mouseMoved", 500, 200)
        try await keep(view, options.kind.rawValue)
        #expect(view.complaints == [])
      }
      try await tab.call("Page.bringToFront")
      feed.stream.source.tell(.reconnecting("connection refused"))
      try await tab.until("document.getElementById('status').textContent.startsWith('reconnecting')")
      try await keep(tab, "source-lost")
      let picture = try await tab.text("window.moontide.picture().toDataURL()")
      try Data(base64Encoded: String(picture.drop { $0 != "," }.dropFirst()))?
        .write(to: folder.appendingPathComponent("saved.png"))
    }
    await page.end()
  }

  static func residentBytes() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return (Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0) * 4096
  }
}
