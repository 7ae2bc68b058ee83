// Names as the vectors' file has them.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Foundation
import Synnax
import Testing
import Telemetry

/// One entry of `synnax-vectors.json` (protocol, section 19).
struct Vector: Decodable, CustomTestStringConvertible {
  struct Decoded: Decodable {
    struct One: Decodable {
      struct Range: Decodable {
        let start: String
        let end: String
      }
      let key: UInt32
      let data_type: String
      let length: Int
      let data_hex: String
      let time_range: Range
      let alignment: String
      let alignment_multiple: UInt32
    }
    let series: [One]
  }

  let kind: String
  let name: String
  let hex: String
  let keys: [UInt32]?
  let data_types: [String]?
  let seq: UInt32?
  let server_style_encoding: Bool?
  let decoded: Decoded?
  let endpoint: String?
  let direction: String?
  let prefix: UInt8?

  static let all: [Vector] = {
    let url = Bundle.module.url(
      forResource: "synnax-vectors", withExtension: "json", subdirectory: "Vectors")!
    return try! JSONDecoder().decode([Vector].self, from: Data(contentsOf: url))
  }()

  var testDescription: String { name }
  var bytes: [UInt8] { [UInt8](hex: hex) }

  var entries: [FrameCodec.Entry] {
    zip(keys!, data_types!).map { FrameCodec.Entry(key: $0, type: DataType(synnaxName: $1)!) }
  }

  /// A codec that has been updated as often as the vector's.
  var codec: FrameCodec {
    var codec = FrameCodec()
    for _ in 1..<seq! { codec.addState([FrameCodec.Entry(key: 77, type: .uint8)]) }
    codec.addState(entries)
    return codec
  }
}

extension [UInt8] {
  init(hex: String) {
    let digits = Array<UInt8>(hex.utf8).map { UInt8(Character(UnicodeScalar($0)).hexDigitValue!) }
    self = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}

extension WireSeries {
  /// The samples as the vectors write them: packed, variable ones with their length prefixes, booleans unpacked.
  var packed: [UInt8] {
    if storage.type.width != nil { return Array(storage.bytes(range)) }
    return range.flatMap { position -> [UInt8] in
      let blob = storage.blob(position)
      return Swift.withUnsafeBytes(of: UInt32(blob.count).littleEndian, Array.init) + blob
    }
  }
}
