/// What to stream, and how: what every source understands, and options for one kind of them.
public struct StreamRequest: Sendable {
  /// Names, in the order wanted; empty for all.
  public var channels: [String]
  /// End by itself after this time.
  public var span: TimeSpan?
  /// How long the source may take to acknowledge.
  public var timeout: TimeSpan
  /// What only one kind of source understands; any other refuses to open.
  public var options: (any SourceOptions)?

  public init(
    channels: [String] = [], span: TimeSpan? = nil, timeout: TimeSpan = TimeSpan(nanoseconds: 5_000_000_000),
    options: (any SourceOptions)? = nil
  ) {
    self.channels = channels
    self.span = span
    self.timeout = timeout
    self.options = options
  }

  /// The options of a kind of source, or its usual ones; error `unsupported` for those of another kind.
  public func options<Own: SourceOptions>(as own: Own.Type, of source: any Source) throws(TelemetryError)
    -> Own
  {
    guard let options else { return Own() }
    guard let fitting = options as? Own else { throw Self.unsupported(options, source) }
    return fitting
  }

  /// For a source that has no options: error `unsupported` where there are any.
  public func refuseOptions(of source: any Source) throws(TelemetryError) {
    if let options { throw Self.unsupported(options, source) }
  }

  private static func unsupported(_ options: any SourceOptions, _ source: any Source) -> TelemetryError {
    .unsupported(options.names.joined(separator: ", "), isFor: type(of: options).devices, source: source.name)
  }
}

/// Wishes that only one kind of source understands, each kind in a type of its own.
public protocol SourceOptions: Sendable {
  /// What a source does that is asked for nothing special.
  init()
  /// Whose they are, in the plural: `Bela boards`.
  static var devices: String { get }
  /// Those that differ from the usual, by the words that scripts use.
  var names: [String] { get }
}

extension TelemetryError {
  /// The one answer to what a kind of source cannot do.
  public static func unsupported(
    _ what: String, isFor devices: String, source: String, hint: String? = nil
  ) -> TelemetryError {
    TelemetryError("unsupported", "'\(what)' is for \(devices), and \(source) is none", hint: hint)
  }
}
