import Bela
import Telemetry
import Testing

/// Rates and losses of dense blocks: the value of each sample is the tick at which it was assigned.
@Suite struct BelaTrackTests {
  private static let count = 512
  private static let channel = Channel(name: "x", type: .float64, clock: .ticks(rate: 44100))

  /// A variable that is assigned every `step` ticks from tick 10,000 on.
  private struct Signal {
    var track = BelaTrack(channel: BelaTrackTests.channel, type: .float64)
    let step: Int64
    var series: [Series] = []
    /// Ticks that were lost in a hole.
    var shift: Int64 = 0

    init(step: Int64) { self.step = step }

    func tick(_ block: Int64) -> Int64 { 10_000 + shift + block * Int64(BelaTrackTests.count) * step }

    /// Blocks by number; values behind `end` are padding.
    mutating func play(_ blocks: [Int64], end: Int64 = .max) {
      for block in blocks {
        var bytes: [UInt8] = []
        withUnsafeBytes(of: tick(block).littleEndian) { bytes += $0 }
        var isOver = false
        for position in 0..<Int64(BelaTrackTests.count) {
          let time = tick(block) + position * step
          withUnsafeBytes(of: (isOver ? 0 : Double(time)).bitPattern.littleEndian) { bytes += $0 }
          isOver = isOver || time >= end
        }
        series += bytes.withUnsafeBytes { track.append($0) }
      }
    }

    mutating func finish() { series += track.finish(flushed: true) }

    var total: Int { series.reduce(0) { $0 + $1.count } }
    var gaps: [Gap] { series.flatMap(\.gaps) }
    var isRight: Bool {
      series.allSatisfy { one in
        (0..<one.count).allSatisfy { one[$0] == .float(Double(one.time($0)!)) }
      }
    }
  }

  @Test(arguments: [1, 2, 3, 12, 700] as [Int64])
  func aSlowVariableIsKnownByThreeBlocks(step: Int64) {
    var signal = Signal(step: step)
    signal.play([0, 1, 2, 3])
    #expect(signal.isRight && signal.gaps.isEmpty && signal.total == 4 * Self.count)
    #expect(signal.track.heldCount == 0)
  }

  @Test(
    arguments: [1, 2, 12] as [Int64],
    [[0, 2, 3, 4], [0, 3, 4, 5], [0, 1, 3, 4], [0, 2, 3, 5], [0, 1, 2, 5]] as [[Int64]])
  func aLossAmongTheFirstBlocksIsNoRate(step: Int64, blocks: [Int64]) {
    var signal = Signal(step: step)
    signal.play(blocks)
    let lost = zip(blocks, blocks.dropFirst()).filter { $1 - $0 > 1 }.map {
      ($1 - $0 - 1) * Int64(Self.count)
    }
    #expect(signal.isRight, "\(blocks)")
    #expect(signal.gaps.map(\.samples) == lost && signal.gaps.allSatisfy { $0.reason == .lost })
  }

  @Test(arguments: [1, 3] as [Int64]) func whatHeadersToldIsKnownAtOnce(step: Int64) {
    var signal = Signal(step: step)
    signal.play([0])
    signal.track.lostPayload()
    signal.track.lostPayload()
    signal.play([3])
    #expect(signal.isRight && signal.gaps.map(\.samples) == [1024] && signal.total == 2 * Self.count)
  }

  @Test(arguments: [1, 2] as [Int64], [[0, 1, 2], [0, 2]] as [[Int64]])
  func theEndTellsWhereNoThirdBlockComes(step: Int64, blocks: [Int64]) {
    var signal = Signal(step: step)
    let end = signal.tick(2) + 300 * step
    signal.track.end = end
    signal.play(blocks, end: end)
    signal.finish()
    #expect(signal.isRight && signal.track.isEnded, "\(blocks) \(signal.series.map(\.count))")
    #expect(signal.total == (blocks.count - 1) * Self.count + 301)
    #expect(signal.gaps.map(\.samples) == (blocks.count == 2 ? [512] : []))
  }

  /// 896 ticks for 512 values: four in seven ticks, or 384 that the board threw away.
  @Test(arguments: [true, false]) func aHoleAmongTheFirstBlocksIsNoRate(hasEnd: Bool) {
    var signal = Signal(step: 1)
    let end = signal.tick(0) + 896 + 300
    if hasEnd { signal.track.end = end }
    signal.play([0])
    signal.shift = 384
    signal.play(hasEnd ? [1] : [1, 2, 3], end: hasEnd ? end : .max)
    signal.finish()
    #expect(signal.isRight && signal.gaps.map(\.samples) == [384], "\(signal.gaps)")
    #expect(signal.total == (hasEnd ? 512 + 301 : 4 * 512))
  }

