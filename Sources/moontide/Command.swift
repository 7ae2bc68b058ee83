import Lua
import Notebooks

/// What can be typed behind a colon. Each has a function twin, so that no script needs one.
enum Command: String, CaseIterable {
  case help, vars, streams, jobs, log, history, save, load, run, edit, time, bg, keep, mark, plot, reset, quit

  /// The command that a name means, also by its beginning when only one has it; nil when none is meant.
  init?(named name: String) {
    if let exact = Command(rawValue: name) {
      self = exact
      return
    }
    if name == "exit" || name == "q" {
      self = .quit
      return
    }
    return nil
  }

  static func suggestion(for name: String) -> String? {
    let beginning = allCases.filter { $0.rawValue.hasPrefix(name) }
    if beginning.count == 1 { return beginning[0].rawValue }
    return Suggestion.nearest(to: name, among: allCases.map(\.rawValue))
  }

  /// How it is written: `:save file.lua [cells] [overwrite]`.
  var usage: String {
    switch self {
    case .help: ":help [name]"
    case .vars: ":vars [beginning]"
    case .streams: ":streams"
    case .jobs: ":jobs"
    case .log: ":log [job]"
    case .history: ":history [count or text]"
    case .save: ":save file.lua [1-3,5] [overwrite]"
    case .load: ":load file.lua"
    case .run: ":run file.lua"
    case .edit: ":edit [cell or file.lua]"
    case .time: ":time cell"
    case .bg: ":bg cell"
    case .keep: ":keep span file [stream]"
    case .mark: ":mark [text]"
    case .plot: ":plot [stream]"
    case .reset: ":reset"
    case .quit: ":quit"
    }
  }

  /// One line about it.
  var text: String {
    switch self {
    case .help: "explains a name; without one, lists what there is"
    case .vars: "your variables; type, bytes with what they buffer, value"
    case .streams: "open streams; state, samples, rate, lost, buffered"
    case .jobs: "tasks that have not ended"
    case .log: "everything a job printed; also what was not shown"
    case .history: "cells of this session and of earlier ones"
    case .save: "writes cells to a notebook file; all that ran well when none are named"
    case .load: "puts a file's text into the line; to be looked at and run with Enter"
    case .run: "runs a file cell by cell, here"
    case .edit:
      "opens a cell or a file in $EDITOR; the last cell when none is named; what was saved comes into the line"
    case .time: "runs a cell and says what it took; its time, its CPU, and the samples received meanwhile"
    case .bg: "runs a cell as a job; Ctrl-B makes a waiting cell one"
    case .keep: "writes the newest span of a stream to a file"
    case .mark: "marks this moment; a flag in plots; without a text, lists the marks"
    case .plot: "opens the plot of a stream; of all that run when none is named"
    case .reset: "begins with a new state; streams and tasks end"
    case .quit: "ends the notebook, as Ctrl-D does"
    }
  }

  /// Its first part, for lists.
  var brief: Substring { text.prefix { $0 != ";" } }

  /// The function that does the same.
  var twin: String {
    switch self {
    case .help: "notebook.help(name)"
    case .vars: "notebook.vars()"
    case .streams: "notebook.streams()"
    case .jobs: "tasks()"
    case .log: "notebook.log(name)"
    case .history: "notebook.history(count)"
    case .save: "notebook.save(path, { cells = \"1-3\" })"
    case .load: "notebook.load(path)"
    case .run: "notebook.run(path)"
    case .edit: "notebook.edit(cell)"
    case .time: "notebook.time(fn)"
    case .bg: "spawn(fn)"
    case .keep: "s:keep(span, path)"
    case .mark: "notebook.mark(text)"
    case .plot: "s:plot()"
    case .reset: "notebook.reset()"
    case .quit: "os.exit()"
    }
  }

  var takesFile: Bool {
    switch self {
    case .save, .load, .run, .edit, .keep: true
    default: false
    }
  }
}
