import JSON
public import Telemetry

/// A watched variable as the board's `list` reply describes it (section 4.1).
public struct BelaVariable: Sendable, Hashable {
  public var name: String
  public var type: BelaType
  public var mode: Channel.Mode
  /// Position in the list.
  public var index: Int
  public var isWatched: Bool
  public var isLogged: Bool
  public var isControlled: Bool
  /// Current monitor period in ticks, 0 when off.
  public var monitorPeriod: Int64
  /// File of the latest log, empty before the first.
  public var logFileName: String
  /// What the program reads: the remote value while controlled.
  public var value: Double
  /// What the program assigned last.
  public var valueInput: Double

  init?(_ json: JSON, index: Int) {
    guard let name = json["name"]?.string, let letter = json["type"]?.string, letter.utf8.count == 1,
      let type = letter.first.flatMap(BelaType.init(rawValue:))
    else { return nil }
    self.name = name
    self.type = type
    self.index = index
    mode = json["timestampMode"]?.boardNumber == 1 ? .sparse : .dense
    isWatched = json["watched"]?.boardFlag ?? false
    isLogged = json["logged"]?.boardFlag ?? false
    isControlled = json["controlled"]?.boardFlag ?? false
    monitorPeriod = min(max(0, json["monitor"]?.tick ?? 0), BelaLimits.periodMax)
    logFileName = json["logFileName"]?.string ?? ""
    value = json["value"]?.boardNumber ?? .nan
    valueInput = json["valueInput"]?.boardNumber ?? .nan
  }

  /// - Parameter rate: ticks per second as the board declares them.
  public func channel(rate: Double?) -> Channel {
    Channel(name: name, type: type.dataType, clock: .ticks(rate: rate), mode: mode, key: UInt32(index))
  }
}

/// A board's answer to `list`.
public struct BelaList: Sendable, Hashable {
  /// Whatever the program declared; nil when it is not a positive number.
  public var sampleRate: Double?
  /// The board's clock when it answered.
  public var tick: Int64
  /// In the order of creation. Entries that make no sense are left out, the others keep their index.
  public var variables: [BelaVariable]

  init?(_ json: JSON) {
    guard let entries = json["watchers"]?.array else { return nil }
    let rate = json["sampleRate"]?.boardNumber ?? 0
    sampleRate = rate.isFinite && rate > 0 ? rate : nil
    // Ticks count from 0, and differences are to be had whatever a board answers.
    tick = min(max(0, json["timestamp"]?.tick ?? 0), BelaLimits.stampMax)
    variables = entries.prefix(BelaLimits.variables).enumerated().compactMap { index, entry in
      BelaVariable(entry, index: index)
    }
  }

  /// The first of that name; commands reach no other (section 4.1).
  public subscript(name: String) -> BelaVariable? { variables.first { $0.name == name } }
  public var names: [String] { variables.map(\.name) }
}
