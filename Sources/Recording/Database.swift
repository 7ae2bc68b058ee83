import Foundation
import GRDB
import Telemetry

/// `.mtr`: a SQLite database in WAL mode, so that what was committed survives a crash and others may read it meanwhile.
///
/// | table | a row for each |
/// | --- | --- |
/// | `meta` | fact: format, source, program, cell, started, finished, dropped |
/// | `channels` | channel |
/// | `frames` | frame: when it was received (Unix nanoseconds), samples dropped before it |
/// | `chunks` | run of one channel's samples within a frame: little-endian samples, their times |
/// | `gaps` | place where samples are missing: how many came before it, how many are missing, why |
enum Database {
  static let format = 1

  static let schema = """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE channels (
      id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, type TEXT NOT NULL, clock TEXT NOT NULL,
      ticks_per_second REAL, mode TEXT NOT NULL, key INTEGER NOT NULL, unit TEXT, rate REAL, index_key INTEGER,
      is_index INTEGER NOT NULL, is_virtual INTEGER NOT NULL);
    CREATE TABLE frames (id INTEGER PRIMARY KEY, received INTEGER NOT NULL, dropped INTEGER NOT NULL);
    -- Times: stamps, 8 bytes each, where they are uneven; else start + n * step_units / step_samples; else unknown.
    CREATE TABLE chunks (
      id INTEGER PRIMARY KEY, frame INTEGER NOT NULL REFERENCES frames, channel INTEGER NOT NULL REFERENCES channels,
      count INTEGER NOT NULL, start INTEGER, step_units INTEGER, step_samples INTEGER, stamps BLOB,
      samples BLOB NOT NULL);
    CREATE TABLE gaps (
      channel INTEGER NOT NULL REFERENCES channels, after INTEGER NOT NULL, samples INTEGER, why TEXT NOT NULL);
    """

  static func error(_ path: String, _ error: any Error) -> RecordingError {
    guard let error = error as? DatabaseError else { return RecordingError("output", "\(path): \(error)") }
    switch error.resultCode {
    case .SQLITE_FULL: return .output(path, ENOSPC)
    case .SQLITE_READONLY: return .output(path, EACCES)
    case .SQLITE_CANTOPEN:
      return .output(path, errno == 0 ? EACCES : errno)
    case .SQLITE_NOTADB, .SQLITE_CORRUPT: return .format(path, "it is no recording, or damaged")
    default:
      return RecordingError(
        "output", "cannot write \(path): \(error.message ?? "database error \(error.resultCode)")")
    }
  }
}

final class DatabaseWriter: RecordingWriter {
  private let path: String
  private let book: RecordingBook
  private let isNew: Bool
  private var queue: DatabaseQueue?
  private var pending: [(frame: Frame, received: TimeStamp)] = []
  private var pendingBytes = 0
  private var ids: [String: Int64] = [:]

