import Foundation
import Plotting
import Telemetry
import Testing

@Suite struct PlotTests {
  static func picture(_ plot: Plot, _ view: PlotView = .everything, columns: Int = 500) throws -> PlotPicture
  {
    try #require(plot.picture(view, columns: columns, unless: nil)).picture
  }

  static func plot(_ series: [Series], _ options: PlotOptions = PlotOptions()) throws -> Plot {
    try Plot([.frame(Frame(series), label: nil)], options: options)
  }

  @Test func refusesWhatCannotBeDrawn() {
    let sine = Signal.series(Signal.channel("a"), count: 10) { Double($0) }
    let text = Series(Channel(name: "words", type: .string), SampleStorage(type: .string, blobs: [[65]]))
    let cases: [(PlotOptions, [Series], String)] = [
      (PlotOptions(channels: ["b"]), [sine], "unknown_channel"),
      (PlotOptions(channels: ["words"]), [sine, text], "argument"),
      (PlotOptions(), [text], "argument"), (PlotOptions(), [], "argument"),
      (PlotOptions(window: .zero), [sine], "argument"), (PlotOptions(kind: .xy), [sine], "argument"),
      (PlotOptions(x: "a"), [sine], "argument"), (PlotOptions(kind: .xy, x: "no"), [sine], "unknown_channel"),
      (PlotOptions(y: 1...1), [sine], "argument"), (PlotOptions(y: 0...Double.infinity), [sine], "argument"),
      (PlotOptions(kind: .spectrum, spectrumSize: 1000), [sine], "argument"),
    ]
    for (options, series, code) in cases {
      let error = #expect(throws: PlotError.self) { try Self.plot(series, options) }
      #expect(error?.code == code)
    }
  }

  @Test func picksChannelsAndKeepsTheirColours() async throws {
    let all =
      ["a", "b", "c"].map { Signal.channel($0) } + [Channel(name: "time", type: .timestamp, isIndex: true)]
    let stream = try await HandStream(all)
    let plot = try Plot([.stream(stream.streamer, label: nil)])
    let before = try Self.picture(plot)
    #expect(before.lines.map(\.name) == ["a", "b", "c"])
    #expect(Set(before.lines.map(\.colour)).count == 3)
    try await stream.streamer.update(["c", "a"])
    let after = try Self.picture(plot)
    #expect(after.lines.map(\.name) == ["c", "a"])
    #expect(after.lines.map(\.colour) == [before.lines[2].colour, before.lines[0].colour])
  }

  @Test func sharesColoursEvenlyAmongManyLines() throws {
    let series = (0..<25).map { Signal.series(Signal.channel("ch\($0)"), count: 2) { _ in 0 } }
    let lines = try Self.picture(Self.plot(series)).lines
    let uses = Dictionary(grouping: lines, by: \.colour).mapValues(\.count)
    #expect(uses.values.sorted() == [2, 2, 2, 2, 2, 3, 3, 3, 3, 3])
    #expect(zip(lines, lines.dropFirst()).allSatisfy { $0.colour != $1.colour })
  }

  @Test func tellsChannelsOfTheSameNameApart() throws {
    let one = Signal.series(Signal.channel("a"), count: 10) { _ in 1 }
    let plot = try Plot([.frame(Frame([one]), label: "left"), .frame(Frame([one]), label: nil)])
    #expect(try Self.picture(plot).lines.map(\.name) == ["left:a", "2:a"])
  }

  @Test func countsLossesOnceAndForGood() async throws {
    let channel = Signal.channel("a")
    let stream = try await HandStream([channel], capacity: .samples(1000))
    let plot = try Plot([.stream(stream.streamer, label: nil)])
    stream.source.send(Signal.series(channel, count: 500) { _ in 0 })
    stream.source.tell(.gap(.lost, samples: 20, channels: []))
    stream.source.send(Signal.series(channel, from: 520, count: 500) { _ in 0 })
    #expect(try Self.picture(plot).lines[0].lost == 20)
    #expect(try Self.picture(plot).lines[0].lost == 20)
    stream.source.send(Signal.series(channel, from: 1020, count: 3000) { _ in 0 })
    #expect(try Self.picture(plot).lines[0].lost == 20)
    #expect(!(try Self.picture(plot).lines[0].lostMore))
    stream.source.tell(.reconnecting("away"))
    stream.source.tell(.resumed)
    stream.source.send(Signal.series(channel, from: 9000, count: 10) { _ in 0 })
    #expect(try Self.picture(plot).lines[0].lostMore)
  }

