import Foundation

/// The recordings that come with the program, `ecg` and `motion`, in `moontide_Simulation.resources` beside it.
enum BundledRecording {
  /// Throws where the program was copied without them; the generated `Bundle.module` would end it instead.
  static func url(_ name: String) throws(SimulationError) -> URL {
    let bundle = Bundle.main.bundleURL.appendingPathComponent("moontide_Simulation.resources/Recordings")
    // Tests run in another program; where they run there are the sources.
    let isProgram = Bundle.main.executableURL?.lastPathComponent == "moontide"
    let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
      "Recordings")
    for folder in isProgram ? [bundle] : [bundle, sources] {
      let url = folder.appendingPathComponent("\(name).csv")
      if FileManager.default.isReadableFile(atPath: url.path) { return url }
    }
    throw SimulationError(
      "input", "the recording \(name).csv is not beside the program",
      hint: "copy moontide_Simulation.resources along with the program")
  }
}