  @Test func whatIsHeldGoesOutAtTheEnd() {
    var signal = Signal(step: 4)
    signal.play([0, 1])
    #expect(signal.series.isEmpty && signal.track.heldCount == 1024)
    signal.finish()
    #expect(signal.isRight && signal.total == 1024)
    var counted = Signal(step: 4)
    counted.play([0, 1])
    counted.series += counted.track.finish(flushed: true, count: 600)
    #expect(counted.isRight && counted.total == 600)
  }

  // MARK: - Live

  private func at(_ block: Int64) -> Int64 { 1000 + 512 * block }

  /// Blocks of a live stream, by their stamps; the values up to `extent` are their ticks, the others zeros.
  private struct Live {
    var track = BelaTrack(channel: BelaTrackTests.channel, type: .float64, needsProof: true)
    var series: [Series] = []

    /// Answers the stamps of the blocks that go out with this message.
    mutating func play(_ stamp: Int64, extent: Int = BelaTrackTests.count, late: Int64 = 0) -> [Int64] {
      var bytes: [UInt8] = []
      withUnsafeBytes(of: stamp.littleEndian) { bytes += $0 }
      for position in 0..<BelaTrackTests.count {
        let value = position < extent ? Double(stamp + Int64(position)) : 0
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
      }
      let now = TimeSpan(
        nanoseconds: (stamp + Int64(BelaTrackTests.count) + late) * 1_000_000_000 / 44_100)
      let made = bytes.withUnsafeBytes { track.append($0, now: now) }
      series += made
      return made.map { $0.time(0)! }
    }
  }

  @Test func aFullBlockOfAnEvenRowIsDeliveredWithItsOwnMessage() {
    var live = Live()
    #expect(live.play(1000) == [])
    // How long a block takes is known by the second.
    #expect(live.play(1512) == [1000])
    #expect(live.play(2024) == [1512, 2024])
    for block in 3..<200 as Range<Int64> {
      #expect(live.play(at(block), late: block % 7) == [at(block)])
    }
    // The next watch has the same pace.
    live.track.begin()
    #expect(live.play(500_000) == [] && live.play(500_512) == [500_000, 500_512])
    #expect(live.play(501_024) == [501_024])
  }

  @Test func whatMayBePaddingWaitsForTheNextStamp() {
    var live = Live()
    for block in 0..<9 as Range<Int64> { _ = live.play(at(block)) }
    #expect(live.play(at(9), extent: 300) == [])
    let both = live.play(at(10))
    #expect(both == [at(9), at(10)])
    // Flushed, and the next begun right behind it.
    #expect(live.play(at(11), extent: 200) == [])
    #expect(live.play(at(11) + 200) == [at(11)] && live.series.last?.count == 200)
    #expect(live.play(at(12) + 200).count == 2)
    // Flushed by a stop; what begins later says nothing of how much of it is padding.
    #expect(live.play(at(13) + 200, extent: 100) == [])
    #expect(live.play(1_000_000) == [] && live.play(1_000_512) == [1_000_000, 1_000_512])
  }

  /// A pause on the board makes a hole in a block that fits the row, and makes it late.
  @Test func aBlockThatIsLateWaitsForTheNextStamp() {
    var live = Live()
    for block in 0..<9 as Range<Int64> { _ = live.play(at(block)) }
    let next: Int64 = at(9)
    #expect(live.play(next, late: 900) == [])
    #expect(live.play(next + 512 + 900) == [])
    #expect(live.play(next + 1024 + 900) == [next + 512 + 900, next + 1024 + 900])
    // A message that was late by itself.
    let later = next + 1536 + 900
    #expect(live.play(later, late: 900) == [])
    #expect(live.play(later + 512) == [later, later + 512])
  }

  /// As from a buffer: the board's clock shows that there was no time for a hole.
  @Test func aBlockOfManyValuesInOneTickNeedsNoNextOne() {
    var live = Live()
    #expect(live.play(7) == [] && live.track.prove(clock: 7 + 600).isEmpty)
    #expect(live.track.prove(clock: 8).map(\.count) == [512])
  }

  @Test func evenStepsOfOthersAreNoNewRate() {
    var live = Live()
    for block in 0..<4 as Range<Int64> { _ = live.play(at(block)) }
    // Somebody begins the stream anew every 900 ticks, three times.
    for block in 0..<3 as Range<Int64> { _ = live.play(5000 + 900 * block) }
    for block in 0..<4 as Range<Int64> { _ = live.play(9000 + 512 * block) }
    #expect(live.track.step == Step(units: 1))
    for one in live.series {
      #expect((0..<one.count).allSatisfy { one[$0] == .float(Double(one.time($0)!)) })
    }
  }
}
