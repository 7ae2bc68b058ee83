import Foundation
import Recording
import Telemetry
import Testing

/// Tables as loggers, spreadsheets and test stands write them: read right, or refused with a word that helps.
@Suite struct ForeignTableTests {
  /// What a table is read as: `name type unit: values @ times`, and the note.
  private func read(_ text: String, name: String = "t.csv", _ options: [String: String] = [:]) throws -> (
    lines: [String], note: String, frame: Frame
  ) {
    try read(Array(text.utf8), name: name, options)
  }

  private func read(_ bytes: [UInt8], name: String = "t.csv", _ options: [String: String] = [:]) throws -> (
    lines: [String], note: String, frame: Frame
  ) {
    let folder = try Folder()
    let path = folder(name)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    var all = LoadOptions()
    for (name, text) in options { try all.set(name, text) }
    let loaded = try Recording.open(path, all)
    return (loaded.frame.series.map(Self.text), loaded.note ?? "", loaded.frame)
  }

  static func text(_ series: Series) -> String {
    let values = (0..<series.count).map { place in
      switch series[place] {
      case .float(let value): "\(value)"
      case .integer(let value): "\(value)"
      case .unsigned(let value): "\(value)"
      case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
      case .bool(let value): "\(value)"
      case .uuid: "uuid"
      }
    }
    let times = (0..<series.count).compactMap { series.time($0) }.map { "\($0)" }
    let unit = series.channel.unit.map { " \($0)" } ?? ""
    return "\(series.channel.name)\(unit) \(series.type.shortName): \(values.joined(separator: " "))"
      + (times.isEmpty ? "" : " @ \(times.joined(separator: " "))")
  }

  private func error(_ text: String, name: String = "t.csv", _ options: [String: String] = [:]) throws
    -> RecordingError?
  {
    do {
      let made = try read(text, name: name, options)
      Issue.record("read as \(made.lines)")
      return nil
    } catch let error as RecordingError {
      return error
    }
  }

  // MARK: - Dialects

