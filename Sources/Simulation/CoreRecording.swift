import Foundation
import Synnax
import Telemetry

/// A table to play: columns of numbers or text, with the time in the first column of its file.
struct CoreRecording: Sendable {
  struct Column: Sendable {
    var name: String
    var type: DataType
    var samples: SampleStorage
  }

  /// Of the file, without its extension, as a channel may be called.
  let name: String
  let columns: [Column]
  let rowCount: Int
  /// Between two rows.
  let period: TimeSpan

  /// - Parameter path: nil for the motion recording.
  static func load(_ path: String?) throws(SynnaxError) -> CoreRecording {
    let url: URL
    do throws(SimulationError) {
      url = if let path { URL(fileURLWithPath: path) } else { try BundledRecording.url("motion") }
    } catch {
      throw SynnaxError("argument", error.message, hint: error.hint)
    }
    guard let data = try? Data(contentsOf: url), let text = String(data: data, encoding: .utf8)
    else {
      throw SynnaxError("argument", "cannot read the recording \(path ?? "motion.csv")")
    }
    return try CoreRecording(text, name: url.deletingPathExtension().lastPathComponent)
  }

  init(_ text: String, name: String) throws(SynnaxError) {
    let lines = text.split(whereSeparator: \.isNewline).map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
    }
    guard let header = lines.first, lines.count > 1, header.count > 1 else {
      throw SynnaxError(
        "argument", "\(name) has no rows to play", hint: "a header, the time first, then the columns")
    }
    let rows = lines.dropFirst()
    if let at = rows.firstIndex(where: { $0.count != header.count }) {
      throw SynnaxError(
        "argument", "\(name), line \(at + 1): \(rows[at].count) fields, the header has \(header.count)")
    }
    self.name = Self.identifier(name)
    rowCount = rows.count
    columns = header.indices.dropFirst().map { place in
      let cells = rows.map { $0[place] }
      let numbers = cells.map(Double.init)
      let samples =
        numbers.contains(nil)
        ? SampleStorage(type: .string, blobs: cells.map { Array($0.utf8) })
        : SampleStorage(numbers.map { $0! })
      return Column(name: Self.identifier(header[place]), type: samples.type, samples: samples)
    }
    let times = rows.prefix(2).compactMap { Double($0[0]) }
    period = times.count == 2 ? TimeSpan(seconds: times[1] - times[0]) ?? .second : .second
    guard period > .zero else {
      throw SynnaxError("argument", "\(name): the times in the first column do not rise")
    }
  }

  /// What a channel may be called: letters, digits and underscores, no digit first.
  private static func identifier(_ text: String) -> String {
    let plain = String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    return plain.isEmpty || plain.first!.isNumber ? "_" + plain : plain
  }
}
