import Foundation
import Synnax
import Testing

@Suite struct ControlMessageTests {
  static let messages = Vector.all.filter { $0.kind == "control" }

  /// The vector's JSON, and the same after our types have read and written it.
  private func roundTrip(_ vector: Vector) throws -> (expected: Any, actual: Any) {
    var body = vector.bytes
    if let prefix = vector.prefix {
      #expect(body.first == prefix)
      body.removeFirst()
    }
    let toCore = vector.direction == "client to server"
    let isPrefixed = vector.prefix != nil
    func pass<T: Codable & Sendable>(_: T.Type) throws -> [UInt8] {
      let encoded = Wire.encode(try Wire.decode(Envelope<T>.self, body), prefix: isPrefixed)
      #expect(encoded.first == vector.prefix ?? UInt8(ascii: "{"))
      return isPrefixed ? Array(encoded.dropFirst()) : encoded
    }
    let again: [UInt8] =
      switch vector.endpoint {
      case "/frame/stream":
        toCore ? try pass(StreamRequestPayload.self) : try pass(StreamResponsePayload.self)
      case "/frame/write":
        toCore ? try pass(WriterRequestPayload.self) : try pass(WriterResponsePayload.self)
      default: toCore ? try pass(IteratorRequestPayload.self) : try pass(IteratorResponsePayload.self)
      }
    return (
      try JSONSerialization.jsonObject(with: Data(body)), try JSONSerialization.jsonObject(with: Data(again))
    )
  }

  /// Every value of the vector is in ours; 64-bit numbers may be strings, null may be missing.
  private func contains(_ actual: Any?, _ expected: Any) -> Bool {
    switch expected {
    case let object as [String: Any]:
      let own = actual as? [String: Any]
      return object.allSatisfy { key, value in value is NSNull || contains(own?[key], value) }
    case let list as [Any]:
      let own = actual as? [Any]
      return own?.count == list.count && zip(own ?? [], list).allSatisfy { contains($0, $1) }
    case is NSNull: return actual == nil || actual is NSNull
    default:
      guard let actual else { return false }
      if let a = Double("\(actual)"), let b = Double("\(expected)") { return a == b }
      return "\(actual)" == "\(expected)"
    }
  }

  @Test(arguments: messages) func readsAndWritesWhatTheOfficialClientDoes(_ vector: Vector) throws {
    let (expected, actual) = try roundTrip(vector)
    #expect(contains(actual, expected), "\(actual)")
    // What a core sends holds nothing else either.
    if vector.direction != "client to server" { #expect(contains(expected, actual), "\(actual)") }
  }

  @Test func writes64BitNumbersAsStringsAndReadsBoth() throws {
    let bounds = BoundsPayload(TimeRange(start: -1, end: .max))
    #expect(
      String(decoding: Wire.encode(bounds), as: UTF8.self)
        == #"{"end":"9223372036854775807","start":"-1"}"#)
    for text in [
      #"{"start":-1,"end":9223372036854775807}"#, #"{"start":"-1","end":"9223372036854775807"}"#,
    ] {
      #expect(try Wire.decode(BoundsPayload.self, Array(text.utf8)) == bounds)
    }
    #expect(throws: SynnaxError.self) {
      try Wire.decode(BoundsPayload.self, Array(#"{"start":1e30,"end":"x"}"#.utf8))
    }
  }

  /// A core's decoder takes strings for time stamps and time spans only.
  @Test func writesStringsForTimesOnly() throws {
    var iterator = IteratorRequestPayload(.open)
    iterator.bounds = BoundsPayload(.all)
    iterator.keys = [1]
    iterator.chunkSize = 1 << 60
    iterator.span = -1
    iterator.stamp = 5
    var config = WriterConfigPayload(keys: [1], authorities: [255])
    config.start = 7
    config.mode = 1
    config.controlSubject = ControlSubjectPayload(key: "k", name: "n", group: 3)
    config.autoIndexPersistInterval = 1_000_000_000
    let stream = StreamRequestPayload(
      keys: [1], downsampleFactor: 2, throttleRate: 0.5, excludeGroups: [4], keepAlive: 5)
    let times = [
      "start", "end", "span", "stamp", "keep_alive", "keepalive", "auto_index_persist_interval",
    ]
    let texts = ["key", "name"]
    for bytes in [
      Wire.encode(iterator), Wire.encode(WriterRequestPayload(.open, config: config)), Wire.encode(stream),
    ] {
      let text = String(decoding: bytes, as: UTF8.self)
      for field in text.matches(of: /"(\w+)":"[^"]*"/) {
        #expect(times.contains(String(field.1)) || texts.contains(String(field.1)), "\(text)")
      }
    }
    #expect(
      String(decoding: Wire.encode(iterator), as: UTF8.self).contains(#""chunk_size":1152921504606846976,"#))
  }

  @Test func takesAnyPayloadOfAnOpen() throws {
    for payload in ["null", "7", #""x""#, "[]", "{}", #"{"frame":3}"#] {
      let text = #"{"type":"open","payload":\#(payload),"error":null}"#
      #expect(try Wire.decode(Envelope<StreamResponsePayload>.self, Array(text.utf8)).kind == .open)
    }
    #expect(
      try Wire.decode(Envelope<StreamResponsePayload>.self, Array(#"{"type":"open"}"#.utf8)).kind == .open)
  }

  @Test(arguments: [
    ("sy.auth.invalid-credentials", "auth"), ("sy.auth.something_new", "auth"),
    ("sy.auth.access_denied", "access_denied"), ("sy.query.not_found", "not_found"), ("sy.query", "query"),
    ("sy.validation", "validation"), ("sy.control.unauthorized", "control"),
    ("sy.license.too_many", "license"),
    ("freighter.unreachable", "unreachable"), ("freighter.stream_closed", "closed"), ("brand.new", "unknown"),
    ("sy.authority", "unknown"),
  ]) func classifiesErrorsByTheLongestPrefix(_ type: String, _ code: String) {
    let error = SynnaxError(ErrorPayload(type: type, data: "the core's own words"))
    #expect(error.code == code)
    #expect(error.message == "the core's own words")
    #expect(error.type == type)
  }

  @Test func unpacksTheErrorInsideAPath() {
    let nested = ErrorPayload.path(["[0]", "name"], "sy.validation", "taken")
    #expect(SynnaxError(nested).message == "[0].name: taken")
    #expect(SynnaxError(nested).path == ["[0]", "name"])
    var deep = nested
    for _ in 0..<6 {
      deep = ErrorPayload.path(["a"], deep.type, deep.data)
    }
    #expect(SynnaxError(deep).code == "validation")
    #expect(SynnaxError(ErrorPayload(type: "sy.validation.path", data: "not JSON")).code == "validation")
  }
}
