import Bindings
import Lua
import Notebooks
import Telemetry
import Terminal

/// `name?`, `:help` and `notebook.help`: everything that is known of a name.
struct Help {
  private let interpreter: Interpreter
  private var library: Library { interpreter.library }

  init(_ interpreter: Interpreter) { self.interpreter = interpreter }

  /// What may be known of a topic, in the order in which it is shown.
  private var kinds: [(String) -> [String]] {
    [objects, entries, owners, groups, commands, channels]
  }

  /// Wrapped at words, so that it reads well at any width.
  func text(_ topic: String) -> String { known(topic) ?? wrapped(unknown(topic)) }

  /// The same; nil where nothing is known.
  func known(_ topic: String) -> String? {
    let parts =
      topic.isEmpty ? [overview] : topic.hasPrefix(":") ? commands(topic) : kinds.flatMap { $0(topic) }
    if !parts.isEmpty { return wrapped(parts.joined(separator: "\n\n")) }
    return value(of: topic).map { wrapped(plain(topic, $0)) }
  }

  private func wrapped(_ text: String) -> String {
    TextWidth.wrapped(text, to: interpreter.session.printer.width)
  }

  /// The value of a path, without running anything of the user's.
  private func value(of topic: String) -> LuaValue? {
    let path = Array("\(topic.replacing(":", with: ".")).".utf8)
    guard case .field(let steps) = CompletionContext(path, cursor: path.count).kind else { return nil }
    return interpreter.completion.source.value(at: steps)
  }

  /// What a value is called: `help(sleep)`, `help(s)`, `help(bela.connect)`.
  func name(of value: LuaValue) -> String? {
    let state = interpreter.state
    guard case .table(let globals) = state.global("_G") else { return nil }
    let all = state.pairs(of: globals)
    if let found = all.first(where: { $0.key.string != nil && state.areSame($0.value, value) }) {
      return found.key.string
    }
    for case (.string(let owner), .table(let table)) in all {
      let members = state.pairs(of: table, limit: 1_000)
      if let found = members.first(where: { $0.key.string != nil && state.areSame($0.value, value) }) {
        return "\(owner).\(found.key.string ?? "")"
      }
    }
    return nil
  }

  private static func article(_ head: String, _ lines: [String]) -> String {
    ([head] + lines.map { "  " + $0.replacing("\n", with: "\n  ") }).joined(separator: "\n")
  }

  // MARK: Kinds

  /// An object of ours, or a table of the user's.
  private func objects(_ topic: String) -> [String] {
    guard let value = value(of: topic) else { return [] }
    if let name = library.className(of: value) {
      let own = library.ownFields(of: value)
      let lines = [library.rendering(of: value)] + [own.isEmpty ? nil : list("channels", own)]
      return [Self.article("\(topic): \(name)", lines.compactMap { $0 } + members(of: name, as: topic))]
    }
    guard case .table(let table) = value, isOwn(topic) else { return [] }
    let names = interpreter.state.pairs(of: table, limit: 1_000).compactMap { $0.key.string }.sorted()
    let count = interpreter.state.rawCount(table)
    return [
      Self.article(
        "\(topic): table" + (count > 0 ? " with a list of \(count)" : ""),
        names.isEmpty ? [] : [names.prefix(60).joined(separator: "  ")])
    ]
  }

  /// `sleep`, `Streamer:read`, `read`, and `s:read` for a streamer `s`.
  private func entries(_ topic: String) -> [String] {
    var name = topic
    if let cut = topic.lastIndex(where: { $0 == ":" || $0 == "." }), cut > topic.startIndex,
      let owner = value(of: String(topic[..<cut])).flatMap({ library.className(of: $0) })
    {
      name = "\(owner):\(topic[topic.index(after: cut)...])"
    } else if isOwn(topic) {
      return []
    }
    let found = Reference.find(name)
    // What many have by that name is listed.
    guard found.count <= 2 else {
      return [(found.map(Self.line) + ["\(found[0].name)? says more"]).joined(separator: "\n")]
    }
    return found.map { entry in
      let failure = entry.failure.text.isEmpty ? [] : ["On failure: \(entry.failure.text)."]
      let example = "  " + entry.example.replacing("\n", with: "\n  ")
      return Self.article(entry.signature, [entry.text] + failure + [example])
    }
  }

