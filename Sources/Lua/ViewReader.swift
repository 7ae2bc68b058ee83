import CShims

/// Answers what C asks about the objects of a class whose samples it reads.
class ViewReader {
  let reader: UnsafeMutablePointer<mt_reader>
  /// What the class is to `mt_push_class`.
  let reading: Int32

  init(_ reading: Int, names: Bool) {
    reader = .allocate(capacity: 1)
    self.reading = Int32(reading)
    // Safety: the class keeps this object until the state has closed, and C asks no more then.
    let context = Unmanaged.passUnretained(self).toOpaque()
    reader.initialize(
      to: mt_reader(
        context: context,
        describe: { context, object, place, view in
          ViewReader.with(context) { reader in
            guard let samples = reader.samples(object, Int(place)) else { return false }
            view.pointee.fill(samples)
            return true
          }
        },
        runs: { context, object, place, runs, room in
          ViewReader.with(context) { reader in
            var count: Int32 = 0
            var end = 0
            reader.forEachRun(object, Int(place)) { run in
              if count < room { runs[Int(count)] = mt_run(run, begin: end) }
              count += 1
              end += run.count
            }
            return count
          }
        },
        names: !names
          ? nil
          : { context, object, lua in
            ViewReader.with(context) { $0.pushNames(of: object, LuaStack(lua)) }
          },
        part: !names
          ? nil
          : { context, object, place, lua in
            ViewReader.with(context) { $0.pushPart(of: object, Int(place), LuaStack(lua)) }
          },
        part_reference: 0))
  }

  deinit { reader.deallocate() }

  /// The reader behind what C hands back.
  static func with<Result>(_ context: UnsafeMutableRawPointer, _ body: (ViewReader) -> Result) -> Result {
    // Safety: see `init`.
    Unmanaged<ViewReader>.fromOpaque(context)._withUnsafeGuaranteedRef(body)
  }

  /// Called when the class is registered.
  func bind() {}
  func samples(_ object: UnsafeMutableRawPointer, _ place: Int) -> LuaSamples? { nil }
  func forEachRun(_ object: UnsafeMutableRawPointer, _ place: Int, _ body: (LuaRun) -> Void) {}
  func pushNames(of object: UnsafeMutableRawPointer, _ stack: LuaStack) { stack.pushNil() }
  func pushPart(of object: UnsafeMutableRawPointer, _ place: Int, _ stack: LuaStack) { stack.pushNil() }
  /// A part as an object of its own.
  func part(of object: UnsafeMutableRawPointer, _ place: Int) -> AnyObject? { nil }
  func count(of object: UnsafeMutableRawPointer) -> Int { 0 }
  func keeps(_ object: UnsafeMutableRawPointer) -> Bool { false }
}

/// Of objects that are a row of samples each.
final class SampleReader<T: AnyObject>: ViewReader {
  private let describe: (T) -> LuaSamples
  private let runs: (T, (LuaRun) -> Void) -> Void

  init(_ describe: @escaping (T) -> LuaSamples, runs: @escaping (T, (LuaRun) -> Void) -> Void) {
    self.describe = describe
    self.runs = runs
    super.init(MT_SAMPLES, names: false)
  }

  override func samples(_ object: UnsafeMutableRawPointer, _ place: Int) -> LuaSamples? {
    // Safety: `LuaClass.push` stored a T in every object that has this reader.
    Unmanaged<T>.fromOpaque(object)._withUnsafeGuaranteedRef { describe($0) }
  }

  override func forEachRun(_ object: UnsafeMutableRawPointer, _ place: Int, _ body: (LuaRun) -> Void) {
    // Safety: as above.
    Unmanaged<T>.fromOpaque(object)._withUnsafeGuaranteedRef { runs($0, body) }
  }
}

/// Of objects that consist of rows of samples.
final class PartReader<T: AnyObject, Part: AnyObject>: ViewReader {
  private let parts: LuaParts<T, Part>
  // Safety: both classes belong to one state, which keeps them until it is closed.
  private unowned(unsafe) let partClass: LuaClass<Part>
  private let externalBytes: (Part) -> Int

  init(_ parts: LuaParts<T, Part>, of partClass: LuaClass<Part>, externalBytes: @escaping (Part) -> Int) {
    self.parts = parts
    self.partClass = partClass
    self.externalBytes = externalBytes
    super.init(MT_PARTS, names: true)
  }

  override func bind() {
    precondition(partClass.partSlot != 0, "class \(partClass.name) is not registered")
    reader.pointee.part_reference = partClass.partSlot
  }

  private func with<Result>(_ object: UnsafeMutableRawPointer, _ body: (T) -> Result) -> Result {
    // Safety: `LuaClass.push` stored a T in every object that has this reader.
    Unmanaged<T>.fromOpaque(object)._withUnsafeGuaranteedRef(body)
  }

  override func samples(_ object: UnsafeMutableRawPointer, _ place: Int) -> LuaSamples? {
    with(object) { parts.samples($0, place) }
  }

  override func forEachRun(_ object: UnsafeMutableRawPointer, _ place: Int, _ body: (LuaRun) -> Void) {
    with(object) { parts.runs($0, place, body) }
  }

  override func pushNames(of object: UnsafeMutableRawPointer, _ stack: LuaStack) {
    with(object) { parts.names($0).push(onto: stack) }
  }

  override func pushPart(of object: UnsafeMutableRawPointer, _ place: Int, _ stack: LuaStack) {
    guard let part = with(object, { parts.part($0, place) }) else { return stack.pushNil() }
    let bytes = externalBytes(part)
    partClass.push(part, onto: stack, externalBytes: bytes, sharedBytes: bytes)
  }

  override func part(of object: UnsafeMutableRawPointer, _ place: Int) -> AnyObject? {
    with(object) { parts.part($0, place) }
  }

  override func count(of object: UnsafeMutableRawPointer) -> Int { with(object) { parts.count($0) } }
  override func keeps(_ object: UnsafeMutableRawPointer) -> Bool { with(object) { parts.keeps($0) } }
}

extension mt_view {
  fileprivate mutating func fill(_ samples: LuaSamples) {
    kind = samples.kind.code
    count = Int64(samples.count)
    run_count = Int32(clamping: samples.runCount)
    if let run = samples.run { own = mt_run(run, begin: 0) }
  }
}

extension mt_run {
  fileprivate init(_ run: LuaRun, begin: Int) {
    self.init()
    samples = run.samples
    (self.begin, end) = (Int64(begin), Int64(begin + run.count))
    switch run.times {
    case .unknown: break
    case .steady(let start, let units, let per, let phase):
      (self.start, self.units, self.per, self.phase) = (start, units, per, phase)
    case .stamped(let stamps): self.stamps = stamps
    }
  }
}

extension LuaSamples.Kind {
  fileprivate var code: Int32 {
    let code =
      switch self {
      case .opaque: MT_OPAQUE
      case .float32: MT_FLOAT32
      case .float64: MT_FLOAT64
      case .int8: MT_INT8
      case .int16: MT_INT16
      case .int32: MT_INT32
      case .int64: MT_INT64
      case .uint8: MT_UINT8
      case .uint16: MT_UINT16
      case .uint32: MT_UINT32
      case .uint64: MT_UINT64
      case .bool: MT_BOOL
      }
    return Int32(code)
  }
}

extension LuaQuickMethod {
  var code: Int32 {
    let code =
      switch self {
      case .each: MT_EACH
      case .time: MT_TIME
      case .sum: MT_SUM
      case .mean: MT_MEAN
      case .min: MT_MIN
      case .max: MT_MAX
      case .part: MT_PART
      }
    return Int32(code)
  }
}
