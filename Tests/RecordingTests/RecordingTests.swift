import Foundation
import Recording
import Telemetry
import Testing

/// Everything that is saved comes back: values, times, gaps, types.
@Suite struct RecordingTests {
  @Test(arguments: ["csv", "jsonl", "txt", "npz", "mtr"])
  func everyNumberComesBackExactly(_ ending: String) throws {
    let folder = try Folder()
    let summary = try Recording.save(Frame(Samples.numbers), to: folder("run.\(ending)"))
    #expect(summary.samples == 84 && summary.gaps == 0)
    let loaded = try Recording.load(folder("run.\(ending)"))
    for series in Samples.numbers { Samples.expectSame(series, loaded[series.channel.name], ending) }
  }

  @Test(arguments: ["csv", "jsonl", "mtr"]) func textComesBackExactly(_ ending: String) throws {
    let folder = try Folder()
    _ = try Recording.save(Frame(Samples.texts), to: folder("run.\(ending)"))
    let loaded = try Recording.load(folder("run.\(ending)"))
    for series in Samples.texts { Samples.expectSame(series, loaded[series.channel.name], ending) }
  }

  @Test(arguments: ["csv", "jsonl", "txt", "npz", "mtr"]) func gapsAndTimesComeBack(_ ending: String) throws {
    let folder = try Folder()
    let summary = try Recording.save(Frame(Samples.broken, dropped: 5), to: folder("run.\(ending)"))
    // A pause is no loss.
    #expect(summary.gaps == 6 && summary.dropped == 5)
    let loaded = try Recording.load(folder("run.\(ending)"))
    for series in Samples.broken { Samples.expectSame(series, loaded[series.channel.name], ending) }
    #expect(loaded.dropped == 5)
  }

  @Test(arguments: ["npy", "wav", "txt", "csv", "jsonl", "npz", "mtr"])
  func aSliceOfOneChannelComesBack(_ ending: String) throws {
    let folder = try Folder()
    let whole = Samples.steady(
      "pot", (0..<3000).map { Float($0) / 3 }, gaps: [Gap(at: 1500, samples: 7, reason: .lost)], unit: "V")
    let part = whole[1000..<2000]
    _ = try Recording.save(Frame([part]), to: folder("pot.\(ending)"))
    let loaded = try Recording.load(folder("pot.\(ending)"))
    Samples.expectSame(part, loaded["pot"], ending)
  }

  @Test func unknownTimesStayUnknown() throws {
    let folder = try Folder()
    let series = Series(Samples.channel("x", .int16), SampleStorage([3 as Int16, 2, 1]))
    for ending in ["csv", "jsonl", "npy", "npz", "mtr", "wav"] {
      _ = try Recording.save(Frame([series]), to: folder("x.\(ending)"))
      let loaded = try #require(try Recording.load(folder("x.\(ending)"))["x"])
      #expect(loaded.time(0) == nil, "\(ending)")
      Samples.expectSame(series, loaded, ending)
    }
  }

  @Test func aNumberThatIsNoneComesBack() throws {
    let folder = try Folder()
    let series = Samples.steady("x", [1, .nan, 2.5])
    for ending in ["csv", "jsonl", "txt", "npy", "npz", "mtr", "wav"] {
      _ = try Recording.save(Frame([series]), to: folder("x.\(ending)"))
      Samples.expectSame(series, try Recording.load(folder("x.\(ending)"))["x"], ending)
    }
  }

