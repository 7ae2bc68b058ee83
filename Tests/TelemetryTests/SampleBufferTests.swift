import Randomness
import Telemetry
import TestSupport
import Testing

@Suite struct SampleBufferTests {
  // MARK: - Against a plain array

  /// What the buffer should have: each sample with its number and time, and the gaps.
  private struct Model {
    var samples: [(value: Sample, time: Int64?)] = []
    var lower: Int64 = 0
    var origin: Int64 = 0
    var gaps: [Gap] = []
    var upper: Int64 { lower + Int64(samples.count) }

    mutating func trim(_ most: Int) {
      let excess = max(0, samples.count - most)
      samples.removeFirst(excess)
      lower += Int64(excess)
      gaps.removeAll { $0.at < lower }
    }

    func check(_ series: Series, _ wanted: Range<Int64>) -> Bool {
      let part = wanted.clamped(to: lower..<upper)
      guard series.count == part.count, series.isEmpty || series.first == part.lowerBound else {
        return false
      }
      for (position, number) in part.enumerated() {
        let own = samples[Int(number - lower)]
        guard series[position] == own.value, series.time(position) == own.time else { return false }
      }
      return series.gaps == gaps.filter { part.contains($0.at) }
        && series.dropped == Int64(wanted.count - part.count)
    }
  }

