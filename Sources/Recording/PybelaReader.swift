import JSON
import Telemetry

extension PybelaText {
  /// One line of a file.
  private struct Block {
    var start: Int64
    var data: [JSON]
    /// Ticks since `start`; nil where there is one value a tick.
    var relative: [Int64]?
  }

  static func series(_ path: String, _ sidecar: Sidecar?) throws(RecordingError) -> Series {
    let input = try InputFile(path)
    let entry = sidecar?.entries.first { $0.file == Path.name(of: path) }
    var blocks: [Block] = []
    try input.forEachLine { (number, range) throws(RecordingError) in
      guard let json = input.json(range), let block = block(json) else {
        // Cut off by a crash.
        if range.upperBound == input.count, input.bytes[input.count - 1] != 0x0A, !blocks.isEmpty { return }
        throw .format(path, "line \(number) is no block of pybela's")
      }
      blocks.append(block)
    }
    var gaps = entry?.gaps ?? []
    if entry == nil { gaps = tidy(&blocks) }
    let channel = entry?.channel ?? guess(path, blocks)
    var builder = SeriesBuilder(channel, gaps: gaps)
    for block in blocks {
      for (position, value) in block.data.enumerated() {
        guard builder.append(value) else { throw .format(path, "a value is no \(channel.type.rawValue)") }
        let relative = block.relative.map { $0[position] } ?? Int64(position)
        builder.append(time: block.start.addingSaturating(relative))
      }
      guard builder.weight <= Limits.loadSamples else { throw .tooManySamples(path) }
    }
    return builder.series()
  }

  private static func block(_ json: JSON) -> Block? {
    if let time = json["timestamp"]?.integer, let value = json["value"] {
      return Block(start: time, data: [value], relative: [0])
    }
    guard let start = json["ref_timestamp"]?.integer, let data = json["data"]?.array, !data.isEmpty else {
      return nil
    }
    guard let stamps = json["rel_timestamps"] else { return Block(start: start, data: data, relative: nil) }
    guard let relative = stamps.array?.compactMap(\.integer), relative.count == data.count else { return nil }
    return Block(start: start, data: data, relative: relative)
  }

  /// What pybela leaves as it came: blocks out of order, zeros that pad the last one, missing ones. Answers the gaps.
  private static func tidy(_ blocks: inout [Block]) -> [Gap] {
    // It writes them by tasks of their own, which may overtake each other.
    blocks = blocks.enumerated().sorted { ($0.element.start, $0.offset) < ($1.element.start, $1.offset) }.map(
      \.element)
    for place in blocks.indices {
      guard let relative = blocks[place].relative,
        let cut = relative.indices.dropFirst().first(where: { relative[$0] < relative[$0 - 1] })
      else { continue }
      blocks[place].data.removeSubrange(cut...)
      blocks[place].relative!.removeSubrange(cut...)
    }
    guard blocks.count > 1, blocks.allSatisfy({ $0.relative == nil }) else { return [] }
    // How many ticks a full block mostly takes.
    let length = blocks.map(\.data.count).max()!
    var steps: [Int64: Int] = [:]
    for place in blocks.indices.dropLast() { steps[distance(blocks, place), default: 0] += 1 }
    let usual = steps.max { ($0.value, -$0.key) < ($1.value, -$1.key) }!.key
    guard usual == Int64(length) else {
      if usual > 0, usual < 1 << 40 { stretch(&blocks, by: usual, over: length) }
      return []
    }
    var gaps: [Gap] = []
    var count: Int64 = 0
    for place in blocks.indices.dropLast() {
      let step = distance(blocks, place)
      // Flushed early: only zeros behind what fits before the next one.
      if step > 0, step < blocks[place].data.count,
        blocks[place].data[Int(step)...].allSatisfy({ $0.double == 0 })
      {
        blocks[place].data.removeSubrange(Int(step)...)
      }
      count += Int64(blocks[place].data.count)
      let missing = step.subtractingSaturating(Int64(blocks[place].data.count))
      if missing > 0 { gaps.append(Gap(at: count, samples: missing, reason: .lost)) }
    }
    return gaps
  }

  /// Ticks from a block to the next one.
  private static func distance(_ blocks: [Block], _ place: Int) -> Int64 {
    blocks[place + 1].start.subtractingSaturating(blocks[place].start)
  }

  /// Of a variable that is not assigned once a tick two blocks tell how often.
  private static func stretch(_ blocks: inout [Block], by ticks: Int64, over length: Int) {
    for place in blocks.indices {
      blocks[place].relative = blocks[place].data.indices.map { number in
        let (high, low) = Int64(number).multipliedFullWidth(by: ticks)
        // A block is no longer than the longest: what comes out is less than `ticks`.
        return Int64(length).dividingFullWidth((high, low)).quotient
      }
    }
  }

  /// pybela's files do not say what they hold: the name does, and the values.
  private static func guess(_ path: String, _ blocks: [Block]) -> Channel {
    var name = Path.name(of: Path.stem(of: path))
    if let number = name.firstRange(of: "__"), name[number.upperBound...].allSatisfy(\.isNumber) {
      name = String(name[..<number.lowerBound])
    }
    if name.hasSuffix("_var_stream") {
      name = String(name.dropLast("_var_stream".count))
    } else if let cut = name.lastIndex(of: "_"), cut > name.startIndex {
      name = String(name[..<cut])
    }
    var type = DataType.int64
    for value in blocks.lazy.flatMap(\.data) {
      if case .integer = value { continue }
      if case .string = value { type = .string } else { type = .float64 }
      break
    }
    let mode: Channel.Mode = blocks.first?.relative == nil ? .dense : .sparse
    return Channel(name: name, type: type, clock: .ticks(rate: nil), mode: mode)
  }
}
