public import Bela
public import Telemetry

/// A simulated board: what its program is called, what it watches, how fast its clock runs.
public struct BoardConfiguration: Sendable {
  /// One watched variable.
  public struct Variable: Sendable {
    public var name: String
    public var type: BelaType
    public var mode: Channel.Mode
    /// Ticks from one assignment to the next; a fraction is kept exactly on average, as `floor(n × interval)`.
    public var interval: Double
    public var signal: BoardSignal

    public init(
      _ name: String, _ type: BelaType, _ mode: Channel.Mode, interval: Double = 1, _ signal: BoardSignal
    ) {
      self.name = name
      self.type = type
      self.mode = mode
      self.interval = interval
      self.signal = signal
    }
  }

  public var projectName = "moontide-sim"
  /// Ticks a second.
  public var rate = 44100.0
  /// Ticks that the program handles at once, between two looks at its clients.
  public var block = 16
  public var seed: UInt64 = 1
  /// How many times faster than real time the clock runs. Infinity is as fast as the readers take it, losing nothing,
  /// while anything is streamed; before and after that time passes as it does.
  public var speed = 1.0
  /// Port to listen on; 0 for any free one.
  public var port = 0
  public var variables: [Variable]
  /// What it says in `list`, where that is not the rate of its clock: programs that tick once per analog frame declare
  /// the audio rate (section 8).
  public var declaredRate: Double?
  /// The first tick: programs have run for a while when a client comes.
  public var firstTick: Int64 = 0
  /// The clock stands still but for one tick per buffer received, as in pybela's `bela-test-send`.
  public var ticksByBuffers = false
  /// Whether it knows the seed command protocol (section 16); real boards do not.
  public var speaksSeedProtocol = false
  /// Where its log files go; nil for a folder of its own that goes with it.
  public var logFolder: String?
  public var faults = BoardFaults()

  public init(variables: [Variable]) { self.variables = variables }

  /// A program that a board of the user may run, by its name; `rate` is that of the board's audio.
  public enum Preset: String, Sendable, CaseIterable {
    case standard
    case pybelaTest = "pybela-test"
    case pybelaSend = "pybela-send"
    case potentiometers
  }

  public static func preset(_ preset: Preset, rate: Double? = nil) throws -> BoardConfiguration {
    var configuration: BoardConfiguration
    switch preset {
    case .standard: return try standard(rate: rate ?? 44100)
    case .pybelaTest: configuration = test
    case .pybelaSend: configuration = bufferEcho
    case .potentiometers: return potentiometers(rate: rate ?? 44100)
    }
    configuration.rate = rate ?? configuration.rate
    // pybela takes frame 0 for padding; a program has run for a while when somebody comes.
    configuration.firstTick = Int64(configuration.rate)
    return configuration
  }

  /// pybela's first tutorial: two potentiometers, read once per analog frame, of which there is one for two of audio.
  private static func potentiometers(rate: Double) -> BoardConfiguration {
    var configuration = BoardConfiguration(variables: knobs)
    configuration.projectName = "potentiometers"
    configuration.rate = rate / 2
    configuration.declaredRate = rate
    return configuration
  }

  private static var knobs: [Variable] {
    [
      Variable("pot1", .float32, .dense, .sine(hertz: 0.5, low: 0.05, high: 0.95, noise: 0.01)),
      Variable("pot2", .float32, .dense, .triangle(hertz: 0.2, low: 0, high: 1, noise: 0)),
    ]
  }

  /// The program that pybela's tests of buffers run against: two variables that are assigned from received buffers.
  public static var bufferEcho: BoardConfiguration {
    var configuration = BoardConfiguration(variables: [
      Variable("myvar1", .float32, .dense, .buffer(0)), Variable("myvar2", .float32, .dense, .buffer(1)),
    ])
    configuration.projectName = "bela-test-send"
    configuration.ticksByBuffers = true
    return configuration
  }

  /// The program that pybela's other tests run against: five counters.
  public static var test: BoardConfiguration {
    var configuration = BoardConfiguration(variables: counters)
    configuration.projectName = "bela-test"
    return configuration
  }

  private static var counters: [Variable] {
    [
      Variable("myvar", .float64, .dense, .counter), Variable("myvar2", .uint32, .dense, .counter),
      Variable("myvar3", .uint32, .sparse, interval: 12, .counter),
      Variable("myvar4", .float64, .sparse, interval: 12, .counter),
      Variable("myvar5", .float64, .dense, .counter),
    ]
  }

  /// Potentiometers, an ECG, motion, and the variables of pybela's test program.
  public static func standard(rate: Double = 44100) throws -> BoardConfiguration {
    let ecg = try PlayedTable.bundled("ecg")
    let motion = try PlayedTable.bundled("motion")
    var variables = knobs
    variables.append(
      Variable("ecg", .float32, .sparse, interval: rate / ecg.rate, .recording(ecg.columns[0])))
    for (name, column) in zip(motion.names, motion.columns) {
      variables.append(Variable(name, .float32, .sparse, interval: rate / motion.rate, .recording(column)))
    }
    variables += counters
    var configuration = BoardConfiguration(variables: variables)
    configuration.rate = rate
    return configuration
  }

  /// Reads `pot1:f:dense,pot2:f:sparse:12,n:j:counter,b:f:buffer:0`: name, type letter, mode and ticks between
  /// assignments, and what it is assigned. Without that it follows the type: sines for `f` and `d`, the tick for the
  /// others.
  public static func parse(variables text: String) throws(SimulationError) -> [Variable] {
    var result: [Variable] = []
    for item in text.split(separator: ",") {
      let parts = item.split(separator: ":").map(String.init)
      guard parts.count >= 2, let letter = parts[1].first, parts[1].count == 1,
        let type = BelaType(rawValue: letter)
      else {
        throw SimulationError(
          "argument", "\"\(item)\" is no variable",
          hint: "name:type[:dense|sparse[:ticks]][:signal], type one of f i j d c")
      }
      var rest = parts[2...]
      let mode = rest.first.flatMap(Channel.Mode.init(rawValue:))
      if mode != nil { rest.removeFirst() }
      var interval = 1.0
      if mode != nil, let ticks = rest.first, ticks.first?.isLetter != true {
        guard let number = Double(ticks), number >= 1, Limits.intervalTicks.contains(number) else {
          throw SimulationError("argument", "\"\(item)\" has \"\(ticks)\" for a number of ticks from 1 on")
        }
        interval = number
        rest.removeFirst()
      }
      let isReal = type == .float32 || type == .float64
      var signal: BoardSignal =
        isReal ? .sine(hertz: 0.5 + 0.25 * Double(result.count), low: 0, high: 1, noise: 0.01) : .counter
      if !rest.isEmpty {
        guard let named = BoardSignal(Array(rest), type: type) else {
          throw SimulationError(
            "argument",
            "\"\(rest.joined(separator: ":"))\" in \"\(item)\" is neither dense, sparse nor a signal",
            hint: "signals: counter, sine[:Hz], saw[:Hz], noise, constant[:value], buffer[:id]")
        }
        signal = named
      }
      result.append(Variable(parts[0], type, mode ?? .dense, interval: interval, signal))
    }
    guard !result.isEmpty, result.count <= Limits.variables else {
      throw SimulationError("argument", "a board has 1 to \(Limits.variables) variables, not \(result.count)")
    }
    return result
  }
}
