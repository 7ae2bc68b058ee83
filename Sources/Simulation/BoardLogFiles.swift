import Locks
import Foundation

/// Log files of a simulated board: gathered to pieces of 16 kB, as the board's writer does.
final class BoardLogFiles: Sendable {
  let folder: String
  private let isTemporary: Bool
  private let open = Guarded<[String: File]>([:])

  private struct File {
    var handle: FileHandle
    var pending: [UInt8]
  }

  /// - Parameter folder: nil for one of its own, which is removed with the board.
  init(folder: String?) throws {
    isTemporary = folder == nil
    self.folder =
      folder
      ?? FileManager.default.temporaryDirectory.appendingPathComponent("moontide-board-\(UUID().uuidString)")
      .path
    if folder != nil || !isTemporary {
      try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: true)
    }
  }

  /// Names that are taken already.
  var existing: Set<String> {
    Set((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
  }

  func perform(_ actions: [BoardMachine.LogAction]) {
    guard !actions.isEmpty else { return }
    open.withLock { open in
      for action in actions {
        switch action {
        case .open(let file, let header):
          try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
          let path = "\(folder)/\(file)"
          guard FileManager.default.createFile(atPath: path, contents: nil),
            let handle = FileHandle(forWritingAtPath: path)
          else { continue }
          open[file] = File(handle: handle, pending: header)
        case .write(let file, let block):
          open[file]?.pending += block
          if open[file]?.pending.count ?? 0 >= Limits.logPieceBytes { flush(file, &open) }
        case .close(let file):
          flush(file, &open)
          try? open.removeValue(forKey: file)?.handle.close()
        }
      }
    }
  }

  private func flush(_ file: String, _ open: inout [String: File]) {
    guard let pending = open[file]?.pending else { return }
    // A full disk ends a log on a board too; what is there stays.
    try? open[file]?.handle.write(contentsOf: Data(pending))
    open[file]?.pending.removeAll(keepingCapacity: true)
  }

  /// The program has ended: what was gathered is written, a folder of our own goes.
  func close() {
    open.withLock { open in
      for file in open.keys.sorted() {
        flush(file, &open)
        try? open[file]?.handle.close()
      }
      open = [:]
    }
    if isTemporary { try? FileManager.default.removeItem(atPath: folder) }
  }
}
