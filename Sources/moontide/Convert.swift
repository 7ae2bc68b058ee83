import ArgumentParser
import Recording
import Telemetry

/// `moontide convert run.mtr run.csv`
struct Convert: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    abstract: "Rewrites a file of samples in another format; the names' endings say which.",
    discussion: """
      Formats: .mtr (a recording with everything), .csv, .jsonl, .txt (pybela's, a file for each channel), .npy (one \
      channel), .npz, .wav. What a format has no place for (types, units, gaps) goes into a sidecar, name.meta.json, \
      which is read again when it lies beside the file.

      Examples:
        moontide convert run.mtr run.csv
        moontide convert --channels pot1 run.csv pot1.npy
        moontide convert --delimiter ';' --time-unit us log.csv log.mtr

      What it decided about a file of others, and what it left out, is told on standard error.
      """)

  @Option(help: ArgumentHelp("Only these channels, with commas between them.", valueName: "names"))
  var channels: [String] = []

  @Flag(help: "Replaces files that exist.")
  var overwrite = false

  @OptionGroup var loading: LoadOptionGroup

  @Argument(help: "A file of samples: ours, a table, JSON lines, numpy's arrays, sound.", completion: .file())
  var input: String

  @Argument(help: "The new file.", completion: .file())
  var output: String

  func run() -> Int32 {
    do throws(RecordingError) {
      let loaded = try Recording.open(input, loading.options())
      if let note = loaded.note { StandardError.write("moontide: \(input): \(note)\n") }
      if let meta = loaded.frame.meta, !loaded.frame.series.isEmpty {
        let names = meta.values.map(\.name).joined(separator: ", ")
        StandardError.write("moontide: \(input): single values left out: \(names)\n")
      }
      let summary = try Recording.save(
        chosen(loaded.frame), to: output, overwrite: overwrite,
        origin: RecordingOrigin(source: input, program: Version.text))
      StandardOutput.print(summary.text)
      return ExitCode.success
    } catch {
      let hint =
        error.code == "exists" ? "--overwrite replaces it" : error.hint
      StandardError.write("moontide: \(error.message)\(hint.map { " (\($0))" } ?? "")\n")
      return Self.exitCode(error.code)
    }
  }

  private func chosen(_ frame: Frame) throws(RecordingError) -> Frame {
    guard !channels.isEmpty else { return frame }
    let wanted = channels.flatMap { $0.split(separator: ",").map(String.init) }
    if let unknown = wanted.first(where: { !frame.names.contains($0) }) {
      throw RecordingError(
        "argument", "\(input) has no channel \"\(unknown)\"",
        hint: "it has \(frame.names.joined(separator: ", "))")
    }
    return Frame(frame.series.filter { wanted.contains($0.channel.name) }, dropped: frame.dropped)
  }

  static func exitCode(_ code: String) -> Int32 {
    switch code {
    case "argument": ExitCode.usage
    case "no_file": ExitCode.noInput
    case "format", "too_large": ExitCode.syntax
    default: ExitCode.cannotCreate
    }
  }
}
