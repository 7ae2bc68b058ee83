import Signals
import Telemetry
import TestSupport
import Testing

@Suite struct TriggerTests {
  private func series(_ samples: [Double], at start: Int = 0, name: String = "x", clock: ClockDomain = .unix)
    -> Series
  {
    Series(
      Channel(name: name, type: .float64, clock: clock), SampleStorage(samples),
      timing: .steady(start: Int64(start), step: Step(units: 1)))
  }

  /// Ends of the windows that a trigger cuts, the samples handed over in pieces.
  private func windows(_ trigger: Trigger, _ samples: [Double], piece: Int, timed: Bool = true)
    -> [ClosedRange<Int>]
  {
    var trigger = trigger
    var found: [ClosedRange<Int>] = []
    for start in stride(from: 0, to: samples.count, by: piece) {
      let part = Array(samples[start..<min(samples.count, start + piece)])
      let frame = Frame([timed ? series(part, at: start) : pieces(part)])
      for hit in trigger.add(frame) {
        let x = hit.window["x"]!
        let from = timed ? Int(x.time(0)!) : Int(x.first)
        #expect(values(x).elementsEqual(samples[from..<from + x.count], by: { close($0, $1) }))
        found.append(from...from + x.count - 1)
      }
    }
    return found
  }

  /// The same by looking at all samples at once.
  private func expected(_ trigger: Trigger, _ samples: [Double]) -> [ClosedRange<Int>] {
    var found: [ClosedRange<Int>] = []
    var position = 0
    while position < samples.count {
      let value = samples[position]
      let before = samples[..<position].last { !$0.isNaN }
      let hit =
        switch trigger.condition {
        case .rising: before.map { $0 < trigger.level && value >= trigger.level } ?? false
        case .falling: before.map { $0 > trigger.level && value <= trigger.level } ?? false
        case .above: value > trigger.level
        case .below: value < trigger.level
        case .outside: value < trigger.level || value > trigger.upper
        case .inside: value >= trigger.level && value <= trigger.upper
        }
      guard hit else {
        position += 1
        continue
      }
      let end = position + Int(trigger.post)
      if end < samples.count { found.append(max(0, position - Int(trigger.pre))...end) }
      position = end + 1
    }
    return found
  }

  @Test(
    arguments: [Trigger.Condition.rising, .falling, .above, .below, .outside, .inside], [1, 4, 50, 1000])
  func cutsTheSameWindowsHoweverTheSamplesCome(condition: Trigger.Condition, piece: Int) {
    for (pre, post) in [(0, 0), (3, 5), (20, 1), (0, 30), (7, 0)] {
      let samples = (0..<700).map { _ in Int.random(in: 0..<20) == 0 ? Double.nan : .random(in: 0...1) }
      for level in [0.5, 0.95, 0.02] {
        let trigger = Trigger(
          channel: "x", condition: condition, level: level, upper: level + 0.3, pre: Int64(pre),
          post: Int64(post))
        let wanted = expected(trigger, samples)
        #expect(windows(trigger, samples, piece: piece) == wanted, "\(pre) \(post) \(level)")
        #expect(windows(trigger, samples, piece: piece, timed: false) == wanted)
      }
    }
  }

