/// The bounds of everything that grows here, each with its reason.
enum Limits {
  /// Samples of a spectrum: 6 minutes of audio, half a gigabyte while it is computed.
  static let spectrumSizeMax = 1 << 24
}
