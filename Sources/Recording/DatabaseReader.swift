import Foundation
import GRDB
import Telemetry

extension Database {
  static func read(_ path: String) throws(RecordingError) -> Frame {
    var status = stat()
    guard stat(path, &status) == 0 else { throw .input(path, errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw RecordingError("no_file", "\(path) is no file") }
    do {
      return try open(path).read { db in try frame(path, db) }
    } catch let error as RecordingError {
      throw error
    } catch is RowDecodingError {
      throw .format(path, "it is no recording, or damaged")
    } catch {
      let coded = self.error(path, error)
      // A load writes nothing.
      throw coded.code == "output"
        ? RecordingError("no_file", "cannot read \(path): \(coded.message)") : coded
    }
  }

  /// As somebody who may write where that works: who may only read leaves SQLite's files for sharing behind.
  private static func open(_ path: String) throws -> DatabaseQueue {
    var configuration = Configuration()
    // What the file's own definitions could call is not ours.
    configuration.prepareDatabase { try $0.execute(sql: "PRAGMA query_only = 1; PRAGMA trusted_schema = 0") }
    if access(path, W_OK) == 0, let queue = try? DatabaseQueue(path: path, configuration: configuration) {
      return queue
    }
    configuration.readonly = true
    do {
      return try DatabaseQueue(path: path, configuration: configuration)
    } catch let error as DatabaseError where error.resultCode == .SQLITE_CANTOPEN {
      // A medium that cannot be written to: nobody else writes, so there is nothing to wait for.
      return try DatabaseQueue(path: "file:\(escaped(path))?immutable=1", configuration: configuration)
    }
  }

  private static func escaped(_ path: String) -> String {
    path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path
  }

  private static func frame(_ path: String, _ db: GRDB.Database) throws -> Frame {
    // Tables, and no views, which may go on for ever.
    guard try ["meta", "channels", "frames", "chunks", "gaps"].allSatisfy({ try db.tableExists($0) }),
      let text = try String.fetchOne(db, sql: "SELECT value FROM meta WHERE name = 'format'"),
      let version = Int(text)
    else { throw RecordingError.format(path, "it is no recording") }
    guard version <= format else {
      throw RecordingError(
        "format", "\(path) is of a newer moontide (format \(version))", hint: "update moontide")
    }
    let bytes = FileNumbers.count(
      try Double.fetchOne(
        db, sql: "SELECT TOTAL(LENGTH(samples)) + TOTAL(LENGTH(stamps)) FROM chunks") ?? 0)
    guard bytes <= Limits.loadBytes else {
      throw RecordingError(
        "too_large",
        "\(path) holds \(bytes >> 20) MiB of samples and times, and a load takes \(Limits.loadBytes >> 20) at most"
      )
    }
    var builders: [SeriesBuilder] = []
    var places: [Int64: Int] = [:]
    for row in try Row.fetchAll(db, sql: "SELECT * FROM channels ORDER BY id LIMIT \(Limits.channels)") {
      places[try row.value("id")] = builders.count
      builders.append(SeriesBuilder(try channel(row, path)))
    }
    let gaps = try Row.fetchCursor(db, sql: "SELECT * FROM gaps ORDER BY after")
    while let row = try gaps.next() {
      guard let place = places[try row.value("channel")],
        let reason = Gap.Reason(rawValue: try row.value("why"))
      else {
        continue
      }
      builders[place].append(
        Gap(at: try row.value("after"), samples: try row.value("samples"), reason: reason))
    }
    let rows = try Row.fetchCursor(db, sql: "SELECT * FROM chunks ORDER BY id")
    var weight = 0
    while let row = try rows.next() {
      guard let place = places[try row.value("channel")] else { continue }
      weight -= builders[place].weight
      try append(row, to: &builders[place], path)
      weight += builders[place].weight
      guard weight <= Limits.loadSamples else { throw RecordingError.tooManySamples(path) }
    }
    let dropped = FileNumbers.count(try Double.fetchOne(db, sql: "SELECT TOTAL(dropped) FROM frames") ?? 0)
    let late = try String.fetchOne(db, sql: "SELECT value FROM meta WHERE name = 'dropped'").flatMap {
      Int64($0)
    }
    return Frame(builders.map { $0.series() }, dropped: max(dropped, FileNumbers.count(late ?? 0)))
  }

  private static func channel(_ row: Row, _ path: String) throws -> Channel {
    guard let type = DataType(rawValue: try row.value("type")) else {
      throw RecordingError.format(path, "it has a channel of an unknown type")
    }
    let isUnix = try row.value("clock") == "unix_ns"
    return try Channel(
      name: row.value("name"), type: type,
      clock: isUnix ? .unix : .ticks(rate: row.value("ticks_per_second")),
      mode: Channel.Mode(rawValue: row.value("mode")) ?? .dense,
      key: UInt32(truncatingIfNeeded: row.value("key") as Int64),
      unit: row.value("unit"), rate: row.value("rate"),
      index: (row.value("index_key") as Int64?).map { UInt32(truncatingIfNeeded: $0) },
      isIndex: row.value("is_index"),
      isVirtual: row.value("is_virtual"))
  }

  private static func append(_ row: Row, to builder: inout SeriesBuilder, _ path: String) throws {
    let samples: Data = try row.value("samples")
    let before = builder.count
    if let width = builder.channel.type.width {
      guard samples.count % width == 0 else { throw RecordingError.format(path, "a chunk is damaged") }
      samples.withUnsafeBytes { builder.append(packed: $0) }
    } else {
      try samples.withUnsafeBytes { bytes in
        var at = 0
        while at < bytes.count {
          guard bytes.count - at >= 4 else { throw RecordingError.format(path, "a chunk is damaged") }
          let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
          guard length <= bytes.count - at - 4 else {
            throw RecordingError.format(path, "a chunk is damaged")
          }
          builder.append(blob: Array(bytes[at + 4..<at + 4 + length]))
          at += 4 + length
        }
      }
    }
    let count = builder.count - before
    if let stamps = try row.value("stamps") as Data?, stamps.count == 8 * count {
      stamps.withUnsafeBytes { bytes in
        builder.append(
          times: (0..<count).lazy.map { bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self) })
      }
    } else if let start = try row.value("start") as Int64?, let units = try row.value("step_units") as Int64?,
      let samples = try row.value("step_samples") as Int64?, samples > 0
    {
      let step = Step(units: units, samples: samples)
      builder.append(times: (0..<Int64(count)).lazy.map { start.addingSaturating(step.offset($0)) })
    } else {
      builder.forgetTimes()
    }
  }
}

extension Row {
  /// As the subscript, which would end the program where a damaged file lacks the column or holds another type.
  fileprivate func value<Value: DatabaseValueConvertible & StatementColumnConvertible>(
    _ column: String
  ) throws -> Value {
    try decode(forColumn: column)
  }
}
