import Lua

/// Calls what a user wrote (`__tostring`) on behalf of the program, with a limit on its time. On the interpreter's
/// thread only.
struct Watchdog {
  enum Answer {
    case value(LuaValue)
    case failed(String)
    case tookTooLong
    /// Ctrl-C, not this watchdog.
    case interrupted
  }

  let state: LuaState

  /// What the function returns first. Other tasks do not run meanwhile, except beside a running cell.
  func call(_ function: LuaReference, _ argument: LuaValue, within limit: Duration) -> Answer {
    let alarm = Alarm(state.interrupter)
    alarm.set(after: limit)
    let answer = call(function, argument)
    let hasRung = alarm.cancel()
    guard case .interrupted = answer else {
      // It rang at the very end, too late to strike: no cell must pay for that.
      if hasRung { _ = state.interrupter.take() }
      return answer
    }
    return hasRung ? .tookTooLong : .interrupted
  }

  private func call(_ function: LuaReference, _ argument: LuaValue) -> Answer {
    // An interrupt of a bare call inside a running task would unwind that task, too.
    if state.scheduler.current != nil {
      return switch state.scheduler.run(function, arguments: [argument], name: "tostring") {
      case .values(let values): .value(values.first ?? .nil)
      case .failed(let error, _): error.code == "interrupted" ? .interrupted : .failed(error.bareMessage)
      case .exit: .failed("exit")
      }
    }
    do throws(LuaError) {
      return .value(try state.call(function, [argument]).first ?? .nil)
    } catch {
      return error.code == "interrupted" ? .interrupted : .failed(error.bareMessage)
    }
  }
}
