import Foundation
import Transport

/// The files of the page: ours, which are part of the program, and dygraphs, which the system has.
package struct PageAssets: Sendable {
  package struct File: Sendable {
    package var type: String
    package var bytes: [UInt8]
  }

  /// By the name that follows the token; the page itself has the empty name.
  package let files: [String: File]

  /// Reads dygraphs. Throws `missing` when it is nowhere.
  /// - Parameter folders: where to look, in order.
  package init(folders: [String] = PageAssets.folders(ProcessInfo.processInfo.environment)) throws(PlotError)
  {
    func library(_ names: [String]) throws(PlotError) -> [UInt8] {
      for folder in folders {
        for name in names {
          guard let data = FileManager.default.contents(atPath: folder + "/" + name), !data.isEmpty else {
            continue
          }
          return Array(data)
        }
      }
      throw PlotError(
        "missing", "the live page needs dygraphs, which is not in \(folders.joined(separator: " or "))",
        hint: "apt install libjs-dygraphs; plot{ term = true } works without it")
    }
    let text = "; charset=utf-8"
    files = [
      "": File(type: "text/html" + text, bytes: PackageResources.page_html),
      "raster.js": File(type: "text/javascript" + text, bytes: PackageResources.raster_js),
      "page.js": File(type: "text/javascript" + text, bytes: PackageResources.page_js),
      "page.css": File(type: "text/css" + text, bytes: PackageResources.page_css),
      "icon.svg": File(type: "image/svg+xml", bytes: PackageResources.icon_svg),
      "dygraph.js": File(
        type: "text/javascript" + text, bytes: try library(["dygraph.min.js", "dygraph.js"])),
      "dygraph.css": File(type: "text/css" + text, bytes: try library(["dygraph.min.css", "dygraph.css"])),
    ]
  }

  /// `MOONTIDE_ASSETS` and a folder `dygraphs` in it, then where Debian has it.
  package static func folders(_ environment: [String: String]) -> [String] {
    let own = environment["MOONTIDE_ASSETS"].flatMap { $0.isEmpty ? nil : [$0, $0 + "/dygraphs"] }
    return (own ?? []) + ["/usr/share/javascript/dygraphs"]
  }

  /// What a browser may do with the page: nothing but what came from here.
  static let headers: HTTPFields = [
    "Content-Security-Policy":
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
      + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
  ]
}