  @Test func saysHowThingsStand() async throws {
    let channel = Signal.channel("a")
    let stream = try await HandStream([channel])
    let plot = try Plot([.stream(stream.streamer, label: nil)])
    #expect(try Self.picture(plot).state == PlotState(.live, "waiting for data"))
    stream.source.send(Signal.series(channel, count: 10) { _ in 0 })
    stream.source.tell(.reconnecting("no route"))
    #expect(try Self.picture(plot).state == PlotState(.lost, "reconnecting: no route"))
    stream.source.tell(.lost("gave up"))
    #expect(try Self.picture(plot).state == PlotState(.lost, "lost: gave up"))
    #expect(try Self.picture(Self.plot([Signal.series(channel, count: 1) { _ in 0 }])).state.kind == .held)
  }

  @Test func aStillAndWhatHasEndedShowNothingButData() async throws {
    let channel = Signal.channel("a")
    let window = TimeSpan(nanoseconds: 5_000_000_000)
    func view(_ plot: Plot, _ view: PlotView) throws -> ClosedRange<Double> {
      try Self.picture(plot, view).view
    }
    let stream = try await HandStream([channel])
    let plot = try Plot([.stream(stream.streamer, label: nil)])
    let told = try Plot([.stream(stream.streamer, label: nil)], options: PlotOptions(window: window))
    #expect(try view(plot, .still) == 0...10)
    stream.source.send(Signal.series(channel, count: 2001) { _ in 0 })
    #expect(try view(plot, .still) == 0...2)
    #expect(try view(plot, .follow(span: nil)) == -8...2)
    try await stream.streamer.stop()
    #expect(try view(plot, .follow(span: nil)) == 0...2)
    #expect(try view(plot, .follow(span: 4)) == -2...2)
    #expect(try #require(plot.picture(.still, columns: 9, unless: nil)).window == 2)
    #expect(try view(told, .still) == -3...2)
    #expect(try view(told, .follow(span: nil)) == -3...2)

    let long = try await HandStream([channel])
    let newest = try Plot([.stream(long.streamer, label: nil)])
    long.source.send(Signal.series(channel, count: 30_001) { _ in 0 })
    #expect(try view(newest, .still) == 20...30)
    let loaded = Signal.series(channel, count: 30_001) { _ in 0 }
    #expect(try view(Self.plot([loaded]), .follow(span: nil)) == 0...30)
    #expect(try view(Self.plot([loaded], PlotOptions(window: window)), .still) == 25...30)
  }

  @Test func theSameQuestionGetsNoSecondAnswerUntilSomethingChanges() async throws {
    let channel = Signal.channel("a")
    let stream = try await HandStream([channel])
    let plot = try Plot([.stream(stream.streamer, label: nil)])
    stream.source.send(Signal.series(channel, count: 10) { _ in 0 })
    let first = try #require(plot.picture(.everything, columns: 10, unless: nil))
    #expect(plot.picture(.everything, columns: 10, unless: first.version) == nil)
    stream.source.send(Signal.series(channel, from: 10, count: 1) { _ in 0 })
    let second = try #require(plot.picture(.everything, columns: 10, unless: first.version))
    #expect(second.revision == first.revision)
    plot.add(PlotFlag(kind: .mark, label: "here", time: Signal.start, clock: .unix))
    let third = try #require(plot.picture(.everything, columns: 10, unless: second.version))
    #expect(third.revision != second.revision)
    #expect(third.picture.flags.map(\.x) == [0])
  }

  @Test func ticksOfOneBoardAndWallClockShareAnAxis() throws {
    let ticks = Signal.series(Signal.channel("board", rate: 1000, clock: .ticks(rate: 1000)), count: 1000) {
      _ in 1
    }
    let wall = Signal.series(Signal.channel("core"), count: 3000) { _ in 2 }
    let picture = try Self.picture(Self.plot([wall, ticks]), columns: 5000)
    guard case .wall = picture.axis else {
      Issue.record("the first channel gives the axis")
      return
    }
    // The newest of both are brought together.
    #expect(picture.lines[1].trace.x.last == picture.lines[0].trace.x.last)
    #expect(abs((picture.lines[1].trace.x.first ?? 0) - 2) < 0.01)
  }