  private static func line(_ entry: ReferenceEntry) -> String {
    article(entry.signature, ["\(entry.firstSentence)."])
  }

  /// A class or a table of the reference: `Series`, `bela`.
  private func owners(_ topic: String) -> [String] {
    guard !isOwn(topic), !Reference.groups.contains(where: { $0.title == topic }),
      let owner = Reference.entries.first(where: { $0.owner.lowercased() == topic.lowercased() })?.owner
    else { return [] }
    if library.classList.members.contains(where: { $0.name == owner }) {
      return [Self.article("\(owner): what such an object can do", members(of: owner, as: owner))]
    }
    return [Self.article(owner, Reference.entries.filter { $0.owner == owner }.map(\.signature))]
  }

  private func members(of name: String, as topic: String) -> [String] {
    guard let members = library.classList.members.first(where: { $0.name == name }) else { return [] }
    return [
      members.fields.isEmpty ? nil : list("fields", members.fields),
      members.methods.isEmpty ? nil : list("methods", members.methods),
      members.methods.first.map { "\(topic):\($0)? explains one" },
    ].compactMap { $0 }
  }

  private func list(_ title: String, _ names: [String]) -> String {
    "\(title): \(names.joined(separator: "  "))"
  }

  /// A part of the reference, each function with its first sentence.
  private func groups(_ topic: String) -> [String] {
    guard !isOwn(topic) else { return [] }
    let isOwner = Reference.entries.contains { $0.owner == topic }
    return Reference.groups.filter {
      $0.title == topic || !isOwner && $0.title.lowercased() == topic.lowercased()
    }.map { title, entries in Self.article(title, entries.map(Self.line)) }
  }

  private func commands(_ topic: String) -> [String] {
    Command(named: topic.hasPrefix(":") ? String(topic.dropFirst()) : topic).map { command in
      let text = command.text.prefix(1).uppercased() + command.text.dropFirst()
      return [Self.article(command.usage, ["\(text). In scripts: \(command.twin)"])]
    } ?? []
  }

  private func channels(_ topic: String) -> [String] { library.channelDescriptions(named: topic) }

  // MARK: Everything else

  /// Whether a name begins with a global that is not the program's.
  private func isOwn(_ topic: String) -> Bool {
    let first = String(topic.prefix { $0 != "." && $0 != ":" && $0 != "[" })
    return !interpreter.notebook.knownGlobals.contains(first) && value(of: first) != nil
  }

  private func plain(_ topic: String, _ value: LuaValue) -> String {
    guard case .function = value else {
      return "\(topic): \(value.type), \(interpreter.session.printer.text(value))"
    }
    return isOwn(topic)
      ? "\(topic): a function of yours"
      : "\(topic): a function of Lua's own library; section 6 of the Lua 5.4 manual explains it"
  }

  private func unknown(_ topic: String) -> String {
    let names =
      Reference.entries.flatMap { [$0.name, $0.member] } + Command.allCases.map(\.rawValue)
      + Reference.groups.map(\.title) + interpreter.session.globalNames + library.channelNames(of: .nil)
    let near = Suggestion.nearest(to: topic, among: names).map { "did you mean `\($0)?`" }
    return "nothing is known of \"\(topic)\"; \(near ?? ":help lists what there is")"
  }

  /// Short enough for a small terminal.
  private var overview: String {
    let width = Command.allCases.map(\.usage.count).max() ?? 0
    let commands = Command.allCases.map { command in
      command.usage + String(repeating: " ", count: width - command.usage.count) + "  " + command.brief
    }
    return """
      name? explains a name: sleep?  s?  s:read?  "pot1"?  :save?  Tab completes.
      To begin: b = bela.connect("sim")  s = b:streamer{ "pot1" }:start()  s:plot()

      \(commands.joined(separator: "\n"))

      Functions, by topic: \(Reference.groups.map { "\($0.title)?" }.joined(separator: "  "))
      """
  }
}
