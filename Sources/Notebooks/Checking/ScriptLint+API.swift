import Bindings

/// What is said to the API: fields, methods, options, channels.
extension ScriptLint {
  mutating func check(
    field name: String, of type: ScriptType, at range: Range<Int>, isAssigned: Bool, isCalled: Bool
  ) {
    switch type.kind {
    case .library(let library):
      let known = (api.libraries[library] ?? []).union(definitions.added[library] ?? [])
      guard !isAssigned, !known.contains(name) else { return }
      report(
        .error, .unknownName, "`\(library)` has no `\(name)`", hint: Self.meant(name, among: known), at: range
      )
    case .object(let className):
      guard let members = api.classes[className] else { return }
      if isAssigned {
        report(.error, .readOnly, "the field `\(name)` of a \(className) cannot be set", at: range)
      } else if members.methods[name] != nil {
        guard isCalled else { return }
        report(
          .error, .wrongCall, "`\(name)` of a \(className) is called with a dot",
          hint: "write `:\(name)(…)`", at: range)
      } else if members.fields[name] == nil {
        if className == "Frame" { return checkChannel(name, of: type, at: range) }
        report(
          .error, .unknownName, "a \(className) has no `\(name)`",
          hint: Self.meant(name, among: members.names),
          at: range)
      }
    default: break
    }
  }

  mutating func check(method name: String, of type: ScriptType, at range: Range<Int>) {
    switch type.kind {
    case .object(let className):
      guard let members = api.classes[className], members.methods[name] == nil else { return }
      if members.fields[name] == .named("Frame") { return }
      report(
        .error, .unknownName,
        members.fields[name] == nil ? "a \(className) has no method `\(name)`" : "`\(name)` is no method",
        hint: members.fields[name] == nil ? Self.meant(name, among: members.names) : "write `.\(name)`",
        at: range)
    case .string:
      let known = (api.libraries["string"] ?? []).union(definitions.added["string"] ?? [])
      guard !known.contains(name) else { return }
      report(
        .error, .unknownName, "a string has no method `\(name)`", hint: Self.meant(name, among: known),
        at: range)
    case .library(let library):
      guard let known = api.libraries[library], known.contains(name) else { return }
      report(
        .error, .wrongCall, "`\(library).\(name)` is called with a colon",
        hint: "write `\(library).\(name)(…)`",
        at: range)
    default: break
    }
  }

  // MARK: Options

  mutating func check(_ call: ScriptTypes.Call) {
    for (index, argument) in call.arguments.enumerated() {
      guard let parameter = call.function.parameter(index) else { break }
      if case .table(let fields) = argument.kind { checkOptions(fields, parameter.type, of: call) }
      checkChannels(argument, parameter, of: call)
    }
  }

  private mutating func checkOptions(_ fields: [LuaField], _ type: APIType, of call: ScriptTypes.Call) {
    guard let options = type.options else { return }
    for field in fields {
      guard case .name(let name) = field.key, !options.contains(name) else { continue }
      report(
        .error, .unknownOption, "`\(call.function.name)` has no option `\(name)`",
        hint: Self.meant(name, among: options)
          ?? (options.isEmpty ? nil : "options: \(options.joined(separator: ", "))"), at: field.range)
    }
  }

  // MARK: Channels

  /// Names of channels stand where the reference says so: as an argument, in a list, as keys of a table.
  private mutating func checkChannels(
    _ argument: LuaExpression, _ parameter: ReferenceEntry.Parameter, of call: ScriptTypes.Call
  ) {
    let type = ScriptType(kind: .unknown, device: call.receiver.device)
    switch argument.kind {
    case .string where parameter.type.mayBeChannel: checkChannel(argument, of: type)
    case .table(let fields):
      let isList = parameter.type.listed.contains(where: \.mayBeChannel)
      let isMap = parameter.type.mapKeys.contains(where: \.mayBeChannel)
      for field in fields {
        switch field.key {
        case .position where isList: checkChannel(field.value, of: type)
        case .name(let name) where isMap: checkChannel(name, of: type, at: field.range)
        default: break
        }
      }
    default: break
    }
  }

  private mutating func checkChannel(_ value: LuaExpression, of type: ScriptType) {
    guard case .string(let bytes) = value.kind else { return }
    checkChannel(String(decoding: bytes, as: UTF8.self), of: type, at: value.range)
  }

  mutating func checkChannel(_ name: String, of type: ScriptType, at range: Range<Int>) {
    if let known = channels.names(of: type.device) {
      let all = known.union(definitions.createdChannels)
      if !all.contains(name), !definitions.createsUnknownChannels {
        let place = type.device == "bela" ? "the board" : type.device == "synnax" ? "the core" : "the source"
        return report(
          .error, .unknownChannel, "\(place) has no channel `\(name)`", hint: Self.meant(name, among: all),
          at: range)
      }
    }
    // A core sends index channels along; a board sends what it was asked for.
    guard type.device == "bela", let streamed = type.channels, !streamed.contains(name) else { return }
    report(
      .warning, .unknownChannel, "`\(name)` is not among the channels of this streamer",
      hint: Self.meant(name, among: streamed) ?? "it has \(streamed.sorted().joined(separator: ", "))",
      at: range)
  }
}
