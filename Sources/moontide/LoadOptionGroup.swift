import ArgumentParser
import Recording

/// What a user says about a file that others wrote.
struct LoadOptionGroup: ParsableArguments {
  @Option(help: ArgumentHelp("The column of the times; false: none holds them.", valueName: "name"))
  var time: String?

  @Option(
    help: ArgumentHelp("What times are: s, ms, us, ns, ticks, unix_ns; dates: dmy or mdy.", valueName: "unit")
  )
  var timeUnit: String?

  @Option(help: ArgumentHelp("What stands between the cells of a table.", valueName: "character"))
  var delimiter: String?

  @Option(help: ArgumentHelp("The decimal sign.", valueName: "character"))
  var decimal: String?

  @Option(help: ArgumentHelp("Lines above the header to leave out.", valueName: "lines"))
  var skip: String?

  @Option(help: ArgumentHelp("Further words for a missing value, with commas.", valueName: "words"))
  var missing: String?

  @Option(help: ArgumentHelp("Names of the columns, with commas.", valueName: "names"))
  var names: String?

  @Option(help: ArgumentHelp("The encoding of a text: latin1, utf-16, …", valueName: "name"))
  var encoding: String?

  @Option(help: ArgumentHelp("Channels of an array: 0 its rows, 1 its columns.", valueName: "axis"))
  var axis: String?

  func options() throws(RecordingError) -> LoadOptions {
    var options = LoadOptions()
    let given = [
      ("time", time), ("time_unit", timeUnit), ("delimiter", delimiter), ("decimal", decimal), ("skip", skip),
      ("missing", missing), ("names", names), ("encoding", encoding), ("axis", axis),
    ]
    for case (let name, let text?) in given { try options.set(name, text) }
    return options
  }
}
