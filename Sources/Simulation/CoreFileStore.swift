import Foundation
import GRDB
import Synnax
import Telemetry

/// Samples in a SQLite file, one row for each piece that was committed; survives a crash up to the last commit.
struct CoreFileStore: CoreStore {
  private let database: DatabaseQueue
  private var domains: UInt32 = 0

  init(_ path: String) throws {
    var configuration = Configuration()
    configuration.prepareDatabase {
      try $0.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
    }
    database = try DatabaseQueue(path: path, configuration: configuration)
    domains = try database.write { db in
      try db.execute(
        sql: """
          CREATE TABLE IF NOT EXISTS channel (key INTEGER PRIMARY KEY, json BLOB NOT NULL);
          CREATE TABLE IF NOT EXISTS piece (
            key INTEGER NOT NULL, start INTEGER NOT NULL, last INTEGER NOT NULL, domain INTEGER NOT NULL,
            first INTEGER NOT NULL, count INTEGER NOT NULL, samples BLOB NOT NULL, stamps BLOB NOT NULL);
          CREATE INDEX IF NOT EXISTS piece_of_key ON piece (key, start);
          """)
      return try UInt32.fetchOne(db, sql: "SELECT max(domain) FROM piece") ?? 0
    }
  }

  func channels() throws -> [ChannelPayload] {
    let rows = try database.read { try Data.fetchAll($0, sql: "SELECT json FROM channel ORDER BY key") }
    return try rows.map { try Wire.decode(ChannelPayload.self, Array($0)) }
  }

  func put(_ channels: [ChannelPayload]) throws {
    try database.write { db in
      for channel in channels {
        try db.execute(
          sql: "INSERT OR REPLACE INTO channel VALUES (?, ?)",
          arguments: [Int64(channel.key), Data(Wire.encode(channel))])
      }
    }
  }

  func delete(_ keys: [UInt32]) throws {
    try database.write { db in
      for key in keys {
        try db.execute(sql: "DELETE FROM channel WHERE key = ?", arguments: [Int64(key)])
        try db.execute(sql: "DELETE FROM piece WHERE key = ?", arguments: [Int64(key)])
      }
    }
  }

  func deleteSamples(_ keys: [UInt32], _ time: TimeRange) throws {
    guard time.start < time.end else { return }
    for key in keys {
      guard let type = try channel(key) else { continue }
      var left: [StoredPiece] = []
      try database.read { db in
        let rows = try Row.fetchCursor(
          db, sql: "SELECT * FROM piece WHERE key = ? AND last >= ? AND start < ?",
          arguments: [Int64(key), time.start, time.end])
        while let row = try rows.next() { left += try Self.piece(row, key, type)?.without(time) ?? [] }
      }
      try database.write { db in
        try db.execute(
          sql: "DELETE FROM piece WHERE key = ? AND last >= ? AND start < ?",
          arguments: [Int64(key), time.start, time.end])
        for piece in left { try Self.insert(piece, db) }
      }
    }
  }

  mutating func nextDomain() -> UInt32 {
    domains &+= 1
    return domains
  }

  func append(_ pieces: [StoredPiece]) throws {
    guard !pieces.isEmpty else { return }
    try database.write { db in
      for piece in pieces where piece.count > 0 { try Self.insert(piece, db) }
    }
  }

  private static func insert(_ piece: StoredPiece, _ db: Database) throws {
    let packed = FrameCodec([FrameCodec.Entry(key: piece.key, type: piece.samples.type)])
    let samples = try packed.encode([WireSeries(key: piece.key, piece.samples, piece.range)])
    let stamps = piece.samples === piece.stamps ? Data() : Data(piece.stamps.bytes(piece.stampRange))
    try db.execute(
      sql: "INSERT INTO piece VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      arguments: [
        Int64(piece.key), piece.start, piece.last, Int64(piece.domain), Int64(piece.first), piece.count,
        Data(samples), stamps,
      ])
  }

  func pieces(_ key: UInt32, _ time: TimeRange) throws -> [StoredPiece] {
    guard time.start < time.end else { return [] }
    let type = try channel(key)
    guard let type else { return [] }
    return try database.read { db in
      let rows = try Row.fetchCursor(
        db, sql: "SELECT * FROM piece WHERE key = ? AND last >= ? AND start < ? ORDER BY start",
        arguments: [Int64(key), time.start, time.end])
      var result: [StoredPiece] = []
      while let row = try rows.next() {
        if let piece = try Self.piece(row, key, type)?.clipped(to: time) { result.append(piece) }
      }
      return result
    }
  }

  private func channel(_ key: UInt32) throws -> DataType? {
    let json = try database.read {
      try Data.fetchOne($0, sql: "SELECT json FROM channel WHERE key = ?", arguments: [Int64(key)])
    }
    return try json.flatMap { DataType(synnaxName: try Wire.decode(ChannelPayload.self, Array($0)).dataType) }
  }

  private static func piece(_ row: Row, _ key: UInt32, _ type: DataType) throws -> StoredPiece? {
    var codec = FrameCodec([FrameCodec.Entry(key: key, type: type)])
    let bytes = try row.decode(Data.self, forColumn: "samples")
    let packed = try row.decode(Data.self, forColumn: "stamps")
    guard let series = try? codec.decode(Array(bytes)).series.first else { return nil }
    var stamps = series.storage
    if !packed.isEmpty {
      stamps = packed.withUnsafeBytes { SampleStorage(type: .timestamp, copying: $0) }
    }
    guard stamps.used == series.count, stamps.type.width == 8, series.count > 0 else { return nil }
    let domain = try row.decode(Int64.self, forColumn: "domain")
    let first = try row.decode(Int64.self, forColumn: "first")
    return StoredPiece(
      key: key, domain: UInt32(truncatingIfNeeded: domain), first: UInt32(truncatingIfNeeded: first),
      samples: series.storage, stamps: stamps, range: 0..<series.count,
      stampsFrom: 0)
  }

  func bounds(_ key: UInt32) throws -> ClosedRange<Int64>? {
    try database.read { db in
      let row = try Row.fetchOne(
        db, sql: "SELECT min(start) AS a, max(last) AS b FROM piece WHERE key = ?", arguments: [Int64(key)])
      guard let from = try row?.decode(Int64?.self, forColumn: "a"),
        let to = try row?.decode(Int64?.self, forColumn: "b"), from <= to
      else { return nil }
      return from...to
    }
  }

  func covers(_ key: UInt32, _ time: Int64) throws -> Bool {
    try database.read { db in
      try Bool.fetchOne(
        db,
        sql: """
          SELECT EXISTS (SELECT 1 FROM piece WHERE key = ? GROUP BY domain
            HAVING min(start) <= ? AND max(last) >= ?)
          """, arguments: [Int64(key), time, time]) ?? false
    }
  }
}
