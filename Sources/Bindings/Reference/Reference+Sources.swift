extension Reference {
  static let sources: [ReferenceEntry] = [
    .init(
      "bela.connect",
      "address?: string|BoardAddress|BoardSimulation -> Source",
      """
      Connects to the program on a Bela board. Without an address the board's own, ws://192.168.7.2:5555; a host name \
      or a table of host and port else. "sim" starts a simulated board inside moontide, on a free port of this machine; `{ "sim", speed = 10 }` changes what it \
      does, and so do `rate` (ticks a second), `block` (ticks), `seed` and `vars` (as `moontide simulate board` has them).
      """,
      failure: "raises \(.unreachable), \(.refused), \(.timeout), \(.protocol)",
      example: "local b = bela.connect(\"sim\")\nprint(b.state)\nb:close()"),
    .init(
      "connect", "url: string -> Source",
      """
      Connects to any source by its address: bela://host[:port], synnax://[user@]host[:port], synnaxs:// for TLS, sim: for \
      the simulated board.
      """,
      failure: "raises \(.unreachable), \(.refused), \(.timeout), \(.protocol), \(.argument)",
      example: "local b = connect(\"sim:\")\nprint(#b:channels())\nb:close()"),
    .init(
      "Streamer",
      "options: {project_name?:string,time_ms?:integer,variables?:ChannelName[],buffer?:integer|Span} -> Streamer",
      """
      A streamer on the default board: the one connected last, else the one at ws://192.168.7.2:5555. `time_ms` is how \
      long `start` streams, a minute unless told otherwise; 0 streams until stopped. With `project_name` the board \
      must be running that project.
      """,
      failure: "raises \(.unreachable), \(.refused), \(.timeout), \(.unknownChannel), \(.project)",
      example:
        "local t = Streamer{ time_ms = 200, variables = { \"pot1\" } }\nt:start()\nprint(t.state)\nt:close()"),
    .init(
      "Source:channels", "pattern?: string|integer|(ChannelName|integer)[] -> Channels",
      """
      All channels of the source, asked for anew: a list of { name, type, mode, unit, rate } that prints as a table. A \
      core takes a regular expression for the names, a key, or a list of names and keys, and tells key, index, is_index \
      and virtual, too.
      """,
      failure: "raises \(.timeout), \(.closed), \(.unsupported) for a board's pattern",
      example: "print(board:channels()[1].name)"),
    .init(
      "Source:info", "-> table",
      """
      What the source says of itself: kind, address, state, project or version, rate. Of a board also the ticks a second \
      as measured (`tick_rate`; what it declares need not be that), and what its data socket lost: `lost_headers`, \
      `lost_payloads`, and `foreign` ones that nobody here asked for.
      """,
      example: "print(board:info().kind)"),
    .init(
      "Source:streamer",
      "options?: StreamerOptions|CoreStreamerOptions -> Streamer",
      """
      A streamer of the channels named in the table's list, all without names; nothing is streamed before `start`. \
      `buffer` is how much it keeps: samples per channel, or a time such as "30s" (1,000,000 samples unless told \
      otherwise). Of a core also: keys instead of names; `downsample_factor` keeps every n-th sample of a frame, `throttle_rate` \
      (frames a second; also `throttle_rate_hz`) \
      joins frames, `exclude_groups` leaves out frames of writers of these groups.
      """,
      failure: "raises \(.unknownChannel), \(.closed), \(.memory), \(.argument)",
      example: "local t = board:streamer{ \"pot1\", \"pot2\", buffer = \"30s\" }\nprint(t.state)"),
    .init(
      "Source:open_streamer",
      "options?: StreamerOptions|CoreStreamerOptions|ChannelName|integer; downsample_factor?: integer -> Streamer",
      """
      `streamer` and `start` in one, as the Synnax client has it: of a core also with one name or key instead of a list, \
      and the downsample factor behind it.
      """,
      failure: "as \(like: "Source:streamer", as: "streamer") and \(like: "Streamer:start", as: "start")",
      example: "local t <close> = board:open_streamer{ \"pot1\" }\nprint(t.state)"),
    .init(
      "Source:now", "-> integer",
      "The source's clock now: a board's tick, a cluster's nanoseconds since 1970.",
      failure: "raises \(.timeout), \(.closed)", example: "print(math.type(board:now()))"),
    .init(
      "Source:close", "", "Ends the source's streams and the connection. Doing it twice does no harm.",
      example: "local b = bela.connect(\"sim\")\nb:close()\nprint(b.state)"),
    .init(
      "Source.state", "-> string", "\"open\", \"reconnecting\", \"lost\" or \"closed\".",
      example: "print(board.state)",
      kind: .field),
    .init(
      "Source.sample_rate", "-> number?",
      "Ticks a second as the board declares them; nil where there is no such thing.",
      example: "print(board.sample_rate)", kind: .field),
  ]
}
