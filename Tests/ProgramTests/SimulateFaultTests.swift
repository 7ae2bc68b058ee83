import Foundation
import TestSupport
import Testing

/// Every fault that `moontide simulate board` can be told to have, and what somebody sees who streams from it.
@Suite struct SimulateFaultTests {
  /// Streams `n`, a counter: every value is its tick, whatever happens.
  private func stream(_ options: [String], _ cell: String) async throws -> ProgramRunner.Outcome {
    try await onThread {
      let board = try SimulatedBoardProcess(["--vars", "n:j:dense"] + options)
      return try ProgramRunner.run(
        [
          "-e",
          """
          board = bela.connect{ host = "127.0.0.1", port = \(board.port) }
          s = board:streamer{ "n" }
          \(cell)
          local x = s.data.n
          for i = 1, #x do check(x[i] == x:time(i)) end
          """,
        ], within: .seconds(60))
    }
  }

  @Test(arguments: [
    (["--header-loss", "0.1"], "lost"), (["--payload-loss", "0.1"], "lost"),
    (["--wrong-letters", "0.1"], "lost"),
    (["--link-rate", "100000"], "lost"),
  ])
  func lossIsAGap(_ options: [String], _ why: String) async throws {
    let outcome = try await stream(
      options,
      """
      s:start{ quiet = true }
      local t = TimeStamp.now()
      while s:stats().gaps < 2 and TimeStamp.now() - t < TimeSpan(20) do sleep(0.05) end
      s:stop()
      local g = s.data.n:gaps()
      print(#g >= 2, g[1].why, g[1].samples % 1024, s:stats().lost >= g[1].samples)
      """)
    #expect(outcome.output == "true\t\(why)\t0\ttrue\n", "\(outcome)")
    #expect(outcome.exitCode == 0)
  }

  @Test func withoutFaultsNothingIsLost() async throws {
    let outcome = try await stream(
      [], "s:start{ ticks = 44100, quiet = true } for f in s do end print(s:stats().gaps)")
    #expect(outcome.output == "0\n", "\(outcome)")
  }

  @Test(arguments: [(["--cut-after", "0.3"], "reconnect"), (["--restart-after", "0.3"], "reconnect")])
  func whatBreaksIsReconnectedWithAGap(_ options: [String], _ why: String) async throws {
    let outcome = try await stream(
      options,
      """
      s:start{ quiet = true }
      local t = TimeStamp.now()
      while #s.data.n:gaps() < 1 and TimeStamp.now() - t < TimeSpan(30) do sleep(0.05) end
      s:stop()
      local g = s.data.n:gaps()
      print(s:stats().reconnects, g[1] and (g[1].why == "\(why)" or g[1].why == "restart"))
      """)
    // What came before the streams were asked for again may make a second gap.
    #expect(outcome.output == "1\ttrue\n", "\(outcome)")
    #expect(outcome.errors.contains("reconnecting") && outcome.errors.contains("connected again, with a gap"))
  }

  @Test func aProgramThatEndsInterruptsTheStream() async throws {
    let outcome = try await stream(
      ["--end-after", "0.3"], "s:start() for f in s do end print(#s.data.n > 5000, s.state)")
    #expect(outcome.output.hasPrefix("true\t"), "\(outcome)")
    #expect(outcome.errors.contains("Streaming interrupted: the program on the board ended"), "\(outcome)")
  }

  /// Ten seconds are what the protocol's Pings take to find a dead peer.
  @Test func aBoardThatStopsAnsweringIsFoundWithinTenSeconds() async throws {
    let outcome = try await stream(
      ["--silent-after", "0.2"],
      """
      s:start()
      while #s.data.n < 5000 do sleep(0.02) end
      local t = TimeStamp.now()
      while s:stats().reconnects == 0 and TimeStamp.now() - t < TimeSpan(20) do sleep(0.02) end
      print((TimeStamp.now() - t) < TimeSpan(11), s:stats().reconnects)
      """)
    #expect(outcome.output == "true\t1\n", "\(outcome)")
    #expect(outcome.errors.contains("the board stopped answering"), "\(outcome)")
  }

  @Test func aClientThatNeverRepliedGetsNoData() async throws {
    let outcome = try await stream(
      ["--ignore-replies"],
      "s:start() print(s:read(0.5)) print(#board:channels(), next(board:peek{ 'n', timeout = 0.2 })) s:stop()"
    )
    #expect(outcome.output == "nil\ttimeout\n1\tnil\n", "\(outcome)")
  }

  @Test func lateDataComeLate() async throws {
    let outcome = try await stream(
      ["--latency", "700", "--jitter", "100"],
      """
      local t = TimeStamp.now()
      s:start{ quiet = true }
      local f = s:read(10)
      print(TimeStamp.now() - t > TimeSpan(0.7), s:stats().gaps)
      """)
    #expect(outcome.output == "true\t0\n", "\(outcome)")
  }

  /// Somebody streams and leaves; who comes next and only looks gets the block with a hole, or nothing of it.
  @Test(
    arguments: [([], true), (["--stale-blocks"], true), (["--fresh-blocks"], false)] as [([String], Bool)])
  func staleBlocksAreKeptUnlessToldOtherwise(_ options: [String], _ isOn: Bool) async throws {
    try await onThread {
      let board = try SimulatedBoardProcess(["--vars", "n:j:dense"] + options)
      let python = """
        import base64, os, socket, struct, sys, time
        def open_socket(path):
            s = socket.create_connection(("127.0.0.1", \(board.port)))
            key = base64.b64encode(os.urandom(16)).decode()
            s.sendall(f"GET {path} HTTP/1.1\\r\\nHost: x\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
                      f"Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: {key}\\r\\n\\r\\n".encode())
            data = b""
            while b"\\r\\n\\r\\n" not in data: data += s.recv(1)
            return s
        def say(s, text):
            s.sendall(bytes([0x81, 0x80 | len(text)]) + b"\\0\\0\\0\\0" + text.encode() if len(text) < 126 else
                      bytes([0x81, 0xFE]) + struct.pack(">H", len(text)) + b"\\0\\0\\0\\0" + text.encode())
        control, data = open_socket("/gui_control"), open_socket("/gui_data")
        say(control, '{"event":"connection-reply"}')
        say(control, '{"watcher":[{"cmd":"watch","watchers":["n"]}]}')
        time.sleep(0.2)
        say(control, '{"event":"inactive"}')
        time.sleep(0.3)
        data.setblocking(False)
        try:
            while data.recv(1 << 16): pass
        except BlockingIOError: pass
        data.settimeout(5)
        say(control, '{"event":"active"}')
        got = b""
        while len(got) < 4108 + 5: got += data.recv(1 << 16)
        payload = got[got.index(b"\\x82\\x7e\\x10\\x08") + 4:][:4104]
        start, = struct.unpack("<Q", payload[:8])
        values = struct.unpack("<1024I", payload[8:])
        print("hole" if values[-1] - start > 1100 else "whole")
        """
      let folder = try TemporaryFolder()
      let script = try folder.file("client.py", python)
      let output = try Shell.run("command -v python3 >/dev/null && python3 '\(script)' || echo none")
      guard output != "none\n" else { return print("skipped: there is no python3") }
      #expect(output == (isOn ? "hole\n" : "whole\n"))
    }
  }
}
