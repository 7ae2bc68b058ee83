extension Reference {
  static let synnax: [ReferenceEntry] = [
    .init(
      "synnax.connect",
      "address?: string|CoreAddress|CoreSimulation -> Source",
      """
      Logs in to a Synnax core: localhost:9090 as synnax unless told otherwise. `password_env` names an environment \
      variable, `password_file` a file that only its owner may read; a password is never shown. `secure` is TLS with \
      the certificate verified, against `ca_file` (or `ca_cert`) if given; `insecure_skip_verify` leaves that out and says so loudly. \
      Tokens are renewed by themselves. "sim" starts a simulated core inside moontide, which plays a motion recording \
      (acc_x … gyro_z, activity), temperature, pressure, and a virtual counter; `play`, `rate`, `seed` and `login` \
      change what it does.
      """,
      failure: "raises \(.unreachable), \(.refused), \(.timeout), \(.tls), \(.auth), \(.protocol)",
      example: "local core = synnax.connect(\"sim\")\nprint(core.state)\ncore:close()"),
    .init(
      "Source:create_channel",
      """
      options: {name:NewChannel,data_type?:string,index?:ChannelName|table,is_index?:boolean,virtual?:boolean,\
      retrieve_if_name_exists?:boolean} -> table
      """,
      """
      Creates a channel in a core and returns it as `channels()` lists it. A `timestamp` channel without an index \
      becomes an index; other channels name the `index` whose samples are their times, or are `virtual`: streamed and \
      not stored. `retrieve_if_name_exists` answers the channel that is there already.
      """,
      failure: "raises \(.validation), \(.unknownChannel), \(.accessDenied), \(.argument)",
      example:
        """
        local core = synnax.connect("sim")
        local t = core:create_channel{ name = "t", data_type = "timestamp" }
        print(core:create_channel{ name = "v", data_type = "float32", index = t }.name)
        core:close()
        """),
    .init(
      "Source:open_async_streamer",
      "options?: CoreStreamerOptions|ChannelName|integer -> Streamer",
      "As `open_streamer`: whether a cell waits for frames or a task does is decided where they are read.",
      failure: "as \(like: "Source:open_streamer", as: "open_streamer")",
      example:
        """
        local core = synnax.connect("sim")
        local t = core:open_async_streamer{ "acc_x" }
        print(t:read(2) ~= nil)
        core:close()
        """),
    .init(
      "Source:read",
      """
      range: Span|{start:integer|TimeStamp,stop:integer|TimeStamp}; names: ChannelName|integer|(ChannelName|integer)[] -> Frame
      """,
      """
      What a core has stored: the last so long, such as "10s", or from one moment to another (the second excluded). \
      Channels without samples there are left out.
      """,
      failure: "raises \(.unknownChannel), \(.tooLarge), \(.timeout), \(.closed), \(.argument)",
      example:
        """
        local core = synnax.connect("sim")
        sleep("300ms")
        print(#core:read("10s", { "acc_x", "motion_time" }).acc_x > 0)
        core:close()
        """),
    .init(
      "Source:read_latest", "names: ChannelName|integer|(ChannelName|integer)[]; n?: integer -> Frame",
      "The newest n stored samples of each channel, one unless told otherwise.",
      failure: "raises \(.unknownChannel), \(.timeout), \(.closed), \(.argument)",
      example:
        """
        local core = synnax.connect("sim")
        sleep("300ms")
        print(#core:read_latest("acc_x", 2).acc_x)
        core:close()
        """),
    .init(
      "Source:open_writer",
      """
      options: {[integer]:ChannelName|integer,start?:integer|TimeStamp,mode?:string,authorities?:integer|integer[],name?:string,group?:integer,\
      err_on_unauthorized?:boolean,enable_auto_commit?:boolean,auto_index?:boolean} -> Writer
      """,
      """
      Opens the channels in the table's list (names or keys), and their index channels, for writing. `start` is the first \
      timestamp (now unless told otherwise); `mode` is "persist_stream", "persist" or "stream"; `authorities`, 0 to 255, \
      decide who wins when several write a channel: one for all, or one each. Frames are committed by themselves \
      unless `enable_auto_commit` is false; with `auto_index` the core makes the timestamps.
      """,
      failure: "raises \(.unknownChannel), \(.control), \(.validation), \(.timeout), \(.argument)",
      example: Self.writing + "w:write{ t = TimeStamp.now(), v = 1 }\nw:close()\ncore:close()"),
    .init(
      "Writer:write", "frame: table<ChannelName|integer,any>|Frame",
      """
      Writes one frame: for each channel, by name or by key, a sample, a list of samples, or a series; samples of one index together, as \
      many as there are timestamps. Values must fit the channel's type exactly. The core answers nothing to a good \
      frame; an error may show at a later call.
      """,
      failure: "raises \(.unknownChannel), \(.validation), \(.type), \(.control), \(.timeout), \(.closed)",
      example: Self.writing + "w:write{ t = { 1, 2, 3 }, v = { 0.5, 1, 2 } }\nprint(w.samples)\ncore:close()"),
    .init(
      "Writer:commit", "-> TimeStamp",
      "Makes permanent what was written; returns its end, a nanosecond after the last sample.",
      failure: "raises \(.validation), \(.timeout), \(.closed)",
      example: Self.writing + "w:write{ t = 5, v = 1 }\nprint(w:commit().nanoseconds)\ncore:close()"),
    .init(
      "Writer:set_authority", "authority: integer; names?: ChannelName|ChannelName[]",
      "Changes how firmly channels are held, all of them when none are named.",
      failure: "raises \(.unknownChannel), \(.timeout), \(.closed), \(.argument)",
      example: Self.writing + "w:set_authority(10)\ncore:close()"),
    .init(
      "Writer:close", "",
      "Ends the writer; all that was written before has been taken when it returns. Doing it twice does no harm.",
      failure: "raises the error that made the writer useless, the first time",
      example: Self.writing + "w:close()\nw:close()\nprint(w.state)\ncore:close()"),
    .init(
      "Writer:channels", "-> string[]", "The names it writes, index channels included.",
      example: Self.writing + "print(#w:channels())\ncore:close()"),
    .init(
      "Writer.samples", "-> integer", "Samples handed to the core so far, all channels together.",
      example: Self.writing + "print(w.samples)\ncore:close()", kind: .field),
    .init(
      "Writer.state", "-> string", "\"open\" or \"closed\".",
      example: Self.writing + "print(w.state)\ncore:close()", kind: .field),
    .init(
      "Streamer:forward", "writer: Writer; options?: {map?:table<ChannelName,string>} -> Task",
      """
      Writes into a core what this stream sends from now on, as a task of its own that ends with the stream. `map` says \
      which of its channels goes into which of the writer's; without it names must be the same. Ticks of a board become \
      timestamps by its declared rate, from one look at its clock. A slow core holds the task up while the buffer fills; \
      what falls out of that is told and counted. The task's result is { forwarded, skipped, dropped }, in samples; \
      skipped ones had no partner for the same moment on their index.
      """,
      failure: "raises \(.unknownChannel), \(.argument); the task fails with what the core says",
      example:
        """
        local core = synnax.connect("sim")
        core:create_channel{ name = "bela_time", data_type = "timestamp" }
        core:create_channel{ name = "bela_pot1", data_type = "float32", index = "bela_time" }
        local w = core:open_writer{ "bela_pot1", start = 0 }
        local live = board:streamer{ "pot1" }
        local task = live:forward(w, { map = { pot1 = "bela_pot1" } })
        live:start{ span = "100ms" }
        print(task:wait(5).forwarded)
        core:close()
        """),
  ]

  /// A core with an index, a channel and a writer, for examples.
  private static let writing = """
    local core = synnax.connect("sim")
    core:create_channel{ name = "t", data_type = "timestamp" }
    core:create_channel{ name = "v", data_type = "float64", index = "t" }
    local w = core:open_writer{ "t", "v", start = 0 }

    """
}
