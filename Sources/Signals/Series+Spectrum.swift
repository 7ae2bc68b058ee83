import Glibc
public import Telemetry

public enum SpectrumWindow: String, Sendable { case hann, hamming, blackman, rect }

/// What a spectrum does about missing samples.
public enum SpectrumGaps: String, Sendable {
  case raise
  /// As many zeros as are missing.
  case zero
  /// A straight line from the sample before to the one behind.
  case interpolate
}

public struct Spectrum: Sendable {
  /// In Hz, from 0 to half the sample rate.
  public var frequencies: Series
  /// A sine of amplitude A whose frequency is one of these gives A.
  public var magnitudes: Series

  public init(frequencies: Series, magnitudes: Series) {
    self.frequencies = frequencies
    self.magnitudes = magnitudes
  }
}

extension Series {
  /// Magnitudes of the last `size` samples, a power of two. Where the number of missing samples is known they are
  /// filled as `gaps` says and count. Errors: `type`, `argument`, `empty` when there are not enough samples,
  /// `gap`, `no_time` when neither times nor the channel tell the sample rate.
  public func fft(size: Int, window: SpectrumWindow, gaps: SpectrumGaps) throws(TelemetryError) -> Spectrum {
    guard size >= 2, size & (size - 1) == 0 else {
      throw TelemetryError("argument", "the size of a spectrum is a power of two, not \(size)")
    }
    guard size <= Limits.spectrumSizeMax || count < size else {
      throw TelemetryError(
        "argument", "a spectrum has at most \(Limits.spectrumSizeMax) samples, not \(size)")
    }
    guard type.isNumeric else {
      throw TelemetryError("type", "'\(channel.name)' is \(type.rawValue), not numbers")
    }
    let (samples, rate) = try spectrumInput(size, gaps)
    guard let rate else {
      throw TelemetryError(
        "no_time", "nobody knows the sample rate of '\(channel.name)'",
        hint: "the samples have no times, or the rate of their clock is unknown")
    }
    let weights = window.weights(size)
    var real = zip(samples, weights).map { $0 * $1 }
    var imaginary = [Double](repeating: 0, count: size)
    transform(&real, &imaginary)
    let scale = 1 / weights.reduce(0, +)
    let half = size / 2
    let magnitudes = (0...half).map { bin in
      hypot(real[bin], imaginary[bin]) * (bin == 0 || bin == half ? scale : 2 * scale)
    }
    let frequencies = (0...half).map { Double($0) * rate / Double(size) }
    var channel = Channel(name: self.channel.name, type: .float64, clock: clock, key: self.channel.key)
    channel.unit = self.channel.unit
    let axis = Channel(name: "frequency", type: .float64, clock: clock, unit: "Hz")
    return Spectrum(
      frequencies: Series(axis, SampleStorage(frequencies)),
      magnitudes: Series(channel, SampleStorage(magnitudes)))
  }

  /// The samples to transform, gaps filled, and how many there are a second.
  private func spectrumInput(_ size: Int, _ filling: SpectrumGaps) throws(TelemetryError) -> (
    [Double], Double?
  ) {
    let part = self[Swift.max(0, count - size)..<count]
    // A gap before the first sample is outside.
    let inside = part.gapsWithTimes.filter { $0.at > part.first }
    if let gap = inside.first, filling == .raise {
      throw TelemetryError(
        "gap",
        gap.reason == .restart && !part.gaps.contains(gap)
          ? "times of '\(channel.name)' step back at \(gap.at - first + 1)"
          : "samples of '\(channel.name)' are missing at \(gap.at - first + 1) (\(gap.reason.rawValue))",
        hint: "gaps = \"zero\" or gaps = \"interpolate\" fills them")
    }
    let values = try part.doubles()
    var filled: [Double] = []
    filled.reserveCapacity(values.count)
    var next = 0
    for gap in inside {
      let at = Int(gap.at - part.first)
      filled += values[next..<at]
      next = at
      let samples = Swift.max(0, gap.samples ?? 0)
      // More than one spectrum takes would only be cut off again.
      let shown = Int(Swift.min(samples, Int64(Swift.min(size, Limits.spectrumSizeMax))))
      for step in 0..<shown {
        let left = Double(samples) - Double(shown - 1 - step)
        let share = left / (Double(samples) + 1)
        filled.append(filling == .zero ? 0 : values[at - 1] * (1 - share) + values[at] * share)
      }
    }
    filled += values[next...]
    guard filled.count >= size, size <= Limits.spectrumSizeMax else {
      throw TelemetryError(
        "empty", "'\(channel.name)' has \(filled.count) samples, a spectrum of size \(size) needs \(size)")
    }
    return (
      Array(filled.suffix(size)),
      part.measuredRate ?? channel.rate.flatMap { $0 > 0 ? $0 : nil }
    )
  }
}

extension SpectrumWindow {
  /// One period of the window, so that a sine on a bin stays within its neighbours.
  fileprivate func weights(_ size: Int) -> [Double] {
    (0..<size).map { position in
      let phase = 2 * Double.pi * Double(position) / Double(size)
      return switch self {
      case .hann: 0.5 - 0.5 * cos(phase)
      case .hamming: 0.54 - 0.46 * cos(phase)
      case .blackman: 0.42 - 0.5 * cos(phase) + 0.08 * cos(2 * phase)
      case .rect: 1
      }
    }
  }
}

/// The discrete Fourier transform in place: bits of the positions reversed, then butterflies of growing width.
private func transform(_ real: inout [Double], _ imaginary: inout [Double]) {
  let size = real.count
  let bits = size.trailingZeroBitCount
  let cosines = (0..<size / 2).map { cos(2 * .pi * Double($0) / Double(size)) }
  let sines = (0..<size / 2).map { -sin(2 * .pi * Double($0) / Double(size)) }
  real.withUnsafeMutableBufferPointer { real in
    imaginary.withUnsafeMutableBufferPointer { imaginary in
      for position in 0..<size {
        var reversed = 0
        for bit in 0..<bits where position >> bit & 1 == 1 { reversed |= 1 << (bits - 1 - bit) }
        guard position < reversed else { continue }
        real.swapAt(position, reversed)
        imaginary.swapAt(position, reversed)
      }
      var width = 1
      while width < size {
        let stride = size / (2 * width)
        for start in Swift.stride(from: 0, to: size, by: 2 * width) {
          for offset in 0..<width {
            let (c, s) = (cosines[offset * stride], sines[offset * stride])
            let (a, b) = (start + offset, start + offset + width)
            let r = real[b] * c - imaginary[b] * s
            let i = real[b] * s + imaginary[b] * c
            (real[b], imaginary[b]) = (real[a] - r, imaginary[a] - i)
            (real[a], imaginary[a]) = (real[a] + r, imaginary[a] + i)
          }
        }
        width *= 2
      }
    }
  }
}
