import Bela
import Foundation
import Telemetry
import Testing

@Suite struct BelaLogTests {
  static let files:
    [(file: String, name: String, mode: Channel.Mode, pointer: Int, step: Int64, count: Int?, rule: String)] =
      [
        ("log-myvar.bin", "myvar", .dense, 4, 1, nil, "myvar"),
        ("log-myvar2.bin", "myvar2", .dense, 4, 1, nil, "myvar2"),
        ("log-myvar3.bin", "myvar3", .sparse, 4, 12, nil, "myvar3"),
        ("log-myvar4.bin", "myvar4", .sparse, 4, 12, nil, "myvar4"),
        ("log-64bit-f_dense.bin", "f_dense", .dense, 8, 1, 4411, "f_dense"),
        ("log-64bit-j_sparse.bin", "j_sparse", .sparse, 8, 12, 736, "j_sparse"),
      ]

  @Test(arguments: files.map(\.file))
  func decodesToItsKnownValues(_ file: String) throws {
    let known = Self.files.first { $0.file == file }!
    let log = try BelaLog.read(path: Capture.path(file))
    #expect(log.name == known.name && log.mode == known.mode && log.pointerBytes == known.pointer)
    #expect(log.rest == 0 && log.series.gaps.isEmpty)
    if let count = known.count { #expect(log.series.count == count) }
    let first = try #require(log.series.time(0))
    for position in 0..<log.series.count {
      let tick = first + Int64(position) * known.step
      guard log.series.time(position) == tick, log.series[position] == Capture.expected(known.rule, tick)
      else {
        Issue.record(
          "\(file)[\(position)] is \(log.series[position]) at \(String(describing: log.series.time(position)))"
        )
        return
      }
    }
    #expect(log.series.count > 500)
  }

  @Test func refusesWhatIsNoLog() throws {
    let good = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Capture.path("log-myvar3.bin"))))
    func code(_ bytes: [UInt8], start: Int64? = nil) -> String? {
      do {
        _ = try bytes.withUnsafeBytes { bytes throws(BelaError) in
          try BelaLog.read(bytes, called: "x", start: start)
        }
        return nil
      } catch { return (error as? BelaError)?.code }
    }
    #expect(code(good) == nil)
    #expect(code([]) == "format")
    #expect(code(Array("watcher".utf8)) == "format")
    #expect(code(Array(good.dropLast(5))) == "format")
    // A bare header is a log without blocks, in either size of pointer.
    for length in 0..<60 {
      #expect(code(Array(good.prefix(length))) == ([28, 32].contains(length) ? nil : "format"), "\(length)")
    }
    #expect(throws: BelaError.self) { try BelaLog.read(path: "/nowhere/at/all.bin") }
    // A file that is still growing is read by the tick of the log's reply.
    let header = good.count % 4104
    let tick = good.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: header, as: Int64.self) }
    #expect(code(Array(good.dropLast(5)), start: tick) == nil)
  }

  /// Such a name stands in the batch of an `sftp` and in the arguments of an `scp`, whose other end is a shell.
  @Test(arguments: [
    "x\n!touch pwned", "a b", "..", ".", "", "-rf", "a/b", "$(id)", "`id`", "a;b", "a|b", "a*", "ü", "x\0y",
    "'", "~",
    "\r!id", "\t",
  ])
  func namesFromABoardReachNoShell(_ name: String) {
    #expect(throws: BelaError.self) { try BelaSource.checked(name, "name") }
    if ["", "..", ".", "a/b", "x\0y"].contains(name) {
      #expect(throws: BelaError.self) { try BelaSource.checkedHere(name) }
    }
    #expect((try? BelaSource.checked("my-project_2.1+x@y", "name")) == "my-project_2.1+x@y")
  }
}
