import Glibc
import Signals
import Synnax
import Telemetry

extension Series {
  /// `pot1: 22050 × f32, 1.00 s at 22.05 kHz, min 0.12 max 0.91 mean 0.44, 0 dropped ▁▂▅▇▆▃`
  var summary: String {
    var text = shortSummary
    if let unit = channel.unit { text += " \(unit)" }
    if count > 1, let from = time(0), let to = time(count - 1),
      let seconds = clock.seconds(to.subtractingSaturating(from)),
      let rate = measuredRate
    {
      text += ", \(Self.seconds(seconds)) at \(Self.frequency(rate))"
    }
    guard type.isNumeric, type != .timestamp, count > 0 else { return text + (isHeld ? ", held" : "") }
    if count == 1, let only = self[0].number { text += ", \(Self.number(only))" }
    if count > 1, let low = try? self.min().number, let high = try? self.max().number, let mean = try? mean()
    {
      text += ", min \(Self.number(low)) max \(Self.number(high)) mean \(Self.number(mean))"
    }
    if dropped > 0 { text += ", \(dropped) dropped" }
    let missing = gapsWithTimes.count
    if missing > 0 { text += ", \(missing) gap\(missing == 1 ? "" : "s")" }
    if isHeld { text += ", held" }
    return count > 1 ? text + " " + sparkline(width: 16) : text
  }

  /// Without what takes a look at every sample.
  var shortSummary: String { "\(channel.name): \(count) × \(type.shortName)" }

  static func number(_ value: Double) -> String {
    if value == value.rounded(), value.magnitude < 1e15 { return "\(Int64(value))" }
    return value.digits(4)
  }

  static func seconds(_ value: Double) -> String {
    value >= 1 ? "\(value.digits(3)) s" : "\((value * 1000).digits(3)) ms"
  }

  static func frequency(_ value: Double) -> String {
    value >= 1000 ? "\((value / 1000).digits(4)) kHz" : "\(value.digits(4)) Hz"
  }
}

extension Double {
  /// So many significant digits, without an exponent where that is readable.
  func digits(_ count: Int) -> String {
    guard isFinite, self != 0 else { return "\(self)" }
    let size = Int(saturating: log10(magnitude).rounded(.down))
    guard (-5...14).contains(size) else { return "\(self)" }
    let decimals = Swift.max(0, count - 1 - size)
    let scale = pow(10, Double(decimals))
    let rounded = (self * scale).rounded() / scale
    let text = "\(rounded)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}

extension ChannelList: CustomStringConvertible {
  /// A table for people: name, type, mode, unit, rate, of a core key and index; and what is streaming.
  public var description: String {
    guard !channels.isEmpty else { return "no channels" }
    let head =
      ["name", "type"]
      + (indexes == nil ? ["mode", "unit", "rate", ""] : ["key", "index", "unit", "rate", ""])
    var rows = [head]
    for channel in channels {
      let more = indexes.map { ["\(channel.key)", index(of: channel, $0)] } ?? [channel.mode.rawValue]
      rows.append(
        [channel.name, indexes == nil ? channel.type.shortName : channel.type.synnaxName] + more + [
          channel.unit ?? "", channel.rate.map { Series.frequency($0) } ?? "",
          streaming.contains(channel.name) ? "streaming" : "",
        ])
    }
    // A column nobody fills is left out.
    let columns = head.indices.filter { column in rows.dropFirst().contains { !$0[column].isEmpty } }
    let widths = columns.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = zip(columns, widths).map { column, width in
        row[column] + String(repeating: " ", count: width - row[column].count)
      }
      let line = cells.joined(separator: "  ")
      return String(line.reversed().drop { $0 == " " }.reversed())
    }.joined(separator: "\n")
  }
}

extension ChannelList {
  /// The name of its index; what it is instead of having one.
  private func index(of channel: Channel, _ names: [UInt32: String]) -> String {
    if channel.isVirtual { return "(virtual)" }
    return channel.isIndex ? "(itself)" : channel.index.map { names[$0] ?? "\($0)" } ?? ""
  }
}

extension TimeStamp {
  /// `2026-11-21T04:16:00.5Z`
  var iso8601: String { DateText.text(nanoseconds) }
}
