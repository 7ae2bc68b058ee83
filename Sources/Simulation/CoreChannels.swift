import Synnax
import Telemetry

/// The channels of a core and the rules for them (protocol, section 7). A plain value.
struct CoreChannels {
  private(set) var byKey: [UInt32: ChannelPayload] = [:]
  private var keyOfName: [String: UInt32] = [:]
  private var nextLocalKey: UInt32 = 1

  init(_ channels: [ChannelPayload] = []) {
    for channel in channels {
      put(channel)
      nextLocalKey = max(nextLocalKey, (channel.key & 0xF_FFFF) + 1)
    }
  }

  var all: [ChannelPayload] { byKey.values.sorted { $0.key < $1.key } }

  subscript(name: String) -> ChannelPayload? { keyOfName[name].flatMap { byKey[$0] } }

  private mutating func put(_ channel: ChannelPayload) {
    byKey[channel.key] = channel
    keyOfName[channel.name] = channel.key
  }

  // MARK: - Create

  /// All or none of them. The answer is in the order of the request.
  mutating func create(
    _ wanted: [ChannelPayload], retrieveIfNameExists: Bool
  ) throws(ErrorPayload) -> (answer: [ChannelPayload], new: [ChannelPayload]) {
    guard byKey.count + wanted.count <= CoreLimits.channels else {
      throw ErrorPayload(
        type: "sy.validation", data: "a simulated core has at most \(CoreLimits.channels) channels")
    }
    var names = Set<String>()
    for (position, channel) in wanted.enumerated() {
      if retrieveIfNameExists, keyOfName[channel.name] != nil { continue }
      try check(channel, ["[\(position)]"])
      guard names.insert(channel.name).inserted else {
        throw .path(
          ["[\(position)]", "name"], "sy.validation", "duplicate channel name '\(channel.name)' in request")
      }
    }
    var answer: [ChannelPayload] = []
    var new: [ChannelPayload] = []
    for channel in wanted {
      if let existing = self[channel.name] {
        answer.append(existing)
        continue
      }
      var made = channel
      made.leaseholder = made.virtual ? channel.leaseholder : 1
      if made.leaseholder == 0 { made.leaseholder = 1 }
      made.key = made.leaseholder << 20 | nextLocalKey
      nextLocalKey += 1
      if made.virtual { made.index = 0 }
      if made.isIndex { made.index = made.key }
      put(made)
      answer.append(made)
      new.append(made)
    }
    return (answer, new)
  }

  private func check(_ channel: ChannelPayload, _ path: [String]) throws(ErrorPayload) {
    guard Self.isName(channel.name) else {
      let text =
        channel.name.isEmpty
        ? "name cannot be empty: validation error"
        : "name '\(channel.name)' contains invalid characters: validation error"
      throw .path(path + ["name"], "sy.validation", text)
    }
    guard keyOfName[channel.name] == nil else {
      throw .path(
        path + ["name"], "sy.validation",
        "channel with name '\(channel.name)' already exists: validation error")
    }
    guard !channel.dataType.isEmpty else {
      throw .path(path + ["data_type"], "unknown", "required")
    }
    guard DataType(synnaxName: channel.dataType) != nil else {
      throw .path(path + ["data_type"], "sy.validation", "unknown data type \(channel.dataType)")
    }
    guard [0, 1, 4095].contains(channel.leaseholder) else {
      throw ErrorPayload(
        type: "sy.query.not_found", data: "node \(channel.leaseholder) not found: not found: query")
    }
    guard channel.expression.isEmpty else {
      throw .path(path + ["expression"], "sy.validation", "a simulated core has no calculated channels")
    }
    if channel.virtual { return }
    if channel.isIndex {
      guard channel.dataType == "timestamp" else {
        throw .path(path + ["data_type"], "sy.validation", "index channels must be of type timestamp")
      }
    } else {
      guard channel.index != 0 else {
        throw .path(path + ["index"], "sy.validation", "data channels must have an index")
      }
      guard let index = byKey[channel.index], index.isIndex else {
        throw .path(
          path + ["index"], "sy.validation", "index channel with key \(channel.index) does not exist")
      }
    }
  }

