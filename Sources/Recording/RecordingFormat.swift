import Glibc

/// Kinds of files, by their extensions.
public enum RecordingFormat: String, CaseIterable, Sendable {
  /// A table: time first, a row for each time, one column a channel.
  case csv
  /// One frame a line, as JSON.
  case jsonl
  /// pybela's: a file for each variable, one block a line.
  case txt
  /// One array of numpy.
  case npy
  /// Several arrays of numpy, each with its times.
  case npz
  /// Sound.
  case wav
  /// A SQLite database: everything.
  case mtr

  /// Those that can be written while a stream runs, and are whole at every moment.
  public static let streamed: [RecordingFormat] = [.mtr, .csv, .jsonl, .txt]

  public init?(path: String) {
    guard
      let found = RecordingFormat.allCases.first(where: { path.lowercased().hasSuffix("." + $0.rawValue) })
    else { return nil }
    self = found
  }

  /// The format that a path asks for. - Throws: `argument` when its extension is none of ours.
  static func of(_ path: String) throws(RecordingError) -> RecordingFormat {
    // The system would stop reading there, and open a file of another name.
    if path.utf8.contains(0) { throw .argument("the name of a file holds no zero byte") }
    if let format = RecordingFormat(path: path) { return format }
    let all = allCases.map { "." + $0.rawValue }.joined(separator: " ")
    throw .argument("\"\(path)\" does not say in which format", hint: "end it with one of \(all)")
  }
}

/// Kinds of files that are read; more than are written.
enum LoadFormat {
  case table, lines, text, array, archive, sound, database

  private static let endings: [(String, LoadFormat)] = [
    (".csv", .table), (".tsv", .table), (".csv.gz", .table), (".tsv.gz", .table), (".jsonl", .lines),
    (".ndjson", .lines), (".txt", .text), (".npy", .array), (".npz", .archive), (".wav", .sound),
    (".mtr", .database),
  ]

  init?(path: String) {
    let lower = path.lowercased()
    guard let found = Self.endings.first(where: { lower.hasSuffix($0.0) }) else { return nil }
    self = found.1
  }

  static func of(_ path: String) throws(RecordingError) -> LoadFormat {
    // The system would stop reading there, and open a file of another name.
    if path.utf8.contains(0) { throw .argument("the name of a file holds no zero byte") }
    if let format = LoadFormat(path: path) { return format }
    let all = endings.map(\.0).joined(separator: " ")
    throw .argument("\"\(path)\" does not say in which format", hint: "end it with one of \(all)")
  }
}

/// Parts of paths, without a detour through URLs.
enum Path {
  static func folder(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
  }

  static func name(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }

  /// A part of a name that comes from elsewhere, without what separates folders, ends a name, or moves a cursor.
  static func plain(_ text: some StringProtocol) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator: result.append("_")
      default: result.append(scalar == "/" ? "_" : scalar)
      }
    }
    return String(result)
  }

  /// True for what names a file within a folder, and nothing else.
  static func isName(_ text: String) -> Bool {
    !text.isEmpty && text != "." && text != ".." && !text.utf8.contains { $0 == 0x2F || $0 == 0 }
  }

  /// Without the extension.
  static func stem(of path: String) -> String {
    let name = name(of: path)
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return path }
    return folder(of: path) + name[..<dot]
  }

  static func `extension`(of path: String) -> String { String(path.dropFirst(stem(of: path).count)) }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// `run.csv`, `run-2.csv`, `run-3.csv`: the first of which nothing that `files` names is there.
  static func free(_ path: String, files: (String) -> [String]) -> String {
    for number in 2...Limits.namesTried {
      let other = "\(stem(of: path))-\(number)\(self.extension(of: path))"
      if !files(other).contains(where: exists) { return other }
    }
    return "another name"
  }
}
