extension Reference {
  /// Keys of the options table that a function or method takes, in the order of its entry.
  ///
  /// - Parameter owner: its class or table; nil when nobody knows what the call is made on.
  public static func options(of member: String, owner: String?) -> [String] {
    var keys: [String] = []
    for entry in entries where entry.member == member && (owner == nil || entry.owner == owner) {
      for (_, type) in entry.parameters { keys += optionKeys(in: type).filter { !keys.contains($0) } }
    }
    return keys
  }

  /// The keys of the first table type in `string|{host?:string,port?:integer,[1]:string}`.
  static func optionKeys(in type: String) -> [String] {
    guard let opening = type.firstIndex(of: "{") else { return [] }
    var keys: [String] = []
    var key = ""
    var isKey = true
    var depth = 0
    for character in type[type.index(after: opening)...] {
      switch character {
      case "{", "(", "<", "[": depth += 1
      case ">", ")", "]": depth -= 1
      case "}":
        depth -= 1
        if depth < 0 { return keys }
      case "," where depth == 0:
        isKey = true
        key = ""
      case ":" where depth == 0 && isKey:
        isKey = false
        let name = key.filter { $0 != "?" && $0 != " " }
        if !name.isEmpty { keys.append(name) }
      default: if depth == 0, isKey { key.append(character) }
      }
    }
    return keys
  }
}
