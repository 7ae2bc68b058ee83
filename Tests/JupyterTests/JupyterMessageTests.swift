import Jupyter
import JSON
import Testing

@Suite struct JupyterMessageTests {
  private static let message = JupyterMessage(
    identities: [[1, 2], [3]], header: ["msg_id": "a", "msg_type": "execute_request", "version": "5.4"],
    parent: [:], metadata: [:], content: ["code": "print('ü')", "silent": false], buffers: [[0, 255]])

  private static func signature(_ key: String = "key") throws -> MessageSignature? {
    do throws(JupyterError) { return try MessageSignature(key: Array(key.utf8)) } catch {
      print("skipped: \(error.message)")
      return nil
    }
  }

  @Test func whatIsSentIsRead() throws {
    guard let signature = try Self.signature() else { return }
    let frames = Self.message.frames(signedBy: signature)
    #expect(try JupyterMessage(frames: frames, signature: signature) == Self.message)
    let unsigned = try MessageSignature(key: [])
    let open = Self.message.frames(signedBy: unsigned)
    #expect(open[3] == [])
    #expect(try JupyterMessage(frames: open, signature: unsigned) == Self.message)
  }

  /// RFC 4231, test case 2, its text in two parts.
  @Test func signaturesAreThoseOfEveryone() throws {
    guard let signature = try Self.signature("Jefe") else { return }
    let text = signature.text(of: [Array("what do ya want ".utf8), Array("for nothing?".utf8)])
    #expect(
      String(decoding: text, as: UTF8.self)
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
  }

  @Test func oneOtherBitAnywhereIsNobodysMessage() throws {
    guard let signature = try Self.signature() else { return }
    let frames = Self.message.frames(signedBy: signature)
    for frame in 2..<8 {
      for byte in frames[frame].indices {
        var other = frames
        other[frame][byte] ^= 1
        #expect(throws: JupyterError.self) { try JupyterMessage(frames: other, signature: signature) }
      }
    }
  }

  @Test func missingManyAndStrangeFramesAreRefused() throws {
    let unsigned = try MessageSignature(key: [])
    let frames = Self.message.frames(signedBy: unsigned)
    for count in 0..<8 {
      #expect(throws: JupyterError.self) {
        try JupyterMessage(frames: Array(frames.prefix(count)), signature: unsigned)
      }
    }
    #expect(throws: JupyterError.self) {
      try JupyterMessage(frames: frames + Array(repeating: [], count: 100), signature: unsigned)
    }
    for part in ["[]", "1", "{", "", "{}x"] {
      for place in 4..<8 {
        var other = frames
        other[place] = Array(part.utf8)
        #expect(throws: JupyterError.self) { try JupyterMessage(frames: other, signature: unsigned) }
      }
    }
  }

  @Test func repliesAreNamedAfterTheirRequests() {
    let factory = MessageFactory(session: "s", makeID: { "id" }, now: { "now" })
    let reply = factory.reply(to: Self.message, ["status": "ok"])
    #expect(reply.type == "execute_reply" && reply.identities == Self.message.identities)
    #expect(reply.parent == Self.message.header && reply.header["session"] == "s")
    let told = factory.publication("status", parent: Self.message.header, [:])
    #expect(told.identities == [Array("status".utf8)] && told.type == "status")
  }
}