  @Test func samplesWithoutTimesAreCounted() throws {
    let channel = Channel(name: "a", type: .float32)
    let series = Series(channel, SampleStorage((0..<100).map { Float($0) }))
    let picture = try Self.picture(Self.plot([series]))
    #expect(picture.axis == .count("samples"))
    #expect(picture.view == 0...99)
    #expect(picture.lines[0].rate == nil)
    #expect(try Self.picture(Self.plot([series]), .still).view == 0...99)
  }

  @Test func aSpectrumHasItsPeakWhereTheSineIs() throws {
    let channel = Signal.channel("a", unit: "V", rate: 8000)
    let series = Signal.series(channel, count: 8192) { 0.5 * sin(2 * .pi * 1000 * Double($0) / 8000) }
    for columns in [5000, 100] {
      let picture = try Self.picture(Self.plot([series], PlotOptions(kind: .spectrum)), columns: columns)
      #expect(picture.axis == .frequency)
      #expect(picture.view == 0...4000)
      #expect(picture.unit(of: picture.lines) == "dB")
      let trace = picture.lines[0].trace
      let highs = trace.isBuckets ? trace.high : trace.low
      let peak = try #require(highs.indices.max { highs[$0] < highs[$1] })
      #expect(abs(trace.x[peak] - 1000) < 4000 / Double(min(columns, 2048)))
      #expect(abs(highs[peak] - 20 * log10(0.5)) < 0.1)
      #expect(trace.x.count <= columns * 2)
    }
    let short = Signal.series(channel, count: 100) { Double($0) }
    #expect(try Self.picture(Self.plot([short], PlotOptions(kind: .spectrum))).lines[0].trace.x.count == 33)
    let none = Signal.series(channel, count: 3) { Double($0) }
    #expect(try Self.picture(Self.plot([none], PlotOptions(kind: .spectrum))).lines[0].trace.x.isEmpty)
  }

  @Test func anXYCurvePairsValuesOfTheSameMoment() throws {
    let x = Signal.series(Signal.channel("x", unit: "V"), count: 1000) { cos(Double($0) / 100) }
    let y = Signal.series(Signal.channel("y"), count: 1000) { sin(Double($0) / 100) }
    let slow = Signal.series(Signal.channel("slow", rate: 10), count: 10) { Double($0) }
    let picture = try Self.picture(Self.plot([x, y, slow], PlotOptions(kind: .xy, x: "x")))
    #expect(picture.lines.map(\.name) == ["y", "slow"])
    #expect(picture.axis == .value(name: "x", unit: "V"))
    let circle = picture.lines[0].trace
    #expect(circle.x.count == 1000)
    #expect(zip(circle.x, circle.low).allSatisfy { abs($0 * $0 + $1 * $1 - 1) < 1e-5 })
    #expect(zip(picture.lines[1].trace.x, 0...).allSatisfy { abs($0 - cos(Double($1))) < 1e-5 })
  }

