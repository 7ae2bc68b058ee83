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
    var variables: [Variable] = [
      Variable("pot1", .float32, .dense, .sine(hertz: 0.5, low: 0.05, high: 0.95, noise: 0.01)),
      Variable("pot2", .float32, .dense, .triangle(hertz: 0.2, low: 0, high: 1, noise: 0)),
      Variable("ecg", .float32, .sparse, interval: rate / ecg.rate, .recording(ecg.columns[0])),
    ]
    for (name, column) in zip(motion.names, motion.columns) {
      variables.append(Variable(name, .float32, .sparse, interval: rate / motion.rate, .recording(column)))
    }
    variables += counters
    variables += [
      Variable("buffer1", .float32, .dense, .buffer(0)), Variable("buffer2", .float32, .dense, .buffer(1)),
    ]
    var configuration = BoardConfiguration(variables: variables)
    configuration.rate = rate
    return configuration
  }

  /// Reads `pot1:f:dense,pot2:f:sparse:12`: name, type letter, mode, ticks between assignments. Signals follow the type:
  /// sines for `f` and `d`, the tick for the others.
  public static func parse(variables text: String) throws(SimulationError) -> [Variable] {
    var result: [Variable] = []
    for item in text.split(separator: ",") {
      let parts = item.split(separator: ":").map(String.init)
      guard parts.count >= 2, let letter = parts[1].first, parts[1].count == 1,
        let type = BelaType(rawValue: letter)
      else {
        throw SimulationError(
          "argument", "\"\(item)\" is no variable",
          hint: "name:type[:dense|sparse[:ticks]], type one of f i j d c")
      }
      guard let mode = parts.count > 2 ? Channel.Mode(rawValue: parts[2]) : .dense else {
        throw SimulationError("argument", "\"\(parts[2])\" in \"\(item)\" is neither dense nor sparse")
      }
      guard let interval = parts.count > 3 ? Double(parts[3]) : 1, interval >= 1, interval < 1e12,
        parts.count <= 4
      else {
        throw SimulationError("argument", "\"\(item)\" has no number of ticks from 1 on at its end")
      }
      let isReal = type == .float32 || type == .float64
      let signal: BoardSignal =
        isReal ? .sine(hertz: 0.5 + 0.25 * Double(result.count), low: 0, high: 1, noise: 0.01) : .counter
      result.append(Variable(parts[0], type, mode, interval: interval, signal))
    }
    guard !result.isEmpty, result.count <= Limits.variables else {
      throw SimulationError("argument", "a board has 1 to \(Limits.variables) variables, not \(result.count)")
    }
    return result
  }
}
