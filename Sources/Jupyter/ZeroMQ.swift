import Glibc

/// libzmq's sockets, as far as a kernel needs them (zmq.h, 4.x). One thread at a time.
final class ZeroMQ {
  enum Kind: Int32 { case publish = 1, reply = 4, router = 6 }

  private typealias Pointer = UnsafeMutableRawPointer
  private typealias OfPointer = @convention(c) (Pointer) -> Int32
  private typealias MakeContext = @convention(c) () -> Pointer?
  private typealias MakeSocket = @convention(c) (Pointer, Int32) -> Pointer?
  private typealias Bind = @convention(c) (Pointer, UnsafePointer<CChar>) -> Int32
  private typealias SetOption = @convention(c) (Pointer, Int32, UnsafeRawPointer, Int) -> Int32
  private typealias Send = @convention(c) (Pointer, UnsafeRawPointer?, Int, Int32) -> Int32
  private typealias Receive = @convention(c) (Pointer, Pointer, Int32) -> Int32
  private typealias MessageData = @convention(c) (Pointer) -> Pointer?
  private typealias MessageSize = @convention(c) (Pointer) -> Int
  private typealias Poll = @convention(c) (Pointer, Int32, Int) -> Int32
  private typealias ErrorNumber = @convention(c) () -> Int32
  private typealias ErrorText = @convention(c) (Int32) -> UnsafePointer<CChar>

  /// zmq_pollitem_t
  private struct PollItem {
    var socket: UnsafeMutableRawPointer?
    var descriptor: Int32
    var events: Int16
    var ready: Int16
  }

  /// zmq.h: options, flags, the size of zmq_msg_t.
  private enum Constant {
    static let linger: Int32 = 17
    static let maximalMessage: Int32 = 22
    static let sendHighWater: Int32 = 23
    static let ipv6: Int32 = 42
    static let routerHandover: Int32 = 56
    static let doNotWait: Int32 = 1
    static let sendMore: Int32 = 2
    static let readable: Int16 = 1
    static let messageBytes = 64
  }

  private let context: Pointer
  private var sockets: [Pointer] = []
  private let end: OfPointer
  private let closeSocket: OfPointer
  private let makeSocket: MakeSocket
  private let bind: Bind
  private let setOption: SetOption
  private let send: Send
  private let receive: Receive
  private let beginMessage: OfPointer
  private let endMessage: OfPointer
  private let hasMore: OfPointer
  private let messageData: MessageData
  private let messageSize: MessageSize
  private let poll: Poll
  private let errorNumber: ErrorNumber
  private let errorText: ErrorText

  init() throws(JupyterError) {
    let library = try SharedLibrary("libzmq.so.5", package: "libzmq5")
    end = try library.function("zmq_ctx_term", as: OfPointer.self)
    closeSocket = try library.function("zmq_close", as: OfPointer.self)
    makeSocket = try library.function("zmq_socket", as: MakeSocket.self)
    bind = try library.function("zmq_bind", as: Bind.self)
    setOption = try library.function("zmq_setsockopt", as: SetOption.self)
    send = try library.function("zmq_send", as: Send.self)
    receive = try library.function("zmq_msg_recv", as: Receive.self)
    beginMessage = try library.function("zmq_msg_init", as: OfPointer.self)
    endMessage = try library.function("zmq_msg_close", as: OfPointer.self)
    hasMore = try library.function("zmq_msg_more", as: OfPointer.self)
    messageData = try library.function("zmq_msg_data", as: MessageData.self)
    messageSize = try library.function("zmq_msg_size", as: MessageSize.self)
    poll = try library.function("zmq_poll", as: Poll.self)
    errorNumber = try library.function("zmq_errno", as: ErrorNumber.self)
    errorText = try library.function("zmq_strerror", as: ErrorText.self)
    let makeContext = try library.function("zmq_ctx_new", as: MakeContext.self)
    guard let context = makeContext() else { throw JupyterError("unavailable", "libzmq cannot start") }
    self.context = context
  }

  private func failure(_ what: String) -> JupyterError {
    JupyterError("connection", "\(what): \(String(cString: errorText(errorNumber())))")
  }

  /// Makes a socket that listens; answers its number.
  func listen(_ kind: Kind, at endpoint: String) throws(JupyterError) -> Int {
    guard let socket = makeSocket(context, kind.rawValue) else { throw failure("no socket") }
    sockets.append(socket)
    func set(_ option: Int32, _ value: Int32) {
      withUnsafeBytes(of: value) { _ = setOption(socket, option, $0.baseAddress!, $0.count) }
    }
    set(Constant.linger, Limits.lingerMilliseconds)
    if kind == .publish { set(Constant.sendHighWater, Limits.keptForReader) }
    // A front end that comes again under its old name gets the answers.
    if kind == .router { set(Constant.routerHandover, 1) }
    if endpoint.hasPrefix("tcp://[") { set(Constant.ipv6, 1) }
    withUnsafeBytes(of: Limits.messageBytes) {
      _ = setOption(socket, Constant.maximalMessage, $0.baseAddress!, $0.count)
    }
    guard bind(socket, endpoint) == 0 else { throw failure("cannot listen at \(endpoint)") }
    return sockets.count - 1
  }

  /// Waits until a socket of `numbers` or the descriptor is readable; answers which sockets are.
  func wait(for numbers: [Int], or descriptor: Int32, milliseconds: Int) -> [Int] {
    var items = numbers.map {
      PollItem(socket: sockets[$0], descriptor: 0, events: Constant.readable, ready: 0)
    }
    items.append(PollItem(socket: nil, descriptor: descriptor, events: Constant.readable, ready: 0))
    let count = Int32(items.count)
    guard items.withUnsafeMutableBytes({ poll($0.baseAddress!, count, milliseconds) }) > 0 else { return [] }
    return numbers.indices.filter { items[$0].ready != 0 }.map { numbers[$0] }
  }

  /// All frames of the next message; nil when there is none.
  func read(_ number: Int) -> [[UInt8]]? {
    var frames: [[UInt8]] = []
    return withUnsafeTemporaryAllocation(byteCount: Constant.messageBytes, alignment: 16) { message in
      let message = message.baseAddress!
      while true {
        _ = beginMessage(message)
        defer { _ = endMessage(message) }
        guard receive(message, sockets[number], Constant.doNotWait) >= 0 else { return nil }
        // What is more than a message may have is read, so that the next one begins at its beginning, and not kept.
        if frames.count <= Limits.messageFrames {
          let bytes = UnsafeRawBufferPointer(start: messageData(message), count: messageSize(message))
          frames.append(Array(bytes))
        }
        if hasMore(message) == 0 { return frames }
      }
    }
  }

  /// Never waits: who has gone, or does not read, gets nothing.
  func write(_ frames: [[UInt8]], to number: Int) {
    for (index, frame) in frames.enumerated() {
      let more = index < frames.count - 1 ? Constant.sendMore : 0
      guard send(sockets[number], frame, frame.count, Constant.doNotWait | more) >= 0 else { return }
    }
  }

  /// Waits for what was sent, a second at most.
  func close() {
    for socket in sockets { _ = closeSocket(socket) }
    sockets = []
    while end(context) < 0, errorNumber() == EINTR {}
  }
}
