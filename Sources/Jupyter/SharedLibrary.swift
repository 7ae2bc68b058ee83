import Glibc

/// A library of the system that is loaded when it is needed: who never starts a kernel does not wait for it, and needs not
/// have it.
// Safety: a handle that is never closed; dlsym may be called from any thread.
struct SharedLibrary: @unchecked Sendable {
  private let handle: UnsafeMutableRawPointer
  private let name: String

  /// - Parameter package: Debian's, for who has not got it.
  init(_ name: String, package: String) throws(JupyterError) {
    guard let handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) else {
      throw JupyterError(
        "unavailable", "a Jupyter kernel needs the library \(name)",
        hint: "install it: apt install \(package)")
    }
    self.handle = handle
    self.name = name
  }

  /// A function by its name in C; `Function` is its type as the library's header declares it.
  func function<Function>(_ symbol: String, as _: Function.Type) throws(JupyterError) -> Function {
    guard let address = dlsym(handle, symbol) else {
      throw JupyterError("unavailable", "\(name) has no \(symbol)")
    }
    // Safety: callers name the type that the library's header gives the symbol; both are one pointer.
    return unsafeBitCast(address, to: Function.self)
  }
}