  @Test func savesByTheEndingOfTheName() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "plots-\(UInt64.random(in: 0...UInt64.max))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let plot = try Self.plot(GoldenTests.threeLines)
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    try plot.save(path("a.svg"))
    #expect(try String(contentsOfFile: path("a.svg"), encoding: .utf8).hasPrefix("<svg"))
    #expect(throws: PlotError.self) { try plot.save(path("a.svg")) }
    try plot.save(path("a.svg"), overwrite: true)
    for name in ["a.jpg", "a", ".svg/x"] {
      let error = #expect(throws: PlotError.self) { try plot.save(path(name)) }
      #expect(error?.code == "argument")
    }
    let error = #expect(throws: PlotError.self) { try plot.save(path("no/such/folder.svg")) }
    #expect(error?.code == "io")
    guard FileManager.default.isExecutableFile(atPath: "/usr/bin/rsvg-convert") else { return }
    try plot.save(path("a.png"))
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: path("a.png"))).prefix(4) == Data([0x89, 0x50, 0x4E, 0x47]))
    try plot.save(path("a.pdf"))
    #expect(try Data(contentsOf: URL(fileURLWithPath: path("a.pdf"))).prefix(5) == Data("%PDF-".utf8))
  }

  @Test func saysWhichPackageMakesPictures() {
    let error = #expect(throws: PlotError.self) {
      try StillConverter(searchPath: "/nowhere").convert("", to: .png, path: "/tmp/x.png")
    }
    #expect(error?.code == "missing")
    #expect(error?.hint == "apt install librsvg2-bin; .svg always works")
  }

  /// Whatever a file, a device or a script says, a picture comes of it.
  @Test func anyValuesTimesRatesAndGapsGiveAPicture() throws {
    let values: [[Double]] = [
      [0, tiny, 0], [-tiny, tiny, 0], [1e308, -1e308, 0], [.nan, .infinity, -.infinity], [1, 1, 1],
      [.greatestFiniteMagnitude, .greatestFiniteMagnitude.nextDown, 0],
    ]
    let times: [[Int64]] = [
      [.min, 0, .max], [-6_000_000_000_000_000_000, 0, 6_000_000_000_000_000_000], [5, 5, 5], [9, 3, -100],
      [0, 1, 2],
    ]
    let gaps = [
      Gap(at: 2, samples: -1, reason: .lost), Gap(at: 1, samples: .max, reason: .hole),
      Gap(at: 2, samples: nil, reason: .restart),
      Gap(at: .max, samples: 1, reason: .lost), Gap(at: .min, samples: 1, reason: .lost),
    ]
    let clocks =
      [.unix] + [nil, 0, -1, .nan, .infinity, tiny, 1e308, 1000].map { ClockDomain.ticks(rate: $0) }
    for clock in clocks {
      for (row, samples) in values.enumerated() {
        for stamps in times {
          let channel = Channel(name: "a", type: .float64, clock: clock, rate: clock.unitsPerSecond)
          var other = channel
          other.name = "b"
          let timing = Timing.stamped(SampleStorage(stamps, as: .timestamp), offset: 0)
          let series = [
            Series(channel, SampleStorage(samples), timing: timing, gaps: gaps),
            Series(
              other, SampleStorage(samples.reversed()), timing: row % 2 == 0 ? timing : .none, gaps: gaps),
          ]
          for options in [PlotOptions(), PlotOptions(layout: .lanes), PlotOptions(kind: .xy, x: "a")] {
            let plot = try Self.plot(series, options)
            _ = plot.svg(span: .nanosecond)
            _ = plot.svg()
            _ = plot.terminalPicture(
              width: 40, height: 12, style: TerminalStyle(glyphs: .braille, hasColours: false))
            _ = plot.terminalPicture(
              width: 40, height: 12, style: TerminalStyle(glyphs: .ascii, hasColours: true))
            let picture = try Self.picture(plot)
            #expect(picture.view.lowerBound < picture.view.upperBound)
            _ = PageFrame.encode(picture, revision: 1, bufferedBytes: 0)
          }
        }
      }
    }
  }

  @Test func aSpanTooShortForTheAxisIsShownAsShortAsItCanBe() throws {
    let long = Signal.series(Signal.channel("a"), count: 5000) { Double($0) }
    for view in [PlotView.follow(span: 1e-9), .follow(span: 1e-300), .range(7...7)] {
      let picture = try Self.picture(Self.plot([long]), view)
      #expect(picture.view.lowerBound < picture.view.upperBound)
    }
    #expect(try Self.plot([long]).svg(span: .nanosecond).hasSuffix("</svg>\n"))
  }

  @Test func loadedTimesThatStepBackBeginAnew() throws {
    let stamps = [0, 0.1, 0.2, -200_000, -199_999.9, -199_999.8].map { Int64(($0 * 1e9).rounded()) }
    let series = Series(
      Channel(name: "a", type: .float64), SampleStorage([6.0, 6, 6, 1, 2, 3]),
      timing: .stamped(SampleStorage(stamps, as: .timestamp), offset: 0))
    let picture = try Self.picture(Self.plot([series]))
    #expect(picture.lines[0].trace.low == [1, 2, 3] && picture.view.upperBound - picture.view.lowerBound < 1)
  }
}

private let tiny = Double.leastNonzeroMagnitude