  @Test func aTableHasTheTimeFirstAndUnitsInItsHeader() throws {
    let folder = try Folder()
    let a = Samples.steady("a,b", [1 as Int32, 2, 3], unit: "V")
    let b = Samples.steady("slow", [0.5, 1.5], from: 1001, step: Step(units: 5))
    _ = try Recording.save(Frame([a, b]), to: folder("t.csv"))
    #expect(
      folder.text("t.csv") == """
        time [ticks],"a,b [V]",slow
        1000,1,
        1001,2,0.5
        1002,3,
        1006,,1.5

        """)
    #expect(folder.names == ["t.csv", "t.meta.json"])
  }

  @Test func whatIsThereIsNotOverwrittenUnlessAsked() throws {
    let folder = try Folder()
    for ending in ["csv", "jsonl", "txt", "npy", "npz", "wav", "mtr"] {
      let path = folder("run.\(ending)")
      let first = Samples.steady("x", [1 as Float, 2])
      _ = try Recording.save(Frame([first]), to: path)
      let before = folder.names
      let error = #expect(throws: RecordingError.self) {
        try Recording.save(Frame([Samples.steady("x", [3 as Float])]), to: path)
      }
      #expect(error?.code == "exists")
      #expect(error?.hint?.contains("run-2.\(ending) is free; overwrite = true") == true, "\(error as Any)")
      #expect(try Recording.load(path)["x"]?.count == 2)
      #expect(folder.names == before)
      _ = try Recording.save(Frame([Samples.steady("x", [3 as Float])]), to: path, overwrite: true)
      #expect(try Recording.load(path)["x"]?.count == 1)
    }
  }

  @Test func sidecarsOfTwoFilesOfOneNameStayApart() throws {
    let folder = try Folder()
    let series = Samples.steady("x", [1 as UInt8, 2], gaps: [Gap(at: 1, samples: 3, reason: .lost)])
    for ending in ["csv", "npy", "csv", "npy"] {
      _ = try Recording.save(Frame([series]), to: folder("run.\(ending)"), overwrite: true)
      Samples.expectSame(series, try Recording.load(folder("run.\(ending)"))["x"], ending)
    }
    #expect(folder.names == ["run.csv", "run.meta.json", "run.npy", "run.npy.meta.json"])
  }

  @Test(arguments: ["csv", "jsonl", "txt", "npy", "npz", "wav", "mtr"])
  func whatCannotBeWrittenIsAnErrorAndLeavesNothing(_ ending: String) throws {
    let folder = try Folder()
    let frame = Frame([Samples.steady("x", [1 as Float, 2])])
    let error = #expect(throws: RecordingError.self) {
      try Recording.save(frame, to: folder("no/run.\(ending)"))
    }
    #expect(error?.code == "output" && error?.hint == "make the folder first", "\(error as Any)")
    #expect(folder.names == [])
  }

  @Test(arguments: [
    ("run.dat", "argument"), ("run", "argument"), ("no/run.csv", "no_file"), ("none.mtr", "no_file"),
    ("none.txt", "no_file"),
  ])
  func whatCannotBeReadIsAnError(_ name: String, _ code: String) throws {
    let folder = try Folder()
    let error = #expect(throws: RecordingError.self) { try Recording.load(folder(name)) }
    #expect(error?.code == code)
  }

  @Test func channelsThatAFormatCannotHoldAreRefused() throws {
    let folder = try Folder()
    let two = [Samples.steady("a", [1 as Float, 2]), Samples.steady("b", [1.0])]
    for (ending, series) in [
      ("npy", two), ("wav", two), ("wav", [Samples.numbers[8]]), ("npz", Samples.texts),
    ] {
      let error = #expect(throws: RecordingError.self) {
        try Recording.save(Frame(series), to: folder("x.\(ending)"))
      }
      #expect(error?.code == "argument" && error?.hint != nil)
    }
    #expect(folder.names == [])
  }

  /// Files that are cut or changed anywhere are read or refused, and never more.
  @Test(arguments: [
    "id", "name", "type", "clock", "ticks_per_second", "mode", "key", "unit", "rate", "index_key", "is_index",
    "is_virtual", "samples", "stamps", "start", "step_units", "step_samples", "channel",
  ]) func aRecordingWithoutAColumnIsReadOrRefused(_ column: String) throws {
    let folder = try Folder()
    let path = folder("x.mtr")
    _ = try Recording.save(Frame([Samples.steady("x", (0..<200).map { Float($0) })]), to: path)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    var from = bytes.startIndex
    while let range = bytes.range(of: Data(column.utf8), in: from..<bytes.endIndex) {
      bytes[range.lowerBound] = UInt8(ascii: "Q")
      from = range.upperBound
    }
    try bytes.write(to: URL(fileURLWithPath: path))
    do {
      let frame = try Recording.load(path)
      #expect(frame.series.count <= 1)
    } catch {
      #expect(["format", "no_file"].contains(error.code), "\(error)")
    }
  }

  @Test func damagedFilesAreReadOrRefused() throws {
    let folder = try Folder()
    let frame = Frame([Samples.steady("x", (0..<200).map { Float($0) })])
    var random = SystemRandomNumberGenerator()
    for ending in ["csv", "jsonl", "txt", "npy", "npz", "wav", "mtr"] {
      let path = folder("x.\(ending)")
      _ = try Recording.save(frame, to: path)
      let file = ending == "txt" ? folder("x_x.txt") : path
      let good = try Data(contentsOf: URL(fileURLWithPath: file))
      for round in 0..<60 {
        var bad = good
        if round % 2 == 0 { bad = bad.prefix(Int.random(in: 0..<bad.count, using: &random)) }
        for _ in 0..<(round % 7) where !bad.isEmpty {
          bad[Int.random(in: 0..<bad.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        try bad.write(to: URL(fileURLWithPath: file))
        do {
          _ = try Recording.load(path)
        } catch {
          #expect(["format", "no_file", "too_large"].contains(error.code), "\(ending): \(error)")
        }
      }
    }
  }
}
