import JSON

/// A command of the watcher (section 4). What section 13 warns of cannot be built: arrays are parallel by
/// construction, ticks and periods are checked, names go out as ASCII.
package enum BelaCommand: Sendable, Hashable {
  /// One variable of a `watch` or `log`; 0 starts now, and lasts until told otherwise.
  package struct Schedule: Sendable, Hashable {
    package var name: String
    package var at: Int64
    package var ticks: Int64

    package init(_ name: String, at: Int64 = 0, ticks: Int64 = 0) {
      self.name = name
      self.at = at
      self.ticks = ticks
    }
  }

  /// One variable of an `unwatch` or `unlog`; 0 ends at the next assignment.
  package struct End: Sendable, Hashable {
    package var name: String
    package var at: Int64

    package init(_ name: String, at: Int64 = 0) {
      self.name = name
      self.at = at
    }
  }

  package struct Period: Sendable, Hashable {
    package var name: String
    package var ticks: Int64

    package init(_ name: String, ticks: Int64) {
      self.name = name
      self.ticks = ticks
    }
  }

  package struct Value: Sendable, Hashable {
    package var name: String
    package var value: Double

    package init(_ name: String, value: Double) {
      self.name = name
      self.value = value
    }
  }

  package struct Masked: Sendable, Hashable {
    package var name: String
    package var value: UInt32
    package var mask: UInt32

    package init(_ name: String, value: UInt32, mask: UInt32) {
      self.name = name
      self.value = value
      self.mask = mask
    }
  }

  case list
  case watch([Schedule])
  case unwatch([End])
  case monitor([Period])
  case control([String])
  case uncontrol([String])
  case set([Value])
  case setMask([Masked])
  case log([Schedule])
  case unlog([End])

  /// Text messages that carry these commands in order, none longer than the board takes.
  package static func messages(_ commands: [BelaCommand]) throws(BelaError) -> [String] {
    var messages: [String] = []
    var open: [String] = []
    var bytes = 0
    func close() {
      if !open.isEmpty { messages.append("{\"watcher\":[" + open.joined(separator: ",") + "]}") }
      open = []
      bytes = 0
    }
    for command in commands {
      for part in try command.parts() {
        let text = part.json.boardText
        if bytes + text.utf8.count > BelaLimits.commandBytes { close() }
        open.append(text)
        bytes += text.utf8.count + 1
      }
    }
    close()
    if let long = messages.first(where: { $0.utf8.count > BelaLimits.messageBytes }) {
      throw .argument("a command of \(long.utf8.count) bytes is more than the board takes")
    }
    return messages
  }

  /// The command in pieces that each fit a message; checked.
  private func parts() throws(BelaError) -> [BelaCommand] {
    switch self {
    case .list: return [.list]
    case .watch(let items):
      for item in items { try Self.check(item.name, ticks: [item.at, item.ticks]) }
      return Self.pieces(items).map { .watch($0) }
    case .log(let items):
      for item in items { try Self.check(item.name, ticks: [item.at, item.ticks]) }
      return Self.pieces(items).map { .log($0) }
    case .unwatch(let items):
      for item in items { try Self.check(item.name, ticks: [item.at]) }
      return Self.pieces(items).map { .unwatch($0) }
    case .unlog(let items):
      for item in items { try Self.check(item.name, ticks: [item.at]) }
      return Self.pieces(items).map { .unlog($0) }
    case .monitor(let items):
      for item in items {
        try Self.check(item.name, ticks: [])
        guard (0...BelaLimits.periodMax).contains(item.ticks) else {
          throw .argument(
            "a period of \(item.ticks) ticks for \"\(item.name)\" is out of range",
            hint: "use 0 (off), 1 (once) or up to \(BelaLimits.periodMax)")
        }
      }
      return Self.pieces(items).map { .monitor($0) }
    case .control(let names):
      for name in names { try Self.check(name, ticks: []) }
      return Self.pieces(names).map { .control($0) }
    case .uncontrol(let names):
      for name in names { try Self.check(name, ticks: []) }
      return Self.pieces(names).map { .uncontrol($0) }
    case .set(let items):
      for item in items {
        try Self.check(item.name, ticks: [])
        guard item.value.isFinite else {
          throw .argument(
            "\"\(item.name)\" cannot be set to \(item.value)", hint: "the board would take it for 0")
        }
      }
      return Self.pieces(items).map { .set($0) }
    case .setMask(let items):
      for item in items { try Self.check(item.name, ticks: []) }
      return Self.pieces(items).map { .setMask($0) }
    }
  }

  private static func check(_ name: String, ticks: [Int64]) throws(BelaError) {
    guard !name.isEmpty, name.utf8.count <= 1_000 else {
      throw .argument("a variable's name has 1 to 1000 bytes, not \(name.utf8.count)")
    }
    for tick in ticks where !(0...BelaLimits.tickMax).contains(tick) {
      throw .argument(
        "\(tick) ticks for \"\(name)\" are out of range", hint: "ticks count from 0, at most 2^53")
    }
  }

  /// Few enough names at a time that even escaped long ones fit the message.
  private static func pieces<T>(_ items: [T]) -> [[T]] {
    stride(from: 0, to: items.count, by: 64).map { Array(items[$0..<min($0 + 64, items.count)]) }
  }

  private var json: JSON {
    func object(_ command: String, _ names: [String], _ more: [String: [Double]] = [:]) -> JSON {
      let lists = more.map { JSON.Member($0.key, .array($0.value.map { .number($0) })) }
      return .object(
        [.init("cmd", .string(command)), .init("watchers", .array(names.map { .string($0) }))] + lists)
    }
    func schedule(_ command: String, _ items: [Schedule]) -> JSON {
      var more: [String: [Double]] = [:]
      if items.contains(where: { $0.at > 0 }) { more["timestamps"] = items.map { Double($0.at) } }
      if items.contains(where: { $0.ticks > 0 }) { more["durations"] = items.map { Double($0.ticks) } }
      return object(command, items.map(\.name), more)
    }
    func end(_ command: String, _ items: [End]) -> JSON {
      let timed = items.contains { $0.at > 0 }
      return object(command, items.map(\.name), timed ? ["timestamps": items.map { Double($0.at) }] : [:])
    }
    switch self {
    case .list: return ["cmd": "list"]
    case .watch(let items): return schedule("watch", items)
    case .log(let items): return schedule("log", items)
    case .unwatch(let items): return end("unwatch", items)
    case .unlog(let items): return end("unlog", items)
    case .monitor(let items):
      return object("monitor", items.map(\.name), ["periods": items.map { Double($0.ticks) }])
    case .control(let names): return object("control", names)
    case .uncontrol(let names): return object("uncontrol", names)
    case .set(let items): return object("set", items.map(\.name), ["values": items.map(\.value)])
    case .setMask(let items):
      return object(
        "setMask", items.map(\.name),
        ["values": items.map { Double($0.value) }, "masks": items.map { Double($0.mask) }])
    }
  }
}

