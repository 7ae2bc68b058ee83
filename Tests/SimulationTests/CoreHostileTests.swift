import Randomness
import Simulation
import Synnax
import Telemetry
import Testing
import Transport

/// Clients that send the core anything at all.
@Suite struct CoreHostileTests {
  private final class Mute: WebSocketHandler {
    func received(_ message: WebSocketMessage, from connection: WebSocketConnection) {}
  }

  private static let openings: [String: [UInt8]] = [
    "stream": Wire.encode(
      Envelope(
        .data,
        payload: StreamRequestPayload(
          keys: [1_048_578], downsampleFactor: 1, throttleRate: 0, excludeGroups: [], keepAlive: 0))),
    "write": Wire.encode(
      Envelope(
        .data,
        payload: WriterRequestPayload(
          .open, config: WriterConfigPayload(keys: [1_048_577, 1_048_578], authorities: [255]))),
      prefix: true),
    "iterate": Wire.encode(
      Envelope(
        .data,
        payload: {
          var request = IteratorRequestPayload(.open)
          request.keys = [1_048_578]
          return request
        }())),
  ]

  @Test(arguments: ["stream", "write", "iterate"]) func survivesAnything(_ endpoint: String) async throws {
    let rig = try await CoreRig()
    let token = try await rig.source.client.authorization()
    var random = SplitMix(seed: 7)
    let good = try #require(Self.openings[endpoint])
    for round in 0..<60 {
      let socket = try await WebSocketClient.connect(
        to: Endpoint(host: "127.0.0.1", port: rig.core.port, path: "/api/v1/frame/\(endpoint)"),
        headers: ["Content-Type": "application/vnd.synnax.frame", "Authorization": token], handler: Mute())
      if round % 3 > 0 { try? socket.send(binary: good) }
      for _ in 0..<5 {
        var bytes = good
        switch random.next() % 4 {
        case 0: bytes = (0..<Int(random.next() % 40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        case 1:
          bytes =
            [255, 0x36, 1, 0, 0, 0]
            + (0..<Int(random.next() % 40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        case 2: bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
        default: bytes = Array(bytes.prefix(Int(random.next() % UInt64(bytes.count))))
        }
        try? socket.send(binary: bytes)
      }
      socket.beginClose()
    }
    try await until { rig.core.counts.streams == 0 && rig.core.counts.writers == 0 }
    let stream = try await rig.stream(["a"])
    try await rig.write([("t", [1]), ("a", [1])])
    try await until { stream.snapshot(of: "a")?.count == 1 }
    await rig.close()
  }
}
