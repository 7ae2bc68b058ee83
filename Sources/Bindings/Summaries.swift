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
  var iso8601: String {
    let seconds = nanoseconds.flooredQuotient(1_000_000_000)
    let days = seconds.flooredQuotient(86_400)
    let (year, month, day) = Self.date(days)
    let second = seconds - days * 86_400
    let fraction = nanoseconds.flooredRemainder(1_000_000_000)
    let time = [second / 3600, second / 60 % 60, second % 60].map { Self.padded($0, 2) }.joined(
      separator: ":")
    var text = "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))T\(time)"
    if fraction > 0 {
      var digits = Self.padded(fraction, 9)
      while digits.last == "0" { digits.removeLast() }
      text += ".\(digits)"
    }
    return text + "Z"
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let text = "\(value)"
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }

  /// The Gregorian date so many days after 1970-01-01, by the 400-year cycle that starts on a first of March.
  private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let cycle = shifted.flooredQuotient(146_097)
    let dayOfCycle = shifted - cycle * 146_097
    let yearOfCycle = (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
    let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (
      yearOfCycle + cycle * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    )
  }
}
