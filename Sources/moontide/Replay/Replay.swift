import ArgumentParser
import Bindings
import Glibc
import Lua
import Telemetry

/// `moontide replay …`, behind `scripts/check` and `scripts/bench growth`: bytes as a socket would bring them go through
/// parser, decoder and columns to a loop in Lua, on one thread and without a socket, a timer or a clock, so that the
/// same work takes the same instructions each time.
struct Replay: ParsableCommand, ProgramCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Runs a device's bytes from memory to a loop in Lua.",
    shouldDisplay: false)

  enum Device: String, ExpressibleByArgument, CaseIterable { case bela, synnax }
  enum Shape: String, ExpressibleByArgument, CaseIterable {
    /// Each frame has all channels; or every other one those of one index, and those of another.
    case even, turns
  }
  enum Loop: String, ExpressibleByArgument, CaseIterable {
    /// The sum of each series, frame by frame or of joined frames; three channels of each frame; frames alone.
    case sum, join, look, step
  }

  @Argument(help: "bela or synnax.") var device: Device
  @Option(help: "Channels of a stream.") var channels = 10
  @Option(help: "Samples of each in a frame.") var samples = 1
  @Option(help: "Bursts of up to 64 KiB for each stream.") var bursts = 10
  @Option(help: "Streams at once.") var streams = 1
  @Option(help: "Readers of each stream.") var readers = 1
  @Option(help: "even or turns.") var shape = Shape.even
  @Option(help: "sum, join, look or step.") var loop = Loop.sum
  @Option(help: "Samples that a stream keeps; all of them unless told.") var buffer: Int?

  func validate() throws {
    for (name, value) in [
      ("channels", channels), ("samples", samples), ("streams", streams), ("readers", readers),
    ]
    where value < 1 {
      throw ValidationError("--\(name): at least 1 expected")
    }
  }

  func run() -> Int32 {
    do {
      StandardOutput.print(try measure())
      return ExitCode.success
    } catch {
      StandardError.write("moontide: \(error)\n")
      return ExitCode.failure
    }
  }

  private func measure() throws -> String {
    let state = try LuaState()
    let library = try Library(state)
    defer {
      library.closeAll()
      state.close()
    }
    let lines = try (0..<streams).map { _ -> any ReplayLine in
      switch device {
      case .synnax: try SynnaxReplay(channels: channels, samples: samples, turns: shape == .turns)
      case .bela: try BelaReplay(channels: channels)
      }
    }
    let objects = state.newTable()
    let frames = lines[0].framesInBurst
    var streamers: [Streamer] = []
    for (place, line) in lines.enumerated() {
      let source = ReplaySource(line)
      let perFrame = device == .bela ? BelaReplay.samplesInBlock : samples
      let keeps = buffer ?? max(1, perFrame * frames * (bursts + 1))
      let streamer = try Streamer(
        source: source, channels: line.channels, capacity: .samples(keeps), clock: ReplayClock())
      let problem = Blocking.wait { () async -> String? in
        do { try await streamer.start(StreamRequest()) } catch { return "\(error)" }
        return nil
      }
      if let problem { throw LuaError("replay", problem) }
      try line.prepare()
      streamers.append(streamer)
      state.rawSet(objects, .integer(Int64(place + 1)), try library.adopt(streamer, of: source))
    }
    let first = streamers[0]
    let feed: LuaValue = state.function(name: "feed") { call throws(LuaError) in
      // A board's first blocks are held back until they are proven.
      let before = first.stats.frames
      for line in lines { line.feed() }
      return call.results(Int(first.stats.frames - before))
    }
    let names = state.newTable()
    for (place, channel) in lines[0].channels.enumerated() {
      state.rawSet(names, .integer(Int64(place + 1)), channel.name)
    }
    let function = try state.load(Self.script, chunkName: "=replay")
    let arguments: [LuaValue] = [
      .table(objects), .table(names), feed, .integer(Int64(bursts)), .integer(Int64(readers)),
      .string(LuaString(Array(loop.rawValue.utf8))),
    ]
    let (before, begin) = (Self.residentBytes, Self.processorTime)
    let outcome = state.scheduler.run(function, arguments: arguments)
    let (after, end) = (Self.residentBytes, Self.processorTime)
    switch outcome {
    case .values(let values):
      let numbers = values.compactMap(\.integer)
      let all = Double(frames * bursts * streams)
      let lost = lines.reduce(0) { $0 + $1.stray }
      return "frames \(frames * bursts * streams) seen \(numbers.first ?? 0) samples \(numbers.last ?? 0) "
        + "stray \(lost) ns/frame \(Self.text((end - begin) * 1e9 / all)) "
        + "bytes/frame \(Self.text(Double(after - before) / all))"
    case .failed(let error, _): throw error
    case .exit: throw LuaError("replay", "it ended itself")
    }
  }

  private static func text(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

  /// Frames and samples that the loop saw; what a burst has is read before the next one comes.
  private static let script = """
    local streams, names, feed, bursts, readers, loop = ...
    local steps, seen, samples, total = {}, 0, 0, 0.0
    for _, s in ipairs(streams) do
      for r = 1, readers do
        local how = loop == "join" and { join = true } or {}
        steps[#steps + 1] = (r == 1 and s or s:tap()):frames(how)
      end
    end
    local first, second, third = names[1], names[#names // 2 + 1], names[#names]
    for _ = 1, bursts do
      local count = feed()
      if loop == "join" then count = math.min(count, 1) end
      for k = 1, #steps do
        local step = steps[k]
        for _ = 1, count do
          local f = step()
          seen = seen + 1
          if loop == "look" then
            total = total + f[first][1] + f[second][1] + f[third][1]
            samples = samples + 3
          elseif loop ~= "step" then
            for i = 1, #names do
              local x = f[names[i]]
              if x then
                total = total + x:sum()
                samples = samples + #x
              end
            end
          end
        end
      end
    end
    return seen, total, samples
    """

  private static var processorTime: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private static var residentBytes: Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    fgets(&line, 128, file)
    let fields = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(
      separator: " ")
    return (fields.count > 1 ? Int(fields[1]) ?? 0 : 0) * Int(getpagesize())
  }
}
