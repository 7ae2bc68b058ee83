import Synnax
import Telemetry

/// One open writer of the core (protocol, section 13). Lives under the core's lock.
struct CoreWriter {
  let id: Int
  let channels: [UInt32: ChannelPayload]
  let group: UInt32
  let name: String
  let streams: Bool
  let persists: Bool
  private let commitsItself: Bool
  private let makesTimes: Bool
  private let liveDomain: UInt32
  private let storedDomain: UInt32
  let start: Int64
  private var codec: FrameCodec
  /// Samples so far: of a group by its index, of a virtual channel by itself.
  private var counts: [UInt32: UInt32] = [:]
  private var newest: [UInt32: Int64] = [:]
  /// For each index that this writer does not write itself: from where on its samples have none of ours yet.
  private var cursors: [UInt32: Int64] = [:]
  private var uncommitted: [StoredPiece] = []
  private var committedEnd: Int64 = 0
  /// What made it useless; each later answer repeats it.
  private(set) var failure: ErrorPayload?

  /// The modes of the protocol.
  enum Mode: Int {
    case persistAndStream = 1
    case persist
    case stream
  }

  init(
    id: Int, _ config: WriterConfigPayload, channels: [ChannelPayload], mode: Mode, liveDomain: UInt32,
    storedDomain: UInt32
  ) {
    self.id = id
    self.channels = Dictionary(uniqueKeysWithValues: channels.map { ($0.key, $0) })
    group = config.controlSubject?.group ?? 0
    name = config.controlSubject?.name ?? ""
    streams = mode != .persist
    persists = mode != .stream
    commitsItself = config.enableAutoCommit ?? false
    makesTimes = config.autoIndex ?? false
    start = config.start?.value ?? 0
    self.liveDomain = liveDomain
    self.storedDomain = storedDomain
    for channel in channels where !channel.virtual && self.channels[channel.index] == nil {
      cursors[channel.index] = start
    }
    codec = FrameCodec(channels.filter { config.keys?.contains($0.key) ?? false }.compactMap(\.entry))
  }

  mutating func decode(_ bytes: UnsafeRawBufferPointer) throws(SynnaxError) -> [WireSeries] {
    try codec.decode(bytes).series
  }

  mutating func fail(_ error: ErrorPayload) { failure = failure ?? error }

  struct Accepted {
    var live: [WireSeries] = []
    var stored: [StoredPiece] = []
  }

  /// Checks a frame, gives it its places, and answers what to stream and what to store now.
  /// - Parameters:
  ///   - controls: whether this writer holds a channel; what it does not hold is left out, silently.
  ///   - stored: so many samples of an index from a moment on.
  mutating func write(
    _ frame: [WireSeries], now: TimeStamp, controls: (ChannelPayload) -> Bool,
    stored: (_ index: UInt32, _ from: Int64, _ count: Int) throws -> [StoredPiece]
  ) throws -> Accepted {
    var series = frame
    if makesTimes { addTimes(&series, now) }
    var groups: [UInt32: [WireSeries]] = [:]
    var accepted = Accepted()
    for one in series {
      guard let channel = channels[one.key] else {
        throw ErrorPayload(type: "sy.validation", data: "invalid key: \(one.key): validation error")
      }
      if channel.virtual {
        guard controls(channel) else { continue }
        accepted.live.append(place(one, counter: one.key))
        counts[one.key, default: 0] &+= UInt32(one.count)
      } else {
        groups[channel.index, default: []].append(one)
      }
    }
    for (index, members) in groups.sorted(by: { $0.key < $1.key }) {
      if let from = cursors[index] {
        try checkAlike(index, members)
        let times = try stored(index, from, members[0].count)
        guard times.reduce(0, { $0 + $1.count }) == members[0].count else {
          throw Self.refusal("the index \(index) has no samples for these from \(from) on")
        }
        cursors[index] = times.last.map { $0.last.addingSaturating(1) } ?? from
        let held = members.filter { controls(channels[$0.key]!) }
        accepted.live += held.map { place($0, counter: index) }
        if persists { uncommitted += held.flatMap { pieces($0, times) } }
        counts[index, default: 0] &+= UInt32(members[0].count)
        continue
      }
      try check(index, members)
      guard let channel = channels[index], controls(channel) else { continue }
      let times = members.first { $0.key == index }!
      newest[index] = times.stamps.last
      let held = members.filter { controls(channels[$0.key]!) }
      accepted.live += held.map { place($0, counter: index) }
      if persists { uncommitted += held.map { piece($0, times, counts[index] ?? 0) } }
      counts[index, default: 0] &+= UInt32(times.count)
    }
    if commitsItself { accepted.stored = commit().pieces }
    return accepted
  }

