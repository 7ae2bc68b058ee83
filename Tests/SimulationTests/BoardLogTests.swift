import Bela
import Foundation
import Simulation
import Telemetry
import Testing

@Suite(.serialized) struct BoardLogTests {
  private func withBoard(
    _ body: (BoardRig, BelaSource, String) async throws -> Void
  ) async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("moontide-log-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var configuration = BoardRig.allTypes()
    configuration.logFolder = folder + "/board"
    try await BoardRig.with(configuration) { rig in
      // A client that knows where this board keeps its files.
      let source = try await BelaSource.connect(
        host: rig.board.host, port: rig.board.port, logFolder: rig.board.logFolder)
      try await body(rig, source, folder + "/mine")
      await source.close()
    }
  }

  @Test func aScheduledLogHasItsExactValues() async throws {
    try await withBoard { _, source, folder in
      let logger = try await source.log(["f_dense", "d_sparse", "j_sparse", "c_dense"])
      let now = try await source.now()
      let start = now + 66_150
      let accepted = try await logger.start(at: [start], ticks: [4410])
      #expect(accepted.map(\.start) == Array(repeating: start, count: 4))
      #expect(accepted.map(\.end) == Array(repeating: start + 4410, count: 4))
      while try await source.now() < start + 5000 { try await Task.sleep(for: .milliseconds(10)) }
      // The board's file thread comes a little behind its clock.
      var paths: [String] = []
      for attempt in 1...50 {
        paths = try await logger.fetch(to: "\(folder)/\(attempt)")
        if try logger.read().allSatisfy({ $0.mode == .sparse || $0.series.count >= 4411 }) { break }
        try await Task.sleep(for: .milliseconds(20))
      }
      #expect(paths.map { URL(fileURLWithPath: $0).lastPathComponent } == accepted.map(\.fileName))
      for log in try logger.read() {
        let step: Int64 = log.mode == .sparse ? 12 : 1
        #expect(log.mode == .sparse || log.series.count == 4411, "\(log.name): \(log.series.count)")
        for position in 0..<log.series.count {
          let tick = log.series.time(0)! + Int64(position) * step
          guard log.series.time(position) == tick,
            log.series[position] == BoardRig.counter(tick, log.type.dataType)
          else {
            Issue.record("\(log.name)[\(position)]")
            break
          }
        }
      }
      // An existing file is left alone.
      let last = URL(fileURLWithPath: paths[0]).deletingLastPathComponent().path
      let again = try await logger.fetch(to: last)
      #expect(again.count == paths.count && Set(again).isDisjoint(with: paths))
      try await logger.delete()
      await #expect(throws: BelaError.self) { _ = try await logger.fetch(to: folder) }
    }
  }

  @Test func aLogIsStartedAndStopped() async throws {
    try await withBoard { _, source, folder in
      let logger = try await source.log(["d_dense"])
      try await logger.start()
      await #expect(throws: BelaError.self) { _ = try await logger.start() }
      try await Task.sleep(for: .milliseconds(150))
      try await logger.stop()
      try await logger.fetch(to: folder)
      let log = try #require(try logger.read().first)
      #expect(log.series.count > 4000 && log.series.gaps.isEmpty && log.rest == 0)
      let end = log.series.time(log.series.count - 1)!
      #expect(end - log.series.time(0)! == Int64(log.series.count - 1))
      // A second log of the same variable gets another name.
      let second = try await source.log(["d_dense"])
      let accepted = try await second.start(ticks: [100])
      #expect(accepted.first?.fileName == "d_dense+0.bin")
    }
  }

  @Test func aStreamGoesOnBesideALog() async throws {
    try await withBoard { _, source, _ in
      let sink = Collector()
      let feed = try await source.open(StreamRequest(channels: ["d_dense"]), sink: sink)
      #expect(await sink.until { $0.count("d_dense") > 2000 })
      let logger = try await source.log(["d_dense"])
      try await logger.start(ticks: [3000])
      #expect(await sink.until { $0.count("d_dense") > 12000 })
      try await feed.stop()
      // Both share one block: what was in it is thrown away when the log begins (section 6.5), and that shows.
      // Where the log begins with a block there is nothing in it.
      let samples = sink.samples("d_dense")
      for sample in samples { #expect(sample.value == .float(Double(sample.tick))) }
      let breaks = zip(samples, samples.dropFirst()).filter { $1.tick != $0.tick + 1 }
      #expect(breaks.count <= 1 && sink.gaps("d_dense").count == breaks.count)
      #expect(sink.gaps("d_dense").allSatisfy { $0.reason == .hole && $0.samples! < 512 })
    }
  }

  @Test func filesComeThroughTheUsersScp() async throws {
    try await BoardRig.with(.test) { rig in
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("moontide-scp-\(UUID())")
        .path
      defer { try? FileManager.default.removeItem(atPath: folder) }
      try FileManager.default.createDirectory(atPath: folder + "/bin", withIntermediateDirectories: true)
      let logger = try await rig.source.log(["myvar"])
      let accepted = try await logger.start(ticks: [2000])
      while try await rig.source.now() <= accepted[0].end! { try await Task.sleep(for: .milliseconds(5)) }
      try await logger.stop()
      let none = await #expect(throws: BelaError.self) {
        _ = try await logger.fetch(to: folder, tools: BelaTools(path: folder + "/bin"))
      }
      #expect(none?.code == "tool" && none?.hint == "install openssh-client")
      // A stand-in that copies from the board's folder and writes down what it was asked.
      let script = """
        #!/bin/sh
        echo "$@" >> '\(folder)/asked'
        while [ $# -gt 2 ]; do shift; done
        cp "\(rig.board.logFolder)/$(basename "$1")" "$2"
        """
      try script.write(toFile: folder + "/bin/scp", atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder + "/bin/scp")
      let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
      let paths = try await logger.fetch(to: folder, tools: BelaTools(path: "\(folder)/bin:\(path)"))
      let asked = try String(contentsOfFile: folder + "/asked", encoding: .utf8)
      #expect(asked.contains("root@127.0.0.1:/root/Bela/projects/bela-test/myvar.bin"))
      #expect(paths == [folder + "/myvar.bin"])
      let log = try #require(try logger.read().first)
      #expect(log.series.count == 2001)
    }
  }
}