  init(_ path: String, _ channels: [Channel], _ book: RecordingBook, overwrite: Bool) throws(RecordingError) {
    self.path = path
    self.book = book
    isNew = !Path.exists(path)
    if !isNew {
      guard overwrite else { throw .exists(path, free: Path.free(path) { [$0] }) }
      for file in [path, path + "-wal", path + "-shm"] where unlink(file) != 0 && errno != ENOENT {
        throw .output(path, errno)
      }
    }
    // The system's own words for what SQLite only calls "unable to open".
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .output(path, errno) }
    close(descriptor)
    var configuration = Configuration()
    configuration.journalMode = .wal
    do {
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      self.queue = queue
      let origin = book.sidecar.origin
      var facts = [
        ("format", "\(Database.format)"), ("source", origin.source), ("program", origin.program),
        ("started", book.sidecar.saved.iso8601), ("monitor", "\(origin.isMonitor)"),
      ]
      if let cell = origin.cell { facts.append(("cell", cell)) }
      try queue.write { db in
        try db.execute(sql: Database.schema)
        for (name, value) in facts {
          try db.execute(sql: "INSERT INTO meta VALUES (?, ?)", arguments: [name, value])
        }
        for channel in channels { _ = try id(of: channel, db) }
      }
    } catch {
      abandon()
      throw Database.error(path, error)
    }
  }

  func append(_ frame: Frame, received: TimeStamp) throws(RecordingError) {
    pending.append((frame, received))
    pendingBytes += frame.heldBytes
    if pendingBytes > 1 << 20 { try commit() }
  }

  private func commit() throws(RecordingError) {
    guard !pending.isEmpty, let queue else { return }
    let frames = pending
    (pending, pendingBytes) = ([], 0)
    do {
      try queue.write { db in
        for (frame, received) in frames { try write(frame, received, db) }
      }
      book.settle()
    } catch {
      throw Database.error(path, error)
    }
  }

  private func write(_ frame: Frame, _ received: TimeStamp, _ db: GRDB.Database) throws {
    let insertFrame = try db.cachedStatement(sql: "INSERT INTO frames (received, dropped) VALUES (?, ?)")
    try insertFrame.execute(arguments: [received.nanoseconds, frame.dropped])
    let number = db.lastInsertedRowID
    let insert = try db.cachedStatement(
      sql: """
        INSERT INTO chunks (frame, channel, count, start, step_units, step_samples, stamps, samples)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """)
    let insertGap = try db.cachedStatement(sql: "INSERT INTO gaps VALUES (?, ?, ?, ?)")
    for series in frame.series {
      let id = try id(of: series.channel, db)
      let before = (book.sidecar[series.channel.name]?.samples ?? 0) - series.first
      for gap in series.gaps {
        try insertGap.execute(arguments: [id, gap.at + before, gap.samples, gap.reason.rawValue])
      }
      book.note(series)
      for chunk in series.chunks {
        let timing = DatabaseTiming(chunk)
        try insert.execute(arguments: [
          number, id, chunk.count, timing.start, timing.step?.units, timing.step?.samples,
          timing.stamps.map { Data($0) },
          Data(DatabaseBlob.pack(chunk)),
        ])
      }
    }
  }

  private func id(of channel: Channel, _ db: GRDB.Database) throws -> Int64 {
    if let id = ids[channel.name] { return id }
    let ticks = channel.clock == .unix ? nil : channel.clock.unitsPerSecond
    try db.execute(
      sql: """
        INSERT INTO channels (name, type, clock, ticks_per_second, mode, key, unit, rate, index_key, is_index, is_virtual)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        channel.name, channel.type.rawValue, channel.clock.name, ticks, channel.mode.rawValue,
        Int64(channel.key),
        channel.unit, channel.rate, channel.index.map { Int64($0) }, channel.isIndex, channel.isVirtual,
      ])
    ids[channel.name] = db.lastInsertedRowID
    book.sidecar.place(of: channel)
    return db.lastInsertedRowID
  }

  func flush(now: ContinuousClock.Instant) throws(RecordingError) { try commit() }

  func finish() throws(RecordingError) {
    try commit()
    guard let queue else { return }
    do {
      let facts = [("finished", SystemClock().now.iso8601), ("dropped", "\(book.dropped)")]
      try queue.write { db in
        for (name, value) in facts {
          try db.execute(sql: "INSERT OR REPLACE INTO meta VALUES (?, ?)", arguments: [name, value])
        }
      }
      try queue.close()
      self.queue = nil
    } catch {
      throw Database.error(path, error)
    }
  }

  /// What was committed stays; a database without a frame goes.
  func abandon() {
    try? queue?.close()
    queue = nil
    book.rollBack()
    if book.sidecar.entries.allSatisfy({ $0.samples == 0 }) {
      for file in [path, path + "-wal", path + "-shm"] { unlink(file) }
    }
  }
}

/// Times of a chunk as the database has them.
struct DatabaseTiming {
  var start: Int64?
  var step: Step?
  var stamps: [UInt8]?

  init(_ chunk: Chunk) {
    switch chunk.timing {
    case .none: break
    case .steady(_, let even) where Self.isEven(chunk, even):
      start = chunk.time(0)
      step = even
    case .steady, .stamped:
      var packed: [UInt8] = []
      packed.reserveCapacity(8 * chunk.count)
      for offset in 0..<chunk.count {
        withUnsafeBytes(of: chunk.time(offset) ?? 0) { packed.append(contentsOf: $0) }
      }
      stamps = packed
    }
  }

  /// Whether the first sample is the first of its unit of time, where several share one.
  private static func isEven(_ chunk: Chunk, _ step: Step) -> Bool {
    guard step.samples > 1, let start = chunk.time(0) else { return true }
    return (0..<min(chunk.count, Int(step.samples))).allSatisfy {
      chunk.time($0) == start.addingSaturating(step.offset(Int64($0)))
    }
  }
}

/// Samples as the database has them: packed, or each with its length (four bytes) before it.
enum DatabaseBlob {
  static func pack(_ chunk: Chunk) -> [UInt8] {
    if chunk.storage.type.width != nil { return Array(chunk.storage.bytes(chunk.range)) }
    var packed: [UInt8] = []
    for position in chunk.range {
      let blob = chunk.storage.blob(position)
      withUnsafeBytes(of: UInt32(blob.count).littleEndian) { packed.append(contentsOf: $0) }
      packed += blob
    }
    return packed
  }
}
