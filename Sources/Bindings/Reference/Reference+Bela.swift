extension Reference {
  static let bela: [ReferenceEntry] = [
    .init(
      "Source:monitor",
      "periods: table<ChannelName,integer>; options?: {buffer?:integer|Span} -> Streamer",
      """
      A streamer of single values: of each variable one every so many ticks, as in `board:monitor{ pot1 = 1000, pot2 = \
      2000 }`. Nothing is sent before `start`. It runs beside streams of the same variables. A period of 1 is a board's \
      single value: one comes, and no more; a streamer has every value. Monitors of one variable with different periods \
      share what the board sends: each keeps its own on average.
      """,
      failure:
        "raises \(.unknownChannel), \(.argument), \(.closed), \(.unsupported) for other sources than boards",
      example:
        "local m <close> = board:monitor{ pot1 = 400, pot2 = 800 }:start()\nprint(#m:collect(2).pot2 >= 2)"),
    .init(
      "Source:peek", "options?: {[integer]:ChannelName,timeout?:Span} -> table<string,any>",
      """
      The next value of each variable in the list, all without names, by name. One that the program does not assign \
      within `timeout` (a second) is missing. Monitors that run go on.
      """,
      failure: "raises \(.unknownChannel), \(.timeout), \(.closed), \(.unsupported)",
      example: "print(board:peek{ \"pot1\", timeout = \"2s\" }.pot1 <= 1)"),
    .init(
      "Source:control", "names?: ChannelName[] -> Source",
      "From now on the program reads what `set` says instead of its own values. All variables without names.",
      failure: "raises \(.unknownChannel), \(.timeout), \(.closed), \(.unsupported)",
      example: "board:control{ \"pot1\" }\nprint(board:controlled()[1])\nboard:release()"),
    .init(
      "Source:set", "values: table<ChannelName,number|boolean|string> -> Source",
      """
      Sets controlled variables. The board converts to their type as C does: 4.6 becomes 4 in an integer. true and \
      false are 1 and 0, one character is its code. When it returns, the board has read the command.
      """,
      failure:
        "raises \(.notControlled), \(.unknownChannel), \(.argument), \(.timeout), \(.closed), \(.unsupported)",
      example:
        "board:control{ \"pot1\" }:set{ pot1 = 0.5 }\nprint(board:get{ \"pot1\" }.pot1)\nboard:release{ \"pot1\" }"
    ),
    .init(
      "Source:set_mask", "bits: table<ChannelName,{value:integer,mask:integer}> -> Source",
      "Sets only the bits of `mask` in controlled integer variables; the others stay.",
      failure:
        "raises as \(like: "Source:set", as: "set"), and \(.argument) for variables that are no integers",
      example:
        "board:control{ \"myvar2\" }:set{ myvar2 = 8 }\nboard:set_mask{ myvar2 = { value = 1, mask = 3 } }\nprint(board:get{ \"myvar2\" }.myvar2)"
    ),
    .init(
      "Source:get", "names?: ChannelName[] -> table<string,number>",
      "What the program on the board reads now, by name: what was set while a variable is controlled.",
      failure: "raises \(.unknownChannel), \(.timeout), \(.closed), \(.unsupported)",
      example: "print(board:get{ \"pot1\" }.pot1 <= 1)"),
    .init(
      "Source:controlled", "-> string[]", "Names of the variables that are controlled, by whomever.",
      failure: "raises \(.timeout), \(.closed), \(.unsupported)", example: "print(#board:controlled())"),
    .init(
      "Source:release", "names?: ChannelName[] -> Source",
      "Gives variables back to the program, all that are controlled without names.",
      failure: "raises \(.unknownChannel), \(.timeout), \(.closed), \(.unsupported)",
      example: "board:control{ \"pot1\", \"pot2\" }:release()\nprint(#board:controlled())"),
    .init(
      "Source:send_buffer", "id: integer; type: string; values: number[]|Series|string -> Source",
      """
      Sends a buffer to the program on the board: its number there, the type's letter (f, d, i, j, c), and a list of \
      numbers, a series, or text for "c". A board answers nothing, and drops an unknown number or another type than \
      the program's own.
      """,
      failure: "raises \(.argument) for values that do not fit, \(.closed), \(.unsupported)",
      example: "board:send_buffer(0, \"f\", { 0.1, 0.2, 0.3 })\nboard:send_buffer(0, \"f\", x:slice(1, 10))"),
    .init(
      "Source:log", "names?: ChannelName[] -> Log",
      """
      A log of these variables in files on the board, all without names; nothing is written before `start`. It goes on \
      when nobody is connected.
      """,
      failure: "raises \(.unknownChannel), \(.timeout), \(.closed), \(.unsupported)",
      example: "print(board:log{ \"pot1\", \"pot2\" })"),
    .init(
      "Log:start", "options?: {at?:integer|integer[],ticks?:integer|integer[]} -> Log",
      """
      Starts, and returns once the board has accepted every variable. `at` begins at a tick of the board's clock, \
      `ticks` ends by itself after so many; one for all, or a list with one each.
      """,
      failure: "raises \(.busy) when one is being logged, \(.timeout), \(.argument), \(.closed)",
      example:
        "local log = board:log{ \"pot1\" }:start{ at = board:now() + 22050, ticks = 800 }\nprint(#log:files())\nlog:stop()"
    ),
    .init(
      "Log:stop", "-> Log", "Ends the log, and waits until the board has closed its files (1.5 s at most).",
      failure: "raises \(.timeout), \(.closed)",
      example: "local log = board:log{ \"pot1\" }:start()\nlog:stop()\nprint(#log:files())"),
    .init(
      "Log:files", "-> string[]", "Names of the files on the board, in the order of the variables.",
      example: "print(#board:log{ \"pot1\" }:files())"),
    .init(
      "Log:fetch", "folder?: Path -> string[]",
      """
      Copies the files into a folder (the current one) and returns their paths; a file that exists is not overwritten, \
      the new one gets a number. From a board it runs your `scp`, or `sftp`, which must work without a password.
      """,
      failure: "raises \(.tool) when there is neither or it fails, \(.argument) before the first start",
      example:
        "local log = board:log{ \"pot1\" }:start{ ticks = 800 }\nsleep(0.3)\nlog:stop()\nlocal path = log:fetch(os.getenv(\"TMPDIR\") or \"/tmp\")[1]\nprint(bela.read_log(path).name)\nos.remove(path)"
    ),
    .init(
      "Log:read", "-> Frame",
      "What `fetch` has copied, cut exactly where the log began and ended.",
      failure: "raises \(.argument) before fetch, \(.noFile), \(.format)",
      example:
        "local log = board:log{ \"pot1\" }:start{ ticks = 800 }\nsleep(0.3)\nlog:stop()\nlocal path = log:fetch(os.getenv(\"TMPDIR\") or \"/tmp\")[1]\nprint(#log:read().pot1)\nos.remove(path)"
    ),
    .init(
      "Log:delete", "", "Deletes the files on the board.", failure: "raises \(.tool)",
      example:
        "local log = board:log{ \"pot1\" }:start()\nlog:stop()\nlog:delete()\nprint(#log:files())"),
    .init(
      "bela.read_log", "path: Path -> Series",
      "Reads a log file that a board wrote, from 32-bit and 64-bit boards.",
      failure: "raises \(.noFile), \(.format), \(.tooLarge)",
      example: "local log, why = try(bela.read_log, \"nowhere.bin\")\nprint(why.code)"),
  ]
}
