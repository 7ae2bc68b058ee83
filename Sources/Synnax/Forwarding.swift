public import Telemetry

/// Which moment of the wall clock a tick of a device's clock is.
public struct ClockReference: Sendable, Hashable {
  public var tick: Int64
  public var at: TimeStamp
  /// Ticks a second.
  public var rate: Double

  /// - Precondition: `rate` is above zero.
  public init(tick: Int64, at: TimeStamp, rate: Double) {
    precondition(rate > 0)
    self.tick = tick
    self.at = at
    self.rate = rate
  }

  /// Nanoseconds since the epoch; sticks to the ends of the range. Whole seconds are counted apart, so that a device
  /// that has run for years loses no precision.
  public func nanoseconds(_ tick: Int64) -> Int64 {
    let distance = tick.subtractingSaturating(self.tick)
    let whole = (Double(distance) / rate).rounded(.down)
    let rest = (Double(distance) - whole * rate) / rate
    guard let seconds = Int64(exactly: whole) else { return distance < 0 ? .min : .max }
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    if overflow { return distance < 0 ? .min : .max }
    return at.nanoseconds.addingSaturating(scaled).addingSaturating(
      Int64(saturating: (rest * 1e9).rounded()))
  }
}

/// Turns what one stream sends into what a writer takes: renames channels, converts times, and brings the channels
/// of one index together. A plain value; whoever forwards a stream owns it.
///
/// Samples of one index go out when all of its channels have one for that moment. A sample whose partners were lost
/// is left out and counted.
public struct Forwarding: Sendable {
  private struct Sampled: Sendable {
    var times: [Int64] = []
    var samples: [Sample] = []
    var head = 0

    var count: Int { times.count - head }
    /// The time of the oldest.
    var first: Int64 { times[head] }

    mutating func drop(_ number: Int) {
      head += number
      guard head > 4096, head > times.count / 2 else { return }
      times.removeFirst(head)
      samples.removeFirst(head)
      head = 0
    }
  }

  private struct Group: Sendable {
    /// Nil for a virtual channel, which stands alone.
    var index: Channel?
    /// Places among the members.
    var members: [Int]
    var newest: Int64 = .min
  }

  private let clock: ClockReference?
  /// What is written to, ascending by key.
  private let members: [Channel]
  /// By the name in the stream: the place among the members.
  private let targets: [String: Int]
  private var groups: [Group]
  /// For each member. Changed where it stands: a copy for each frame would be all that waits for a silent one.
  private var pending: [Sampled]
  /// Samples that went out, and samples left out because another channel of their index had none for that moment.
  public private(set) var forwarded: Int64 = 0
  public private(set) var skipped: Int64 = 0

  /// - Parameters:
  ///   - map: names in the stream to names in the cluster.
  ///   - channels: the writer's, index channels included.
  ///   - clock: needed for streams that count ticks.
  public init(
    map: [String: String], channels: [Channel], clock: ClockReference? = nil
  ) throws(SynnaxError) {
    self.clock = clock
    var targets: [String: Channel] = [:]
    for (from, to) in map {
      guard let channel = channels.first(where: { $0.name == to }) else {
        throw SynnaxError("unknown_channel", "the writer was not opened with \"\(to)\"")
      }
      guard !channel.isIndex else {
        throw SynnaxError(
          "argument", "\"\(to)\" is an index; its timestamps come from the samples",
          hint: "leave it out of the map")
      }
      targets[from] = channel
    }
    guard Set(targets.values.map(\.key)).count == targets.count else {
      throw SynnaxError("argument", "two channels of the stream go into one")
    }
    let members = targets.values.sorted { $0.key < $1.key }
    self.members = members
    self.targets = targets.mapValues { target in members.firstIndex { $0.key == target.key }! }
    pending = members.map { _ in Sampled() }
    groups = []
    for (place, member) in members.enumerated() {
      if member.isVirtual {
        groups.append(Group(index: nil, members: [place]))
      } else if let at = groups.firstIndex(where: { $0.index?.key == member.index }) {
        groups[at].members.append(place)
      } else {
        guard let index = channels.first(where: { $0.key == member.index }) else {
          throw SynnaxError("argument", "the writer was not opened with the index of \"\(member.name)\"")
        }
        groups.append(Group(index: index, members: [place]))
      }
    }
    for group in groups {
      guard let index = group.index else { continue }
      let wanted = channels.filter { !$0.isIndex && $0.index == index.key }
      if let missing = wanted.first(where: { one in !group.members.contains { members[$0].key == one.key } })
      {
        throw SynnaxError(
          "argument", "nothing goes into \"\(missing.name)\", which shares the index \"\(index.name)\"",
          hint: "open the writer without it, or add it to the map")
      }
    }
  }

