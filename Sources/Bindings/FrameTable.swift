import Signals
public import Telemetry

/// A frame as a table in HTML, a row a channel, for front ends that show it: what, how many, from least to greatest, and a
/// picture of its course. Holds no script and no style sheet.
public enum FrameTable {
  /// - Parameter rows: channels that are shown; the rest is counted below.
  public static func html(_ frame: Frame, rows: Int) -> String {
    let all = frame.series
    let head = ["channel", "type", "samples", "time", "min", "mean", "max", "gaps", ""]
    let body = all.prefix(rows).map { series in
      row(cells(series).map { "<td>\(escaped($0))</td>" } + ["<td>\(sparkline(series))</td>"])
    }
    let rest = all.count - rows
    let foot = rest > 0 ? "<p>and \(rest) more channel\(rest == 1 ? "" : "s")</p>" : ""
    return
      "<table><thead>\(row(head.map { "<th>\($0)</th>" }))</thead><tbody>\(body.joined())</tbody></table>\(foot)"
  }

  private static func row(_ cells: [String]) -> String { "<tr>\(cells.joined())</tr>" }

  private static func cells(_ series: Series) -> [String] {
    var name = series.channel.name
    if let unit = series.channel.unit { name += " (\(unit))" }
    var cells = [name, series.type.shortName, "\(series.count)", course(series)]
    if series.type.isNumeric, series.type != .timestamp, !series.isEmpty,
      let low = try? series.min().number, let high = try? series.max().number, let mean = try? series.mean()
    {
      cells += [low, mean, high].map { Series.number($0) }
    } else {
      cells += ["", "", ""]
    }
    let gaps = series.gapsWithTimes.count
    return cells + [gaps == 0 ? "" : "\(gaps)"]
  }

  /// How long it lasts, and how densely.
  private static func course(_ series: Series) -> String {
    guard series.count > 1, let from = series.time(0), let to = series.time(series.count - 1),
      let seconds = series.clock.seconds(to.subtractingSaturating(from)), let rate = series.measuredRate
    else { return "" }
    return "\(Series.seconds(seconds)) at \(Series.frequency(rate))"
  }

  private static let size = (width: 120, height: 24)

  /// The least and the greatest of each of some hundred parts.
  private static func sparkline(_ series: Series) -> String {
    guard series.type.isNumeric, series.type != .timestamp, series.count > 1,
      let low = try? series.min().number, let high = try? series.max().number, low.isFinite, high.isFinite
    else { return "" }
    let parts = min(size.width, series.count)
    let scale = high > low ? Double(size.height - 2) / (high - low) : 0
    var points: [String] = []
    for part in 0..<parts {
      let range = (series.count * part / parts)..<(series.count * (part + 1) / parts)
      let piece = series[range]
      guard let least = try? piece.min().number, let most = try? piece.max().number, least.isFinite,
        most.isFinite
      else { continue }
      let x = parts == size.width ? part : part * size.width / parts
      for value in least == most ? [least] : [least, most] {
        let y = Double(size.height - 1) - (value - low) * scale
        points.append("\(x),\((y * 10).rounded() / 10)")
      }
    }
    return """
      <svg width="\(size.width)" height="\(size.height)" viewBox="0 0 \(size.width) \(size.height)">\
      <polyline fill="none" stroke="currentColor" points="\(points.joined(separator: " "))"/></svg>
      """
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
  }
}
