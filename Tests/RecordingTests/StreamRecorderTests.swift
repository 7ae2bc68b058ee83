import Foundation
import GRDB
import Recording
import Telemetry
import TestSupport
import Testing

/// A stream goes into a file while it runs, every sample of it, whatever else happens.
@Suite struct StreamRecorderTests {
  private static let channels = ["a", "b"].map { Samples.channel($0, .int32) }

  private func series(_ channel: Int, _ range: Range<Int>, gaps: [Gap] = []) -> Series {
    Series(
      Self.channels[channel], SampleStorage(range.map { Int32($0) }),
      timing: .steady(start: Int64(range.lowerBound), step: Step(units: 1)), gaps: gaps)
  }

  @Test(arguments: ["mtr", "csv", "jsonl", "txt"])
  func everySampleIsInTheFileWhateverTheBufferKeeps(_ ending: String) async throws {
    let folder = try Folder()
    let source = ScriptedSource(Self.channels)
    let streamer = try Streamer(source: source, channels: Self.channels, capacity: .samples(10))
    let recorder = try StreamRecorder(path: folder("run.\(ending)"), channels: Self.channels)
    try await streamer.start(StreamRequest(), mirror: recorder)
    for round in 0..<500 {
      source.send(series(0, round * 100..<round * 100 + 100))
      if round % 5 == 4 { source.send(series(1, (round - 4) * 100..<round * 100 + 100)) }
    }
    source.tell(.gap(.lost, samples: 7, channels: ["b"]))
    source.tell(.reconnecting("away"))
    source.tell(.resumed)
    source.send(series(0, 60_000..<60_100), series(1, 60_000..<60_100))
    source.tell(.finished)
    let outcome = await recorder.finish()
    #expect(outcome.error == nil && outcome.isOver)
    #expect(outcome.summary.samples == 100_200 && outcome.summary.gaps == 2 && outcome.summary.dropped == 0)
    let loaded = try Recording.load(folder("run.\(ending)"))
    for name in ["a", "b"] {
      let found = try #require(loaded[name])
      #expect(found.count == 50_100)
      #expect((0..<found.count).allSatisfy { found[$0] == .integer(found.time($0)!) })
    }
    #expect(loaded["a"]?.gaps == [Gap(at: 50_000, samples: nil, reason: .reconnect)])
    #expect(loaded["b"]?.gaps.map(\.at) == [50_000])
  }

  @Test(arguments: ["mtr", "csv", "jsonl", "txt"])
  func whatCameIsThereWhileTheStreamGoesOn(_ ending: String) async throws {
    let folder = try Folder()
    let path = folder("run.\(ending)")
    let recorder = try StreamRecorder(path: path, channels: Self.channels)
    recorder.receive(Frame([series(0, 0..<100), series(1, 0..<100)]))
    // As after a crash: nothing was finished.
    let end = ContinuousClock.now + .seconds(20)
    var count = 0
    while count < 100, ContinuousClock.now < end {
      count = (try? Recording.load(path))?["a"]?.count ?? 0
      try await Task.sleep(for: .milliseconds(20))
    }
    #expect(count >= 99)
    _ = await recorder.finish()
  }

  @Test func aTableWaitsForSlowChannelsAndKeepsTheOrderOfTime() async throws {
    let folder = try Folder()
    let recorder = try StreamRecorder(path: folder("run.csv"), channels: Self.channels)
    for start in stride(from: 0, to: 1000, by: 100) {
      recorder.receive(Frame([series(0, start..<start + 100)]))
    }
    recorder.receive(Frame([series(1, 0..<1000)]))
    _ = await recorder.finish()
    let rows = folder.text("run.csv").split(separator: "\n").dropFirst()
    #expect(rows.count == 1000)
    #expect(rows.enumerated().allSatisfy { $1 == "\($0),\($0),\($0)" })
  }

  @Test func itEndsAfterTheSamplesThatWereAskedFor() async throws {
    let folder = try Folder()
    let recorder = try StreamRecorder(path: folder("run.jsonl"), channels: Self.channels, samples: 150)
    for start in [0, 100, 200] {
      recorder.receive(Frame([series(0, start..<start + 100), series(1, start..<start + 100)]))
    }
    let outcome = await recorder.finish()
    #expect(outcome.summary.samples == 300)
    #expect(try Recording.load(folder("run.jsonl"))["b"]?.count == 150)
  }

  @Test func aStreamThatNeverBeganLeavesNothing() async throws {
    let folder = try Folder()
    for ending in ["mtr", "csv", "jsonl", "txt"] {
      let recorder = try StreamRecorder(path: folder("run.\(ending)"), channels: Self.channels)
      recorder.discard()
      _ = await recorder.finish()
    }
    #expect(folder.names == [])
  }

