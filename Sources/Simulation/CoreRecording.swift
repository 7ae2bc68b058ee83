import Foundation
import Recording
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
    do {
      let file = try path ?? BundledRecording.url("motion").path
      let name =
        (file.split(separator: "/").last ?? "").split(separator: ".").first.map(String.init) ?? "recording"
      return try CoreRecording(Recording.open(file), name: name)
    } catch let error as RecordingError {
      throw SynnaxError(
        "argument",
        error.code == "no_file" ? "cannot read the recording \(path ?? "motion.csv")" : error.message,
        hint: error.hint)
    } catch let error as SimulationError {
      throw SynnaxError("argument", error.message, hint: error.hint)
    } catch let error as SynnaxError {
      throw error
    } catch {
      throw SynnaxError("argument", "cannot read the recording \(path ?? "motion.csv")")
    }
  }

  private init(_ loaded: LoadedRecording, name: String) throws(SynnaxError) {
    let series = loaded.frame.series.filter { !$0.isEmpty }
    guard let longest = series.max(by: { $0.count < $1.count }), longest.count > 1 else {
      throw SynnaxError(
        "argument", "\(name) has no rows to play", hint: "a header, a column of times, then the columns")
    }
    self.name = Self.identifier(name)
    rowCount = longest.count
    columns = series.map { one in
      // A cell that is empty holds the value before it.
      var rows: [Int] = []
      rows.reserveCapacity(longest.count)
      var place = 0
      for row in 0..<longest.count {
        guard let moment = longest.time(row) else {
          rows.append(min(row, one.count - 1))
          continue
        }
        while place + 1 < one.count, (one.time(place + 1) ?? .max) <= moment { place += 1 }
        rows.append(place)
      }
      let samples =
        one.type.isNumeric || one.type == .bool
        ? SampleStorage(rows.map { one[$0].number ?? .nan })
        : SampleStorage(
          type: .string, blobs: rows.map { if case .bytes(let text) = one[$0] { text } else { [] } })
      return Column(name: Self.identifier(one.channel.name), type: samples.type, samples: samples)
    }
    let rate = longest.time(0) == nil ? 1 : longest.measuredRate ?? 0
    period = rate > 0 ? TimeSpan(seconds: 1 / rate) ?? .second : .second
    guard period > .zero, longest.time(0) == nil || rate > 0 else {
      throw SynnaxError("argument", "\(name): the times in the first column do not rise")
    }
  }

  /// What a channel may be called: letters, digits and underscores, no digit first.
  private static func identifier(_ text: String) -> String {
    let plain = String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    return plain.isEmpty || plain.first!.isNumber ? "_" + plain : plain
  }
}
