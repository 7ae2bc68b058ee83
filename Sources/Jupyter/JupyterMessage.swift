package import JSON

/// One message of Jupyter's protocol 5.4: who it is for, four dictionaries, perhaps buffers.
package struct JupyterMessage: Equatable, Sendable {
  /// Of the routers on the way; for iopub the topic.
  package var identities: [[UInt8]]
  package var header: JSON
  /// The header of the request that this answers; an empty object for none.
  package var parent: JSON
  package var metadata: JSON
  package var content: JSON
  package var buffers: [[UInt8]]

  package init(
    identities: [[UInt8]] = [], header: JSON, parent: JSON = .object([]), metadata: JSON = .object([]),
    content: JSON, buffers: [[UInt8]] = []
  ) {
    self.identities = identities
    self.header = header
    self.parent = parent
    self.metadata = metadata
    self.content = content
    self.buffers = buffers
  }

  package var type: String { header["msg_type"]?.string ?? "" }
  package var id: String { header["msg_id"]?.string ?? "" }

  private static let delimiter = Array("<IDS|MSG>".utf8)

  // MARK: On the wire

  /// The frames of one message ("The Wire Protocol").
  package func frames(signedBy signature: MessageSignature) -> [[UInt8]] {
    let parts = [header, parent, metadata, content].map { $0.encoded() }
    return identities + [Self.delimiter, signature.text(of: parts)] + parts + buffers
  }

  /// Reads what came; a wrong signature, or anything that is no message, is an error.
  package init(frames: [[UInt8]], signature: MessageSignature) throws(JupyterError) {
    func wrong(_ what: String) -> JupyterError { JupyterError("message", what) }
    guard frames.count <= Limits.messageFrames else {
      throw wrong("more than \(Limits.messageFrames) frames")
    }
    guard let delimiter = frames.firstIndex(of: Self.delimiter) else { throw wrong("no delimiter") }
    guard frames.count >= delimiter + 6 else { throw wrong("too few frames") }
    let parts = Array(frames[(delimiter + 2)..<(delimiter + 6)])
    guard signature.isRight(frames[delimiter + 1], of: parts) else { throw wrong("a wrong signature") }
    var read: [JSON] = []
    for part in parts {
      let json: JSON
      do throws(JSON.ReadError) { json = try JSON(parsing: part) } catch {
        throw wrong("no JSON: \(error.message)")
      }
      guard json.members != nil else { throw wrong("a part that is no dictionary") }
      read.append(json)
    }
    guard read[0]["msg_type"]?.string != nil, read[0]["msg_id"]?.string != nil else {
      throw wrong("a header without type or id")
    }
    self.init(
      identities: Array(frames[..<delimiter]), header: read[0], parent: read[1], metadata: read[2],
      content: read[3], buffers: Array(frames[(delimiter + 6)...]))
  }
}

/// Makes the headers of one kernel's messages.
package struct MessageFactory: Sendable {
  private let session: String
  private let makeID: @Sendable () -> String
  private let now: @Sendable () -> String

  /// - Parameters:
  ///   - makeID: what is unlike any other.
  ///   - now: the time in ISO 8601, UTC.
  package init(
    session: String, makeID: @escaping @Sendable () -> String, now: @escaping @Sendable () -> String
  ) {
    self.session = session
    self.makeID = makeID
    self.now = now
  }

  private func header(_ type: String) -> JSON {
    [
      "msg_id": .string(makeID()), "session": .string(session), "username": "kernel", "date": .string(now()),
      "msg_type": .string(type), "version": "5.4",
    ]
  }

  /// The answer to a request, for who sent it.
  package func reply(to request: JupyterMessage, _ content: JSON) -> JupyterMessage {
    let word = "_request"
    let stem = request.type.hasSuffix(word) ? String(request.type.dropLast(word.count)) : request.type
    return JupyterMessage(
      identities: request.identities, header: header(stem + "_reply"), parent: request.header,
      content: content)
  }

  /// What all front ends see.
  package func publication(_ type: String, parent: JSON, _ content: JSON, metadata: JSON = .object([]))
    -> JupyterMessage
  {
    JupyterMessage(
      identities: [Array(type.utf8)], header: header(type), parent: parent, metadata: metadata,
      content: content)
  }

  /// A question to the person behind a request.
  package func question(to request: JupyterMessage, _ content: JSON) -> JupyterMessage {
    JupyterMessage(
      identities: request.identities, header: header("input_request"), parent: request.header,
      content: content)
  }
}
