import Lua
import Telemetry

/// A frame as scripts hold it.
final class FrameBox {
  let value: Frame
  /// What it keeps in memory beside what it shows is little: a series of it may keep all of it.
  let isSmall: Bool

  init(_ value: Frame, bytes: Int) {
    self.value = value
    isSmall = value.placeCount <= Limits.smallFrameChannels && bytes <= Limits.smallFrameBytes
  }
}

/// Tables from the channels' names to their places, shared by the frames of one pattern or with the same channels.
final class FrameNames {
  /// Of frames of one pattern; it lives as long as its table, so that its address is no other's.
  private struct Known {
    let pattern: FramePattern
    let table: LuaReference
  }

  private struct Listed {
    let channels: [Channel]
    let table: LuaReference
  }

  private let state: LuaState
  /// Names that a method or a field has, which wins.
  private let taken: Set<String>
  private var lastKnown: Known?
  private var known: [ObjectIdentifier: Known] = [:]
  private var lastListed: Listed?
  private var listed: [[String]: LuaReference] = [:]

  init(_ state: LuaState, taken: [String]) {
    self.state = state
    self.taken = Set(taken)
  }

  func table(of frame: Frame) -> LuaReference {
    guard let pattern = frame.pattern else { return table(ofOwn: frame) }
    if let lastKnown, lastKnown.pattern === pattern { return lastKnown.table }
    let entry = known[ObjectIdentifier(pattern)] ?? Known(pattern: pattern, table: makeTable(frame))
    if known.count >= Limits.frameNames { known = [:] }
    known[ObjectIdentifier(pattern)] = entry
    lastKnown = entry
    return entry.table
  }

  /// Snapshots of a stream have the same channels until its set changes.
  private func table(ofOwn frame: Frame) -> LuaReference {
    if let lastListed, frame.has(lastListed.channels) { return lastListed.table }
    let channels = frame.series.map(\.channel)
    let names = channels.map(\.name)
    let table = listed[names] ?? makeTable(frame)
    if listed.count >= Limits.frameNames { listed = [:] }
    listed[names] = table
    lastListed = Listed(channels: channels, table: table)
    return table
  }

  private func makeTable(_ frame: Frame) -> LuaReference {
    let table = state.newTable()
    // Backwards: of channels with one name the first counts.
    for place in (0..<frame.placeCount).reversed() {
      let name = frame.channel(at: place).name
      state.rawSet(table, .string(name), taken.contains(name) ? -1 - place : place)
    }
    return table
  }
}

extension Library {
  /// What C reads of series and frames by itself.
  func defineViews() {
    classes.series.samples(
      { LuaSamples($0.value.view(0..<$0.value.count)) },
      runs: { box, body in box.value.forEachRun(0..<box.value.count) { body(LuaRun($0)) } })
    classes.frame.parts(
      of: classes.series,
      LuaParts(
        count: { $0.value.placeCount }, keeps: { $0.isSmall },
        names: { [unowned self] in frameNames.table(of: $0.value) },
        samples: { box, place in box.value.view(at: place).map { LuaSamples($0) } },
        runs: { box, place, body in box.value.forEachRun(at: place) { body(LuaRun($0)) } },
        part: { box, place in box.value.series(at: place).map { SeriesBox($0) } }),
      externalBytes: { $0.value.byteCount })
  }
}

extension LuaSamples {
  fileprivate init(_ view: SampleView) {
    self.init(
      view.type.luaKind, count: view.count, runCount: view.runCount, run: view.run.map { LuaRun($0) })
  }
}

extension LuaRun {
  fileprivate init(_ run: SampleRun) {
    let times: Times =
      switch run.times {
      case .unknown: .unknown
      case .steady(let start, let step, let phase):
        .steady(start: start, units: step.units, per: step.samples, phase: Int64(phase))
      case .stamped(let stamps): .stamped(stamps)
      }
    self.init(run.samples, count: run.count, times: times)
  }
}

extension DataType {
  fileprivate var luaKind: LuaSamples.Kind {
    switch self {
    case .float32: .float32
    case .float64: .float64
    case .int8: .int8
    case .int16: .int16
    case .int32: .int32
    case .int64, .timestamp: .int64
    case .uint8: .uint8
    case .uint16: .uint16
    case .uint32: .uint32
    case .uint64: .uint64
    case .bool: .bool
    case .uuid, .string, .json, .bytes: .opaque
    }
  }
}
