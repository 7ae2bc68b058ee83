import JSON

/// Where a front end wants the kernel to listen, and the key of both ("Connection files" in Jupyter's protocol).
package struct ConnectionFile: Equatable, Sendable {
  package enum Transport: String, Sendable { case tcp, ipc }

  package var transport: Transport
  /// An address for TCP, the beginning of paths for IPC.
  package var address: String
  /// Empty: messages are not signed.
  package var key: [UInt8]
  private var ports: [JupyterSocket: Int]

  /// Reads the file's JSON.
  package init(_ bytes: [UInt8]) throws(JupyterError) {
    func wrong(_ what: String) -> JupyterError { JupyterError("connection", "the connection file \(what)") }
    guard bytes.count <= Limits.connectionFileBytes else { throw wrong("is too long") }
    let json: JSON
    do throws(JSON.ReadError) { json = try JSON(parsing: bytes) } catch {
      throw wrong("is no JSON: \(error.message) at byte \(error.offset)")
    }
    guard let transport = Transport(rawValue: json["transport"]?.string ?? "tcp") else {
      throw wrong("names a transport other than tcp and ipc")
    }
    self.transport = transport
    guard let address = json["ip"]?.string, !address.isEmpty, !address.utf8.contains(0) else {
      throw wrong("has no ip")
    }
    self.address = address
    let scheme = json["signature_scheme"]?.string ?? "hmac-sha256"
    guard scheme == "hmac-sha256" else { throw wrong("asks for signatures by \(scheme)") }
    key = Array((json["key"]?.string ?? "").utf8)
    ports = [:]
    for socket in JupyterSocket.allCases {
      guard let port = json["\(socket.rawValue)_port"]?.integer, (0...65_535).contains(port) else {
        throw wrong("has no \(socket.rawValue)_port")
      }
      ports[socket] = Int(port)
    }
  }

  /// As libzmq wants it. Port 0 is any that is free.
  package func endpoint(_ socket: JupyterSocket) -> String {
    let port = ports[socket] ?? 0
    switch transport {
    case .tcp:
      let host = address.contains(":") && !address.hasPrefix("[") ? "[\(address)]" : address
      return "tcp://\(host):\(port == 0 ? "*" : String(port))"
    case .ipc: return "ipc://\(address)-\(port)"
    }
  }

  /// Only this machine can reach it: what a kernel that runs whatever it is sent must be.
  package var isLocal: Bool {
    transport == .ipc || address == "localhost" || address.hasPrefix("127.") || address == "::1"
  }
}

/// The five sockets of a kernel, by their names in the connection file.
package enum JupyterSocket: String, CaseIterable, Sendable {
  case shell, control, iopub, stdin, hb
}
