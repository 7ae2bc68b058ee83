import CShims

/// A kind of native object: what Lua can do with values of the Swift class `T`. Describe it completely, then
/// `LuaState.register` it; one description serves one interpreter. For structs make it a class of `LuaBox`.
///
///     let series = LuaClass<Series>("Series")
///     series.method("mean") { series, call throws(LuaError) in call.results(series.mean()) }
///     series.field("unit") { series, call throws(LuaError) in call.results(series.unit) }
///     series.fallback { series, call throws(LuaError) in … call.integer(1) … }   // series[i]
///
/// Lua scripts see neither the metatable nor another object's type confused with this one.
public final class LuaClass<T: AnyObject> {
  public typealias Body = (T, borrowing LuaCall) throws(LuaError) -> LuaResult

  /// Metamethods that a class may have. `__index`, `__newindex`, `__gc`, `__name` and `__metatable` come by themselves.
  public enum Metamethod: String, CaseIterable {
    case len, call, tostring, eq, lt, le, add, sub, mul, div, mod, pow, unm, idiv, concat, close, pairs
    case band, bor, bxor, shl, shr, bnot

    /// Lua calls these with the object on either side, so they are plain functions of two arguments.
    var isBinary: Bool {
      switch self {
      case .len, .call, .tostring, .close, .pairs, .unm, .bnot: false
      default: true
      }
    }
  }

  public let name: String
  private let declaration: LuaDeclaration.Lookup
  private var methods: [(name: String, function: NativeFunction)] = []
  private var getters: [(name: String, function: NativeFunction)] = []
  private var setters: [(name: String, function: NativeFunction)] = []
  private var metamethods: [(name: String, function: NativeFunction)] = []
  private var readFallback: NativeFunction?
  private var writeFallback: NativeFunction?
  private var metatable: UnsafeRawPointer?
  private var slot: Int32 = 0
  /// What C asks about the objects, where it reads them by itself.
  private var reader: ViewReader?
  private var quickMethods: [String: LuaQuickMethod] = [:]
  /// Of the objects that are parts of others and have no reference to a T of their own yet.
  private var partMetatable: UnsafeRawPointer?
  private(set) var partSlot: Int32 = 0

  /// - Parameter declaration: what is declared of `Streamer:read`, a method, and `Streamer.state`, a field.
  public init(
    _ name: String, declaration: @escaping LuaDeclaration.Lookup = { _ in LuaDeclaration() }
  ) {
    self.name = name
    self.declaration = declaration
  }

  /// For completion and help, in the order of description.
  public var methodNames: [String] { methods.map(\.name) }
  public var fieldNames: [String] { getters.map(\.name) }

  /// `object:name(...)`; argument 1 is the first behind self.
  public func method(_ name: String, _ body: @escaping Body) {
    methods.append((name, receiving(name, declaration: declaration("\(self.name):\(name)"), body)))
  }

  /// A method that C answers where it can: of an object whose `samples` it reads, or with `parts`. The body has to do the
  /// same.
  public func method(_ name: String, quick: LuaQuickMethod, _ body: @escaping Body) {
    method(name, body)
    quickMethods[name] = quick
  }

  /// The objects are rows of samples: `object[i]` and `#object` are read in C, as are quick methods. Behind it stand, as
  /// for everything that C cannot read, the fallback and `__len` of the class.
  public func samples(
    _ describe: @escaping (T) -> LuaSamples, runs: @escaping (T, (LuaRun) -> Void) -> Void
  ) {
    reader = SampleReader(describe, runs: runs)
  }

  /// The objects have named parts: `object.name` is one, if no method or field has that name, and the same one the next
  /// time. `partClass` has to be registered before this one.
  /// - Parameter externalBytes: of a part that is an object of its own.
  public func parts<Part>(
    of partClass: LuaClass<Part>, _ parts: LuaParts<T, Part>, externalBytes: @escaping (Part) -> Int
  ) {
    reader = PartReader(parts, of: partClass, externalBytes: externalBytes)
  }

  /// `object.name`, computed on each access; with `set` it can be assigned (argument 2 is the new value).
  public func field(_ name: String, get: @escaping Body, set: Body? = nil) {
    _ = declaration("\(self.name).\(name)")
    getters.append((name, receiving(name, get)))
    if let set { setters.append((name, receiving(name, set))) }
  }

  /// `object[key]` for keys that are neither method nor field: argument 1 is the key. Integer keys come here at once.
  public func fallback(_ body: @escaping Body) { readFallback = receiving("index", body) }

  /// `object[key] = value` for keys that no field takes: arguments 1 and 2.
  public func assignment(_ body: @escaping Body) { writeFallback = receiving("newindex", body) }

  /// An operation on the object: its other arguments count from 1 as in a method.
  public func metamethod(_ which: Metamethod, _ body: @escaping Body) {
    precondition(!which.isBinary, "__\(which) is an operator: the object may be on either side")
    metamethods.append(("__\(which)", receiving("\(which)", body)))
  }

  /// An operator: both operands are arguments, either may be the object (`call.ifObject(1, class)`).
  public func `operator`(_ which: Metamethod, _ body: @escaping LuaBody) {
    precondition(which.isBinary, "__\(which) is no operator: use metamethod")
    metamethods.append(("__\(which)", NativeFunction(name: "\(which)", skip: 0, body: body)))
  }

  private func receiving(
    _ function: String, declaration: LuaDeclaration = LuaDeclaration(), _ body: @escaping Body
  ) -> NativeFunction {
    // Safety: the state keeps its classes until it has closed the functions of all of them.
    NativeFunction(name: function, skip: 1, declaration: declaration) {
      [unowned(unsafe) self] call throws(LuaError) in
      guard let object = self.object(call.lua, 1) else { throw self.badSelf(call) }
      return try body(object, call)
    }
  }

