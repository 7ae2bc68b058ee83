public import Lua
public import Telemetry

/// Names that a person at the prompt may mean. Nothing here runs what a user wrote.
extension Library {
  /// Names of channels: those of a source, streamer or frame; of everything that is open when it is none of these.
  ///
  /// A source that was not asked lately is asked, and waited for a moment; streams go on meanwhile.
  ///
  /// - Parameter fromSource: of a streamer, all that it could stream.
  public func channelNames(of object: LuaValue, fromSource: Bool = false) -> [String] {
    if fromSource, let streamer = state.object(object, classes.streamer) {
      return known(of: streamer.source).map(\.name)
    }
    return channels(of: object).map(\.name)
  }

  /// The same with type, unit and rate.
  public func channels(of object: LuaValue) -> [Channel] {
    if let source = state.object(object, classes.source) { return known(of: source) }
    if let streamer = state.object(object, classes.streamer) {
      return streamer.streamer.channels
    }
    if let frame = state.object(object, classes.frame) { return frame.value.series.map(\.channel) }
    var seen: Set<String> = []
    let all =
      openStreamers.flatMap { $0.streamer.channels }
      + openSources.filter { $0.source.state == "open" }.flatMap { known(of: $0) }
    return all.filter { seen.insert($0.name).inserted }
  }

  /// Keys that an object answers beside its class's: a frame's channels.
  public func ownFields(of object: LuaValue) -> [String] {
    state.object(object, classes.frame)?.value.names ?? []
  }

  /// The class of an object of ours: `Streamer`.
  public func className(of value: LuaValue) -> String? {
    guard case .userdata = value, let name = state.metafield(value, "__name").string else { return nil }
    return classes.members.contains { $0.name == name } ? name : nil
  }

  func known(of object: SourceObject) -> [Channel] {
    object.known.channels(of: object.source, at: state.scheduler.clock.now())
  }
}

extension Library {
  /// A streamer as Lua's own value of it.
  public func value(of streamer: StreamerObject) -> LuaValue { state.value(streamer, classes.streamer) }

  /// Bytes of samples that an object keeps: a streamer's buffer, a frame's or a series' samples; 0 of others.
  public func bufferedBytes(of object: LuaValue) -> Int {
    if let streamer = state.object(object, classes.streamer) { return streamer.streamer.stats.bufferedBytes }
    if let frame = state.object(object, classes.frame) {
      return frame.value.series.reduce(0) { $0 + $1.byteCount }
    }
    return state.object(object, classes.series)?.value.byteCount ?? 0
  }
}

extension Library {
  /// A streamer that was made elsewhere, as Lua's own value; `closeAll` ends it.
  package func adopt(_ streamer: Streamer, of source: any Source) throws(LuaError) -> LuaValue {
    let object = try StreamerObject(
      streamer, source: SourceObject(source, kind: .computed, device: nil), request: StreamRequest())
    openStreamers.append(object)
    return value(of: object)
  }
}
