/// HMAC-SHA256 over a message's four dictionaries, in hexadecimal; by libsodium, which libzmq brings.
package struct MessageSignature: Sendable {
  private typealias Begin = @convention(c) (UnsafeMutableRawPointer, UnsafePointer<UInt8>?, Int) -> Int32
  private typealias Add = @convention(c) (UnsafeMutableRawPointer, UnsafePointer<UInt8>?, UInt64) -> Int32
  private typealias End = @convention(c) (UnsafeMutableRawPointer, UnsafeMutablePointer<UInt8>) -> Int32
  private typealias StateBytes = @convention(c) () -> Int
  private typealias Compare = @convention(c) (UnsafeRawPointer, UnsafeRawPointer, Int) -> Int32

  private struct Functions: Sendable {
    let begin: Begin
    let add: Add
    let end: End
    let stateBytes: Int
    let compare: Compare

    init() throws(JupyterError) {
      let library = try SharedLibrary("libsodium.so.23", package: "libsodium23")
      let initialize = try library.function("sodium_init", as: (@convention(c) () -> Int32).self)
      guard initialize() >= 0 else { throw JupyterError("unavailable", "libsodium cannot start") }
      begin = try library.function("crypto_auth_hmacsha256_init", as: Begin.self)
      add = try library.function("crypto_auth_hmacsha256_update", as: Add.self)
      end = try library.function("crypto_auth_hmacsha256_final", as: End.self)
      stateBytes = try library.function("crypto_auth_hmacsha256_statebytes", as: StateBytes.self)()
      compare = try library.function("sodium_memcmp", as: Compare.self)
    }
  }

  private let key: [UInt8]
  private let functions: Functions?

  /// - Parameter key: empty for messages that are not signed.
  package init(key: [UInt8]) throws(JupyterError) {
    self.key = key
    functions = key.isEmpty ? nil : try Functions()
  }

  /// 64 hexadecimal digits; none without a key.
  package func text(of parts: [[UInt8]]) -> [UInt8] {
    guard let functions else { return [] }
    var digest = [UInt8](repeating: 0, count: 32)
    withUnsafeTemporaryAllocation(byteCount: functions.stateBytes, alignment: 16) { state in
      _ = functions.begin(state.baseAddress!, key, key.count)
      for part in parts { _ = functions.add(state.baseAddress!, part, UInt64(part.count)) }
      _ = functions.end(state.baseAddress!, &digest)
    }
    let hex = Array("0123456789abcdef".utf8)
    return digest.flatMap { [hex[Int($0 >> 4)], hex[Int($0 & 15)]] }
  }

  /// In a time that does not tell how much of it was right.
  package func isRight(_ signature: [UInt8], of parts: [[UInt8]]) -> Bool {
    guard let functions else { return true }
    let expected = text(of: parts)
    return signature.count == expected.count && functions.compare(signature, expected, expected.count) == 0
  }
}
