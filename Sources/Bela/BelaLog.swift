import Foundation
public import Telemetry

/// A log file that a board wrote (section 10).
public struct BelaLog: Sendable {
  public var name: String
  public var type: BelaType
  public var mode: Channel.Mode
  /// Process that wrote it.
  public var process: UInt32
  /// Bytes of the memory address in the header: 4 from a 32-bit board, 8 from a 64-bit program.
  public var pointerBytes: Int
  public var series: Series
  /// Bytes behind the last whole block: the file is still being written, or was cut.
  public var rest: Int

  /// - Parameters:
  ///   - mode: dense or sparse, where it is known; the file does not say, so else it is judged by the time stamps.
  ///   - start: the tick of the log's reply, which settles the header of a growing file.
  ///   - end: the tick at which it ended, which cuts the padding exactly.
  ///   - rate: ticks per second, for the series' clock.
  public static func read(
    path: String, mode: Channel.Mode? = nil, start: Int64? = nil, end: Int64? = nil, rate: Double? = nil
  ) throws(BelaError) -> BelaLog {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw BelaError("no_file", "cannot open \(path)", hint: "is the path right?")
    }
    // One byte more than is read at most: whether there is more shows without asking for the size.
    guard let data = try? handle.read(upToCount: BelaLimits.logBytes + 1) ?? Data() else {
      throw BelaError("no_file", "cannot read \(path)", hint: "is it a file?")
    }
    guard data.count <= BelaLimits.logBytes else {
      throw BelaError(
        "too_large", "\(path) is larger than \(BelaLimits.logBytes) bytes", hint: "log for a shorter time")
    }
    let result = data.withUnsafeBytes { bytes -> Result<BelaLog, BelaError> in
      Result { () throws(BelaError) in
        try read(bytes, called: path, mode: mode, start: start, end: end, rate: rate)
      }
    }
    return try result.get()
  }

  package static func read(
    _ bytes: UnsafeRawBufferPointer, called path: String, mode: Channel.Mode? = nil, start: Int64? = nil,
    end: Int64? = nil, rate: Double? = nil
  ) throws(BelaError) -> BelaLog {
    func wrong(_ why: String) -> BelaError {
      BelaError("format", "\(path) is no log of a Bela board: \(why)", hint: "was it copied completely?")
    }
    guard bytes.count > 0 else { throw wrong("it is empty; the board writes 16 kB at a time") }
    let mark = Array("watcher".utf8) + [0]
    guard bytes.count > mark.count, bytes.prefix(mark.count).elementsEqual(mark) else {
      throw wrong("it does not begin with \"watcher\"")
    }
    guard let nameEnd = bytes[mark.count...].prefix(4096).firstIndex(of: 0),
      let name = String(validating: bytes[mark.count..<nameEnd], as: UTF8.self), bytes.count >= nameEnd + 7,
      let type = BelaType(letter: bytes[nameEnd + 1]), bytes[nameEnd + 2] == 0
    else { throw wrong("its header is damaged") }
    let process = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: nameEnd + 3, as: UInt32.self))
    let pointerAt = nameEnd + 7
    let candidates = [4, 8].map { (pointer: $0, header: (pointerAt + $0 + 3) & ~3) }
    let block = BlockLayout.blockBytes
    let fitting = candidates.filter { $0.header <= bytes.count && (bytes.count - $0.header) % block == 0 }
    let byStart = candidates.filter { candidate in
      guard let start, candidate.header + 8 <= bytes.count else { return false }
      let tick = bytes.loadUnaligned(fromByteOffset: candidate.header, as: UInt64.self)
      return UInt64(littleEndian: tick) == UInt64(clamping: start)
    }
    guard let choice = fitting.first ?? byStart.first else {
      throw wrong("its length fits no number of blocks, and its first time stamp is not the log's start")
    }
    let blocks = UnsafeRawBufferPointer(rebasing: bytes[choice.header...])
    let whole = blocks.count / block
    let judged = mode ?? judge(blocks, whole, type)
    let channel = Channel(name: name, type: type.dataType, clock: .ticks(rate: rate), mode: judged)
    var track = BelaTrack(channel: channel, type: type)
    track.end = end
    var chunks: [Chunk] = []
    var gaps: [Gap] = []
    var count: Int64 = 0
    func take(_ pieces: [Series]) {
      for piece in pieces {
        chunks += piece.chunks
        gaps += piece.gaps.map {
          Gap(at: count + $0.at - piece.first, samples: $0.samples, reason: $0.reason)
        }
        count += Int64(piece.count)
      }
    }
    for number in 0..<whole {
      take(track.append(UnsafeRawBufferPointer(rebasing: blocks[number * block..<(number + 1) * block])))
    }
    take(track.finish(flushed: true))
    return BelaLog(
      name: name, type: type, mode: judged, process: process, pointerBytes: choice.pointer,
      series: Series(channel, chunks: chunks, gaps: gaps), rest: blocks.count % block)
  }

  /// Sparse blocks begin their stamps with 0 and have them rise, and in a dense one that would be chance.
  private static func judge(_ blocks: UnsafeRawBufferPointer, _ whole: Int, _ type: BelaType) -> Channel.Mode
  {
    let layout = BlockLayout(type, .sparse)
    guard whole > 0 else { return .dense }
    for number in 0..<min(whole, 8) {
      let block = UnsafeRawBufferPointer(
        rebasing: blocks[number * BlockLayout.blockBytes..<(number + 1) * BlockLayout.blockBytes])
      func relative(_ position: Int) -> UInt32 {
        let offset = layout.stampsOffset + 4 * position
        return UInt32(littleEndian: block.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      }
      let unused = block[(layout.stampsOffset + 4 * layout.count)...]
      guard relative(0) == 0, unused.allSatisfy({ $0 == 0 }) else { return .dense }
      var rising = 1
      while rising < layout.count, relative(rising) >= relative(rising - 1) { rising += 1 }
      guard (rising..<layout.count).allSatisfy({ relative($0) == 0 }) else { return .dense }
      // A first value at 0 and nothing behind fits both; so does a dense block of zeros.
      if rising == layout.count, relative(rising - 1) == 0 { return .dense }
      guard relative(rising - 1) < 1 << 31 else { return .dense }
    }
    return .sparse
  }
}
