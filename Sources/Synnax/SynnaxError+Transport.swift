import Transport

extension SynnaxError {
  /// What a connection met, in words of this layer.
  init(_ error: TransportError) {
    let code: String
    var hint = error.hint
    switch error.code {
    case .refused:
      code = "refused"
      hint = "is the core running, and is this its port?"
    case .unreachable, .unknownHost, .system: code = "unreachable"
    case .tls:
      code = "tls"
      hint =
        hint
        ?? "give ca_file for a certificate of the core's own; a core started --insecure wants secure = false"
    case .timeout: code = "timeout"
    case .redirect:
      code = "refused"
      hint = "the core speaks TLS: connect with secure = true"
    case .handshake, .protocol:
      code = "protocol"
      hint = hint ?? "is this a Synnax core?"
    case .tooLarge: code = "too_large"
    case .deadPeer, .closed, .backlog: code = "closed"
    case .cancelled: code = "cancelled"
    case .invalid: code = "argument"
    }
    self.init(code, error.message, hint: hint)
  }
}
