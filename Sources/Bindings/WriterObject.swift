import Synnax
import Telemetry

/// A writer of a core as scripts hold it.
public final class WriterObject {
  let writer: SynnaxWriter
  let source: SourceObject
  var isClosed = false

  init(_ writer: SynnaxWriter, source: SourceObject) {
    self.writer = writer
    self.source = source
  }

  /// What messages call it: its channels.
  var title: String { writer.channels.map(\.name).joined(separator: ", ") }
}
