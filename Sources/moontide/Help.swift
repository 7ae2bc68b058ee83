import Bindings

/// `name?` and `:help`, from the table that also makes REPL.md's reference.
enum Help {
  static func text(_ topic: String) -> String {
    if topic.isEmpty { return overview }
    let entries = Reference.find(topic)
    guard !entries.isEmpty else { return "nothing is known of \"\(topic)\"; :help lists what there is" }
    return entries.map(text).joined(separator: "\n\n")
  }

  private static func text(_ entry: ReferenceEntry) -> String {
    var lines = [entry.signature, "  " + entry.text]
    if !entry.failure.isEmpty { lines.append("  On failure: \(entry.failure).") }
    lines += entry.example.split(separator: "\n").map { "    \($0)" }
    return lines.joined(separator: "\n")
  }

  private static var overview: String {
    let groups = Reference.groups.map { title, entries in
      "\(title): \(entries.map(\.name).joined(separator: "  "))"
    }
    return """
      name? explains a name: sleep?  bela.connect?  Streamer:read?
      Commands: :help :streams :jobs :log :history :quit

      \(groups.joined(separator: "\n"))
      """
  }
}
