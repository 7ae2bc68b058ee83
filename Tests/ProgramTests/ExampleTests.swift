import Foundation
import TestSupport
import Testing

@Suite struct ExampleTests {
  static let folder = DocumentTests.root.appendingPathComponent("scripts/examples")

  static var examples: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.hasSuffix(".lua") }.sorted()
  }

  @Test(.serialized, arguments: examples) func anExampleRuns(_ name: String) async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(
        [Self.folder.appendingPathComponent(name).path], within: .seconds(60))
      #expect(outcome.exitCode == 0, "\(outcome)")
      #expect(!outcome.output.isEmpty)
    }
  }

  @Test func theHeartRateIsThatOfTheRecording() async throws {
    try await onThread {
      let outcome = try ProgramRunner.run(
        [Self.folder.appendingPathComponent("heartbeat.lua").path], within: .seconds(60))
      let match = try #require(outcome.output.firstMatch(of: /heart rate: ([\d.]+) beats/), "\(outcome)")
      let rate = try #require(Double(match.1))
      let offline = try Self.heartRate(seconds: 30)
      #expect(abs(rate - offline) <= 3, "live \(rate), offline \(offline)")
      #expect(outcome.output.contains(" 0 samples lost"))
    }
  }

  /// Counted offline, with the whole recording at hand: peaks of the centred slope energy above a tenth of its 97th
  /// percentile, at least 0.3 s apart, the highest first.
  static func heartRate(seconds: Int) throws -> Double {
    let csv = DocumentTests.root.appendingPathComponent("Sources/Simulation/Recordings/ecg.csv")
    let rows = try String(contentsOf: csv, encoding: .utf8).split(separator: "\n").dropFirst().prefix(
      seconds * 360)
    let ecg = rows.compactMap { Double($0.split(separator: ",")[1]) }
    var energy = [Double](repeating: 0, count: ecg.count)
    for center in 28..<ecg.count - 18 {
      for index in center - 18..<center + 18 {
        let slope = ecg[index] - ecg[index - 10]
        energy[center] += slope * slope
      }
    }
    let level = 0.1 * energy.sorted()[energy.count * 97 / 100]
    let candidates = (361..<energy.count - 1).filter {
      energy[$0] >= level && energy[$0] >= energy[$0 - 1] && energy[$0] > energy[$0 + 1]
    }
    var beats: [Int] = []
    for peak in candidates.sorted(by: { energy[$0] > energy[$1] })
    where beats.allSatisfy({ abs($0 - peak) >= 108 }) { beats.append(peak) }
    beats.sort()
    return Double(beats.count - 1) / (Double(beats.last! - beats.first!) / 360) * 60
  }
}
