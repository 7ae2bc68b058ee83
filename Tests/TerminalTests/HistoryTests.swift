import Randomness
import Foundation
import Terminal
import Testing

@Suite struct HistoryTests {
  /// A file of its own below a folder that is not there yet.
  private let folder = NSTemporaryDirectory() + "moontide-history-\(UUID().uuidString)"
  private var path: String { folder + "/state/moontide/history.jsonl" }

  private func lines() -> [String] {
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").map(String.init)
  }

  private func clean() { try? FileManager.default.removeItem(atPath: folder) }

  @Test func keepsWholeCellsInAFileOfTheUsersOwn() throws {
    defer { clean() }
    let first = History(path: path, session: "a")
    let cells = ["for i=1,2 do\n\tprint(\"ü\\日\")\nend", "x\u{1}\u{7f}"]
    for cell in cells { #expect(first.add(cell, time: 12.25)) }
    #expect(first.lastError == nil)
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    for line in lines() {
      let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      #expect(object["t"] as? Double == 12.25)
      #expect(object["session"] as? String == "a")
    }
    let second = History(path: path, session: "b")
    #expect((0..<3).map { second.entry($0) } == [cells[1], cells[0], nil])
    second.add("own", time: 13)
    first.add("of the other", time: 14)
    #expect((0..<3).map { second.entry($0) } == ["own", cells[1], cells[0]])
    #expect(lines().count == 4)
  }

  @Test func countsItsOwnCellsOnce() {
    defer { clean() }
    History(path: path, session: "a").add("old", time: 0)
    let history = History(path: path, session: "b")
    history.add("new", time: 1)
    History(path: path, session: "c").add("elsewhere", time: 2)
    #expect((0..<4).map { history.entry($0) } == ["new", "elsewhere", "old", nil])
  }

  /// In a container every session has the same process number, and so have two in this test.
  @Test func cellsOfAnEarlierSessionOfTheSameProcessNumberAreThere() {
    defer { clean() }
    let first = History(path: path)
    first.add("of the first", time: 0)
    let second = History(path: path)
    #expect(second.session != first.session)
    #expect(second.entry(0) == "of the first")
    second.add("own", time: 1)
    #expect((0..<3).map { second.entry($0) } == ["own", "of the first", nil])
  }

  @Test func leavesOutWhatNobodyWants() {
    let history = History(path: nil, session: "a", keeps: { !$0.contains("password") })
    for cell in ["", " hidden", "\n", "connect{password='x'}", "a", "a"] { history.add(cell, time: 0) }
    #expect(history.count == 1)
  }

  @Test func skipsLinesThatAreBroken() throws {
    defer { clean() }
    let history = History(path: path, session: "a")
    history.add("one", time: 0)
    let broken = [
      "", "{", "[1]", #"{"cell":1}"#, #"{"cell":"x"#, #"{"cell":"\u12"}"#, "\u{0}\u{1}",
      #"{"cell":{"a":1}}"#, #"{"t":1,"cell":"good \ud83d\ude42 \ud83d","more":null}"#, #"{"cell":"cut"#,
    ]
    let file = try #require(FileHandle(forWritingAtPath: path))
    try file.seekToEnd()
    try file.write(contentsOf: Data(broken.joined(separator: "\n").utf8))
    try file.close()
    history.add("two", time: 0)
    let read = History(path: path, session: "b")
    #expect((0..<4).map { read.entry($0) } == ["two", "good 🙂 \u{fffd}", "one", nil])
  }

  @Test func takesAnyBytes() {
    var random = SplitMix(seed: 7)
    let line = HistoryLine(time: 1, session: "s", cell: "a\"\\\n\u{e9}🙂").encoded
    #expect(HistoryLine(parsing: line.dropLast())?.cell == "a\"\\\n\u{e9}🙂")
    for cut in line.indices { _ = HistoryLine(parsing: line[..<cut]) }
    for _ in 0..<2_000 {
      var mutated = line
      mutated[Int.random(in: 0..<line.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      _ = HistoryLine(parsing: mutated)
    }
  }

  @Test func sessionsAtOnceLoseNothing() async {
    defer { clean() }
    let path = path
    await withTaskGroup(of: Void.self) { group in
      for session in ["a", "b", "c"] {
        group.addTask {
          let history = History(path: path, session: session)
          for index in 0..<300 {
            history.add("\(session) \(index) " + String(repeating: "x", count: index), time: 0)
          }
        }
      }
    }
    let parsed = lines().compactMap { HistoryLine(parsing: Array($0.utf8)) }
    #expect(parsed.count == 900)
    for session in ["a", "b", "c"] {
      let own = parsed.filter { $0.session == session }.compactMap {
        $0.cell.split(separator: " ").dropFirst().first
      }
      #expect(own == (0..<300).map { "\($0)" })
    }
  }

  @Test func readsOnlyTheEndOfALongFile() throws {
    defer { clean() }
    History(path: path, session: "a").add("first", time: 0)
    let file = try #require(FileHandle(forWritingAtPath: path))
    try file.seekToEnd()
    let text = (0..<100_000).map { #"{"t":1,"session":"a","cell":"cell \#($0)"}"# + "\n" }.joined()
    try file.write(contentsOf: Data(text.utf8))
    try file.close()
    let history = History(path: path, session: "b")
    #expect(history.entry(0) == "cell 99999")
    #expect(history.count == 10_000)
    #expect(history.entry(9_999) == "cell 90000")
  }

  @Test func saysWhyAFileCannotBeWritten() {
    let history = History(path: "/proc/none/history.jsonl", session: "a")
    #expect(history.add("x", time: 0))
    #expect(history.lastError?.code == .history)
    #expect(history.entry(0) == "x")
  }

  @Test func findsItsPlace() {
    #expect(History.defaultPath(environment: ["MOONTIDE_HISTORY": "/h"]) == "/h")
    #expect(History.defaultPath(environment: ["MOONTIDE_HISTORY": "", "HOME": "/u"]) == nil)
    #expect(
      History.defaultPath(environment: ["XDG_STATE_HOME": "/s", "HOME": "/u"]) == "/s/moontide/history.jsonl")
    #expect(History.defaultPath(environment: ["HOME": "/u"]) == "/u/.local/state/moontide/history.jsonl")
    #expect(History.defaultPath(environment: [:]) == nil)
  }
}
