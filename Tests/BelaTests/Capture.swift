import Bela
import Foundation
import Telemetry

/// A recorded session between a client and a board.
struct Capture {
  struct Message {
    var time: Int
    var connection: Int
    var isToBoard: Bool
    var isControl: Bool
    var kind: String
    var bytes: [UInt8]
    var text: String { String(decoding: bytes, as: UTF8.self) }
  }

  var meta: [String: Any]
  var messages: [Message]

  static let folder = Bundle.module.resourceURL!.appendingPathComponent("Captures")
  static let names = try! FileManager.default.contentsOfDirectory(atPath: folder.path)
    .filter { $0.hasSuffix(".jsonl") }.map { String($0.dropLast(6)) }.sorted()

  static func path(_ file: String) -> String { folder.appendingPathComponent(file).path }

  init(_ name: String) throws {
    meta = [:]
    messages = []
    let text = try Data(contentsOf: Self.folder.appendingPathComponent(name + ".jsonl"))
    for line in text.split(separator: UInt8(ascii: "\n")) {
      let object = try JSONSerialization.jsonObject(with: line) as! [String: Any]
      if object["type"] as? String == "meta" { meta = object }
      guard object["type"] as? String == "ws" else { continue }
      let bytes =
        (object["text"] as? String).map { Array($0.utf8) }
        ?? Array(Data(base64Encoded: object["b64"] as? String ?? "") ?? Data())
      messages.append(
        Message(
          time: object["t_us"] as! Int, connection: object["conn"] as! Int,
          isToBoard: object["dir"] as? String == "to_board",
          isControl: object["socket"] as? String == "control", kind: object["op"] as! String, bytes: bytes))
    }
  }

  var blockSize: Int64 { Int64(meta["block_size"] as? Int ?? 16) }
  var program: String { meta["program"] as? String ?? "" }

  /// Commands that the recorded client sent, without lists and events.
  var commands: [String] {
    messages.filter { $0.isToBoard && $0.isControl && $0.kind == "text" }.map(\.text)
  }

  var lists: [BelaList] {
    messages.compactMap {
      guard !$0.isToBoard, $0.isControl, case .list(let list) = BelaReply($0.bytes) else { return nil }
      return list
    }
  }

  /// What the data messages of one connection decode to.
  struct Decoded {
    var series: [String: [Series]] = [:]
    var values: [String: [(tick: Int64, value: Sample)]] = [:]
    var decoder = BelaDecoder()
    var tracks: [String: BelaTrack] = [:]

    func samples(_ name: String) -> [(tick: Int64, value: Sample)] {
      (series[name] ?? []).flatMap { one in (0..<one.count).map { (one.time($0)!, one[$0]) } }
    }

    func gaps(_ name: String) -> [Gap] { (series[name] ?? []).flatMap(\.gaps) }
  }

  func decode(connection: Int? = nil, ends: [String: Int64] = [:]) -> Decoded {
    var result = Decoded()
    let variables = lists.first?.variables ?? []
    for variable in variables {
      var track = BelaTrack(channel: variable.channel(rate: 44100), type: variable.type)
      track.end = ends[variable.name]
      result.tracks[variable.name] = track
    }
    for message in messages where !message.isToBoard && !message.isControl && message.kind == "binary" {
      guard connection == nil || message.connection == connection else { continue }
      message.bytes.withUnsafeBytes { bytes in
        switch result.decoder.feed(bytes) {
        case .block(let id, let type, let block)?:
          guard id < variables.count, variables[id].type == type else { return }
          let name = variables[id].name
          result.series[name, default: []] += result.tracks[name]!.append(block)
        case .value(let id, _, let tick, let value)?:
          let storage = SampleStorage(type: variables[id].type.dataType, copying: value)
          result.values[variables[id].name, default: []].append((tick, storage.sample(0)))
        case .lostPayload(let id, _)?: result.tracks[variables[id].name]?.lostPayload()
        default: break
        }
      }
    }
    for name in result.tracks.keys.sorted() {
      result.series[name, default: []] += result.tracks[name]!.finish(flushed: true)
    }
    return result
  }

  /// What a variable of the recorded programs has at a tick (the captures' README).
  static func expected(_ name: String, _ tick: Int64) -> Sample {
    switch name {
    case "f_dense", "f_sparse": .float(Double(tick % (1 << 24)))
    case "i_dense", "i_sparse": .integer(-(tick % (1 << 31)))
    case "j_dense", "j_sparse": .integer((0xFFFF_FFFF - tick % (1 << 32) + (1 << 32)) % (1 << 32))
    case "d_dense", "d_sparse": .float(Double(tick) + 0.5)
    case "c_dense": .integer(tick % 256)
    case "c_sparse": .integer(tick / 12 % 256)
    case "myvar2", "myvar3": .integer(tick % (1 << 32))
    default: .float(Double(tick))
    }
  }
}
