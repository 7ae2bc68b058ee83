import Foundation
import Recording
import Telemetry
import Testing

/// Files that others have written, as they come.
@Suite struct ForeignFileTests {
  @Test func aTableTellsItsTypes() throws {
    let folder = try Folder()
    let path = try folder.write(
      "t.csv",
      "time_s,count,big,temp (degC),note,gone\r\n0,1,18446744073709551615,20.5,\"a, \"\"b\"\"\",\r\n0.01,-2,1,,c,\r\n"
    )
    let frame = try Recording.load(path)
    #expect(frame.names == ["count", "big", "temp", "note", "gone"])
    #expect(frame.series.map(\.type) == [.int64, .uint64, .float64, .string, .int64])
    #expect(frame["count"]?[1] == .integer(-2) && frame["big"]?[0] == .unsigned(.max))
    #expect(frame["temp"]?.count == 1 && frame["temp"]?.channel.unit == "degC")
    #expect(frame["note"]?[0] == .bytes(Array("a, \"b\"".utf8)))
    #expect(frame["count"]?.time(1) == 10_000_000 && frame["count"]?.clock == .ticks(rate: 1e9))
    #expect(frame["gone"]?.isEmpty == true)
  }

  @Test func aTableWithoutTimesHasNone() throws {
    let folder = try Folder()
    let frame = try Recording.load(try folder.write("t.csv", "a,b\n1,2.5\n3,4\n"))
    #expect(frame["a"]?.count == 2 && frame["a"]?.time(0) == nil)
  }

  /// pybela writes blocks as they were on the wire: the last one padded, and by tasks that may overtake each other.
  @Test func pybelasBlocksAreOrderedCutAndSearchedForGaps() throws {
    let folder = try Folder()
    func block(_ start: Int, _ valid: Int, zeros: Int = 0) -> String {
      let values = (0..<valid).map { "\(Double(start + $0))" } + (0..<zeros).map { _ in "0.0" }
      return "{\"ref_timestamp\": \(start), \"data\": [\(values.joined(separator: ", "))]}\n"
    }
    let text =
      block(108, 4) + block(100, 4) + block(104, 4) + block(120, 2, zeros: 2) + block(122, 4) + block(126, 4)
    let series = try #require(try Recording.load(folder.write("pot1_run.txt", text)).series.first)
    #expect(series.channel.name == "pot1" && series.type == .float64)
    #expect((0..<series.count).allSatisfy { series[$0] == .float(Double(series.time($0)!)) })
    #expect(series.count == 22)
    #expect(series.gaps == [Gap(at: 12, samples: 8, reason: .lost)])
  }

  @Test func pybelasSparseBlocksLoseTheirPadding() throws {
    let folder = try Folder()
    let text = "{\"ref_timestamp\": 48, \"data\": [1, 2, 3, 0, 0], \"rel_timestamps\": [0, 12, 24, 0, 0]}\n"
    let series = try #require(try Recording.load(folder.write("my_var_var_stream__3.txt", text)).series.first)
    #expect(series.channel.name == "my_var" && series.channel.mode == .sparse)
    #expect((0..<series.count).map { series.time($0) } == [48, 60, 72])
  }

  @Test func pybelasMonitorsAreRead() throws {
    let folder = try Folder()
    let text = "{\"timestamp\": 100, \"value\": 0.5}\n{\"timestamp\": 1100, \"value\": NaN}\n"
    let series = try #require(try Recording.load(folder.write("pot_monitor.txt", text)).series.first)
    #expect(series.time(1) == 1100 && series[0] == .float(0.5) && series[1].number?.isNaN == true)
  }

  /// A crash in the middle of a line costs that line.
  @Test func aLineThatWasCutOffIsLeftOut() throws {
    let folder = try Folder()
    let whole = "{\"ref_timestamp\": 0, \"data\": [1, 2]}\n"
    #expect(try Recording.load(folder.write("a_b.txt", whole + "{\"ref_times")).series[0].count == 2)
    let line = "{\"series\": [{\"name\": \"x\", \"type\": \"int8\", \"data\": [1]}]}\n"
    #expect(try Recording.load(folder.write("x.jsonl", line + line + "{\"ser")).series[0].count == 2)
    #expect(throws: RecordingError.self) { try Recording.load(folder.write("y.jsonl", "{\"ser\n" + line)) }
  }
}