/// Events that a client says on control (section 2).
package enum BelaEvent: String, Sendable {
  case connectionReply = "connection-reply"
  case inactive
  case active

  package var message: String { "{\"event\":\"\(rawValue)\"}" }
}

/// A buffer for the program on the board (section 9), one binary message on the data socket.
public struct BelaBuffer: Sendable, Hashable {
  package let bytes: [UInt8]

  /// Elements of four bytes that fit; doubles are half of it, chars four times.
  public static let elementsMax = (BelaLimits.messageBytes - 16) / 4

  /// - Parameters:
  ///   - id: the program's number of the buffer; watched variables count too.
  ///   - values: converted as C would; what does not fit the type is refused.
  public init(id: Int, type: BelaType, values: some Collection<Double>) throws(BelaError) {
    guard let id = UInt32(exactly: id) else { throw .argument("a buffer's id counts from 0, not \(id)") }
    let room = (BelaLimits.messageBytes - 16) / type.size
    guard values.count <= room else {
      throw .argument(
        "\(values.count) elements of type \(type.rawValue) do not fit one message",
        hint: "at most \(room); programs mostly expect 1024")
    }
    // The board takes count * 4 bytes for every type but `c`, doubles included.
    let count = type == .float64 ? 2 * values.count : values.count
    var bytes: [UInt8] = []
    bytes.reserveCapacity(16 + values.count * type.size)
    func put<T: FixedWidthInteger>(_ value: T) {
      withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    func refuse(_ value: Double) -> BelaError {
      .argument("\(value) does not fit type \(type.rawValue)", hint: "d takes any number")
    }
    put(id)
    bytes += [type.letter, 0, 0, 0]
    put(UInt32(count))
    put(UInt32(0))
    for value in values {
      switch type {
      case .float32:
        guard Float(value).isFinite || !value.isFinite else { throw refuse(value) }
        put(Float(value).bitPattern)
      case .float64: put(value.bitPattern)
      case .int32:
        guard let whole = Int32(exactly: value.rounded(.towardZero)) else { throw refuse(value) }
        put(whole)
      case .uint32:
        guard let whole = UInt32(exactly: value.rounded(.towardZero)) else { throw refuse(value) }
        put(whole)
      case .char:
        let whole = value.rounded(.towardZero)
        guard whole.isFinite, (-128...255).contains(whole) else { throw refuse(value) }
        put(UInt8(truncatingIfNeeded: Int(whole)))
      }
    }
    self.bytes = bytes
  }
}