  @Test func delimitersAndDecimalCommasAreFound() throws {
    let quoted = try read("\"Date\";\"Value\"\n\"2016-09-02\";\"20,00\"\n\"2016-09-03\";\"21,50\"\n")
    #expect(quoted.lines == ["Value f64: 20.0 21.5 @ 1472774400000000000 1472860800000000000"])
    #expect(quoted.note.contains("delimiter ;, decimal comma, time column \"Date\""))
    let comma = try read(
      "DATE;TIME;DATA\n11.04.2024;00:00:00;-134,055\n11.04.2024;00:00:01;-153,941\n")
    #expect(comma.lines == ["DATA f64: -134.055 -153.941 @ 1712793600000000000 1712793601000000000"])
    #expect(comma.note.contains("time columns \"DATE\" + \"TIME\" (date and time, local time as UTC)"))
    let semicolon = try read("time;a;b\n0;1.5;10\n0.1;2.5;11\n")
    #expect(semicolon.lines == ["a f64: 1.5 2.5 @ 0 100000000", "b i64: 10 11 @ 0 100000000"])
    #expect(semicolon.note == "delimiter ;, time column \"time\" (seconds)")
    #expect(try read("sep=;\ntime;a\n0;1.5\n0.1;2.5\n").lines == ["a f64: 1.5 2.5 @ 0 100000000"])
    let tabs = try read("time\ta\n0\t1.5\n0.1\t2.5\n")
    #expect(tabs.lines == ["a f64: 1.5 2.5 @ 0 100000000"] && tabs.note.hasPrefix("delimiter tab"))
    // Variants.
    #expect(
      try read("t|a|b\n0|1,5|x\n1|2,5|y\n").lines == [
        "a f64: 1.5 2.5 @ 0 1000000000", "b string: x y @ 0 1000000000",
      ])
    #expect(try read("time;a\n0,0;1\n0,5;2\n").lines == ["a i64: 1 2 @ 0 500000000"])
    #expect(try read("sep=\t\ntime\ta\n0\t1\n1\t2\n").lines == ["a i64: 1 2 @ 0 1000000000"])
    #expect(try read("time\ta\n0\t1\n1\t2\n", name: "t.tsv").lines == ["a i64: 1 2 @ 0 1000000000"])
    #expect(
      try read("a,b\n\"1,5\",\"2,25\"\n\"3,5\",\"4,25\"\n").lines == ["a f64: 1.5 3.5", "b f64: 2.25 4.25"])
    #expect(try read("# time a\n0.0 1.5\n0.5 2.5\n").lines == ["a f64: 1.5 2.5 @ 0 500000000"])
    #expect(
      try read("time;a\n0;1.234,5\n1;2,5\n2;3,5\n3;4,5\n").note.contains(
        "a: text because of \"1.234,5\" in line 2"))
    #expect(
      try read("a;b\n1,5;2\n", ["delimiter": ";", "decimal": ","]).lines == ["a f64: 1.5", "b i64: 2"])
    #expect(try read("time\ta\n0\t1\n1\t2\n", name: "log.txt").lines == ["a i64: 1 2 @ 0 1000000000"])
  }

  @Test func rowsThatDoNotFitAreRefusedWithTheirLine() throws {
    let longer = try #require(try error("a,b\n1,5,2,5\n2,5,3,5\n"))
    #expect(longer.message.contains("line 2 has 4 cells, and line 1 above it 2"))
    #expect(longer.hint?.contains("decimal") == true && longer.hint?.contains("delimiter") == true)
    let one = try #require(try error("time,a\n0,1\n1,2,3\n2,3\n"))
    #expect(one.message.contains("line 3 has 3 cells, and the table 2 columns"))
    let quote = try #require(try error("time,a\n0,\"1\"x\n1,2\n"))
    #expect(quote.message.contains("line 2: text stands between a closing quote and the delimiter"))
    #expect(try error("x\n1,5\n2,5\n")?.hint?.contains("decimal") == true)
    // One in many is left out, and counted.
    let many = (0..<50).map { $0 == 20 ? "20,1,2\n" : "\($0),1\n" }.joined()
    let read = try read("time,a\n" + many)
    #expect(read.frame["a"]?.count == 49 && read.note.contains("1 row of another length (line 22) left out"))
  }

  @Test func aByteOrderMarkIsNoText() throws {
    #expect(try read("\u{FEFF}time [s],a\n0,1.5\n0.1,2.5\n").lines == ["a f64: 1.5 2.5 @ 0 100000000"])
    let block = "\u{FEFF}{\"ref_timestamp\": 1000, \"data\": [0.1, 0.2]}\n"
    #expect(try read(block, name: "pot_run.txt").lines == ["pot f64: 0.1 0.2 @ 1000 1001"])
    let line = "\u{FEFF}{\"series\": [{\"name\": \"x\", \"type\": \"int8\", \"data\": [1]}]}\n"
    #expect(try read(line, name: "x.jsonl").lines == ["x i8: 1"])
    #expect(try read("\u{FEFF}\"time\";\"a\"\n0;1\n1;2\n").lines == ["a i64: 1 2 @ 0 1000000000"])
    #expect(try read("\u{FEFF}# note\ntime,a\n0,1\n").lines == ["a i64: 1 @ 0"])
  }

  @Test func blanksAroundCellsDoNotCount() throws {
    #expect(try read("Time, ADC0\n0.0000, 2.50\n0.0001, 2.75\n").lines == ["ADC0 f64: 2.5 2.75 @ 0 100000"])
    #expect(try read("time , a \n 0 , 1 \n 1 , 2 \n").lines == ["a i64: 1 2 @ 0 1000000000"])
    #expect(try read("time;\ta\n0;\t1\n1;\t2\t\n").lines == ["a i64: 1 2 @ 0 1000000000"])
    #expect(try read("time, \"a b\"\n0, \" x \"\n1, y\n").lines == ["a b string:  x  y @ 0 1000000000"])
  }

  // MARK: - Times

  @Test func theColumnOfTimesIsFoundAndReadExactly() throws {
    let nanoseconds = try read(
      "timestamp,mem,diff\n1766147454233218075,171249664,\n1766147454333973567,171905024,-1.70\n")
    #expect(
      nanoseconds.lines == [
        "mem i64: 171249664 171905024 @ 1766147454233218075 1766147454333973567",
        "diff f64: -1.7 @ 1766147454333973567",
      ])
    #expect(nanoseconds.frame["mem"]?.clock == .unix && nanoseconds.note.contains("ns since 1970"))
    let iso = try read("timestamp,temp\n2024-02-27T21:00:00+01:00,40.5\n2024-02-27T21:00:01+01:00,40.7\n")
    #expect(iso.lines == ["temp f64: 40.5 40.7 @ 1709064000000000000 1709064001000000000"])
    let two = try read(
      "Date,Time,Temperature\n2026-01-01,10:30:25.000,23.5\n2026-01-01,10:30:26.000,23.6\n")
    #expect(two.lines == ["Temperature f64: 23.5 23.6 @ 1767263425000000000 1767263426000000000"])
    let index = try read(",time,Fp1\n0,0.000,-1.5\n1,0.004,-1.6\n")
    #expect(index.lines == ["column1 i64: 0 1 @ 0 4000000", "Fp1 f64: -1.5 -1.6 @ 0 4000000"])
    let seconds = try read("timestamps,TP9\n1556559573.141,1.5\n1556559573.145,1.6\n")
    #expect(seconds.lines == ["TP9 f64: 1.5 1.6 @ 1556559573141000000 1556559573145000000"])
    #expect(seconds.frame["TP9"]?.clock == .unix)
    #expect(try read("timeout_count,a\n3,1\n1,2\n").lines == ["timeout_count i64: 3 1", "a i64: 1 2"])
    // Variants.
    #expect(
      try read("ts,a\n1700000000000,1\n1700000000010,2\n").lines == [
        "a i64: 1 2 @ 1700000000000000000 1700000000010000000"
      ])
    #expect(
      try read("a,t\n1,1700000000000001\n2,1700000000000011\n").lines == [
        "a i64: 1 2 @ 1700000000000001000 1700000000000011000"
      ])
    #expect(
      try read("Datetime,a\n2016-05-23 21:46:21.8,1\n2016-05-23 21:46:21.9,2\n").lines == [
        "a i64: 1 2 @ 1464039981800000000 1464039981900000000"
      ])
    #expect(try read("time_ms,a\n0,1\n0.5,2\n").lines == ["a i64: 1 2 @ 0 500000"])
    #expect(try read("Time (us),a\n0,1\n25,2\n").lines == ["a i64: 1 2 @ 0 25000"])
    #expect(try read("time,a\n1.5e-3,1\n2.5e-3,2\n").lines == ["a i64: 1 2 @ 1500000 2500000"])
    #expect(try read("time,a\n-0.000000001,1\n0.0000000004,2\n").lines == ["a i64: 1 2 @ -1 0"])
    #expect(
      try read("time,a\n10:00:00,1\n10:00:00.5,2\n").lines == ["a i64: 1 2 @ 36000000000000 36000500000000"])
    #expect(
      try read("times_pressed,a\nmany,1\nfew,2\n").lines == ["times_pressed string: many few", "a i64: 1 2"])
    #expect(
      try read("date,a\n31.12.2024,1\n01.01.2025,2\n").lines == [
        "a i64: 1 2 @ 1735603200000000000 1735689600000000000"
      ])
    #expect(
      try read("timestamp,a\n2024-01-01T00:00:00.123456789Z,1\n").lines == ["a i64: 1 @ 1704067200123456789"])
    #expect(
      try read("timestamp,a\n12/31/2024 1:00:05 PM,1\n1/2/2025 12:00 AM,2\n").lines == [
        "a i64: 1 2 @ 1735650005000000000 1735776000000000000"
      ])
  }

  @Test func whatNothingTellsIsAskedForByAnOption() throws {
    let word = try #require(try error("time,a\nsoon,1\nlater,2\n"))
    #expect(
      word.message.contains("line 2: \"soon\" in the column \"time\" is no time")
        && word.hint?.contains("time = false") == true)
    #expect(
      try read("time,a\nsoon,1\nlater,2\n", ["time": "false"]).lines == [
        "time string: soon later", "a i64: 1 2",
      ])
    let dates = try #require(try error("date,a\n1/2/2024,1\n1/3/2024,2\n"))
    #expect(dates.hint?.contains("dmy") == true)
    #expect(
      try read("date,a\n1/2/2024,1\n", ["time_unit": "mdy"]).lines == ["a i64: 1 @ 1704153600000000000"])
    let huge = try #require(try error("time,a\n1e20,1\n2e20,2\n"))
    #expect(huge.hint?.contains("time_unit") == true)
    #expect(
      try read("ts_us,when\n1,5\n2,6\n", ["time": "when", "time_unit": "ms"]).lines == [
        "ts_us i64: 1 2 @ 5000000 6000000"
      ])
    #expect(
      try read("a,n\n1,5\n2,6\n", ["time": "n", "time_unit": "us"]).lines == ["a i64: 1 2 @ 5000 6000"])
    let missing = try #require(try error("a,b\n1,2\n", ["time": "ts"]))
    #expect(missing.message.contains("no column is called \"ts\"") && missing.hint == "it has \"a\", \"b\"")
    #expect(try read("time,a\n0,1\n2000000,2\n4000000,3\n").note.contains("a row every 2000000 s"))
  }

  // MARK: - Lines that are no rows

  @Test func commentsPreamblesAndUnitsAreNoRows() throws {
    #expect(
      try read("# created 2025-04-22\ntime,a\n0,1.5\n0.1,2.5\n").lines == ["a f64: 1.5 2.5 @ 0 100000000"])
    let percent = try read("%EEG Data\n%Sample Rate = 200.0 Hz\n0, 14.27, 15.53\n1, 12.31, 12.26\n")
    #expect(percent.lines == ["column1 i64: 0 1", "column2 f64: 14.27 12.31", "column3 f64: 15.53 12.26"])
    #expect(percent.note.contains("no header"))
    let units = try read("time,pressure\ns,bar\n0,1.5\n0.1,2.5\n")
    #expect(
      units.lines == ["pressure bar f64: 1.5 2.5 @ 0 100000000"] && units.note.contains("units from line 2"))
    #expect(
      try read("RECORD,pressure\n,bar\n0,1.5\n1,2.5\n").lines == [
        "RECORD i64: 0 1", "pressure bar f64: 1.5 2.5",
      ])
    // Variants.
    #expect(try read("// a\n; b\ntime,a\n0,1\n").lines == ["a i64: 1 @ 0"])
    let preamble = try read("Device: X\nSerial: 12\n\ntime,a\n0,1\n1,2\n2,3\n")
    #expect(preamble.lines == ["a i64: 1 2 3 @ 0 1000000000 2000000000"])
    #expect(preamble.note.contains("2 lines above the header left out"))
    #expect(try read("time;a\nms;[V]\n0;1\n10;2\n").lines == ["a V i64: 1 2 @ 0 10000000"])
    #expect(try read("junk,1\njunk,2,3\ntime,a\n0,1\n", ["skip": "2"]).lines == ["a i64: 1 @ 0"])
    #expect(try read("0,1\n1,2\n", ["names": "time,a"]).lines == ["a i64: 1 2 @ 0 1000000000"])
    #expect(try read("time,a\n0,1\n# restarted\n1,2\n").lines == ["a i64: 1 2 @ 0 1000000000"])
    #expect(
      try read("city,mood\nBonn,good\nUlm,bad\n").lines == ["city string: Bonn Ulm", "mood string: good bad"])
  }

  @Test func wordsForNoValueAreMissing() throws {
    let na = try read("time,a,b\n0,1.5,1\n0.1,NA,2\n0.2,3.5,null\n")
    #expect(
      na.lines == [
        "a f64: 1.5 nan 3.5 @ 0 100000000 200000000", "b f64: 1.0 2.0 nan @ 0 100000000 200000000",
      ])
    #expect(na.note.contains("a: 1 missing (NaN)"))
    #expect(
      try read("\"time\",\"a\"\n\"0\",\"1.5\"\n\"0.1\",\"2.5\"\n").lines == ["a f64: 1.5 2.5 @ 0 100000000"])
    let text = try read("time,a\n0,1\n1,off\n2,3\n")
    #expect(text.lines == ["a string: 1 off 3 @ 0 1000000000 2000000000"])
    #expect(text.note.contains("a: text because of \"off\" in line 3"))
    for word in ["N/A", "#N/A", "None", "-", "NULL", "nan", "NaN"] {
      #expect(try read("a\n1\n\(word)\n2\n").lines == ["a f64: 1.0 nan 2.0"], "\(word)")
    }
    #expect(try read("a\n1\n-999\n2\n", ["missing": "-999"]).lines == ["a f64: 1.0 nan 2.0"])
    #expect(
      try read("a,b\n1,gone\n2,5\n", ["missing": "gone,away"]).lines == ["a i64: 1 2", "b f64: nan 5.0"])
    #expect(try read("a\ninf\n-Infinity\n1e400\n").lines == ["a f64: inf -inf inf"])
  }

  @Test func otherEncodingsAreRead() throws {
    let latin =
      Array("time,temp [".utf8) + [0xB0] + Array("C],emg [".utf8) + [0xB5]
      + Array("V]\n0,20.5,1\n0.1,20.6,2\n".utf8)
    #expect(
      try read(latin).lines == ["temp °C f64: 20.5 20.6 @ 0 100000000", "emg µV i64: 1 2 @ 0 100000000"])
    let text = "time,a\r\n0,1.5\r\n0.1,2.5\r\n"
    let expected = ["a f64: 1.5 2.5 @ 0 100000000"]
    let bytes = text.utf16.map { (low: UInt8($0 & 0xFF), high: UInt8($0 >> 8)) }
    let little: [UInt8] = [0xFF, 0xFE] + bytes.flatMap { [$0.low, $0.high] }
    let big: [UInt8] = [0xFE, 0xFF] + bytes.flatMap { [$0.high, $0.low] }
    #expect(try read(little).lines == expected)
    #expect(try read(big).lines == expected)
    #expect(try read(Array(little.dropFirst(2))).lines == expected)
    #expect(
      try read(Array("a,b\nx,".utf8) + [0x80] + Array("\n".utf8)).lines == ["a string: x", "b string: €"])
    #expect(try read([0x61, 0x0A, 0x83, 0x65, 0x0A], ["encoding": "SHIFT_JIS"]).lines == ["a string: テ"])
    #expect(throws: RecordingError.self) { try read("a\n1\n", ["encoding": "klingon"]) }
  }

  // MARK: - Damage

  @Test func damagedEndsAreLeftOutAndTold() throws {
    let zeros = try read(Array("time,a\n0,1.5\n0.1,2.5\n".utf8) + [UInt8](repeating: 0, count: 64))
    #expect(zeros.lines == ["a f64: 1.5 2.5 @ 0 100000000"] && zeros.note.contains("64 zero bytes left out"))
    let cut = try read("time,a\n0,1.25\n0.1,2.25\n0.2,3.")
    #expect(cut.lines == ["a f64: 1.25 2.25 @ 0 100000000"] && cut.note.contains("cut off"))
    let quote = try #require(try error("time,a\n0,\"1\n1,2\n2,3\n"))
    #expect(quote.message.contains("line 2: a quote is opened and never closed"))
    // Variants.
    #expect(try read("time,a,b\n0,1,2\n1,2,3\n2,3").lines.first == "a i64: 1 2 @ 0 1000000000")
    #expect(try read("time,a\n0,1\n1,2").lines == ["a i64: 1 2 @ 0 1000000000"])
    let middle = try read(Array("time,a\n0,1\n".utf8) + [UInt8](repeating: 0, count: 8) + Array("1,2\n".utf8))
    #expect(middle.lines == ["a i64: 1 2 @ 0 1000000000"])
    #expect(try read("time,a\r0,1\r1,2\r").lines == ["a i64: 1 2 @ 0 1000000000"])
    #expect(try error("\"time,a\n0,1\n1,2\n") != nil)
    #expect(try error("") != nil && error("\n\n") != nil)
  }

  @Test func aTornRowOfAnOwnFileIsNoSample() throws {
    let folder = try Folder()
    let path = folder("own.csv")
    _ = try Recording.save(Frame([Samples.steady("x", (0..<100).map { Float($0) / 3 })]), to: path)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes.removeLast(4)
    try bytes.write(to: URL(fileURLWithPath: path))
    let loaded = try Recording.open(path)
    #expect(loaded.frame["x"]?.count == 99 && loaded.note?.contains("left out") == true)
  }

  @Test func emptyCellsShiftNothing() throws {
    #expect(try read("a,b\n1,\n2,5\n3,6\n").lines == ["a i64: 1 2 3", "b f64: nan 5.0 6.0"])
    #expect(
      try read("time,a,b\n0,1,\n0.1,2,5\n0.2,3,6\n").lines == [
        "a i64: 1 2 3 @ 0 100000000 200000000", "b i64: 5 6 @ 100000000 200000000",
      ])
    #expect(try read("a,b\nx,\n,y\n").lines == ["a string: x ", "b string:  y"])
    #expect(
      try read("time,a\n0,1\n,2\n2,3\n3,1\n4,1\n5,1\n6,1\n7,1\n8,1\n9,1\n10,1\n").note.contains(
        "1 row without a time left out"))
    #expect(try read("a,b\n1,\n2,\n").lines == ["a i64: 1 2", "b f64: nan nan"])
  }

  @Test func namesOfColumnsAreMadeUnique() throws {
    let same = try read("time,a,a\n0,1,2\n1,2,3\n")
    #expect(
      same.lines == ["a i64: 1 2 @ 0 1000000000", "a_2 i64: 2 3 @ 0 1000000000"] && same.note.contains("a_2"))
    #expect(try read("time,a,,\n0,1,,\n1,2,,\n").lines == ["a i64: 1 2 @ 0 1000000000"])
    #expect(try read("a,a,a_2,a\n1,2,3,4\n").lines == ["a i64: 1", "a_3 i64: 2", "a_2 i64: 3", "a_4 i64: 4"])
    #expect(try read(",x\nfoo,1\nbar,2\n").lines == ["column1 string: foo bar", "x i64: 1 2"])
    #expect(try read("time,a\n0,1,\n1,2,\n").lines == ["a i64: 1 2 @ 0 1000000000"])
  }

  // MARK: - Numbers

  @Test func numbersAreRoundedOnce() throws {
    var generator = SystemRandomNumberGenerator()
    var texts: [String] = [
      "0.1", "1e23", "8.5e22", "9007199254740993", "9007199254740993.0", "2.2250738585072014e-308", "5e-324",
      "1.7976931348623157e308",
      "123456789012345678901234567890", "0.30000000000000004", "-0.0", "1e-7", "4.35", "1.15e-10",
      "3.5844466002796428e+298",
      "100000000000000016777215", "100000000000000016777216.0", "9355950000000000000.0",
      "0.000000000000000000000000001",
    ]
    for _ in 0..<20_000 {
      let value = Double(bitPattern: generator.next())
      if value.isFinite { texts.append("\(value)") }
      texts.append("\(Double.random(in: -1000...1000))")
      let digits = (0..<Int.random(in: 1...20)).map { _ in "\(Int.random(in: 0...9))" }.joined()
      texts.append("\(Int.random(in: -9...9)).\(digits)e\(Int.random(in: -40...40))")
    }
    let loaded = try Recording.open(
      table: Array(("x\n0.5\n" + texts.joined(separator: "\n") + "\n").utf8), name: "x.csv")
    let series = try #require(loaded.frame["x"])
    #expect(series.count == texts.count + 1)
    var wrong = 0
    for (place, text) in texts.enumerated() {
      guard case .float(let value) = series[place + 1], value.bitPattern == strtod(text, nil).bitPattern
      else {
        if wrong < 5 { Issue.record("\(text) was read as \(series[place + 1])") }
        wrong += 1
        continue
      }
    }
    #expect(wrong == 0)
  }

  @Test func wholeNumbersStayExact() throws {
    #expect(
      try read("a\n9223372036854775807\n-9223372036854775808\n").lines == [
        "a i64: 9223372036854775807 -9223372036854775808"
      ])
    #expect(try read("a\n1\n18446744073709551615\n").lines == ["a u64: 1 18446744073709551615"])
    #expect(try read("a\n-1\n18446744073709551615\n").lines == ["a f64: -1.0 1.8446744073709552e+19"])
    #expect(try read("a\n+5\n007\n").lines == ["a i64: 5 7"])
    #expect(try read("a\n1\n0x1F\n3\n").note.contains("text because of \"0x1F\""))
  }

  /// Rows, quotes and line ends fall on every place of the window in which a table is read.
  @Test func aTableIsReadTheSameWhereverItsRowsFall() throws {
    for extra in 0..<40 {
      var text = "time,a,\"na\nme\",b" + String(repeating: "x", count: extra) + "\r\n"
      let rows = 60_000
      for row in 0..<rows { text += "\(row),\(row * 7),\"w \"\"\(row % 10)\"\"\r\n\",\(Double(row) / 8)\r\n" }
      let loaded = try Recording.open(table: Array(text.utf8), name: "big.csv")
      let frame = loaded.frame
      let (a, words, b) = (frame.series[0], frame.series[1], frame.series[2])
      #expect(
        a.count == rows && words.count == rows && b.count == rows && a.type == .int64 && b.type == .float64)
      #expect(
        stride(from: 0, to: rows, by: 97).allSatisfy { row in
          a[row] == .integer(Int64(row * 7)) && b[row] == .float(Double(row) / 8)
            && a.time(row) == Int64(row) * 1_000_000_000
            && words[row] == .bytes(Array("w \"\(row % 10)\"\r\n".utf8))
        })
      guard extra % 13 == 0 else { continue }
      #expect(loaded.note == "time column \"time\" (seconds)")
    }
  }

  // MARK: - Others

  @Test func linesOfJSONWithAnyKeysAreATable() throws {
    let lines = try read(
      "{\"ts\": 1700000000000, \"temp\": 20.5, \"imu\": {\"x\": 1, \"y\": 2}, \"on\": true}\n{\"ts\": 1700000000010, \"temp\": null, \"imu\": {\"x\": 3}, \"on\": false, \"s\": \"a\"}\n",
      name: "x.jsonl")
    #expect(
      lines.lines == [
        "temp f64: 20.5 @ 1700000000000000000", "imu.x i64: 1 3 @ 1700000000000000000 1700000000010000000",
        "imu.y i64: 2 @ 1700000000000000000", "on bool: true false @ 1700000000000000000 1700000000010000000",
        "s string: a @ 1700000000010000000",
      ])
    #expect(
      try read("{\"a\": 1}\n{\"a\": 2.5}\n{\"b\": 3}\n", name: "x.ndjson").lines == [
        "a f64: 1.0 2.5 nan", "b f64: nan nan 3.0",
      ])
    #expect(
      try read("{\"time\": \"2024-01-01T00:00:00Z\", \"a\": NaN}\n", name: "x.jsonl").lines == [
        "a f64: nan @ 1704067200000000000"
      ])
    #expect(try read("{\"a\": 1}\n{\"a\": \"x\"}\n{\"a", name: "x.jsonl").note.contains("cut off"))
    #expect(
      try error("{\"a\": 1}\nnonsense\n", name: "x.jsonl")?.message.contains("line 2 is no object") == true)
  }

  @Test func gzipIsUnpackedOnTheWay() throws {
    let text = "time,a\n" + (0..<20_000).map { "\($0),\($0 % 7)\n" }.joined()
    let packed = try Self.gzip(Array(text.utf8))
    let whole = try read(packed, name: "x.csv.gz")
    #expect(whole.frame["a"]?.count == 20_000 && whole.note == "time column \"time\" (seconds)")
    let twice = try read(packed + Self.gzip(Array("20000,1\n".utf8)), name: "x.csv.gz")
    #expect(twice.frame["a"]?.count == 20_001)
    let cut = try read(Array(packed.dropLast(500)), name: "x.csv.gz")
    #expect((1..<20_000).contains(cut.frame["a"]?.count ?? 0) && cut.note.contains("end early"))
    #expect(throws: RecordingError.self) { try read(Array(text.utf8), name: "x.csv.gz") }
    #expect(
      try read(try Self.gzip(Array("time;a\n0;1,5\n".utf8)), name: "x.tsv.gz").lines == ["a f64: 1.5 @ 0"])
  }

  static func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
    let folder = try Folder()
    let path = folder("x")
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", path]
    try process.run()
    process.waitUntilExit()
    return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path + ".gz")))
  }

  @Test func aLoadCanBeWatchedAndCancelled() throws {
    let folder = try Folder()
    let path = try folder.write("x.csv", "a\n" + String(repeating: "1\n", count: 2_000_000))
    let watch = LoadWatch()
    _ = try Recording.open(path, watch: watch)
    #expect(watch.share == 1)
    watch.cancel()
    let error = #expect(throws: RecordingError.self) { try Recording.open(path, watch: watch) }
    #expect(error?.code == "cancelled")
  }
}