  /// Takes a frame of the stream; answers what can be written now, which may be nothing.
  public mutating func add(_ frame: Frame) throws(SynnaxError) -> [Series] {
    for series in frame.series {
      guard let place = targets[series.channel.name] else { continue }
      let isVirtual = members[place].isVirtual
      for position in 0..<series.count {
        guard let time = series.time(position).map(unix(series.clock)) ?? (isVirtual ? 0 : nil) else {
          throw SynnaxError(
            "argument", "nobody knows when the samples of \"\(series.channel.name)\" were taken",
            hint: clock == nil ? "give a reference for its clock" : nil)
        }
        pending[place].times.append(time)
        pending[place].samples.append(series[position])
      }
      let excess = pending[place].count - SynnaxLimits.forwardedSamples
      if excess > 0 {
        pending[place].drop(excess)
        skipped += Int64(excess)
      }
    }
    var result: [Series] = []
    for place in groups.indices { result += try take(place) }
    return result
  }

  private func unix(_ domain: ClockDomain) -> (Int64) -> Int64? {
    { time in
      switch domain {
      case .unix: time
      case .ticks: clock?.nanoseconds(time)
      }
    }
  }

  /// Samples of all members for the same moments.
  private mutating func take(_ place: Int) throws(SynnaxError) -> [Series] {
    let group = groups[place]
    var latest = group.newest
    defer { groups[place].newest = latest }
    var times: [Int64] = []
    var taken = [[Sample]](repeating: [], count: group.members.count)
    while group.members.allSatisfy({ pending[$0].count > 0 }) {
      let newest = group.members.reduce(Int64.min) { max($0, pending[$1].first) }
      var isTogether = true
      for member in group.members where pending[member].first < newest {
        pending[member].drop(1)
        skipped += 1
        isTogether = false
      }
      guard isTogether else { continue }
      // Several samples of one tick get a nanosecond each: an index only ever rises.
      let time = latest == .min ? newest : max(newest, latest.addingSaturating(1))
      latest = time
      times.append(time)
      for (position, member) in group.members.enumerated() {
        taken[position].append(pending[member].samples[pending[member].head])
        pending[member].drop(1)
      }
    }
    guard !times.isEmpty else { return [] }
    forwarded += Int64(times.count * group.members.count)
    var result: [Series] = []
    if let index = group.index { result.append(Series(index, SampleStorage(times, as: .timestamp))) }
    for (member, samples) in zip(group.members.map({ members[$0] }), taken) {
      result.append(Series(member, try SampleStorage(samples, as: member, timesFrom: times)))
    }
    return result
  }
}

extension SampleStorage {
  /// Samples of any type as those of a channel; throws `validation` where one does not fit.
  fileprivate convenience init(
    _ samples: [Sample], as channel: Channel, timesFrom times: [Int64]
  ) throws(SynnaxError) {
    self.init(type: channel.type, capacity: samples.count)
    for (sample, time) in zip(samples, times) where !append(sample, isSame: true) {
      throw SynnaxError(
        "validation", "\(channel.name) is \(channel.type.synnaxName), which \(sample) (at \(time)) is not",
        hint: "create the channel with a type that holds it")
    }
  }
}
