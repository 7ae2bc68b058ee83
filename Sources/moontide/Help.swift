import Bindings
import Lua
import Notebooks
import Telemetry
import Terminal

/// `name?` and `:help`: functions from the table that also makes REPL.md's reference, objects, channels, commands.
struct Help {
  private let interpreter: Interpreter
  private var state: LuaState { interpreter.state }
  private var library: Library { interpreter.library }

  init(_ interpreter: Interpreter) { self.interpreter = interpreter }

  /// Wrapped at words, so that it reads well at any width.
  func text(_ topic: String) -> String {
    TextWidth.wrapped(answer(topic), to: interpreter.session.printer.width)
  }

  private func answer(_ topic: String) -> String {
    if topic.isEmpty { return overview }
    var parts: [String] = []
    // Something of one's own comes first: it hides what has the same name.
    let value = value(of: topic)
    if let value { parts += describe(topic, value).map { [$0] } ?? [] }
    let isOwn = !parts.isEmpty
    if !isOwn { parts += entries(topic).map(Self.text) }
    let name = topic.hasPrefix(":") ? String(topic.dropFirst()) : topic
    if let command = Command(named: name) { parts.append(Self.text(command)) }
    parts += channels(topic)
    if parts.isEmpty, let value { parts.append(plain(topic, value)) }
    return parts.isEmpty ? unknown(topic) : parts.joined(separator: "\n\n")
  }

  // MARK: Entries

  /// `sleep`, `Streamer:read`, `read`, and `s:read` for a streamer `s`.
  private func entries(_ topic: String) -> [ReferenceEntry] {
    if let cut = topic.lastIndex(where: { $0 == ":" || $0 == "." }), cut > topic.startIndex {
      let member = topic[topic.index(after: cut)...]
      if let owner = value(of: String(topic[..<cut])), let name = library.className(of: owner) {
        return Reference.find("\(name):\(member)")
      }
    }
    return Reference.find(topic)
  }

  private static func text(_ entry: ReferenceEntry) -> String {
    var lines = [entry.signature, "  " + entry.text]
    if !entry.failure.isEmpty { lines.append("  On failure: \(entry.failure).") }
    lines += entry.example.split(separator: "\n").map { "    \($0)" }
    return lines.joined(separator: "\n")
  }

  private static func text(_ command: Command) -> String {
    "\(command.usage)\n  \(command.text.prefix(1).uppercased() + command.text.dropFirst()). In scripts: \(command.twin)"
  }

  // MARK: Values

  private func value(of topic: String) -> LuaValue? {
    let context = CompletionContext(Array("\(topic).".utf8), cursor: topic.utf8.count + 1)
    guard case .field(let path) = context.kind else { return nil }
    return interpreter.completion.source.value(at: path)
  }

  /// An object of ours, or a table with something in it: what it is and what it can do.
  private func describe(_ topic: String, _ value: LuaValue) -> String? {
    if let name = library.className(of: value) {
      let members = library.classList.members.first { $0.name == name }
      var lines = ["\(topic): \(name)", "  " + state.describe(value).replacing("\n", with: "\n  ")]
      let own = library.ownFields(of: value)
      if !own.isEmpty { lines.append("  channels: " + own.joined(separator: "  ")) }
      if let members {
        if !members.fields.isEmpty { lines.append("  fields: " + members.fields.joined(separator: "  ")) }
        lines.append("  methods: " + members.methods.map { "\($0)()" }.joined(separator: "  "))
        if let example = members.methods.first { lines.append("  \(topic):\(example)? explains one") }
      }
      return lines.joined(separator: "\n")
    }
    guard case .table(let table) = value, Reference.find(topic).isEmpty else { return nil }
    let entries = Reference.entries.filter { $0.owner == topic }
    guard entries.isEmpty else { return entries.map(\.signature).joined(separator: "\n") }
    let names = state.pairs(of: table, limit: 1_000).compactMap { $0.key.string }.sorted()
    let list = state.rawCount(table)
    return "\(topic): table" + (list > 0 ? " with a list of \(list)" : "")
      + (names.isEmpty ? "" : "\n  " + names.prefix(60).joined(separator: "  "))
  }

  private func plain(_ topic: String, _ value: LuaValue) -> String {
    if case .function = value {
      return interpreter.notebook.knownGlobals.contains(topic.prefix { $0 != "." && $0 != ":" }.description)
        ? "\(topic): a function of Lua's own library; section 6 of the Lua 5.4 manual explains it"
        : "\(topic): a function of yours"
    }
    return "\(topic): \(value.type), \(interpreter.session.printer.text(value))"
  }

  // MARK: Channels

  private func channels(_ topic: String) -> [String] {
    library.channels(of: .nil).filter { $0.name == topic }.map { channel in
      var parts = ["\(channel.name): a channel, \(channel.type.shortName)"]
      if let unit = channel.unit { parts.append(unit) }
      if let rate = channel.rate { parts.append("\(rate) Hz") }
      if library.openStreamers.contains(where: {
        $0.streamer.isLive && $0.streamer.channels.contains(channel)
      }) {
        parts.append("streaming")
      }
      return parts.joined(separator: ", ")
    }
  }

  // MARK: Everything else

  private func unknown(_ topic: String) -> String {
    let names =
      Reference.entries.map(\.name) + Reference.entries.map(\.member) + Command.allCases.map(\.rawValue)
      + interpreter.session.globalNames + library.channelNames(of: .nil)
    let near = Suggestion.nearest(to: topic, among: names).map { "did you mean `\($0)?`" }
    return "nothing is known of \"\(topic)\"; \(near ?? ":help lists what there is")"
  }

  private var overview: String {
    let width = Command.allCases.map(\.usage.count).max() ?? 0
    let commands = Command.allCases.map { command in
      "  \(command.usage)\(String(repeating: " ", count: width - command.usage.count))  \(command.text)"
    }
    let groups = Reference.groups.map { title, entries in
      "\(title): \(entries.map(\.name).joined(separator: "  "))"
    }
    return """
      name? explains a name: sleep?  s?  s:read?  "pot1"?  :save?

      Commands
      \(commands.joined(separator: "\n"))

      \(groups.joined(separator: "\n"))
      """
  }
}
