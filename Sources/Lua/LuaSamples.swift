/// What C may know of an object so that it reads its samples without Swift: they lie in memory, never change, and stay
/// as long as the object does.
public struct LuaSamples {
  public enum Kind {
    /// Only Swift can read them.
    case opaque
    case float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64, bool
  }

  public var kind: Kind
  public var count: Int
  /// How many runs there are at most.
  public var runCount: Int
  /// The run, where it is one.
  public var run: LuaRun?

  public init(_ kind: Kind, count: Int, runCount: Int, run: LuaRun?) {
    self.kind = kind
    self.count = count
    self.runCount = runCount
    self.run = run
  }
}

/// Samples side by side in memory.
public struct LuaRun {
  /// When they were taken.
  public enum Times {
    case unknown
    /// `units` every `per` samples; the first one lies `phase` samples behind `start`.
    case steady(start: Int64, units: Int64, per: Int64, phase: Int64)
    case stamped(UnsafePointer<Int64>)
  }

  public var samples: UnsafeRawPointer
  public var count: Int
  public var times: Times

  public init(_ samples: UnsafeRawPointer, count: Int, times: Times) {
    self.samples = samples
    self.count = count
    self.times = times
  }
}

/// Methods that C answers where it can; the Swift body is for everything else.
public enum LuaQuickMethod {
  /// Of samples.
  case each, time, sum, mean, min, max
  /// Of what has parts: the one with a name.
  case part
}

/// What an object consists of: rows of samples with names, which scripts get as objects of a class of their own.
public struct LuaParts<Whole: AnyObject, Part: AnyObject> {
  let count: (Whole) -> Int
  let keeps: (Whole) -> Bool
  let names: (Whole) -> LuaReference
  let samples: (Whole, Int) -> LuaSamples?
  let runs: (Whole, Int, (LuaRun) -> Void) -> Void
  let part: (Whole, Int) -> Part?

  /// - Parameters:
  ///   - keeps: may its parts keep the whole alive? Then each is only a look at it until a method in Swift needs more.
  ///   - names: a table from names to places; `-1 - place` for a name that a method or field of the class has.
  ///   - part: as an object of its own; nil where there is none at this place.
  public init(
    count: @escaping (Whole) -> Int, keeps: @escaping (Whole) -> Bool,
    names: @escaping (Whole) -> LuaReference,
    samples: @escaping (Whole, Int) -> LuaSamples?, runs: @escaping (Whole, Int, (LuaRun) -> Void) -> Void,
    part: @escaping (Whole, Int) -> Part?
  ) {
    self.count = count
    self.keeps = keeps
    self.names = names
    self.samples = samples
    self.runs = runs
    self.part = part
  }
}
