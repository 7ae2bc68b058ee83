/// The Markdown that text cells are mostly written in, as HTML: headings, paragraphs, lists, quotes, fenced code, rules,
/// and in the line code, emphasis and links. What it does not know stays as it is written; HTML in it is shown, not
/// obeyed.
package enum MarkdownPage {
  package static func html(_ markdown: String) -> String {
    var writer = Writer()
    for line in markdown.split(separator: "\n", omittingEmptySubsequences: false) { writer.take(line) }
    writer.close()
    return writer.result
  }

  private struct Writer {
    var result = ""
    private var paragraph: [Substring] = []
    private var fence: (mark: Substring, lines: [Substring])?
    /// The list that is open: `ul` or `ol`.
    private var list: String?

    mutating func take(_ line: Substring) {
      let trimmed = line.drop { $0 == " " || $0 == "\t" }
      if let open = fence {
        if trimmed.hasPrefix(open.mark), trimmed.allSatisfy({ $0 == open.mark.first }) { return closeFence() }
        fence?.lines.append(line)
        return
      }
      let marks = trimmed.prefix { $0 == "`" || $0 == "~" }
      if marks.count >= 3, Set(marks).count == 1,
        marks.first == "~" || !trimmed.dropFirst(marks.count).contains("`")
      {
        close()
        fence = (marks, [])
      } else if trimmed.isEmpty {
        close(keepingList: true)
      } else if takeHeading(trimmed) || takeRule(trimmed) || takeItem(trimmed) {
      } else if trimmed.first == ">" {
        close()
        result += "<blockquote>\(MarkdownPage.inline(trimmed.dropFirst()))</blockquote>\n"
      } else {
        if paragraph.isEmpty, line.first != " " { closeList() }
        paragraph.append(trimmed)
      }
    }

    private mutating func takeHeading(_ line: Substring) -> Bool {
      let level = line.prefix { $0 == "#" }.count
      guard (1...6).contains(level), line.count == level || line.dropFirst(level).first == " " else {
        return false
      }
      close()
      // The page's own headings stand above those of its texts.
      let tag = "h\(min(6, level + 1))"
      result += "<\(tag)>\(MarkdownPage.inline(line.dropFirst(level)))</\(tag)>\n"
      return true
    }

    private mutating func takeRule(_ line: Substring) -> Bool {
      let marks = line.filter { $0 != " " }
      guard marks.count >= 3, let mark = marks.first, "-*_".contains(mark), marks.allSatisfy({ $0 == mark })
      else {
        return false
      }
      close()
      result += "<hr>\n"
      return true
    }

    private mutating func takeItem(_ line: Substring) -> Bool {
      let digits = line.prefix { $0.isASCII && $0.isNumber }
      let isOrdered =
        !digits.isEmpty && digits.count < 10 && ".)".contains(line.dropFirst(digits.count).first ?? " ")
      let length = isOrdered ? digits.count + 1 : 1
      guard isOrdered || "-*+".contains(line.first ?? " "), line.dropFirst(length).first == " " else {
        return false
      }
      closeParagraph()
      let kind = isOrdered ? "ol" : "ul"
      if list != kind {
        closeList()
        list = kind
        result += "<\(kind)>\n"
      }
      result += "<li>"
      paragraph = [line.dropFirst(length + 1)]
      return true
    }

    private mutating func closeParagraph() {
      guard !paragraph.isEmpty else { return }
      let text = MarkdownPage.inline(Substring(paragraph.joined(separator: "\n")))
      result += list == nil ? "<p>\(text)</p>\n" : "\(text)\n"
      paragraph = []
    }

    private mutating func closeList() {
      if let list { result += "</\(list)>\n" }
      list = nil
    }

    private mutating func closeFence() {
      guard let open = fence else { return }
      fence = nil
      result += "<pre class=\"output\">\(HTMLReport.escaped(open.lines.joined(separator: "\n")))</pre>\n"
    }

    mutating func close(keepingList: Bool = false) {
      closeFence()
      closeParagraph()
      if !keepingList { closeList() }
    }
  }

  // MARK: In the line

  private static func inline(_ text: Substring) -> String {
    var result = ""
    var rest = text.drop { $0 == " " }
    var open: [String] = []
    while let character = rest.first {
      if character == "\\", let next = rest.dropFirst().first, next.isPunctuation || next.isSymbol {
        result += HTMLReport.escaped(String(next))
        rest = rest.dropFirst(2)
      } else if character == "`", let (code, behind) = code(rest) {
        result += "<code>\(HTMLReport.escaped(String(code)))</code>"
        rest = behind
      } else if character == "[", let (link, behind) = link(rest) {
        result += link
        rest = behind
      } else if character == "*" || character == "_" {
        let marks = rest.prefix { $0 == character }.count
        let tag = marks == 2 ? "strong" : marks == 1 ? "em" : nil
        let isInWord = character == "_" && (result.last?.isLetter ?? false)
        if let tag, open.last == tag, result.last != " " {
          open.removeLast()
          result += "</\(tag)>"
        } else if let tag, !isInWord, !open.contains(tag), closes(rest.dropFirst(marks), character, marks) {
          open.append(tag)
          result += "<\(tag)>"
        } else {
          result += String(repeating: character, count: marks)
        }
        rest = rest.dropFirst(marks)
      } else {
        result += HTMLReport.escaped(String(character))
        rest = rest.dropFirst()
      }
    }
    for tag in open.reversed() { result += "</\(tag)>" }
    return result
  }

  private static func code(_ text: Substring) -> (Substring, Substring)? {
    let fence = text.prefix { $0 == "`" }
    let body = text.dropFirst(fence.count)
    guard let end = body.firstRange(of: fence) else { return nil }
    return (body[..<end.lowerBound], body[end.upperBound...])
  }

  /// Whether the emphasis that may begin here has an end.
  private static func closes(_ text: Substring, _ mark: Character, _ count: Int) -> Bool {
    guard let first = text.first, first != " ", first != "\n" else { return false }
    return text.contains(String(repeating: mark, count: count))
  }

  /// `[text](address)`; only to where a click does no harm.
  private static func link(_ text: Substring) -> (String, Substring)? {
    guard let middle = text.firstRange(of: "]("),
      let end = text[middle.upperBound...].firstIndex(of: ")")
    else { return nil }
    let label = text[text.index(after: text.startIndex)..<middle.lowerBound]
    let address = String(text[middle.upperBound..<end])
    guard !label.contains("["), !address.contains(where: { $0.isWhitespace || $0 == "\\" }) else {
      return nil
    }
    let scheme = address.prefix { $0 != ":" && $0 != "/" && $0 != "#" && $0 != "?" }
    let hasScheme = scheme.count < address.count && address[scheme.endIndex] == ":"
    guard !hasScheme || ["http", "https", "mailto"].contains(scheme.lowercased()) else { return nil }
    // No link within a link.
    let shown = label.contains("](") ? HTMLReport.escaped(String(label)) : inline(label)
    return (
      "<a href=\"\(HTMLReport.escaped(address))\" rel=\"noreferrer\">\(shown)</a>",
      text[text.index(after: end)...]
    )
  }
}
