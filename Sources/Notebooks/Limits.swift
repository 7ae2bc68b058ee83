/// Every bound of this target, with its reason.
package enum Limits {
  /// A name longer than this is data; the distance is quadratic.
  package static let suggestionBytes = 64
  /// JSON nested deeper than a notebook ever is would only exhaust the stack.
  package static let jsonDepth = 200
  /// A list longer than a screen or two helps nobody.
  package static let completionCandidates = 1_000
}