  private func badSelf(_ call: borrowing LuaCall) -> LuaError {
    let got = lua_gettop(call.lua) == 0 ? "no value" : call.typeName(at: 1)
    return LuaError(
      "argument", "calling '\(call.name)' on bad self (\(name) expected, got \(got))",
      hint: "write object:\(call.name)(…) with a colon")
  }

  /// The payload, if the value is of this class and not released.
  func object(_ lua: OpaquePointer, _ index: Int32) -> T? {
    guard let metatable, let payload = mt_to_object(lua, index, metatable)?.pointee.object else {
      return partMetatable == nil ? nil : part(lua, index)
    }
    // Safety: only `push` makes userdata with this metatable, and it stores a T.
    return Unmanaged<T>.fromOpaque(payload).takeUnretainedValue()
  }

  /// The payload of a part, made when somebody asks for it.
  private func part(_ lua: OpaquePointer, _ index: Int32) -> T? {
    guard let partMetatable, let view = mt_to_part(lua, index, partMetatable) else { return nil }
    if let payload = mt_part_object(lua, index) {
      // Safety: only the lines below keep one for a part, a T.
      return Unmanaged<T>.fromOpaque(payload).takeUnretainedValue()
    }
    guard let whole = view.pointee.owner?.pointee.object else { return nil }
    let place = Int(view.pointee.place)
    let made = ViewReader.with(view.pointee.reader.pointee.context) { $0.part(of: whole, place) }
    guard let part = made as? T else { return nil }
    let index = lua_absindex(lua, index)
    push(part, onto: LuaStack(lua), externalBytes: 0)
    mt_keep_part_object(lua, index)
    return part
  }

  /// - Parameter sharedBytes: those of the external bytes that are counted for another object, too.
  func push(_ object: T, onto stack: LuaStack, externalBytes: Int, sharedBytes: Int = 0) {
    precondition(metatable != nil, "class \(name) is not registered")
    stack.room()
    // Safety: the userdata holds this reference and gives it back in its __gc.
    let payload = Unmanaged.passRetained(object).toOpaque()
    let shared = max(0, min(sharedBytes, externalBytes))
    let value = mt_object(object: payload, external: max(0, externalBytes) - shared, shared: shared)
    guard let reader else { return mt_push_object(stack.lua, slot, value) }
    if reader.reading == Int32(MT_SAMPLES) {
      mt_push_view(stack.lua, slot, value, reader.reader)
    } else {
      let keeps = reader.keeps(payload)
      mt_push_whole(stack.lua, slot, value, reader.reader, Int64(reader.count(of: payload)), keeps)
    }
  }

  /// Makes the metatable; called by `LuaState.register`.
  func register(in state: LuaState) {
    precondition(metatable == nil, "class \(name) is registered already")
    let stack = state.stack
    stack.room(16)
    pushFunctions(methods, stack, boxed: false)
    pushFunctions(getters, stack, boxed: true)
    pushFunctions(setters, stack, boxed: true)
    for fallback in [readFallback, writeFallback] {
      guard let fallback else {
        stack.pushNil()
        continue
      }
      fallback.push(onto: stack)
      mt_box_of_native(stack.lua)
    }
    mt_push_class(stack.lua, name, reader?.reading ?? Int32(MT_PLAIN))
    metatable = lua_topointer(stack.lua, -1)
    if !metamethods.contains(where: { $0.name == "__eq" }) { `operator`(.eq, sameObject) }
    for (name, function) in metamethods {
      function.push(onto: stack)
      stack.setField(name)
    }
    registerViews(stack)
    slot = luaL_ref(stack.lua, mt_registry_index())
  }

  private func registerViews(_ stack: LuaStack) {
    guard let reader else { return }
    reader.bind()
    guard reader.reading == Int32(MT_SAMPLES) else { return }
    if metamethods.contains(where: { $0.name == "__len" }) { mt_set_quick_length(stack.lua) }
    mt_push_part_class(stack.lua)
    partMetatable = lua_topointer(stack.lua, -1)
    partSlot = luaL_ref(stack.lua, mt_registry_index())
  }

  private var sameObject: LuaBody {
    { [unowned self] call throws(LuaError) in
      let (a, b) = (self.object(call.lua, 1), self.object(call.lua, 2))
      return call.results(a != nil && a === b)
    }
  }

  private func pushFunctions(
    _ functions: [(name: String, function: NativeFunction)], _ stack: LuaStack, boxed: Bool
  ) {
    stack.pushTable(fields: functions.count)
    for (name, function) in functions {
      function.push(onto: stack)
      if boxed { mt_box_of_native(stack.lua) }
      if !boxed, let quick = quickMethods[name] { mt_push_quick(stack.lua, quick.code) }
      stack.setField(name)
    }
  }
}

/// A class whatever its objects are.
public protocol AnyLuaClass: AnyObject {
  var name: String { get }
  var methodNames: [String] { get }
  var fieldNames: [String] { get }
  /// Makes it known to an interpreter, see `LuaState.register`.
  func register(with state: LuaState)
  /// Drops the closures: classes that mention each other would keep each other alive.
  func close()
}

extension LuaClass: AnyLuaClass {
  public func register(with state: LuaState) { state.register(self) }

  public func close() {
    metatable = nil
    partMetatable = nil
    for (_, function) in methods + getters + setters + metamethods { function.close() }
    readFallback?.close()
    writeFallback?.close()
  }
}

@available(*, unavailable)
extension LuaClass: Sendable {}

/// A struct as a native object: `LuaClass<LuaBox<TimeSpan>>("TimeSpan")`.
public final class LuaBox<Value> {
  public let value: Value
  public init(_ value: Value) { self.value = value }
}
