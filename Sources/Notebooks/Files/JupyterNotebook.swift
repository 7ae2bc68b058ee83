package import JSON

/// Jupyter's `.ipynb`, nbformat 4.5, to and from a notebook file.
package enum JupyterNotebook {
  package enum ReadError: Error, Equatable, Sendable {
    case notJSON(JSON.ReadError)
    /// What is missing or wrong, in words.
    case notANotebook(String)

    package var reason: String {
      switch self {
      case .notJSON(let error): error.description
      case .notANotebook(let reason): reason
      }
    }
  }

  /// What a run left behind for one code cell.
  package struct CellOutputs: Sendable {
    package enum Output: Sendable {
      case stream(name: String, text: String)
      case result(text: String)
      case error(message: String, traceback: [String])
      case image(svg: String, text: String)
    }
    package var executionCount: Int
    package var outputs: [Output]
    package init(executionCount: Int, outputs: [Output]) {
      self.executionCount = executionCount
      self.outputs = outputs
    }
  }

  // MARK: export

  /// `outputs` by position among the cells. Cells with nothing but blank lines before the first marker are left out.
  package static func encode(_ file: NotebookFile, outputs: [Int: CellOutputs] = [:]) -> [UInt8] {
    var ids: Set<String> = []
    var cells: [JSON] = []
    for (index, cell) in file.cells.enumerated() {
      cells.append(encode(cell, id: id(of: cell, at: index, taken: &ids), outputs: outputs[index]))
    }
    let notebook: JSON = [
      "cells": .array(cells),
      "metadata": [
        "kernelspec": kernel(of: file),
        "language_info": ["file_extension": ".lua", "mimetype": "text/x-lua", "name": "lua"],
      ],
      "nbformat": 4,
      "nbformat_minor": 5,
    ]
    return notebook.encoded(.indented(1)) + [0x0A]
  }

  private static func encode(_ cell: NotebookCell, id: String, outputs: CellOutputs?) -> JSON {
    let hasTitle = !cell.marker.title.isEmpty
    var metadata = cell.marker.metadata.filter {
      $0.key != "id" && !(hasTitle && $0.key == "title") && isValid($0)
    }
    if hasTitle { metadata.append(JSON.Member("title", .string(cell.marker.title))) }
    var members: [JSON.Member] = [JSON.Member("cell_type", .string(cell.marker.kind.rawValue))]
    if cell.isCode {
      members.append(
        JSON.Member("execution_count", outputs.map { .integer(Int64($0.executionCount)) } ?? .null))
    }
    members.append(JSON.Member("id", .string(id)))
    members.append(JSON.Member("metadata", .object(metadata)))
    if cell.isCode {
      let list = outputs?.outputs.map { encode($0, count: outputs?.executionCount ?? 0) } ?? []
      members.append(JSON.Member("outputs", .array(list)))
    }
    members.append(JSON.Member("source", lines(String(decoding: cell.text, as: UTF8.self))))
    return .object(members)
  }

  /// Keys that nbformat's schema gives a type may not have another one.
  private static func isValid(_ member: JSON.Member) -> Bool {
    switch member.key {
    case "tags":
      guard let tags = member.value.array else { return false }
      let texts = tags.compactMap(\.string)
      return texts.count == tags.count && Set(texts).count == texts.count
        && !texts.contains { $0.contains(",") }
    case "collapsed": if case .bool = member.value { return true } else { return false }
    case "scrolled":
      if case .bool = member.value { return true }
      return member.value == "auto"
    case "name", "format": return member.value.string != nil
    case "jupyter", "execution": return member.value.members != nil
    default: return true
    }
  }

  private static func encode(_ output: CellOutputs.Output, count: Int) -> JSON {
    switch output {
    case .stream(let name, let text):
      ["name": .string(name), "output_type": "stream", "text": lines(text)]
    case .result(let text):
      [
        "data": ["text/plain": lines(text)], "execution_count": .integer(Int64(count)), "metadata": [:],
        "output_type": "execute_result",
      ]
    case .error(let message, let traceback):
      [
        "ename": "LuaError", "evalue": .string(message), "output_type": "error",
        "traceback": .array(traceback.map { .string($0) }),
      ]
    case .image(let svg, let text):
      [
        "data": ["image/svg+xml": lines(svg), "text/plain": lines(text)], "metadata": [:],
        "output_type": "display_data",
      ]
    }
  }

  /// A list of lines, each with its line end, as Jupyter writes text.
  private static func lines(_ text: String) -> JSON {
    let bytes = Array(text.utf8)
    return .array(NotebookFile.lines(of: bytes).map { .string(String(decoding: bytes[$0], as: UTF8.self)) })
  }

  /// The same cell keeps its id from export to export; `id="…"` in the marker wins.
  private static func id(of cell: NotebookCell, at index: Int, taken: inout Set<String>) -> String {
    if let given = cell.marker.metadata.last(where: { $0.key == "id" })?.value.string,
      (1...64).contains(given.utf8.count),
      given.utf8.allSatisfy({ $0.isNamePart || $0 == UInt8(ascii: "-") }), taken.insert(given).inserted
    {
      return given
    }
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in cell.markerLine + cell.body { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    while true {
      let digits = String(hash, radix: 16)
      let id = String(repeating: "0", count: 16 - digits.count) + digits
      if taken.insert(id).inserted { return id }
      hash &+= 1
    }
  }

  /// The kernel that jupytext's header names, else plain Lua.
  private static func kernel(of file: NotebookFile) -> JSON {
    var kernel: [(key: String, value: String)] = [
      ("display_name", "moontide (Lua)"), ("language", "lua"), ("name", "moontide"),
    ]
    let lines = NotebookFile.lines(of: file.header).map {
      String(decoding: file.header[$0].withoutLineEnd.drop { $0 == 0x2D }.trimmed, as: UTF8.self)
    }
    if let start = lines.firstIndex(of: "kernelspec:") {
      for line in lines[(start + 1)...] {
        guard let colon = line.firstIndex(of: ":"),
          let index = kernel.firstIndex(where: { $0.key == line[..<colon] })
        else { break }
        let value = line[line.index(after: colon)...].drop { $0 == " " }
        if !value.isEmpty { kernel[index].value = value.filter { $0 != "\"" && $0 != "'" } }
      }
    }
    return .object(kernel.map { JSON.Member($0.key, .string($0.value)) })
  }

  // MARK: import

  package static func decode(_ bytes: [UInt8]) throws(ReadError) -> NotebookFile {
    let notebook: JSON
    do {
      notebook = try JSON(
        parsing: bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes[3...]) : bytes,
        JSON.Reading(takesNonFinite: true))
    } catch {
      throw .notJSON(error)
    }
    guard let version = notebook["nbformat"]?.integer else { throw .notANotebook("`nbformat` is missing") }
    guard (2...4).contains(version) else {
      throw .notANotebook("format \(version) is not supported, only 2 to 4 are")
    }
    // Before 4 cells were on sheets, of which people had one.
    let sheets = notebook["worksheets"]?.array?.flatMap { $0["cells"]?.array ?? [] }
    guard let cells = version == 4 ? notebook["cells"]?.array : sheets else {
      throw .notANotebook("`cells` is missing")
    }
    var file = NotebookFile()
    for (index, cell) in cells.enumerated() {
      let isHeading = version < 4 && cell["cell_type"]?.string == "heading"
      guard let type = isHeading ? "markdown" : cell["cell_type"]?.string,
        let kind = CellMarker.Kind(rawValue: type)
      else {
        throw .notANotebook("cell \(index + 1) has no known `cell_type`")
      }
      guard var text = text(cell["source"] ?? (version < 4 ? cell["input"] : nil)) else {
        throw .notANotebook("cell \(index + 1) has no `source`")
      }
      if isHeading {
        let level = min(6, max(1, cell["level"]?.integer ?? 1))
        text = String(repeating: "#", count: Int(level)) + " " + text
      }
      // Lines end in one way in a file; a single CR would be a part of them.
      if text.utf8.contains(0x0D) {
        text = String(decoding: Self.withoutReturns(Array(text.utf8)), as: UTF8.self)
      }
      var metadata = cell["metadata"]?.members ?? []
      let title = metadata.last { $0.key == "title" }?.value.string
      metadata.removeAll { $0.key == "title" || !isKey($0.key) }
      var marker = CellMarker(kind: kind, title: title ?? "", metadata: metadata)
      // A title that would read as something else goes where it cannot.
      if let title, CellMarker(line: Array(marker.line.utf8)[...]) != marker {
        marker.title = ""
        marker.metadata.append(JSON.Member("title", .string(title)))
      }
      file.append(marker, text: Array(text.utf8))
    }
    return file
  }

  private static func withoutReturns(_ bytes: [UInt8]) -> [UInt8] {
    bytes.indices.compactMap { place in
      bytes[place] == 0x0D && place + 1 < bytes.count && bytes[place + 1] == 0x0A ? nil : bytes[place]
    }
  }

  private static func isKey(_ key: String) -> Bool {
    !key.isEmpty
      && key.utf8.allSatisfy { $0.isNamePart || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
  }

  private static func text(_ source: JSON?) -> String? {
    if let text = source?.string { return text }
    guard let lines = source?.array else { return nil }
    let texts = lines.compactMap(\.string)
    return texts.count == lines.count ? texts.joined() : nil
  }
}
