import Glibc

/// A page of this user alone that leads to another one: whoever lists the programs that run sees its name, which says
/// nothing, and not the address, which lets anybody look.
///
/// A file of mode 0600 in a new folder of mode 0700. It stays until `close`.
public final class PrivateDoor {
  /// `file:///run/user/1000/moontide-x3k2aQ/plot.html`
  public let url: String
  private let path: String
  private let folder: String
  private var isOpen = true

  /// Nil when no folder can be made.
  /// - Parameters:
  ///   - target: an address of ``PlotServer``.
  ///   - environment: says where the user's runtime files go (`XDG_RUNTIME_DIR`, else `TMPDIR`, else `/tmp`).
  public init?(to target: String, environment: [String: String]) {
    let places = ["XDG_RUNTIME_DIR", "TMPDIR"].compactMap { environment[$0] } + ["/tmp"]
    // A new name each time, which nobody can have taken before (mkdtemp), and of this user alone (0700).
    var made: String?
    for place in places where made == nil && place.hasPrefix("/") {
      var template = Array("\(place)/moontide-XXXXXX".utf8CString)
      guard mkdtemp(&template) != nil else { continue }
      made = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    guard let made else { return nil }
    folder = made
    path = made + "/plot.html"
    url = "file://" + Self.escaped(path)
    guard write(Array(Self.page(target).utf8)) else {
      close()
      return nil
    }
  }

  deinit { close() }

  /// Takes the file away. Harmless twice.
  public func close() {
    guard isOpen else { return }
    isOpen = false
    unlink(path)
    rmdir(folder)
  }

  private func write(_ bytes: [UInt8]) -> Bool {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return false }
    let written = Glibc.write(descriptor, bytes, bytes.count)
    return Glibc.close(descriptor) == 0 && written == bytes.count
  }

  private static func page(_ target: String) -> String {
    """
    <!DOCTYPE html>
    <meta charset="utf-8"><meta name="referrer" content="no-referrer">
    <meta http-equiv="refresh" content="0; url=\(target)">
    <title>moontide</title>
    <p><a href="\(target)">to the plot</a></p>

    """
  }

  /// A path as it stands in an address.
  private static func escaped(_ path: String) -> String {
    let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-._~".utf8)
    return path.utf8.map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return plain.contains(byte)
        ? String(Unicode.Scalar(byte)) : "%" + (digits.count == 1 ? "0" : "") + digits
    }.joined()
  }
}

@available(*, unavailable)
extension PrivateDoor: Sendable {}
