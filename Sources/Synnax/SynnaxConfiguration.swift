import Foundation
public import Telemetry

/// A password: never in a description, a dump, or an error.
public struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  let text: String

  public init(_ text: String) { self.text = text }

  /// From an environment variable. Throws `argument` when it is not set.
  public init(environment name: String) throws(SynnaxError) {
    guard let text = ProcessInfo.processInfo.environment[name], !text.isEmpty else {
      throw SynnaxError("argument", "the environment variable \(name) is not set")
    }
    self.text = text
  }

  /// The first line of a file that only its owner may read.
  public init(file path: String) throws(SynnaxError) {
    let manager = FileManager.default
    guard let attributes = try? manager.attributesOfItem(atPath: path),
      let mode = (attributes[.posixPermissions] as? NSNumber)?.intValue
    else { throw SynnaxError("argument", "cannot read the password file \(path)") }
    guard mode & 0o077 == 0 else {
      throw SynnaxError("argument", "others may read the password file \(path)", hint: "chmod 600 \(path)")
    }
    guard let size = (attributes[.size] as? NSNumber)?.intValue, size <= SynnaxLimits.passwordBytes,
      let data = manager.contents(atPath: path),
      let line = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline).first
    else { throw SynnaxError("argument", "\(path) holds no password") }
    text = String(line)
  }

  public var description: String { "••••" }
  public var debugDescription: String { "••••" }
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// Where a core is and how to talk to it.
public struct SynnaxConfiguration: Sendable, Hashable {
  public var host: String
  public var port: Int
  public var username: String
  public var password: Secret
  /// TLS, as cores have it unless they were started `--insecure`. Certificate and name are verified.
  public var secure: Bool
  /// PEM file with the authorities to trust instead of the system's, for cores with a certificate of their own.
  public var caFile: String?
  /// Accepts any certificate; the client then carries a warning that must be shown.
  public var insecureSkipVerify: Bool
  /// How often a stream asks to be told that the core is alive; a silent one is given up after three of these.
  public var keepAlive: TimeSpan
  /// For each call, and for each step of opening a stream.
  public var timeout: TimeSpan
  /// How long a lost stream is tried to be opened again before it counts as lost.
  public var giveUpAfter: TimeSpan
  /// Between renewals of the session while it is in use.
  public var renewInterval: TimeSpan

  public init(
    host: String = "localhost", port: Int = 9090, username: String = "synnax",
    password: Secret = Secret("seldon"),
    secure: Bool = false, caFile: String? = nil, insecureSkipVerify: Bool = false,
    keepAlive: TimeSpan = TimeSpan(nanoseconds: 5_000_000_000),
    timeout: TimeSpan = TimeSpan(nanoseconds: 5_000_000_000),
    giveUpAfter: TimeSpan = TimeSpan(nanoseconds: 600_000_000_000),
    renewInterval: TimeSpan = TimeSpan(nanoseconds: 60_000_000_000)
  ) {
    self.host = host
    self.port = port
    self.username = username
    self.password = password
    self.secure = secure
    self.caFile = caFile
    self.insecureSkipVerify = insecureSkipVerify
    self.keepAlive = keepAlive
    self.timeout = timeout
    self.giveUpAfter = giveUpAfter
    self.renewInterval = renewInterval
  }

  /// What messages call the core.
  public var name: String { "synnax \(host):\(port)" }
}
