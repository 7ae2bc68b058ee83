/// What the scripts of a run are called, all different: the file's name without its ending where that will do.
struct BatchNames {
  private let scripts: [String]
  let labels: [String]

  init(_ scripts: [String]) {
    self.scripts = scripts
    let short = scripts.map(Self.short)
    var counts: [String: Int] = [:]
    for name in short { counts[name, default: 0] += 1 }
    // The same name twice: the whole path tells them apart.
    let names = zip(scripts, short).map { path, name in counts[name] == 1 ? name : path }
    labels = Self.numbered(names) { "\($0)#\($1)" }
  }

  /// Where the record of a script goes.
  func record(of index: Int, _ place: BatchRunner.Options.Records) -> String {
    let paths = scripts.map { script in
      switch place {
      case .besideScripts:
        let folder = script.lastIndex(of: "/").map { String(script[...$0]) } ?? ""
        return folder + Self.short(script)
      case .folder(let folder): return folder + "/" + Self.short(script)
      }
    }
    return Self.numbered(paths) { "\($0)-\($1)" }[index] + ".run.jsonl"
  }

  private static func short(_ script: String) -> String {
    if script == "-" { return "stdin" }
    let name = String(script.split(separator: "/").last ?? "")
    return name.hasSuffix(".lua") && name.count > 4 ? String(name.dropLast(4)) : name
  }

  /// The second of a name becomes number 2, and so on.
  private static func numbered(_ names: [String], _ join: (String, Int) -> String) -> [String] {
    var seen: [String: Int] = [:]
    return names.map { name in
      seen[name, default: 0] += 1
      return seen[name] == 1 ? name : join(name, seen[name]!)
    }
  }
}
