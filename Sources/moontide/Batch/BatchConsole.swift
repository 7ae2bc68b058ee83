import JSON
import Glibc
import Notebooks
import Terminal

/// What a batch run shows: output of the scripts as it comes, each line with its script's name when there are several,
/// and how far the run is.
final class BatchConsole {
  private struct Source: Hashable {
    var script: Int
    var isError: Bool
  }

  let writer: TerminalWriter
  private let labels: [String]
  private let writesJSON: Bool
  /// Time between two lines where there is no terminal; nil shows nothing at all.
  private let progressInterval: Duration?
  private var openLines: [Source: [UInt8]] = [:]
  private let began = ContinuousClock.now
  private var nextLine: ContinuousClock.Instant

  init(_ writer: TerminalWriter, labels: [String], writesJSON: Bool, progressInterval: Duration?) {
    self.writer = writer
    self.labels = labels
    self.writesJSON = writesJSON
    self.progressInterval = progressInterval
    nextLine = began + (progressInterval ?? .zero)
  }

  private var isTagged: Bool { labels.count > 1 }

  func show(_ pieces: [ScriptChannel.Piece], of script: Int) {
    for piece in pieces {
      if piece.stream == .picture {
        let text = String(decoding: piece.bytes, as: UTF8.self)
        writer.showPicture(
          text.isEmpty ? nil : text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
        continue
      }
      let stream: TerminalWriter.Stream = piece.stream == .error ? .error : .output
      if !isTagged {
        writer.print(piece.bytes, to: stream, job: piece.job)
      } else if writesJSON, stream == .output {
        // Whole lines, which name their script.
        writer.print(piece.bytes, to: stream)
      } else {
        tag(piece.bytes, Source(script: script, isError: stream == .error), to: stream)
      }
    }
  }

  /// Nothing more comes of this script: its last lines go out even without an end.
  func end(_ script: Int) {
    for isError in [false, true] {
      guard let rest = openLines.removeValue(forKey: Source(script: script, isError: isError)) else {
        continue
      }
      writer.print(tag(script) + rest + [0x0A], to: isError ? .error : .output)
    }
  }

  private func tag(_ bytes: [UInt8], _ source: Source, to stream: TerminalWriter.Stream) {
    let all = (openLines.removeValue(forKey: source) ?? []) + bytes
    let mark = tag(source.script)
    var text: [UInt8] = []
    var start = 0
    while let end = all[start...].firstIndex(of: 0x0A) {
      text += mark
      text += all[start...end]
      start = end + 1
    }
    if all.count - start > ProgramLimits.openLineBytes {
      text += mark
      text += all[start...]
      text.append(0x0A)
    } else if start < all.count {
      openLines[source] = Array(all[start...])
    }
    writer.print(text, to: stream)
  }

  private func tag(_ script: Int) -> [UInt8] {
    let tag = "[\(labels[script])]"
    return Array((writer.usesColor ? "\u{1b}[2m\(tag)\u{1b}[0m " : tag + " ").utf8)
  }

  // MARK: - Progress

  /// When `progress` is to be called next; nil when nothing is shown.
  var deadline: ContinuousClock.Instant? {
    let text = progressInterval != nil ? (hasTerminal ? .now + .milliseconds(100) : nextLine) : nil
    return [text, writer.deadline].compactMap { $0 }.min()
  }

  private var hasTerminal: Bool { writer.outputIsTerminal || writer.errorIsTerminal }

  /// One line that is redrawn on a terminal, else a line each interval.
  func progress(_ text: () -> String) {
    guard let progressInterval else { return }
    if hasTerminal {
      writer.progress("\((ContinuousClock.now - began).shortText)  \(text())")
    } else if ContinuousClock.now >= nextLine {
      nextLine = .now + progressInterval
      writer.print("moontide: \((ContinuousClock.now - began).shortText), \(text())\n", to: .error)
    }
  }

  func endProgress() { writer.progress(nil) }

  func say(_ text: String) { writer.print("moontide: \(text)\n", to: .error) }

  func print(_ line: JSON) { writer.print(line.encoded(.line), to: .output) }
}
