extension Reference {
  static let streamers: [ReferenceEntry] = [
    .init(
      "Streamer:start",
      "options?: {span?:Span,time_ms?:integer,at?:integer,ticks?:integer,samples?:integer,timeout?:Span,quiet?:boolean,save?:Path,overwrite?:boolean} -> Streamer",
      """
      Starts, and returns the streamer once the source has acknowledged; nothing happens while it is running. Streams \
      until stopped, or for `span` (`time_ms` in milliseconds, `ticks` in ticks of the board), or until every channel \
      has `samples`. `at` begins at a tick of the board's clock. `save` writes everything from the first sample on into \
      a file while it streams (.mtr, .csv, .jsonl, .txt), whatever the buffer keeps and Lua does; see \
      `Streamer.recording`. Prints "Streaming started..." unless `quiet`.
      """,
      failure:
        "raises \(.timeout), \(.unknownChannel), \(.closed), \(.busy), \(.argument), \(.output), \(.exists)",
      example:
        "local t = board:streamer{ \"pot1\" }\nt:start{ span = \"100ms\", quiet = true }\nprint(t.state)"),
    .init(
      "Streamer:stop", "-> Streamer",
      """
      Stops the capture; connection and buffer stay. The last partial block has been delivered when it returns. \
      Prints "Streaming finished" when something was running.
      """,
      failure: "raises \(.timeout)", example: "s:stop()\nprint(s.state)"),
    .init(
      "Streamer:close", "timeout?: Span",
      "Stops and releases, in 2 s at most. What is buffered stays readable. Doing it twice does no harm.",
      example: "s:close()\nprint(s.state, #s.data.pot1 > 0)"),
    .init(
      "Streamer.state", "-> string",
      "\"ready\", \"running\", \"stopped\", \"reconnecting\", \"lost\" or \"closed\".",
      example: "print(s.state)",
      kind: .field),
    .init(
      "Streamer.data", "-> Frame",
      """
      Everything received and still in the buffer, as it is at this moment; taking it consumes nothing and copies no \
      sample. `s:data("pot1", "2s")` is the last two seconds of a channel, `s:data("pot1", 500)` its last 500 samples.
      """,
      example: "print(#s.data.pot1 > 0, #s:data(\"pot1\", 100))", kind: .field),
    .init(
      "Streamer.last", "-> Frame?", "The newest sample of each channel, as a frame; nil before the first.",
      example: "print(#s.last.pot1)", kind: .field),
    .init(
      "Streamer:set_buffer_size", "size: integer|Span -> integer|TimeSpan",
      """
      How much each channel keeps: a whole number of samples, or a time such as "30s". Works while running, keeps the \
      newest, returns what it was.
      """,
      failure: "raises \(.argument), \(.memory) (and says the cap)",
      example: "print(s:set_buffer_size(50000))"),
    .init(
      "Streamer:clear", "", "Forgets what is buffered and unread; the stream goes on.",
      example: "s:stop()\ns:clear()\nprint(#s.data.pot1)"),
    .init(
      "Streamer:read", "timeout?: Span|ReadOptions -> Frame?; string?",
      """
      The next unread frame. Waits for ever without a timeout; `read(0)` only looks. A timeout loses nothing. Frames \
      that fell out of the buffer unread are counted by the next one (`frame:dropped()`). `read{ join = true }` gives \
      everything unread as one frame.
      """,
      failure:
        "returns nil and \"\(.timeout)\", \"\(.closed)\" (stopped and all read) or \"\(.lost)\"; raises \(.busy) when another task is reading, \(.notStarted)",
      example: "local f, why = s:read(2)\nprint(f ~= nil, why)"),
    .init(
      "Streamer:frames",
      "options?: FramesOptions -> fun():Frame|false|nil",
      """
      Iterates over frames as they come: `for f in s:frames{ span = "2s" } do`. Ends when the stream stops or closes, \
      after `span`, or after `max` frames. With `idle` it gives `false` whenever so long nothing came. `complete` waits \
      for every channel, `align = "hold"` fills in the value before. `for f in s do` is the same without options. \
      `join = true` gives everything unread as one frame, so that one pass serves thousands of small messages; \
      `every = "20ms"` the same at most so often. `samples = 256` gives frames of exactly so many samples of each \
      channel in them; a channel that is much slower than the others comes whenever it has enough, and what is left \
      at the end of the stream is a shorter frame. One of these ways at a time.
      """,
      failure: "raises \(.lost) when the connection is gone for good",
      example: "local n = 0\nfor f in s:frames{ max = 3 } do n = n + 1 end\nprint(n)"),
    .init(
      "Streamer:collect", "amount: integer|Span; timeout?: Span -> Frame?; string?",
      """
      Waits until so many samples of every channel, or so long a time of data, have come, and returns them. When \
      nothing more of a time comes for as long and two seconds, returns what there is.
      """,
      failure: "returns nil and \"\(.timeout)\"; raises \(.closed), \(.lost) when the stream ends before",
      example: "print(#s:collect(1000).pot1)"),
    .init(
      "Streamer:tap", "-> Reader",
      "A second, independent reader of the same stream, from now on. It has `read`, `frames`, `collect` and `close`.",
      failure: "raises \(.tooMany)", example: "local t = s:tap()\nprint(t:read(2) ~= nil)"),
    .init(
      "Streamer:on_frame", "callback: fun(frame:Frame) -> Task",
      """
      Calls a function with every frame from now on, as a task of its own; `:cancel()` on the result ends that. After \
      three errors it is given up, with one message.
      """,
      example:
        "local n = 0\nlocal t = s:on_frame(function(f) n = n + 1 end)\nsleep(\"200ms\")\nt:cancel()\nprint(n > 0)"
    ),
    .init(
      "Streamer:on_block", "callback: fun(frame:Frame) -> Task",
      "As `on_frame`, but only with frames that have every channel, all of one length.",
      example:
        "local t = s:on_block(function(f) assert(#f.pot1 == #f.pot2) end)\nsleep(\"200ms\")\nt:cancel()\nprint(t.status)"
    ),
    .init(
      "Streamer:channels", "-> string[]", "The names it streams, in order.", example: "print(s:channels()[1])"
    ),
    .init(
      "Streamer:update_channels", "names: SourceChannel[] -> Streamer",
      "Replaces the set of channels, also while running. What is buffered of those that stay stays.",
      failure: "raises \(.unknownChannel) before anything changes",
      example: "s:update_channels{ \"pot2\" }\nprint(s:channels()[1])"),
    .init(
      "Streamer:stats", "-> table",
      """
      Counts since it was made: frames, samples, bytes, rate (samples a second), lost and gaps (missing in the data), \
      dropped (fell out unread), reconnects, lag (unread frames), buffered and buffered_bytes, idle (seconds since the \
      last frame), latency (seconds from the newest sample to its arrival, by the clocks of two machines; not of a board, \
      whose ticks are no time of day).
      """,
      example: "print(s:stats().gaps, s:stats().dropped)"),
    .init(
      "Reader:read", "timeout?: Span|ReadOptions -> Frame?; string?",
      "As `Streamer:read`, from this reader's own place.",
      failure: "as \(like: "Streamer:read")", example: "print(s:tap():read(2) ~= nil)"),
    .init(
      "Reader:frames",
      "options?: FramesOptions -> fun():Frame|false|nil",
      "As `Streamer:frames`.",
      failure: "as \(like: "Streamer:frames")",
      example: "for f in s:tap():frames{ max = 1 } do print(#f.pot1 > 0) end"),
    .init(
      "Reader:collect", "amount: integer|Span; timeout?: Span -> Frame?; string?", "As `Streamer:collect`.",
      failure: "as \(like: "Streamer:collect")",
      example: "print(#s:tap():collect(10).pot1)"),
    .init(
      "Reader:close", "", "Ends this reader; the stream goes on.",
      example: "local t = s:tap()\nt:close()\nprint(s.state)"),
  ]
}
