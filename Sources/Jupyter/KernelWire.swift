import DequeModule
import Glibc
import Locks

/// A kernel's five sockets, on a thread of their own: what comes on `shell` and `stdin` waits for the interpreter, what
/// comes on `control` is answered at once, also while Lua computes.
package final class KernelWire: Sendable {
  /// Called on the thread of sockets.
  package typealias Control = @Sendable (JupyterMessage, KernelWire) -> Void

  private struct State {
    var requests: Deque<JupyterMessage> = []
    var answers: Deque<JupyterMessage> = []
    var outgoing: Deque<(socket: JupyterSocket, message: JupyterMessage)> = []
    var isClosing = false
    var isClosed = false
    var refused = 0
    var lost = 0
  }

  private let state = Guarded(State())
  private let requestBell: Doorbell
  private let answerBell: Doorbell
  /// Rung for the thread of sockets.
  private let workBell: Doorbell
  private let signature: MessageSignature
  private let control: Control
  /// Called on the thread of sockets when the front end that started the kernel is gone.
  private let orphaned: @Sendable () -> Void
  private let due: @Sendable () -> ContinuousClock.Instant?

  /// - Parameters:
  ///   - parent: the process that started the kernel; nil when it is nobody's.
  ///   - control: answers what comes on the control socket.
  ///   - orphaned: called once when the parent is gone.
  ///   - due: sends what is due and answers when to ask again. All three run on the thread of sockets.
  package init(
    _ file: ConnectionFile, parent: Int32?, control: @escaping Control,
    orphaned: @escaping @Sendable () -> Void,
    due: @escaping @Sendable () -> ContinuousClock.Instant?
  ) throws(JupyterError) {
    requestBell = try Doorbell()
    answerBell = try Doorbell()
    workBell = try Doorbell()
    signature = try MessageSignature(key: file.key)
    self.control = control
    self.orphaned = orphaned
    self.due = due
    let zmq = try ZeroMQ()
    var numbers: [JupyterSocket: Int] = [:]
    for socket in JupyterSocket.allCases {
      let kind: ZeroMQ.Kind =
        switch socket {
        case .iopub: .publish
        case .hb: .reply
        case .shell, .control, .stdin: .router
        }
      numbers[socket] = try zmq.listen(kind, at: file.endpoint(socket))
    }
    start(Sockets(zmq: zmq, numbers: numbers), parent)
  }

  // MARK: For the interpreter

  /// Readable when a request may be waiting.
  package var requestDescriptor: Int32 { requestBell.descriptor }
  /// Readable when an answer of a person may be waiting.
  package var answerDescriptor: Int32 { answerBell.descriptor }

  package func nextRequest() -> JupyterMessage? {
    requestBell.silence()
    let (request, wasFull) = state.withLock { state in
      (state.requests.popFirst(), state.requests.count + 1 >= Limits.waitingRequests)
    }
    if wasFull { workBell.ring() }
    return request
  }

  /// What was sent on `stdin`.
  package func nextAnswer() -> JupyterMessage? {
    answerBell.silence()
    return state.withLock { $0.answers.popFirst() }
  }

  /// Answers to questions that nobody asks any more.
  package func forgetAnswers() { state.withLock { $0.answers.removeAll() } }

  /// Requests of a type that wait, taken out of the queue: those behind one that failed.
  package func takeRequests(ofType type: String) -> [JupyterMessage] {
    state.withLock { state in
      let taken = state.requests.filter { $0.type == type }
      state.requests.removeAll { $0.type == type }
      return Array(taken)
    }
  }

  /// Any thread. Never waits for a front end.
  package func send(_ message: JupyterMessage, on socket: JupyterSocket) {
    state.withLock { state in
      guard !state.isClosed else { return }
      if state.outgoing.count >= Limits.waitingMessages {
        state.outgoing.removeFirst()
        state.lost += 1
      }
      state.outgoing.append((socket, message))
    }
    workBell.ring()
  }

  /// Makes the thread of sockets ask what is due. Any thread.
  package func wake() { workBell.ring() }

  /// Messages that were refused (a wrong signature, no message at all), and such as were never sent for want of time.
  package var counts: (refused: Int, lost: Int) { state.withLock { ($0.refused, $0.lost) } }

  /// Sends what is left and ends the thread of sockets; returns when it has ended.
  package func close() {
    state.withLock { $0.isClosing = true }
    workBell.ring()
    let deadline = ContinuousClock.now + .seconds(3)
    while !state.withLock({ $0.isClosed }), ContinuousClock.now < deadline { usleep(500) }
  }

  // MARK: On the thread of sockets

  // Safety: made on one thread and handed to the one that uses them from then on.
  private struct Sockets: @unchecked Sendable {
    let zmq: ZeroMQ
    let numbers: [JupyterSocket: Int]
  }

  private func start(_ sockets: Sockets, _ parent: Int32?) {
    let thread = WireThread { [self] in loop(sockets, parent) }
    thread.start()
  }

  private func loop(_ sockets: Sockets, _ parent: Int32?) {
    let zmq = sockets.zmq
    let numbers = sockets.numbers
    let names = Dictionary(uniqueKeysWithValues: numbers.map { ($1, $0) })
    var isOrphan = false
    while true {
      sendAll(zmq, numbers)
      let (isClosing, isFull) = state.withLock {
        ($0.isClosing && $0.outgoing.isEmpty, $0.requests.count >= Limits.waitingRequests)
      }
      if isClosing { break }
      let listened = numbers.filter { $0.key != .iopub && !(isFull && $0.key == .shell) }.map(\.value)
      let patience = due().map { max(0, min(1_000, Int(($0 - .now) / .milliseconds(1)) + 1)) } ?? 1_000
      for number in zmq.wait(for: listened, or: workBell.descriptor, milliseconds: patience) {
        // One of each in turn, so that none keeps another waiting.
        if let frames = zmq.read(number) { take(frames, from: names[number]!, number, zmq) }
      }
      workBell.silence()
      if let parent, !isOrphan, getppid() != parent {
        isOrphan = true
        orphaned()
      }
    }
    zmq.close()
    state.withLock { $0.isClosed = true }
  }

  private func sendAll(_ zmq: ZeroMQ, _ numbers: [JupyterSocket: Int]) {
    while true {
      let batch = state.withLock { state in
        defer { state.outgoing.removeAll(keepingCapacity: true) }
        return state.outgoing
      }
      if batch.isEmpty { return }
      for (socket, message) in batch {
        zmq.write(message.frames(signedBy: signature), to: numbers[socket]!)
      }
    }
  }

  private func take(_ frames: [[UInt8]], from socket: JupyterSocket, _ number: Int, _ zmq: ZeroMQ) {
    if socket == .hb { return zmq.write(frames, to: number) }
    let message: JupyterMessage
    do throws(JupyterError) {
      message = try JupyterMessage(frames: frames, signature: signature)
    } catch {
      // Answered with nothing: who has not got the key is nobody.
      state.withLock { $0.refused += 1 }
      return
    }
    switch socket {
    case .control: control(message, self)
    case .shell:
      state.withLock { $0.requests.append(message) }
      requestBell.ring()
    case .stdin:
      state.withLock { state in
        if state.answers.count < Limits.waitingRequests { state.answers.append(message) }
      }
      answerBell.ring()
    case .iopub, .hb: break
    }
  }
}

/// A detached thread with all signals blocked: they are the interpreter's.
private final class WireThread: Sendable {
  private let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) { self.body = body }

  func start() {
    var thread = pthread_t()
    var (all, before) = (sigset_t(), sigset_t())
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    // Safety: the thread takes over this reference and gives it back at its end.
    let context = Unmanaged.passRetained(self).toOpaque()
    let failed = pthread_create(
      &thread, nil,
      { context in
        // Safety: the reference that `start` made.
        Unmanaged<WireThread>.fromOpaque(context!).takeRetainedValue().body()
        return nil
      }, context)
    pthread_sigmask(SIG_SETMASK, &before, nil)
    // Safety: no thread took it over.
    if failed != 0 { Unmanaged<WireThread>.fromOpaque(context).release() } else { pthread_detach(thread) }
  }
}
