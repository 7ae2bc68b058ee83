import Foundation
import Telemetry
import Testing

/// Memory of full chunks, which is given back and taken again.
@Suite(.serialized) struct ChunkMemoryTests {
  private static let samples = 8192

  private func storage(_ number: Int) -> SampleStorage {
    SampleStorage((0..<Self.samples).map { Double(number * Self.samples + $0) })
  }

  private func isWhole(_ storage: SampleStorage, _ number: Int) -> Bool {
    storage.withValues(0..<Self.samples, as: Double.self) { values in
      values.indices.allSatisfy { values[$0] == Double(number * Self.samples + $0) }
    }
  }

  @Test func noTwoChunksShareMemory() {
    var kept: [(number: Int, storage: SampleStorage)] = []
    for number in 0..<200 {
      kept.append((number, storage(number)))
      // Out of order, so that blocks of many slabs come and go.
      if number % 3 == 2 { kept.remove(at: number * 7919 % kept.count) }
    }
    #expect(kept.allSatisfy { isWhole($0.storage, $0.number) })
  }

  @Test func whatIsGivenBackIsTakenAgain() throws {
    func resident() throws -> Int {
      let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
      return Int(text.split(separator: " ")[1])! * Int(getpagesize())
    }
    var kept = (0..<300).map { storage($0) }
    let before = try resident()
    for round in 0..<40 {
      kept = []
      kept = (0..<300).map { storage(round * 300 + $0) }
    }
    #expect(kept.count == 300)
    // Each round is 19 MiB; other suites of this process keep some blocks of what they took.
    #expect(try resident() - before < 64 << 20)
  }

  @Test func threadsTakeAndGiveBackSideBySide() async {
    await withTaskGroup(of: Bool.self) { group in
      for task in 0..<4 {
        group.addTask {
          var kept: [(number: Int, storage: SampleStorage)] = []
          for number in task * 1000..<task * 1000 + 100 {
            kept.append((number, storage(number)))
            if kept.count > 20 { kept.removeFirst() }
          }
          return kept.allSatisfy { isWhole($0.storage, $0.number) }
        }
      }
      for await isWhole in group { #expect(isWhole) }
    }
  }
}
