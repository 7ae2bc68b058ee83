import JSON
import Foundation
import Lua
import Notebooks
import Testing

@Suite struct RunRecordTests {
  @Test func recordsEverythingAsItHappens() throws {
    let bench = try Bench()
    var lines: [[UInt8]] = []
    var time: Int64 = 0
    let record = RunRecord(
      script: "a.lua", around: bench.display,
      now: {
        time += 1; return time
      }
    ) {
      lines.append(Array($0))
      return true
    }
    bench.session.display = record
    let file = NotebookFile(
      Array("-- %% first\nprint('a') io.write('b'); 'ü'\n-- %%\nlocal s <close> = nil\nerror('no')".utf8))
    _ = bench.session.run(file, name: "a.lua")
    record.finish(exitCode: 1)
    let entries = try lines.map { try JSON(parsing: $0) }
    #expect(
      entries.compactMap { $0["kind"]?.string } == [
        "run", "cell", "output", "output", "echo", "end", "cell", "note", "error", "end", "done",
      ])
    #expect(entries.compactMap { $0["time"]?.integer } == Array(1...11))
    #expect(
      entries[1]["title"] == "first" && entries[1]["line"] == 2 && entries[2]["text"] == "a\n"
        && entries[3]["text"] == "b")
    #expect(entries[8]["message"] == "no" && entries[8]["traceback"]?.array?.first?["place"] == "a.lua:5")
    #expect(entries[9]["result"] == "error" && entries[10]["exit"] == 1)
    #expect(bench.display.lines.first == "[1]= ü" && bench.display.printed == "a\nb")
    #expect(record.isWhole)

    let run = try #require(
      RecordedRun.runs(in: Array(lines.joined()) + Array("{\"kind\":\"cu".utf8)).first)
    let byPosition = ReportOutline.outputs(run, of: file)
    #expect(byPosition.keys.sorted() == [0, 1] && ReportOutline.matches(run, file))
    let outputs = byPosition.sorted { $0.key < $1.key }.map(\.value)
    #expect(outputs.map(\.executionCount) == [1, 2])
    try #require(outputs.count == 2)
    guard case .stream("stdout", "a\nb") = outputs[0].outputs.first,
      case .error("no", let traceback) = outputs[1].outputs.last, traceback.first == "a.lua:5: no"
    else { return #expect(Bool(false), "\(outputs)") }
  }

  @Test func aFullDiskStopsTheRecordNotTheRun() throws {
    let bench = try Bench()
    let record = RunRecord(script: "a.lua", around: bench.display, now: { 0 }) { _ in false }
    bench.session.display = record
    #expect(bench.run("1") == ["[1]= 1"])
    #expect(!record.isWhole)
  }

  @Test func writesLinesToAFile() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).jsonl").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let sink = try RunRecord.file(at: path).get()
    #expect(sink(Array("a\n".utf8)[...]) && sink(Array("b\n".utf8)[...]))
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "a\nb\n")
    #expect(throws: RunRecord.FileError.self) { try RunRecord.file(at: "/no/such/folder/x").get() }
  }
}
