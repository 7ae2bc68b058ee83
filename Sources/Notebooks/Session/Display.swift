package import Bindings
package import Lua

/// Where a session shows what happens; the front end supplies it. Called on the interpreter's thread.
package protocol Display: AnyObject {
  func began(_ cell: Cell, number: Int)
  /// The value of a cell, within the printer's bounds; may have several lines.
  func echo(_ text: String, number: Int)
  /// The same for a front end that can show more of a value than text.
  func show(_ values: [LuaValue], as text: String, number: Int)
  /// Something a person should know: a local that stays in its cell.
  func note(_ text: String)
  func error(_ error: CellError)
  /// What Lua prints. `task` is who, nil for a cell that runs in the foreground.
  func output(_ bytes: UnsafeRawBufferPointer, isError: Bool, task: LuaTask?)
  func ended(_ outcome: Outcome)
  /// The script made a check; a failed one raises afterwards.
  func checked(_ check: Check)
  /// A task failed and nobody waited for it.
  func taskFailed(_ name: String, _ error: CellError)
}

extension Display {
  package func began(_ cell: Cell, number: Int) {}
  package func show(_ values: [LuaValue], as text: String, number: Int) { echo(text, number: number) }
  package func ended(_ outcome: Outcome) {}
  package func checked(_ check: Check) {}
  package func taskFailed(_ name: String, _ error: CellError) { self.error(error) }
}
