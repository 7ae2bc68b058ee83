import Foundation
import Recording
import Telemetry
import Testing

/// What others make of our files, and we of theirs: the real numpy, sqlite3 and wave; skipped, with the reason, where
/// numpy cannot be had.
@Suite struct NumPyTests {
  private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  private static let build = tests.deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent(
      ".build/numpy")

  private static func run(_ program: String, _ arguments: [String]) async -> (status: Int32, output: String) {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        guard (try? process.run()) != nil else {
          return continuation.resume(returning: (77, "cannot run \(program)"))
        }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        continuation.resume(returning: (process.terminationStatus, String(decoding: data, as: UTF8.self)))
      }
    }
  }

  @Test func numpySqliteAndWaveReadOurFilesAndWeReadTheirs() async throws {
    let scripts = Self.tests.appendingPathComponent("Python")
    let prepared = await Self.run(
      "/bin/bash", [scripts.appendingPathComponent("prepare.sh").path, Self.build.path])
    guard prepared.status == 0 else {
      print("skipped: \(prepared.output)")
      return
    }
    let folder = try Folder()
    let ticks = (1000..<2000).filter { !(1500..<1600).contains($0) }.map { Int64($0) }
    let gap = [Gap(at: 500, samples: 100, reason: .lost)]
    func series<T: FixedWidthSample>(_ name: String, _ values: [T]) -> Series {
      let parts = [(0..<500, 1000), (500..<900, 1600)].map { range, start in
        Chunk(SampleStorage(Array(values[range])), timing: .steady(start: Int64(start), step: Step(units: 1)))
      }
      return Series(Samples.channel(name, T.dataType), chunks: parts, gaps: gap)
    }
    let frame = Frame([
      series("f32", ticks.map { Float($0) / 4 }), series("u32", ticks.map { UInt32(4_294_967_296 - $0) }),
      series("i64", ticks.map { 9_007_199_254_740_992 + $0 }),
    ])
    let origin = RecordingOrigin(source: "a test", program: "moontide 0", cell: "the cell")
    for ending in ["csv", "npz", "jsonl", "mtr"] {
      _ = try Recording.save(frame, to: folder("run.\(ending)"), origin: origin)
    }
    _ = try Recording.save(Frame([frame["u32"]!]), to: folder("u32.npy"))
    let sound = [1, -1].map { sign in
      Series(
        Channel(name: "s\(sign)", type: .int16, clock: .ticks(rate: 8000)),
        SampleStorage((0..<4).map { Int16($0 * sign) }), timing: .steady(start: 0, step: Step(units: 1)))
    }
    _ = try Recording.save(Frame(sound), to: folder("sound.wav"))
    let (status, output) = await Self.run(
      Self.build.path + "/venv/bin/python", [scripts.appendingPathComponent("checks.py").path, folder.path])
    #expect(status == 0 && output.hasSuffix(" checks\n"), "\(output)")
    guard status == 0 else { return }
    let one = try #require(try Recording.load(folder("theirs.npy")).series.first)
    #expect(one.type == .int16 && one.channel.name == "theirs" && one[4] == .integer(4))
    let two = try Recording.load(folder("theirs.npz"))
    #expect(
      two.names == ["a", "b"] && two["a"]?.time(3) == 9 && two["a"]?[3] == .float(1.5)
        && two["b"]?[0] == .bool(true))
  }
}
