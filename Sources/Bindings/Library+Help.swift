import Lua
import Telemetry

extension Library {
  /// What `name?` says about what is there right now: a variable that holds one of our objects, or a channel of a stream.
  /// Nil for any other name. Runs no user code and asks no device.
  public func help(on name: String) -> String? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    var value = state.global(parts[0])
    for part in parts.dropFirst() {
      guard case .table(let table) = value else { return channel(name) }
      value = state.rawGet(table, .string(part))
    }
    guard case .userdata = value, let shown = rendering(of: value),
      let kind = state.metafield(value, "__name").string,
      let members = classes.members.first(where: { $0.name == kind })
    else { return channel(name) }
    var lines = ["\(name) is a \(kind): \(shown)"]
    if !members.fields.isEmpty { lines.append("  fields: \(members.fields.joined(separator: "  "))") }
    let methods = members.methods.map { "\(kind):\($0)" }
    if !methods.isEmpty { lines.append("  methods: \(members.methods.joined(separator: "  "))") }
    if let example = methods.first { lines.append("  \(example)? explains one of them") }
    return lines.joined(separator: "\n")
  }

  /// `pot1?`, `s.data.pot1?`: the channel of that name, wherever it streams.
  private func channel(_ name: String) -> String? {
    let member = name.split(separator: ".").last.map(String.init) ?? name
    let lines = openStreamers.compactMap { object -> String? in
      guard let channel = object.streamer.channels.first(where: { $0.name == member }) else { return nil }
      return describe(channel, in: object)
    }
    return lines.isEmpty ? nil : lines.joined(separator: "\n")
  }

  private func describe(_ channel: Channel, in object: StreamerObject) -> String {
    var parts = [channel.type.rawValue, channel.mode.rawValue]
    if let unit = channel.unit { parts.append(unit) }
    let series = object.streamer.snapshot(of: channel.name)
    if let rate = channel.rate ?? series?.measuredRate { parts.append(Series.frequency(rate)) }
    parts.append("times in \(channel.clock.name)")
    var text =
      "\(channel.name) is a channel of \(object.source.source.name): \(parts.joined(separator: ", "))"
    if let series, !series.isEmpty {
      let newest = series[max(0, series.count - Limits.samplesPictured)..<series.count]
      text += "\n  \(newest.summary)"
    }
    return text
  }
}
