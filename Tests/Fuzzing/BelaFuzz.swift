import Bela
import JSON
import Randomness
import Foundation
import Telemetry

/// Feeds everything that reads a board's bytes with random and mutated messages. For `scripts/fuzz bela`.
package enum BelaFuzz {
  /// What came of it; each of these must occur, else the fuzzing has gone blind.
  package struct Report: Sendable, CustomStringConvertible {
    package var messages: Int64 = 0
    package var blocks: Int64 = 0
    package var values: Int64 = 0
    package var lost: Int64 = 0
    package var foreign: Int64 = 0
    package var samples: Int64 = 0
    package var gaps: Int64 = 0
    package var lists: Int64 = 0
    package var garbage: Int64 = 0
    package var logs: Int64 = 0
    package var refusedLogs: Int64 = 0

    package var description: String {
      "\(messages) messages: \(blocks) blocks, \(values) values, \(samples) samples, \(gaps) gaps, \(lost) lost, "
        + "\(foreign) foreign; \(lists) lists, \(garbage) garbage; \(logs) logs read, \(refusedLogs) refused"
    }

    package var isBlind: Bool {
      [blocks, values, lost, foreign, samples, gaps, lists, garbage, logs, refusedLogs].contains(0)
    }
  }

  /// Messages and files to begin with; `folder` has captures (`.jsonl`) and logs (`.bin`).
  package struct Corpus: Sendable {
    var data: [[UInt8]] = []
    var control: [[UInt8]] = []
    var logs: [[UInt8]] = []

    /// One message of each kind, for when there are no captures.
    package init() {
      for (id, type) in BelaType.allCases.enumerated() {
        data.append(BelaDecoder.header(id: id, type: type))
        data.append(Array(repeating: 1, count: BlockLayout.blockBytes))
        data.append(Array(repeating: 7, count: 8 + type.size))
      }
      control = [Array("{\"event\":\"connection\",\"projectName\":\"x\"}".utf8)]
      let list =
        "{\"watcher\":{\"sampleRate\":44100,\"timestamp\":1,\"watchers\":[{\"name\":\"a\",\"type\":\"f\"}]}}"
      control.append(Array(list.utf8))
      var log = Array("watcher\0a\0f\0".utf8) + [1, 0, 0, 0, 2, 0, 0, 0]
      log += Array(repeating: 0, count: (4 - log.count % 4) % 4)
      logs = [log + Array(repeating: 3, count: BlockLayout.blockBytes)]
    }

    package init(folder: String) throws {
      self.init()
      for file in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(file)"))
        if file.hasSuffix(".bin") { logs.append(Array(bytes)) }
        guard file.hasSuffix(".jsonl") else { continue }
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
          guard let json = JSON(board: line), json["dir"]?.string == "to_client" else { continue }
          if let text = json["text"]?.string { control.append(Array(text.utf8)) }
          if let text = json["b64"]?.string, let message = Data(base64Encoded: text) {
            data.append(Array(message))
          }
        }
      }
    }
  }

  /// - Returns: the report; a trap or a broken promise ends the process.
  package static func run(iterations: Int, seed: UInt64, corpus: Corpus = Corpus()) -> Report {
    var random = SplitMix(seed: seed)
    var report = Report()
    var decoder = BelaDecoder()
    var tracks = makeTracks(seed % 2 == 0)
    for iteration in 0..<iterations {
      report.messages += 1
      switch random.next() % 64 {
      case 0: control(mutate(pick(corpus.control, &random), &random), &report)
      case 1 where iteration % 8 == 0: log(mutate(pick(corpus.logs, &random), &random), &report)
      case 2:
        // A stream ends or begins anew, sometimes with a known end.
        let at = Int(random.next() % UInt64(tracks.count))
        count(tracks[at].finish(flushed: random.next() % 2 == 0), &report)
        tracks[at].begin()
        tracks[at].end = random.next() % 2 == 0 ? nil : Int64(truncatingIfNeeded: random.next())
      case 3: tracks = makeTracks(iteration % 2 == 0)
      default:
        var message = pick(corpus.data, &random)
        if random.next() % 4 != 0 { message = mutate(message, &random) }
        message.withUnsafeBytes { feed($0, &decoder, &tracks, &report) }
      }
    }
    return report
  }

  private static func makeTracks(_ needsProof: Bool) -> [BelaTrack] {
    [Channel.Mode.dense, .sparse].flatMap { mode in
      BelaType.allCases.map { type in
        let clock = ClockDomain.ticks(rate: 44100)
        return BelaTrack(
          channel: Channel(name: "v", type: type.dataType, clock: clock, mode: mode), type: type,
          needsProof: needsProof)
      }
    }
  }

  private static func feed(
    _ message: UnsafeRawBufferPointer, _ decoder: inout BelaDecoder, _ tracks: inout [BelaTrack],
    _ report: inout Report
  ) {
    switch decoder.feed(message) {
    case .block(let id, let type, let bytes)?:
      report.blocks += 1
      precondition(bytes.count == BlockLayout.blockBytes)
      let at = BelaType.allCases.firstIndex(of: type)! + (id % 2) * BelaType.allCases.count
      let pieces = tracks[at].append(bytes)
      precondition(pieces.reduce(0) { $0 + $1.count } <= 3 * tracks[at].layout.count)
      count(pieces, &report)
    case .value(_, let type, _, let bytes)?:
      precondition(bytes.count == type.size)
      report.values += 1
    case .lostHeader?: report.lost += 1
    case .lostPayload(let id, _)?:
      tracks[id % tracks.count].lostPayload()
      report.lost += 1
    case .foreign?: report.foreign += 1
    case nil: break
    }
  }

  private static func count(_ pieces: [Series], _ report: inout Report) {
    for piece in pieces {
      report.samples += Int64(piece.count)
      report.gaps += Int64(piece.gaps.count)
      // Every sample and its time can be had.
      if piece.count > 0 {
        _ = (piece[0], piece[piece.count - 1], piece.time(0), piece.time(piece.count - 1))
      }
      for gap in piece.gaps { precondition(gap.samples ?? 1 > 0) }
    }
  }

  private static func control(_ bytes: [UInt8], _ report: inout Report) {
    switch BelaReply(bytes) {
    case .list: report.lists += 1
    case .garbage: report.garbage += 1
    default: break
    }
  }

  private static func log(_ bytes: [UInt8], _ report: inout Report) {
    bytes.withUnsafeBytes { bytes in
      do {
        let log = try BelaLog.read(bytes, called: "fuzz")
        precondition(log.series.count <= bytes.count)
        report.logs += 1
      } catch {
        report.refusedLogs += 1
      }
    }
  }

  private static func pick(_ messages: [[UInt8]], _ random: inout SplitMix) -> [UInt8] {
    messages[Int(random.next() % UInt64(messages.count))]
  }

  private static func mutate(_ original: [UInt8], _ random: inout SplitMix) -> [UInt8] {
    var bytes = original
    for _ in 0..<(1 + random.next() % 4) {
      let at = bytes.isEmpty ? 0 : Int(random.next() % UInt64(bytes.count))
      switch random.next() % 8 {
      case 0 where !bytes.isEmpty: bytes[at] = UInt8(truncatingIfNeeded: random.next())
      case 1 where !bytes.isEmpty: bytes[at] ^= 1 << (random.next() % 8)
      case 2: bytes.removeLast(min(bytes.count, Int(random.next() % 9)))
      case 3: bytes += (0..<random.next() % 9).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      case 4: bytes = Array(bytes.prefix(at))
      case 5 where bytes.count > 8:
        // A time stamp far away.
        let wild = random.next() >> (random.next() % 64)
        for position in 0..<8 { bytes[position] = UInt8(truncatingIfNeeded: wild >> (8 * UInt64(position))) }
      case 6 where !bytes.isEmpty:
        for position in at..<bytes.count { bytes[position] = 0 }
      case 7:
        bytes = Array("\(random.next() % 1_000_000)/".utf8) + [Array("fijdcx".utf8)[Int(random.next() % 6)]]
      default: break
      }
    }
    return bytes
  }
}
