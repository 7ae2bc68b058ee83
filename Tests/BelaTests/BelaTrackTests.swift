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
}
