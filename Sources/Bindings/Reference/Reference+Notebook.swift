extension Reference {
  /// Functions that the program adds; they do what the notebook's commands do. A test of the program runs the examples.
  static let notebook: [ReferenceEntry] = [
    .init(
      "help", "name?: any",
      "Shows what is known of a name, or of what it names; `name?` and `:help` do the same.",
      failure: "raises \(.argument) for what has no name", example: "help(\"sleep\")\nhelp(bela.connect)"),
    .init("notebook.help", "name?: any", "The same as `help`.", example: "notebook.help(\"sleep\")"),
    .init(
      "notebook.vars", "beginning?: string -> {name:string,type:string,bytes:integer,value:any}[]",
      "The globals that are not the program's, sorted by name, with the bytes that they keep (buffers included).",
      example: "samples = { 1, 2, 3 }\nprint(notebook.vars(\"samp\")[1].bytes)"),
    .init(
      "notebook.streams", "-> Streamer[]", "Streamers that were made and not closed.",
      example: "print(#notebook.streams())"),
    .init(
      "notebook.log", "job?: string -> string",
      "Everything a job printed, 1,000 lines at most, also what was not shown; of the job that printed last without a name.",
      example: "print(notebook.log(\"watch\"))"),
    .init(
      "notebook.history", "count?: integer -> string[]",
      "Cells of this session and of earlier ones, the newest first; 20 without a count.",
      example: "print(#notebook.history(5))"),
    .init(
      "notebook.save", "path: Path; options?: {cells?:string,overwrite?:boolean} -> integer",
      """
      Writes cells of this session to a notebook file and returns how many. `cells` is a list such as "1-3,5"; all that \
      ran without an error unless told otherwise. A file that exists is left alone without `overwrite = true`.
      """,
      failure: "raises \(.exists), \(.write), \(.argument)",
      example: "print(pcall(notebook.save, \"/no/such/folder/x.lua\"))"),
    .init(
      "notebook.load", "path: Path -> string",
      "A file's text. In the notebook `:load` puts it into the line.",
      failure: "raises \(.notFound)", example: "print(pcall(notebook.load, \"/no/such/file.lua\"))"),
    .init(
      "notebook.run", "path: Path", "Runs a file cell by cell, by the rules of the notebook.",
      failure: "raises \(.notFound), and what a cell raises",
      example: "print(pcall(notebook.run, \"/no/such/file.lua\"))"),
    .init(
      "notebook.edit", "cell?: integer -> string",
      "Opens a cell's text in $VISUAL or $EDITOR and returns what was made of it. Tasks pause meanwhile, streams go on.",
      failure: "raises \(.unsupported) without a terminal, \(.editor)",
      example: "print(pcall(notebook.edit, 1))"),
    .init(
      "notebook.time", "fn: function; ... -> {wall:number,cpu:number,samples:integer}; any",
      "Calls a function with the further arguments: seconds by the clock and of CPU, samples that streams delivered meanwhile, then its results.",
      failure: "raises what the function raises",
      example: "local t = notebook.time(sleep, \"20ms\")\nprint(t.wall >= 0.02, t.samples)"),
    .init(
      "notebook.mark", "text: string", "Marks this moment; plots show a flag.",
      example: "notebook.mark(\"valve opened\")"),
    .init(
      "notebook.reset", "",
      "Ends streams and tasks once the cell has ended, and begins with a new state. Only at the prompt.",
      failure: "raises \(.unsupported) in a script", example: "print(pcall(notebook.reset))"),
  ]
}
