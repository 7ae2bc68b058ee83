extension Reference {
  /// The reference part of REPL.md.
  public static var markdown: String {
    groups.map { title, entries in "### \(title)\n\n" + entries.map(\.markdown).joined(separator: "\n") }
      .joined(separator: "\n")
  }

  /// `moontide.d.lua`: definitions that editors with the Lua language server read.
  public static var definitions: String {
    var text = """
      ---@meta
      -- Made by `moontide reference --definitions`.


      """
    for type in types { text += "---@alias \(type.name) \(type.type)  \(type.text)\n\n" }
    var defined: Set<String> = []
    for owner in entries.map(\.owner) where !owner.isEmpty && defined.insert(owner).inserted {
      text += "---@class \(owner)\n"
      // What can be called and has members is a table that can be called.
      for call in entries where call.name == owner { text += call.overload }
      for entry in entries where entry.owner == owner && (entry.kind == .field || entry.kind == .constant) {
        text +=
          "---@field \(entry.member) \(entry.results.first?.description ?? "any") \(entry.firstSentence)\n"
      }
      text += "\(owner) = {}\n\n"
    }
    for entry in entries
    where (entry.kind == .function || entry.kind == .method) && !defined.contains(entry.name) {
      text += entry.definition + "\n"
    }
    return text
  }
}

extension ReferenceEntry {
  fileprivate var markdown: String {
    var text = "#### `\(signature)`\n\n\(self.text)\n"
    if !failure.text.isEmpty { text += "\nOn failure: \(failure.text).\n" }
    text += "\n```lua\n\(example)\n```\n"
    return text
  }

  fileprivate var overload: String {
    let list = parameters.map { "\($0.title): \($0.type)" }.joined(separator: ", ")
    return
      "---\(text.replacing("\n", with: " "))\n---@overload fun(\(list)): \(results.map(\.description).joined(separator: ", "))\n"
  }

  fileprivate var definition: String {
    var lines = ["---\(text.replacing("\n", with: " "))"]
    for parameter in parameters { lines.append("---@param \(parameter.title) \(parameter.type)") }
    if !results.isEmpty {
      lines.append("---@return " + results.map(\.description).joined(separator: ", "))
    }
    let names = parameters.map(\.name).joined(separator: ", ")
    lines.append("function \(name)(\(names)) end")
    return lines.joined(separator: "\n") + "\n"
  }
}
