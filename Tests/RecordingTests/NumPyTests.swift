import Foundation
import Recording
import Telemetry
import TestSupport
import Testing

/// What others make of our files, and we of theirs: the real numpy, sqlite3 and wave; skipped, with the reason, where
/// numpy cannot be had.
@Suite struct NumPyTests {
  @Test func numpySqliteAndWaveReadOurFilesAndWeReadTheirs() async throws {
    guard let python = try await onThread({ Python.prepared("numpy") }) else { return }
    let checks = Python.root.appendingPathComponent("Tests/RecordingTests/Python/checks.py").path
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
    let (status, output) = try await Command.runBeside(python, [checks, folder.path])
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