  /// `[A-Za-z_][A-Za-z0-9_]*`
  static func isName(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
      return false
    }
    return isPlain(name)
  }

  private static func isPlain(_ name: String) -> Bool {
    name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        true
      default: false
      }
    }
  }

  // MARK: - Retrieve

  /// A missing key is an error, a missing name is left out.
  func retrieve(_ query: ChannelQueryPayload) throws(ErrorPayload) -> [ChannelPayload] {
    var found = all
    if let keys = query.keys, !keys.isEmpty {
      let missing = keys.filter { byKey[$0] == nil }
      guard missing.isEmpty else { throw Self.notFound(missing) }
      let wanted = Set(keys)
      found.removeAll { !wanted.contains($0.key) }
    }
    if let names = query.names, !names.isEmpty {
      let plain = Set(names.filter(Self.isPlain))
      var patterns: [Regex<AnyRegexOutput>] = []
      for name in names where !plain.contains(name) {
        let text = (name.hasPrefix("^") ? "" : "^") + name + (name.hasSuffix("$") ? "" : "$")
        guard let pattern = try? Regex(text) else {
          throw ErrorPayload(
            type: "sy.validation", data: "'\(name)' is not a regular expression: validation error")
        }
        patterns.append(pattern)
      }
      found.removeAll { channel in
        !plain.contains(channel.name)
          && !patterns.contains { (try? $0.firstMatch(in: channel.name)) != nil }
      }
    }
    if let term = query.searchTerm?.lowercased(), !term.isEmpty {
      found.removeAll { !$0.name.lowercased().contains(term) }
    }
    if let types = query.dataTypes, !types.isEmpty { found.removeAll { !types.contains($0.dataType) } }
    if let types = query.notDataTypes, !types.isEmpty { found.removeAll { types.contains($0.dataType) } }
    if let wanted = query.virtual { found.removeAll { $0.virtual != wanted } }
    if let wanted = query.isIndex { found.removeAll { $0.isIndex != wanted } }
    if let wanted = query.internal { found.removeAll { $0.internal != wanted } }
    if let node = query.nodeKey, node != 0 { found.removeAll { $0.leaseholder != node } }
    if let offset = query.offset, offset > 0 { found.removeFirst(min(offset, found.count)) }
    if let limit = query.limit, limit > 0 { found = Array(found.prefix(limit)) }
    return found
  }

  static func notFound(_ keys: [UInt32]) -> ErrorPayload {
    let list = keys.map(String.init).joined(separator: " ")
    return ErrorPayload(
      type: "sy.query.not_found", data: "Channels with keys [\(list)] not found: not found: query")
  }

  // MARK: - Change

  /// Deletes by key or by name; an index that other channels need stays. Returns the keys.
  mutating func delete(keys: [UInt32], names: [String]) throws(ErrorPayload) -> [UInt32] {
    let missing = keys.filter { byKey[$0] == nil }
    guard missing.isEmpty else { throw Self.notFound(missing) }
    let doomed = Set(keys).union(names.compactMap { keyOfName[$0] })
    if let used = all.first(where: { !$0.isIndex && doomed.contains($0.index) && !doomed.contains($0.key) }) {
      throw ErrorPayload(
        type: "unknown", data: "cannot delete channel \(used.index): channel \(used.key) is indexed by it")
    }
    for key in doomed {
      if let channel = byKey.removeValue(forKey: key) { keyOfName[channel.name] = nil }
    }
    return doomed.sorted()
  }

  mutating func rename(keys: [UInt32], names: [String]) throws(ErrorPayload) -> [ChannelPayload] {
    guard keys.count == names.count else {
      throw ErrorPayload(type: "sy.validation", data: "keys and names must be of the same length")
    }
    let missing = keys.filter { byKey[$0] == nil }
    guard missing.isEmpty else { throw Self.notFound(missing) }
    for (position, name) in names.enumerated() {
      let free = keyOfName[name].map { keys.contains($0) } ?? true
      guard Self.isName(name), free, names.count(where: { $0 == name }) == 1 else {
        throw .path(
          ["[\(position)]", "name"], "sy.validation", "name '\(name)' cannot be used: validation error")
      }
    }
    for key in keys { keyOfName[byKey[key]!.name] = nil }
    return zip(keys, names).map { key, name in
      var channel = byKey[key]!
      channel.name = name
      put(channel)
      return channel
    }
  }
}