  /// - Returns: the pieces to store, and the end of what is committed.
  mutating func commit() -> (pieces: [StoredPiece], end: Int64) {
    defer { uncommitted = [] }
    for piece in uncommitted {
      committedEnd = max(committedEnd, piece.last.addingSaturating(1))
    }
    return (uncommitted, committedEnd)
  }

  /// For every group: all of the writer's channels of it, equally long, times ascending.
  private func check(_ index: UInt32, _ members: [WireSeries]) throws(ErrorPayload) {
    guard let times = members.first(where: { $0.key == index }) else {
      throw Self.refusal("received no data for index channel \(channels[index]?.name ?? "\(index)")")
    }
    try checkAlike(index, members)
    var last = newest[index]
    for stamp in times.stamps {
      if let last {
        guard stamp > last else {
          throw Self.refusal(
            "commit timestamp \(stamp) must be strictly greater than the previous one \(last)")
        }
      } else if stamp < start {
        throw Self.refusal("commit timestamp \(stamp) is before the writer's start \(start)")
      }
      last = stamp
    }
  }

  private static func refusal(_ text: String) -> ErrorPayload {
    ErrorPayload(type: "sy.validation", data: "\(text): validation error")
  }

  /// All of the writer's channels of a group, equally long.
  private func checkAlike(_ index: UInt32, _ members: [WireSeries]) throws(ErrorPayload) {
    let name = channels[index]?.name ?? "\(index)"
    let wanted = channels.values.filter { !$0.virtual && $0.index == index }
    for channel in wanted where !members.contains(where: { $0.key == channel.key }) {
      throw Self.refusal(
        "frame must have one series for each data channel of index \(name), missing \(channel.name)")
    }
    guard members.count == wanted.count else {
      throw Self.refusal("a channel of index \(name) has more than one series")
    }
    let count = members[0].count
    for one in members where one.count != count {
      throw Self.refusal(
        "frame must have the same length for all series of index \(name): \(one.count) and \(count)")
    }
  }

  private func place(_ series: WireSeries, counter: UInt32) -> WireSeries {
    var placed = series
    placed.alignment = Alignment(domain: liveDomain, sample: counts[counter] ?? 0)
    placed.multiple = 1
    return placed
  }

  private func piece(_ series: WireSeries, _ times: WireSeries, _ first: UInt32) -> StoredPiece {
    StoredPiece(
      key: series.key, domain: storedDomain, first: first, samples: series.storage, stamps: times.storage,
      range: series.range, stampsFrom: times.range.lowerBound)
  }

  /// A series whose index was stored before, cut as that is.
  private func pieces(_ series: WireSeries, _ times: [StoredPiece]) -> [StoredPiece] {
    var from = series.range.lowerBound
    return times.map { piece in
      defer { from += piece.count }
      return StoredPiece(
        key: series.key, domain: piece.domain, first: piece.first, samples: series.storage,
        stamps: piece.stamps, range: from..<from + piece.count, stampsFrom: piece.stampsFrom)
    }
  }

  /// Index channels that a frame leaves out get the time of its arrival.
  private func addTimes(_ series: inout [WireSeries], _ now: TimeStamp) {
    let present = Set(series.map(\.key))
    var added = Set<UInt32>()
    for one in series {
      guard let channel = channels[one.key], !channel.virtual, !present.contains(channel.index),
        channels[channel.index] != nil, added.insert(channel.index).inserted
      else { continue }
      let first = max(now.nanoseconds, (newest[channel.index] ?? .min).addingSaturating(1))
      let stamps = SampleStorage(type: .timestamp, capacity: one.count)
      for place in 0..<one.count { stamps.append(first.addingSaturating(Int64(place))) }
      series.append(WireSeries(key: channel.index, stamps))
    }
  }
}

extension WireSeries {
  /// The samples of an index.
  var stamps: [Int64] {
    storage.withValues(range) { (values: UnsafeBufferPointer<Int64>) in Array(values) }
  }
}
