public import Telemetry

extension Channel {
  public static func plain(_ name: String = "x", _ type: DataType = .float64, rate: Double? = 1000) -> Channel
  {
    Channel(name: name, type: type, clock: .ticks(rate: rate))
  }
}

extension Series {
  /// Whole numbers in even steps of one tick: each value is its time.
  public static func ramp(_ range: Range<Int>, _ channel: Channel = .plain(), gaps: [Gap] = []) -> Series {
    Series(
      channel, SampleStorage(range.map { Double($0) }),
      timing: .steady(start: Int64(range.lowerBound), step: Step(units: 1)), gaps: gaps)
  }

  public static func untimed(_ values: [Double], _ channel: Channel = .plain(), gaps: [Gap] = []) -> Series {
    Series(channel, SampleStorage(values), gaps: gaps)
  }

  public var samples: [Sample] { (0..<count).map { self[$0] } }
  public var values: [Double] { samples.map { $0.number ?? .nan } }
  public var stamps: [Int64?] { (0..<count).map { time($0) } }
}

// MARK: - Made for tests of what is computed

/// Series cut out of the middle of several chunks, so that every loop meets ends and starts.
public func pieces<T: FixedWidthSample>(
  _ values: [T], as type: DataType = T.dataType, name: String = "x", clock: ClockDomain = .unix,
  unit: String? = nil, timing: (Int) -> Timing = { _ in .none }, gaps: [Gap] = [], sizes: [Int] = [3, 1, 17]
) -> Series {
  var chunks: [Chunk] = []
  var done = 0
  var turn = 0
  while done < values.count {
    let count = min(sizes[turn % sizes.count], values.count - done)
    chunks.append(Chunk(SampleStorage(values[done..<done + count], as: type), timing: timing(done)))
    done += count
    turn += 1
  }
  return Series(Channel(name: name, type: type, clock: clock, unit: unit), chunks: chunks, gaps: gaps)
}

public func values(_ series: Series) -> [Double] { (0..<series.count).map { series[$0].number ?? .nan } }

public func integers(_ series: Series) -> [Int64] {
  (0..<series.count).compactMap { if case .integer(let value) = series[$0] { value } else { nil } }
}

public func times(_ series: Series) -> [Int64?] { (0..<series.count).map(series.time) }

/// The code of the error that this throws; nil when it throws none.
public func code(_ body: () throws -> Void) -> String? {
  do { try body() } catch { return (error as? any CodedError)?.code }
  return nil
}

/// Three words, 5 units apart.
public let text = Series(
  Channel(name: "words", type: .string),
  SampleStorage(type: .string, blobs: ["a", "b", "c"].map { Array($0.utf8) }),
  timing: .steady(start: 10, step: Step(units: 5)))

public func run(
  _ name: String, _ range: Range<Int>, clock: ClockDomain = .unix, mode: Channel.Mode = .dense,
  missing: Int64? = nil
) -> Series {
  Series(
    Channel(name: name, type: .int32, clock: clock, mode: mode), SampleStorage(range.map(Int32.init)),
    timing: .steady(start: Int64(range.lowerBound), step: Step(units: 1)),
    gaps: missing.map { [Gap(at: 0, samples: $0, reason: .lost)] } ?? [])
}

public func range(_ series: Series?) -> Range<Int64>? {
  guard let series, let first = integers(series).first,
    integers(series) == Array(first..<first + Int64(series.count))
  else { return nil }
  return first..<first + Int64(series.count)
}