  @Test(arguments: [("npy", "argument"), ("wav", "argument"), ("xyz", "argument")])
  func formatsThatAreWrittenAsAWholeAreRefused(_ ending: String, _ code: String) throws {
    let folder = try Folder()
    let error = #expect(throws: RecordingError.self) {
      try StreamRecorder(path: folder("run.\(ending)"), channels: Self.channels)
    }
    #expect(error?.code == code)
    #expect(folder.names == [])
  }

  @Test func aFullDiskEndsItAndIsSaid() async throws {
    let folder = try Folder()
    // A device that takes nothing stands where the file goes.
    for ending in ["csv", "jsonl"] {
      try FileManager.default.createSymbolicLink(
        atPath: folder("run.\(ending)"), withDestinationPath: "/dev/full")
      let recorder = try StreamRecorder(
        path: folder("run.\(ending)"), channels: Self.channels, overwrite: true)
      recorder.receive(Frame([series(0, 0..<1000), series(1, 0..<1000)]))
      let outcome = await recorder.finish()
      #expect(outcome.error?.code == "output" && outcome.error?.message.contains("No space left") == true)
      // Nothing is in it, and all of it is missing.
      #expect(outcome.summary.samples == 0 && outcome.summary.dropped == 2000)
      recorder.receive(Frame([series(0, 1000..<1100)]))
      #expect(recorder.outcome.summary.dropped == 2000)
    }
  }

  /// What waits when a file can be written no more, and what comes afterwards, is counted; what was taken back, too.
  @Test func aRecordingThatBreaksOffHoldsWhatItSays() async throws {
    let folder = try Folder()
    let path = folder("run.mtr")
    let recorder = try StreamRecorder(path: path, channels: Self.channels)
    recorder.receive(
      Frame([series(0, 0..<100), series(1, 0..<100, gaps: [Gap(at: 50, samples: 3, reason: .lost)])]))
    let end = ContinuousClock.now + .seconds(20)
    var count = 0
    while count < 100, ContinuousClock.now < end {
      count = (try? Recording.load(path))?["b"]?.count ?? 0
      try await Task.sleep(for: .milliseconds(5))
    }
    // From now on no transaction of the recorder comes to its end.
    let queue = try DatabaseQueue(path: path)
    try await queue.write {
      try $0.execute(
        sql:
          "CREATE TRIGGER full BEFORE INSERT ON chunks WHEN NEW.channel = 2 BEGIN SELECT RAISE(ABORT, 'full'); END"
      )
    }
    try queue.close()
    for start in stride(from: 100, to: 1000, by: 100) {
      let gaps = [Gap(at: 10, samples: 1, reason: .lost)]
      recorder.receive(Frame([series(0, start..<start + 100), series(1, start..<start + 100, gaps: gaps)]))
    }
    let outcome = await recorder.finish()
    #expect(outcome.error != nil && outcome.isOver)
    #expect(outcome.summary.samples == 200 && outcome.summary.gaps == 1 && outcome.summary.dropped == 1800)
    let loaded = try Recording.load(path)
    #expect(loaded["a"]?.count == 100 && loaded["b"]?.count == 100)
  }

  /// Frames of many channels with few samples are mostly their own descriptions.
  @Test func whatWaitsIsMeasuredAsAWhole() {
    let channels = (0..<100).map { Samples.channel("c\($0)", .float32) }
    let frame = Frame(
      channels.map {
        Series($0, SampleStorage([1 as Float]), timing: .steady(start: 0, step: Step(units: 1)))
      })
    #expect(frame.heldBytes >= 30_000 && frame.heldBytes < 200_000)
    let long = Frame([series(0, 0..<100_000)])
    #expect(long.heldBytes >= 400_000 && long.heldBytes < 500_000)
  }

  /// More than fits the queue, at once: what has no room is left out, counted, and a gap.
  @Test func whatTheDiskIsTooSlowForIsCountedAndMarked() async throws {
    let folder = try Folder()
    let recorder = try StreamRecorder(path: folder("run.csv"), channels: [Self.channels[0]], queueBytes: 1000)
    let big = series(0, 0..<50_000)
    for _ in 0..<20 { recorder.receive(Frame([big])) }
    let end = ContinuousClock.now + .seconds(60)
    // Once the queue has room again, the next frame says what is missing before it.
    while recorder.outcome.summary.samples < 50_000, ContinuousClock.now < end {
      try await Task.sleep(for: .milliseconds(20))
    }
    recorder.receive(Frame([series(0, 5..<6)]))
    let outcome = await recorder.finish()
    #expect(outcome.summary.dropped >= 50_000 && outcome.summary.dropped % 50_000 == 0)
    #expect(outcome.summary.samples + outcome.summary.dropped == 1_000_001)
    #expect(outcome.summary.gaps >= 1)
    #expect(try Recording.load(folder("run.csv"))["a"]?.gaps.last?.reason == .overrun)
  }
}
