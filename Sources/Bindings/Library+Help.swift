import Lua
import Telemetry

/// What `name?` can say of what is there right now. Runs no user code.
extension Library {
  /// Of each source or stream that has a channel of this name: its type, unit and rate, and what it did lately.
  public func channelDescriptions(named name: String) -> [String] {
    let streams = openStreamers.compactMap { object in
      object.streamer.channels.first { $0.name == name }.map {
        describe($0, of: object.source, in: object)
      }
    }
    if !streams.isEmpty { return streams }
    return openSources.filter { $0.source.state == "open" }.compactMap { source in
      known(of: source).first { $0.name == name }.map { describe($0, of: source, in: nil) }
    }
  }

  private func describe(_ channel: Channel, of source: SourceObject, in object: StreamerObject?) -> String {
    let series = object?.streamer.snapshot(of: channel.name)
    var parts = [channel.type.shortName, channel.mode.rawValue]
    if let unit = channel.unit { parts.append(unit) }
    if let rate = channel.rate ?? series?.measuredRate { parts.append(Series.frequency(rate)) }
    parts.append("times in \(channel.clock.name)")
    if object?.streamer.isLive == true { parts.append("streaming") }
    var text = "\(channel.name): channel of \(source.source.name), \(parts.joined(separator: ", "))"
    if let series, !series.isEmpty {
      let newest = series[max(0, series.count - Limits.samplesPictured)..<series.count]
      text += "\n  \(newest.summary)"
    }
    return text
  }
}
