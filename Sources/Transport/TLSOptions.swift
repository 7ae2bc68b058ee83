import NIOCore
import NIOSSL

/// How a client checks the server. The default verifies chain and name against the system's roots.
public struct TLSOptions: Sendable, Equatable {
  /// PEM file with the certificate authorities to trust instead of the system's.
  public var caFile: String?
  /// Accepts any certificate. Only for a network where nobody else is.
  public var insecureSkipVerify: Bool
  /// Name to verify and to send as SNI, when it is not the host that is connected to. swift-nio-ssl also accepts a
  /// certificate that lists the address connected to instead of the name.
  public var serverName: String?

  public init(caFile: String? = nil, insecureSkipVerify: Bool = false, serverName: String? = nil) {
    self.caFile = caFile
    self.insecureSkipVerify = insecureSkipVerify
    self.serverName = serverName
  }

  /// Reads files, so it belongs off the event loop.
  func makeContext() throws(TransportError) -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    if let caFile { configuration.trustRoots = .file(caFile) }
    if insecureSkipVerify { configuration.certificateVerification = .none }
    do {
      return try NIOSSLContext(configuration: configuration)
    } catch {
      guard let caFile else { throw TransportError(.tls, "cannot load certificate authorities: \(error)") }
      throw TransportError(.tls, "\(caFile) holds no PEM certificate that can be read")
    }
  }

  func makeHandler(_ context: NIOSSLContext, host: String) throws -> NIOSSLClientHandler {
    let name = serverName ?? host
    // An address may not be sent as SNI; the one that is connected to is verified against the certificate.
    let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
    guard !isAddress || name == host else {
      throw TransportError(.tls, "“\(name)” is an address", hint: "server_name must be a name")
    }
    return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : name)
  }
}

/// Certificate and key of a server, as PEM files.
public struct TLSServerOptions: Sendable, Equatable {
  public var certificateFile: String
  public var keyFile: String

  public init(certificateFile: String, keyFile: String) {
    self.certificateFile = certificateFile
    self.keyFile = keyFile
  }

  func makeContext() throws(TransportError) -> NIOSSLContext {
    do {
      let chain = try NIOSSLCertificate.fromPEMFile(certificateFile).map(NIOSSLCertificateSource.certificate)
      let key = try NIOSSLPrivateKey(file: keyFile, format: .pem)
      return try NIOSSLContext(
        configuration: .makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key)))
    } catch {
      throw TransportError(.tls, "\(certificateFile) and \(keyFile) are not a PEM certificate and its key")
    }
  }
}
