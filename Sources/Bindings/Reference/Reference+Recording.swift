extension Reference {
  static let recording: [ReferenceEntry] = [
    .init(
      "Streamer:save", "path: Path; options?: SaveOptions",
      """
      Writes what is in the buffer now into a file, in the format of its extension: .csv, .jsonl, .txt (pybela's: a file \
      for each variable), .npy, .npz, .wav, .mtr. `span` is only the last so much of it. Prints path, samples and gaps. \
      A file that is there stays, unless `overwrite`.
      """,
      failure: "raises \(.output), \(.exists), \(.argument), \(.noTime)",
      example:
        "local path = os.tmpname() .. \".csv\"\ns:save(path, { span = \"100ms\" })\nprint(#load(path).pot1 > 0)\nos.remove(path)\nos.remove((path:gsub(\"csv$\", \"meta.json\")))"
    ),
    .init(
      "Streamer:keep", "span: Span; path: Path; options?: {overwrite?:boolean}",
      "Saves the past: what came within the last `span`, as far as the buffer goes back. Nothing is armed beforehand.",
      failure: "as \(like: "Streamer:save")",
      example:
        "local path = os.tmpname() .. \".mtr\"\ns:keep(\"50ms\", path)\nprint(#load(path).pot1 > 0)\nos.remove(path)"
    ),
    .init(
      "Streamer.recording", "-> table?",
      """
      What became of `start{ save = path }`: { path, samples, gaps, dropped, running, error }; nil without one. `dropped` \
      counts samples that came and are not in the file, because the disk was too slow.
      """,
      example: "print(s.recording)", kind: .field),
    .init(
      "Frame:save", "path: Path; options?: SaveOptions",
      "As `Streamer:save`, of this frame.", failure: "as \(like: "Streamer:save")",
      example: "local path = os.tmpname() .. \".mtr\"\nframe:save(path)\nprint(load(path))\nos.remove(path)"),
    .init(
      "Series:save", "path: Path; options?: SaveOptions",
      "As `Streamer:save`, of this series: .npy and .wav suit one.", failure: "as \(like: "Streamer:save")",
      example:
        "local path = os.tmpname() .. \".npy\"\nx:save(path)\nprint(#load(path):get(x.name) == #x)\nos.remove(path)\nos.remove((path:gsub(\"npy$\", \"meta.json\")))"
    ),
    .init(
      "load",
      "path: Path; options?: {time?:string|boolean,time_unit?:string,delimiter?:string,decimal?:string,skip?:integer,missing?:table,names?:table,encoding?:string,axis?:integer} -> Frame",
      """
      Reads a file that `save` or `start{ save = … }` wrote, a board's log (.bin), pybela's text, a table (.csv, .tsv, \
      .txt, .csv.gz), JSON lines, numpy's arrays, or sound: a frame with the same types, times and gaps. What it decided \
      about a file of others, and what it left out, is told in one line; the options say it where the file does not: \
      `time` is the column of the times (false: none), `time_unit` s, ms, us, ns, ticks, unix_ns, dmy or mdy, `skip` lines \
      above the header, `missing` further words for no value, `names` those of the columns, `axis` 0 makes channels of the \
      rows of an array, 1 of its columns. "Your own files" has more. Lua's own `load(chunk, name, mode, env)` works as ever: a \
      string is taken for a file when it ends in one of these extensions and either there is such a file, or it is no Lua.
      """,
      failure: "raises \(.noFile), \(.format), \(.tooLarge), \(.argument)",
      example:
        "local path = os.tmpname() .. \".jsonl\"\nframe:save(path)\nprint(#load(path), load(\"return 2\")())\nos.remove(path)\nos.remove((path:gsub(\"jsonl$\", \"meta.json\")))"
    ),
  ]
}