  @Test func otherChannelsOfTheClockAreInTheWindow() throws {
    var trigger = Trigger(channel: "x", condition: .rising, level: 0.5, pre: 2, post: 3)
    let ticks = run("t", 0..<10, clock: .ticks(rate: 1))
    var frames = trigger.add(
      Frame([series([0, 0, 0, 0, 1, 1, 1, 1, 1, 1]), run("y", 0..<6), ticks, run("s", 0..<1, mode: .sparse)]))
    #expect(frames.isEmpty && trigger.isFiring)
    frames = trigger.add(Frame([run("y", 6..<12)], dropped: 4))
    let window = try #require(frames.first?.window)
    #expect(frames.first?.time == 4)
    #expect(
      window.names == ["x", "y"] && range(window["y"]) == 2..<8 && times(window["x"]!) == [2, 3, 4, 5, 6, 7])
    #expect(window.dropped == 4 && !trigger.isFiring)
  }

  @Test func aSilentChannelHoldsAWindowUpOnlyForAWhile() {
    var trigger = Trigger(channel: "x", condition: .rising, level: 0.5, pre: 2, post: 3)
    #expect(trigger.add(Frame([run("y", 0..<2), series([0, 1, 1, 1, 1, 1])])).isEmpty)
    #expect(trigger.add(Frame([series([1, 1, 1], at: 6)])).isEmpty)
    for start in [9, 14, 19] { #expect(trigger.add(Frame([series([1, 1, 1, 1, 1], at: start)])).isEmpty) }
    #expect(trigger.add(Frame([series([1], at: 24)])).count == 1)
  }

  @Test func aChannelThatComesInBlocksOfItsOwnIsNotCutOff() throws {
    var trigger = Trigger(channel: "x", condition: .rising, level: 0.5, pre: 2, post: 3)
    let block = [Double](repeating: 1, count: 100)
    #expect(trigger.add(Frame([series([Double](repeating: 0, count: 100))])).isEmpty)
    #expect(trigger.add(Frame([series(block, at: 0, name: "y"), series(block, at: 100)])).isEmpty)
    let hit = try #require(trigger.add(Frame([series(block, at: 100, name: "y")])).first)
    #expect(times(hit.window["y"]!) == [98, 99, 100, 101, 102, 103])
  }

  @Test func aDeviceThatStartsAnewEndsTheWindow() throws {
    var trigger = Trigger(channel: "x", condition: .rising, level: 0.5, pre: 2, post: 30)
    #expect(trigger.add(Frame([series([0, 1, 1], at: 1000)])).isEmpty)
    let frames = trigger.add(Frame([series([1, 1, 0, 0], at: 0)]))
    #expect(frames.map { times($0.window["x"]!) } == [[1000, 1001, 1002]] && !trigger.isFiring)
    #expect(trigger.add(Frame([series([1] + [Double](repeating: 0, count: 30), at: 4)])).count == 1)
  }

  @Test func textNeverFiresAndTruthDoes() {
    var words = Trigger(channel: "words", condition: .above, level: -1, pre: 0, post: 0)
    #expect(words.add(Frame([text])).isEmpty)
    var truth = Trigger(channel: "x", condition: .rising, level: 0.5, pre: 0, post: 0)
    #expect(truth.add(Frame([pieces([UInt8(0), 1, 1, 0, 1], as: .bool)])).count == 2)
    var missing = Trigger(channel: "nobody", condition: .above, level: 0, pre: .max, post: .max)
    #expect(missing.add(Frame([series([1, 2])])).isEmpty)
  }

  @Test(arguments: [1, 3, 100]) func noiseAroundTheLevelIsOneEdgeWithHysteresis(piece: Int) {
    let samples = [0, 0.45, 0.55, 0.45, 0.55, 0.2, 0.45, 0.55, 0.1, 0.9]
    var trigger = Trigger(channel: "x", condition: .rising, level: 0.5, pre: 0, post: 0)
    #expect(windows(trigger, samples, piece: piece) == [2...2, 4...4, 7...7, 9...9])
    trigger = Trigger(channel: "x", condition: .rising, level: 0.5, pre: 0, post: 0, hysteresis: 0.2)
    #expect(windows(trigger, samples, piece: piece) == [2...2, 7...7, 9...9])
    trigger = Trigger(channel: "x", condition: .falling, level: 0.5, pre: 0, post: 0, hysteresis: 0.3)
    #expect(windows(trigger, samples + [0.3], piece: piece) == [10...10])
  }

  @Test(arguments: [1, 3, 100]) func noHitComesWithinTheHoldOff(piece: Int) {
    let samples = (0..<40).map { $0 % 4 == 1 ? 1.0 : 0.0 }
    let trigger = Trigger(channel: "x", condition: .rising, level: 0.5, pre: 1, post: 1, holdOff: 10)
    #expect(windows(trigger, samples, piece: piece) == [0...2, 12...14, 24...26, 36...38])
    let exact = Trigger(channel: "x", condition: .rising, level: 0.5, pre: 0, post: 0, holdOff: 8)
    #expect(windows(exact, samples, piece: piece) == [1...1, 9...9, 17...17, 25...25, 33...33])
  }

  @Test func anEndedStreamGivesWhatThereIsOfAWindow() {
    var trigger = Trigger(channel: "x", condition: .rising, level: 0.5, pre: 2, post: 30)
    #expect(trigger.finish()?.time == nil && trigger.add(Frame([series([0, 1, 1])])).isEmpty)
    #expect(trigger.finish().map { times($0.window["x"]!) } == [0, 1, 2])
    #expect(trigger.finish()?.time == nil && !trigger.isFiring)
  }
}
