import Foundation
import Glibc

/// Whole files as bytes; errors are the system's own words.
enum FileText {
  struct Failure: Error {
    let reason: String
  }

  static func read(_ path: String) throws(Failure) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    return try read(from: descriptor)
  }

  /// To its end.
  static func read(from descriptor: Int32) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let (count, error) = withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { buffer in
        let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        if count > 0 { bytes += buffer.prefix(count) }
        return (count, errno)
      }
      if count == 0 { return bytes }
      if count < 0, error != EINTR { throw Failure(reason: String(cString: strerror(error))) }
    }
  }
}

extension FileText {
  /// The folder with all above it that are missing; one that nobody may write to is an error.
  static func makeFolder(_ path: String) throws(Failure) {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += made.isEmpty || made == "/" ? String(part) : "/" + part
      if mkdir(made, 0o755) < 0, errno != EEXIST {
        throw Failure(reason: "\(made): \(String(cString: strerror(errno)))")
      }
    }
    guard access(path, W_OK | X_OK) == 0 else {
      throw Failure(reason: "\(path): \(String(cString: strerror(errno)))")
    }
  }
}

/// Times as people read them.
enum TextTime {
  static var now: Double { Date().timeIntervalSince1970 }

  /// `14:03:07.2` in the local zone.
  static func ofDay(_ time: Double) -> String {
    var seconds = time_t(time)
    var parts = tm()
    localtime_r(&seconds, &parts)
    return String(
      format: "%02d:%02d:%04.1f", parts.tm_hour, parts.tm_min,
      Double(parts.tm_sec) + time - time.rounded(.down))
  }

  static func text(_ duration: Duration) -> String {
    let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
    return seconds < 60
      ? "\((seconds * 10).rounded() / 10) s" : "\(Int(seconds) / 60) min \(Int(seconds) % 60) s"
  }
}
