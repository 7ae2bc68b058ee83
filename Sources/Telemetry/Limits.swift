/// The bounds of everything that grows here, each with its reason.
public enum Limits {
  /// Samples a channel keeps unless told otherwise: 22 s of audio, 17 min at 1 kHz, 4 to 8 MB.
  public static let bufferSamplesDefault = 1_000_000
  /// Bytes that one stream's buffers may grow to: a quarter of a small lab machine's memory.
  public static let bufferBytesMax = 1 << 30
  /// A chunk of a buffer grows to this: big enough that a million samples are some dozen references,
  /// small enough that trimming frees memory soon.
  static let chunkBytesMax = 1 << 16
  /// The first chunk of a channel: thousands of idle channels stay cheap.
  static let chunkBytesMin = 1 << 9
  /// Memory of chunks that is kept though nothing is in it: a stream that lets go of as much as it takes never asks for more.
  static let emptySlabsMax = 2
  /// Slabs of 2 MiB that grow page by page: programs with a few short streams take no more than they use, and of 64 MiB a
  /// page of 2 MiB is little.
  static let smallPageSlabs = 32
  /// A run this long is shared, not copied, into a buffer: the copy would cost more than the extra reference.
  static let adoptBytesMin = 1 << 15
  /// A longer one is copied after all, in pieces: a shared run leaves memory as a whole.
  static let adoptBytesMax = 1 << 20
  /// A run of even times shorter than this may get a stamp for each sample: a chunk of its own costs as much.
  static let steadyRunMin = 8
  /// A part that lies in so many chunks refers to these only, so that a kept frame does not keep a whole buffer.
  static let ownChunksMax = 8
  /// Unread frames that are known one by one, 24 bytes each; a reader further behind gets what is older as one frame.
  static let readerFramesMax = 4096
  /// Kinds of frames, by the channels in them, that are remembered: a source that sends another subset each time must
  /// not make the table grow.
  static let patternsMax = 256
  /// Frames that a reader takes under one lock: few enough that what it holds is soon read.
  package static let batchFramesMax = 256
  /// Fewer frames than this that look alike are not worth a batch of their own, where others follow.
  static let evenFramesMin = 8
  /// Bytes of samples in them, about: what a reader has taken stays in memory, whatever the buffer's size.
  static let batchBytesMax = 1 << 20
  /// Most samples are no wider.
  static let sampleBytesUsual = 8
  /// Unread samples of a channel at which a source that can hold back does: some reads of a socket.
  static let backlogSamples: Int64 = 1 << 16
  /// Gaps remembered by a channel; behind that the two oldest are joined into one that counts both.
  static let gapsMax = 4096
  /// Readers of one stream: a forgotten `tap()` in a loop must not slow the stream for ever.
  public static let readersMax = 256
}