  private static func randomSample(_ type: DataType, _ random: inout SplitMix) -> Sample {
    switch type {
    case .float64: .float(Double(Int.random(in: -1_000_000...1_000_000, using: &random)) / 8)
    case .int16: .integer(Int64(Int16.random(in: .min ... .max, using: &random)))
    case .uint64:
      Bool.random(using: &random) ? .integer(Int64.random(in: 0...9, using: &random)) : .unsigned(.max)
    default:
      .bytes(
        (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
    }
  }

  private static func storage(_ samples: [Sample], _ type: DataType) -> SampleStorage {
    let storage = SampleStorage(type: type, capacity: samples.count)
    for sample in samples {
      switch (type, sample) {
      case (.float64, .float(let value)): storage.append(value)
      case (.int16, .integer(let value)): storage.append(Int16(value))
      case (.uint64, .integer(let value)): storage.append(UInt64(value))
      case (.uint64, .unsigned(let value)): storage.append(value)
      case (_, .bytes(let bytes)): storage.append(blob: bytes)
      default: Issue.record("no such sample")
      }
    }
    return storage
  }

  /// A series cut out of a longer one, so that its times begin somewhere within; now and then of several chunks.
  private static func randomSeries(_ channel: Channel, at now: inout Int64, _ random: inout SplitMix)
    -> (Series, [(value: Sample, time: Int64?)])
  {
    let pieces = Int.random(in: 1...10, using: &random) == 1 ? 3 : 1
    var chunks: [Series] = []
    var expected: [(value: Sample, time: Int64?)] = []
    for _ in 0..<pieces {
      let sizes = [0, 1, 1, 2, 3, 5, 17, 100, 700, Int.random(in: 1...100, using: &random) == 1 ? 20_000 : 9]
      let count = sizes.randomElement(using: &random)!
      let (cut, rest) = (Int.random(in: 0...4, using: &random), Int.random(in: 0...4, using: &random))
      let samples = (0..<cut + count + rest).map { _ in randomSample(channel.type, &random) }
      let step = Step(
        units: Int64.random(in: 0...5, using: &random), samples: Int64.random(in: 1...3, using: &random))
      let whole = storage(samples, channel.type)
      let timing: Timing
      let times: [Int64?]
      switch Int.random(in: 0...5, using: &random) {
      case 0:
        timing = .none
        times = samples.map { _ in nil }
      case 1, 2:
        let stamps = samples.indices.map { now + Int64($0) * 7 }
        timing = .stamped(SampleStorage([-1] + stamps, as: .timestamp), offset: 1)
        times = stamps
      default:
        let start = Bool.random(using: &random) ? now : now + 100
        timing = .steady(start: start, step: step)
        times = samples.indices.map { start + Int64($0) * step.units / step.samples }
      }
      now = (times.last ?? nil) ?? now
      chunks.append(Series(channel, whole, timing: timing)[cut..<cut + count])
      expected += zip(samples, times).map { (value: $0, time: $1) }[cut..<cut + count]
    }
    var gaps: [Gap] = []
    if !expected.isEmpty, Int.random(in: 0...3, using: &random) == 0 {
      gaps.append(
        Gap(at: Int64.random(in: 0..<Int64(expected.count), using: &random), samples: 3, reason: .hole))
    }
    let joined = Series(channel, chunks: chunks.flatMap(\.chunks), gaps: gaps)
    return (joined, expected)
  }

  @Test(arguments: [DataType.float64, .int16, .uint64, .string], [1, 2, 3, 4, 5, 6])
  func doesWhatAPlainArrayDoes(type: DataType, seed: UInt64) {
    var random = SplitMix(seed: seed)
    let channel = Channel.plain("x", type)
    var capacity = 5000
    var buffer = SampleBuffer(channel: channel, capacity: .samples(capacity))
    var model = Model()
    var pending: Gap?
    var now: Int64 = 0
    var kept: [(Series, Model)] = []
    for round in 0..<250 {
      switch Int.random(in: 0...20, using: &random) {
      case 0:
        capacity = [1, 10, 1000, 5000, 50_000].randomElement(using: &random)!
        buffer.setCapacity(.samples(capacity))
        model.trim(capacity)
      case 1 where round % 3 == 0:
        buffer.clear()
        (model.lower, model.samples, model.gaps) = (model.upper, [], [])
        model.origin = model.lower
      case 2:
        buffer.markGap(.lost, samples: 5)
        pending = Gap(at: 0, samples: (pending?.samples ?? 0) + 5, reason: .lost)
      case 3 where kept.count < 20: kept.append((buffer.snapshot(), model))
      default:
        let (series, expected) = Self.randomSeries(channel, at: &now, &random)
        let numbers = buffer.append(series)
        #expect(numbers == model.upper..<model.upper + Int64(expected.count))
        guard !expected.isEmpty else { continue }
        var gaps = series.gaps.map { Gap(at: $0.at + model.upper, samples: $0.samples, reason: $0.reason) }
        if let earlier = pending {
          pending = nil
          if gaps.first?.at == model.upper {
            gaps[0].samples = 3 + earlier.samples!
          } else {
            gaps.insert(Gap(at: model.upper, samples: earlier.samples, reason: .lost), at: 0)
          }
        }
        model.gaps += gaps
        model.samples += expected
        model.trim(capacity)
      }
      #expect(buffer.numbers == model.lower..<model.upper)
      let from = model.lower - 3 + Int64.random(in: 0...Int64(model.samples.count + 3), using: &random)
      let wanted = max(0, from)..<max(0, from) + Int64.random(in: 0...600, using: &random)
      guard model.check(buffer.series(wanted), wanted) else {
        Issue.record("round \(round), \(wanted) of \(buffer.numbers)")
        return
      }
    }
    for (series, then) in kept {
      var past = then
      past.gaps = series.gaps
      #expect(series.dropped == then.lower - then.origin)
      var same = series
      same = same[0..<same.count]
      #expect(past.check(same, then.lower..<then.upper))
    }
    buffer.clear()
    #expect(buffer.byteCount == 0)
  }

  // MARK: - Memory

  @Test func aSampleCostsItsWidthAndAFewPercent() {
    var buffer = SampleBuffer(channel: .plain(), capacity: .samples(100_000))
    for block in 0..<3000 { buffer.append(.ramp(block * 100..<block * 100 + 100)) }
    #expect(buffer.byteCount == 800_000)
    #expect(buffer.snapshot().chunks.count < 16)
  }

  @Test func singleSamplesInEvenStepsJoinIntoOneChunk() {
    var buffer = SampleBuffer(channel: .plain(), capacity: .samples(1000))
    for number in 0..<60 { buffer.append(.ramp(number..<number + 1)) }
    #expect(buffer.snapshot().chunks.count == 1)
    #expect(buffer.byteCount == 60 * 8)
  }

  @Test func singleSamplesAtUnevenTimesGetStampsInsteadOfChunks() {
    var buffer = SampleBuffer(channel: .plain(), capacity: .samples(10_000))
    for number in 0..<5000 {
      let time = Int64(number * 10 + number % 3)
      buffer.append(
        Series(.plain(), SampleStorage([Double(number)]), timing: .steady(start: time, step: Step(units: 1))))
    }
    let series = buffer.snapshot()
    let times: [Int64?] = (0..<5000).map { number in Int64(number * 10 + number % 3) }
    #expect(series.stamps == times)
    #expect(series.chunks.count < 20)
    #expect(buffer.byteCount <= 5000 * 16)
  }

  @Test func longRunsAreSharedAndHugeOnesAreCopiedInPieces() {
    let shared = Series.ramp(0..<10_000)
    var buffer = SampleBuffer(channel: .plain(), capacity: .samples(1_000_000))
    buffer.append(shared)
    #expect(buffer.snapshot().chunks[0].storage === shared.chunks[0].storage)
    let huge = Series.ramp(10_000..<300_000)
    buffer.append(huge)
    #expect(!buffer.snapshot().chunks.contains { $0.storage === huge.chunks[0].storage })
    #expect(buffer.snapshot().values == (0..<300_000).map { Double($0) })
    // A part of something much bigger would keep all of it in memory.
    buffer.append(huge[1000..<6000])
    #expect(!buffer.snapshot().chunks.contains { $0.storage === huge.chunks[0].storage })
  }

  @Test func aPartRefersToItsOwnChunksOnly() {
    var buffer = SampleBuffer(channel: .plain(), capacity: .samples(1_000_000))
    buffer.append(.ramp(0..<400_000))
    weak let oldest = buffer.snapshot().chunks.first?.storage
    let part = buffer.snapshot()[300_000..<301_000]
    #expect(oldest != nil)
    buffer.clear()
    #expect(oldest == nil)
    #expect(part.values.first == 300_000)
  }

  @Test func whatASnapshotHoldsStaysUntilItGoes() {
    var buffer = SampleBuffer(channel: .plain(), capacity: .samples(1000))
    buffer.append(.ramp(0..<2000))
    weak let newest = buffer.snapshot().chunks.last?.storage
    do {
      let held = buffer.snapshot()
      for block in 0..<20 {
        buffer.append(.ramp(100_000 + block * 1000..<100_000 + (block + 1) * 1000))
      }
      #expect(held.values == (1000..<2000).map { Double($0) })
      #expect(newest != nil)
    }
    #expect(newest == nil)
    #expect(buffer.count == 1000)
  }

  @Test(arguments: [DataType.float64, .string])
  func memoryIsNeverPassed(type: DataType) {
    var buffer = SampleBuffer(channel: .plain("x", type), capacity: .samples(.max), bytesMax: 20_000)
    for round in 0..<400 {
      let count = 1 + round % 37
      let storage = SampleStorage(type: type, capacity: count)
      for position in 0..<count {
        if type == .string {
          storage.append(blob: [UInt8](repeating: 65, count: (round * 31 + position) % 300))
        } else {
          storage.append(Double(round))
        }
      }
      buffer.append(Series(.plain("x", type), storage))
      #expect(buffer.byteCount <= 20_000)
      #expect(buffer.count >= count)
    }
    // One sample greater than all of it stays alone.
    guard type == .string else { return }
    buffer.append(
      Series(.plain("x", type), SampleStorage(type: type, blobs: [[UInt8](repeating: 1, count: 30_000)])))
    #expect(buffer.count == 1)
  }

  @Test func hostileCapacitiesDoNotTrap() {
    var buffer = SampleBuffer(channel: .plain(), capacity: .samples(.max))
    buffer.append(.ramp(0..<10))
    for capacity in [BufferCapacity.samples(.min), .samples(0), .samples(-1)] {
      buffer.setCapacity(capacity)
      #expect(buffer.count == 0)
      buffer.append(.ramp(0..<10))
      #expect(buffer.count == 0)
    }
    buffer.setCapacity(.span(TimeSpan(nanoseconds: .max)))
    buffer.append(.ramp(0..<10))
    #expect(buffer.count == 10)
    let ends = Series(
      .plain(), SampleStorage([1.0, 2, 3]), timing: .steady(start: .max - 1, step: Step(units: .max)))
    buffer.append(ends)
    #expect(buffer.snapshot().stamps == [.max - 1, .max, .max])
    let gap = Series.untimed(
      [1], gaps: [Gap(at: .min, samples: .min, reason: .lost), Gap(at: .max, samples: nil, reason: .lost)])
    buffer.append(gap)
    buffer.markGap(.lost, samples: .max)
    buffer.markGap(.lost, samples: .max)
    buffer.append(.untimed([2]))
    #expect(buffer.lost == .max)
  }

  // MARK: - Time

  @Test func keepsASpanByTheTimesInTheData() {
    var buffer = SampleBuffer(channel: .plain(), capacity: .span(TimeSpan("2s")!))
    for block in 0..<100 {
      buffer.append(.ramp(block * 150..<(block + 1) * 150))
      let newest = (block + 1) * 150 - 1
      #expect(buffer.snapshot().values.first == Double(max(0, newest - 2000)))
    }
  }

  @Test func keepsASpanOfStampedSamplesToo() {
    var random = SplitMix(seed: 7)
    var buffer = SampleBuffer(channel: .plain(), capacity: .span(TimeSpan("1s")!))
    var times: [Int64] = []
    for _ in 0..<300 {
      let new = (0..<Int.random(in: 1...50, using: &random)).map { _ in
        let time = (times.last ?? 0) + Int64.random(in: 0...9, using: &random)
        times.append(time)
        return time
      }
      buffer.append(
        Series(
          .plain(), SampleStorage(new.map { Double($0) }),
          timing: .stamped(SampleStorage(new, as: .timestamp), offset: 0)))
      let limit = times.last! - 1000
      times.removeAll { $0 < limit }
      #expect(buffer.snapshot().stamps == times)
    }
  }

  @Test func withoutTimesASpanIsASampleCountByTheRate() {
    var channel = Channel.plain("x", .float64, rate: nil)
    channel.rate = 100
    var buffer = SampleBuffer(channel: channel, capacity: .span(TimeSpan("2s")!))
    buffer.append(.untimed((0..<1000).map { Double($0) }, channel))
    #expect(buffer.count == 200)
  }

  @Test func aClockThatBeginsAnewKeepsTheOldUntilTheNewCoverTheSpan() {
    var buffer = SampleBuffer(channel: .plain(), capacity: .span(TimeSpan("1s")!))
    buffer.append(.ramp(50_000..<52_000))
    buffer.append(.ramp(0..<900))
    #expect(buffer.count == 1001 + 900)
    buffer.append(.ramp(900..<1100))
    #expect(buffer.snapshot().values.first == 99)
  }

  @Test func aSpanCanBeSetWhileRunning() {
    var buffer = SampleBuffer(channel: .plain(), capacity: .samples(10_000))
    buffer.append(.ramp(0..<5000))
    buffer.setCapacity(.span(TimeSpan("500ms")!))
    #expect(buffer.snapshot().values.first == 4499)
    buffer.setCapacity(.samples(10))
    #expect(buffer.snapshot().values == (4990..<5000).map { Double($0) })
  }

  // MARK: - Gaps

  @Test func whatIsToldTwiceAboutOnePlaceIsOneGap() {
    var buffer = SampleBuffer(channel: .plain(), capacity: .samples(100))
    buffer.append(.ramp(0..<5))
    buffer.markGap(.reconnect, samples: 12)
    buffer.markGap(.reconnect)
    buffer.append(.ramp(17..<20))
    #expect(buffer.snapshot().gaps == [Gap(at: 5, samples: 12, reason: .reconnect)])
    #expect(buffer.gapCount == 1)
    #expect(buffer.lost == 12)
  }

  @Test func aPauseIsAGapInTheDataAndNoLoss() {
    var buffer = SampleBuffer(channel: .plain(), capacity: .samples(100))
    buffer.append(.ramp(0..<5))
    buffer.markGap(.paused)
    buffer.append(.ramp(100..<102))
    #expect(buffer.snapshot().gaps == [Gap(at: 5, samples: nil, reason: .paused)])
    #expect(buffer.gapCount == 0)
    buffer.markGap(.paused)
    buffer.markGap(.lost, samples: 3)
    buffer.append(.ramp(200..<202))
    #expect(buffer.snapshot().gaps.last == Gap(at: 7, samples: nil, reason: .lost))
    #expect(buffer.gapCount == 1)
    #expect(buffer.lost == 3)
  }

  /// Told by a device, or in the series itself: how much it was is known, and it is still nothing lost.
  @Test func whatAPauseLeftOutIsMissingAndNotLost() {
    var buffer = SampleBuffer(channel: .plain(), capacity: .samples(100))
    buffer.append(.ramp(0..<5))
    buffer.markGap(.paused, samples: 20)
    buffer.append(.ramp(25..<27))
    #expect(buffer.snapshot().gaps == [Gap(at: 5, samples: 20, reason: .paused)])
    buffer.append(.ramp(30..<40, gaps: [Gap(at: 4, samples: 7, reason: .paused)]))
    #expect(buffer.lost == 0 && buffer.gapCount == 0)
    buffer.markGap(.lost, samples: 2)
    #expect(buffer.lost == 2)
  }

  @Test func gapsGoWithWhatIsTrimmedAndAreBounded() {
    var buffer = SampleBuffer(channel: .plain(), capacity: .samples(1_000_000))
    for block in 0..<5000 {
      buffer.markGap(.lost, samples: 1)
      buffer.append(.ramp(block * 2..<block * 2 + 1))
    }
    let gaps = buffer.snapshot().gaps
    #expect(gaps.count == 4096)
    #expect(gaps.reduce(0) { $0 + $1.samples! } == 5000)
    buffer.setCapacity(.samples(10))
    #expect(buffer.snapshot().gaps.map(\.at) == Array(4990..<5000))
    #expect(buffer.lost == 5000)
  }
}
