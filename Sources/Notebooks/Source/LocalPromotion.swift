/// Makes the top-level locals of a cell live on in the next cells: `local` at block depth 0 is dropped, so the
/// names become globals that closures and later cells share. Lines stay where they are, columns nearly always.
///
/// What stays local to the cell, each with a note: a `<close>` variable (it closes at the end of the cell), names
/// that such a variable hides, and everything below a `local _ENV`.
package struct LocalPromotion: Equatable, Sendable {
  package let source: [UInt8]
  package let notes: [String]
  /// In order: what of the original was replaced, and by how many bytes.
  private let edits: [Edit]

  private struct Edit: Equatable, Sendable {
    let range: Range<Int>
    let length: Int
  }

  package init(_ bytes: [UInt8]) { self.init(bytes, StatementScan(LuaLexer.tokens(bytes))) }

  /// - Parameter scan: how `bytes` read.
  package init(_ bytes: [UInt8], _ scan: StatementScan, keepsAll: Bool = false) {
    var rewriter = Rewriter(bytes, scan)
    if !keepsAll { rewriter.run() }
    source = rewriter.result()
    notes = rewriter.notes
    edits = rewriter.sortedEdits.map { Edit(range: $0.range, length: $0.text.count) }
  }

  /// Where in the original a place in `source` comes from.
  package func originalOffset(_ offset: Int) -> Int {
    var shift = 0
    for edit in edits {
      let start = edit.range.lowerBound + shift
      if offset < start { break }
      if offset < start + edit.length { return edit.range.lowerBound + min(offset - start, edit.range.count) }
      shift += edit.length - edit.range.count
    }
    return offset - shift
  }

  /// Where in `source` a token of the original begins that was not replaced.
  package func offset(_ original: Int) -> Int {
    edits.prefix { $0.range.upperBound <= original }.reduce(original) { $0 + $1.length - $1.range.count }
  }
}

extension LocalPromotion {
  private struct Rewriter {
    let bytes: [UInt8]
    let scan: StatementScan
    var tokens: [LuaToken] { scan.tokens }
    var edits: [(range: Range<Int>, text: [UInt8])] = []
    var notes: [String] = []
    var kept: Set<String> = []

    init(_ bytes: [UInt8], _ scan: StatementScan) {
      self.bytes = bytes
      self.scan = scan
    }

    mutating func run() {
      guard !scan.isUnbalanced else { return }
      for index in tokens.indices
      where tokens[index].is(.local) && scan.positions[index].isTopLevelStart {
        if index + 1 < tokens.count, tokens[index + 1].is(.function) {
          promoteFunction(at: index)
        } else if let declaration = Declaration(tokens, bytes, at: index) {
          if declaration.names.contains("_ENV") {
            notes.append("locals from `local _ENV` on stay in this cell")
            return
          }
          promote(declaration)
        }
      }
    }

    private mutating func promoteFunction(at index: Int) {
      guard index + 2 < tokens.count, tokens[index + 2].kind == .name else { return }
      let name = tokens[index + 2].text(in: bytes)
      guard !kept.contains(name) else { return noteHidden([name]) }
      blank(tokens[index].range)
    }

    private mutating func promote(_ declaration: Declaration) {
      guard declaration.attributes.allSatisfy({ $0.name == "const" || $0.name == "close" }) else { return }
      let closes = declaration.attributes.contains { $0.name == "close" }
      let hidden = declaration.names.filter(kept.contains)
      guard !closes, hidden.isEmpty else {
        kept.formUnion(declaration.names)
        if closes { noteClosing(declaration.names) } else { noteHidden(hidden) }
        return
      }
      for attribute in declaration.attributes { blank(attribute.range) }
      let duplicates = declaration.duplicates
      if declaration.hasValues {
        blank(declaration.keyword)
      } else {
        // `local x` is `x=nil`: four of the five bytes that the keyword leaves.
        edits.append((declaration.keyword, [UInt8](repeating: 0x20, count: 1)))
        let end = declaration.end
        edits.append((end..<end, Array("=nil".utf8)))
      }
      // An assignment to one name twice keeps the first value, a declaration the last: the earlier
      // names go nowhere.
      for range in duplicates {
        let isFirst = range == declaration.nameRanges.first
        edits.append((range, Array((isFirst ? ";({})._" : "({})._").utf8)))
      }
    }

    private mutating func blank(_ range: Range<Int>) {
      edits.append((range, bytes[range].map { $0.isLineEnd ? $0 : 0x20 }))
    }

    private mutating func noteClosing(_ names: [String]) {
      let list = names.map { "`\($0)`" }.joined(separator: ", ")
      notes.append("\(list) closes at the end of this cell and is not there in the next")
    }

    private mutating func noteHidden(_ names: [String]) {
      let list = names.map { "`\($0)`" }.joined(separator: ", ")
      notes.append("\(list) stays in this cell: a <close> variable above has that name")
    }

    var sortedEdits: [(range: Range<Int>, text: [UInt8])] {
      edits.sorted {
        ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
      }
    }

    func result() -> [UInt8] {
      var result: [UInt8] = []
      result.reserveCapacity(bytes.count + 8)
      var position = 0
      for edit in sortedEdits {
        result.append(contentsOf: bytes[position..<edit.range.lowerBound])
        result.append(contentsOf: edit.text)
        position = edit.range.upperBound
      }
      result.append(contentsOf: bytes[position...])
      return result
    }
  }

  /// `local` name attribute {`,` name attribute} [`=`].
  private struct Declaration {
    let keyword: Range<Int>
    var names: [String] = []
    var nameRanges: [Range<Int>] = []
    var attributes: [(name: String, range: Range<Int>)] = []
    var end: Int
    var hasValues = false

    /// Nil when it is not one: the source is left to Lua's own error.
    init?(_ tokens: [LuaToken], _ bytes: [UInt8], at index: Int) {
      keyword = tokens[index].range
      end = keyword.upperBound
      var next = index + 1
      func token(_ ahead: Int = 0) -> LuaToken? { next + ahead < tokens.count ? tokens[next + ahead] : nil }
      while true {
        guard let name = token(), name.kind == .name else { return nil }
        names.append(name.text(in: bytes))
        nameRanges.append(name.range)
        end = name.range.upperBound
        next += 1
        if let open = token(), open.is(.less) {
          guard let attribute = token(1), attribute.kind == .name, let close = token(2), close.is(.greater)
          else { return nil }
          end = close.range.upperBound
          attributes.append((attribute.text(in: bytes), open.range.lowerBound..<end))
          next += 3
        }
        guard let comma = token(), comma.is(.comma) else { break }
        next += 1
      }
      hasValues = token()?.is(.assign) ?? false
    }

    /// The names that a later one of the same list replaces.
    var duplicates: [Range<Int>] {
      var seen: Set<String> = []
      return zip(names, nameRanges).reversed().compactMap { seen.insert($0).inserted ? nil : $1 }
    }
  }
}
