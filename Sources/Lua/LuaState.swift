import CShims

/// An interpreter: Lua 5.4 with the standard libraries, a memory limit, an interrupt and a scheduler.
///
/// Not thread-safe and not Sendable: create, use and close it on one thread. What other threads may do with it is
/// in `interrupter` and `Scheduler.Inbox`. Errors never cross Swift frames as jumps: whatever Lua raises arrives as a
/// `LuaError`, and a native function throws one.
public final class LuaState {
  /// Takes what `print`, `io.write`, `io.stderr:write` and `warn` produce.
  public typealias Output = (_ bytes: UnsafeRawBufferPointer, _ isError: Bool) -> Void

  public let interrupter: Interrupter
  public private(set) var scheduler: Scheduler! = nil
  /// Where Lua's output goes; nowhere at first. Called on the interpreter's thread; `scheduler.current` is who prints.
  public var output: Output?
  let releases = ReleaseQueue()
  private(set) var block: UnsafeMutablePointer<mt_lua>! = nil
  private var classes: [any AnyLuaClass] = []
  private var classOfType: [ObjectIdentifier: any AnyLuaClass] = [:]
  private var isClosed = false
  private var package: LuaReference?

  /// - Parameters:
  ///   - memoryLimit: bytes for Lua's heap and what its objects hold elsewhere; 0 for none.
  ///   - sandbox: what the interpreter lacks.
  ///   - clock: of the scheduler.
  public init(memoryLimit: Int = 0, sandbox: LuaSandbox = .none, clock: LuaClock = .monotonic)
    throws(LuaError)
  {
    interrupter = try Interrupter()
    // Safety: the C side calls back only between here and `close`, which `deinit` guarantees.
    let owner = Unmanaged.passUnretained(self).toOpaque()
    guard let block = mt_new(interrupter.irq, owner, callbacks) else {
      throw LuaError("memory", "no memory for an interpreter")
    }
    self.block = block
    scheduler = Scheduler(self, clock: clock)
    if case .table(let table) = global("package") { package = table }
    for path in sandbox.absent.sorted() { mt_remove(block, path) }
    self.memoryLimit = memoryLimit
  }

  deinit { close() }

  /// Runs finalizers and frees everything; tasks that wait are dropped. Afterwards nothing but `deinit` is left to do.
  public func close() {
    guard !isClosed, let block else { return }
    isClosed = true
    scheduler?.close()
    releases.close()
    mt_close(block)
    for registered in classes { registered.close() }
    classes = []
    classOfType = [:]
    output = nil
  }

  /// Where `require` looks, as Lua's `package.path`; a sandbox without `package` has it, too.
  public var modulePath: String {
    get { package.flatMap { rawGet($0, "path").string } ?? "" }
    set { if let package { rawSet(package, "path", newValue) } }
  }

  // MARK: Memory

  /// Bytes for Lua's heap and external buffers together; 0 for none. Growth beyond it is the error `memory`, after
  /// which the interpreter works on. Native functions may exceed it while they run.
  public var memoryLimit: Int {
    get { Int(clamping: block.pointee.limit) }
    set { block.pointee.limit = max(0, newValue) }
  }

  /// Bytes that Lua's own heap holds.
  public var heapBytes: Int { Int(clamping: block.pointee.used) }

  /// Bytes outside of Lua's heap that its objects hold: pushing an object with `externalBytes` counts them, collecting it
  /// gives them back. What changes size later adds the difference here; the collector is stepped when it is time.
  public var externalBytes: Int {
    get { Int(clamping: block.pointee.external) }
    set {
      mt_charge(block, externalBytes, max(0, newValue))
    }
  }

  /// A full collection, finalizers included.
  public func collect() {
    inside { mt_collect(active) }
  }

  // MARK: Native objects

  /// Makes a class known; from then on its objects can be pushed.
  public func register<T>(_ class: LuaClass<T>) {
    `class`.register(in: self)
    classes.append(`class`)
    classOfType[ObjectIdentifier(T.self)] = `class`
  }

  /// The registered class of a Swift type.
  public func `class`<T: AnyObject>(for type: T.Type) -> LuaClass<T>? {
    classOfType[ObjectIdentifier(type)] as? LuaClass<T>
  }

  /// The object behind a userdata value.
  public func object<T>(_ value: LuaValue, _ class: LuaClass<T>) -> T? {
    guard case .userdata = value else { return nil }
    let stack = stack
    stack.push(value)
    defer { stack.pop() }
    return `class`.object(stack.lua, -1)
  }

  /// A value that wraps the object; two values of one object are equal in Lua.
  public func value<T>(_ object: T, _ class: LuaClass<T>, externalBytes: Int = 0) -> LuaValue {
    let stack = stack
    `class`.push(object, onto: stack, externalBytes: externalBytes)
    defer { stack.pop() }
    return stack.value(-1)
  }

  /// A function for Lua to call; `name` appears in its error messages.
  public func function(
    name: String, declaration: LuaDeclaration = LuaDeclaration(), _ body: @escaping LuaBody
  ) -> LuaValue {
    let stack = stack
    NativeFunction(name: name, skip: 0, declaration: declaration, body: body).push(onto: stack)
    defer { stack.pop() }
    return stack.value(-1)
  }

  // MARK: Inside

  /// Where Swift may push right now: the innermost coroutine's stack.
  var active: OpaquePointer { block.pointee.running ?? block.pointee.main! }
  var stack: LuaStack { LuaStack(active) }

  /// Marks this thread as the interpreter's while `body` runs.
  func inside<Result, Failure>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    let outer = mt_enter(block)
    defer { mt_leave(block, outer) }
    releaseDropped()
    return try body()
  }

  func releaseDropped() {
    for slot in releases.take() { luaL_unref(active, mt_registry_index(), slot) }
  }

  var recordedTraceback: [LuaFrame] {
    (0..<Int(block.pointee.frame_count)).map { level in
      let frame = block.pointee.frames + level
      let name = String(cString: mt_frame_name(frame))
      return LuaFrame(
        source: String(cString: mt_frame_source(frame)), line: Int(frame.pointee.line),
        function: name.isEmpty ? nil : name)
    }
  }

  static func of(_ lua: OpaquePointer) -> LuaState { of(owner: mt_block(lua).pointee.owner) }

  static func of(owner: UnsafeMutableRawPointer) -> LuaState {
    // Safety: `owner` is the state that made this interpreter and closes it before it goes away.
    Unmanaged<LuaState>.fromOpaque(owner).takeUnretainedValue()
  }
}

@available(*, unavailable)
extension LuaState: Sendable {}

private let callbacks = mt_callbacks(
  park: { owner, lua in LuaState.of(owner: owner).scheduler.park(lua) },
  finish: { owner, lua in LuaState.of(owner: owner).scheduler.finish(lua) },
  output: { owner, bytes, count, isError in
    LuaState.of(owner: owner).output?(UnsafeRawBufferPointer(start: bytes, count: count), isError)
  },
  // Safety: every object handed to the C side was retained for it.
  release: { Unmanaged<AnyObject>.fromOpaque($0).release() },
  called: { owner in LuaState.of(owner: owner).scheduler.onRefusedMove?() })
