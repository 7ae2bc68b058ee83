/// Which standard libraries and functions an interpreter lacks.
///
/// Some are absent in every interpreter: `debug.sethook` (it would take the interrupt's place), `debug.gethook`,
/// `debug.getregistry`, `debug.debug`, `package.loadlib` and C modules (compiled against another interpreter), and
/// `os.setlocale` (it belongs to the whole process).
public struct LuaSandbox: Sendable {
  /// Globals (`"io"`) and fields of them (`"os.execute"`).
  public var absent: Set<String>

  public init(absent: Set<String>) { self.absent = absent }

  public static let none = LuaSandbox(absent: [])

  /// For scripts that one does not trust: no files but what `require` loads, no processes, no environment, no debug.
  /// `package` would let `require` look anywhere; see `LuaState.modulePath`.
  public static let strict = LuaSandbox(absent: [
    "io", "os.execute", "os.remove", "os.rename", "os.tmpname", "os.getenv", "dofile", "loadfile", "debug",
    "package",
  ])
}
