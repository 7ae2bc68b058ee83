#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Names of files for completion.
package enum FileNames {
  /// Entries of the folder that the prefix names; folders end in `/`. Hidden ones only when a dot is typed.
  package static func candidates(startingWith prefix: String) -> [Completion.Candidate] {
    let bytes = Array(prefix.utf8)
    let split = (bytes.lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1
    let shown = String(decoding: bytes[..<split], as: UTF8.self)
    let beginning = String(decoding: bytes[split...], as: UTF8.self)
    var folder = shown.isEmpty ? "." : shown
    if folder.hasPrefix("~/"), let home = getenv("HOME") {
      folder = String(cString: home) + folder.dropFirst()
    }
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var found: [Completion.Candidate] = []
    while found.count < Limits.completionCandidates, let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name.hasPrefix(beginning), name != ".", name != "..",
        !name.hasPrefix(".") || beginning.hasPrefix(".")
      else { continue }
      let isFolder = isFolder(folder + "/" + name)
      found.append(Completion.Candidate(shown + name + (isFolder ? "/" : ""), isFolder ? .folder : .file))
    }
    return found
  }

  private static func isFolder(_ path: String) -> Bool {
    var info = stat()
    return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
  }
}
