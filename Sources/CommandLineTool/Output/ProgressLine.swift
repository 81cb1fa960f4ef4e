import CLibrary
import Caplet
import Dispatch
import Synchronization

/// Progress on standard error: a line that is drawn over on a terminal, as wide as that is, a plain line every ten seconds in a log.
final class ProgressLine: Sendable {
    private struct State {
        var stage: ProgressStage?
        var clock = WorkClock()
        var lastShown: UInt64 = 0
        var isTicking = false
    }

    private let state = Mutex(State())
    private let isTerminal: Bool
    /// Nanoseconds between two lines.
    private let interval: UInt64

    init() {
        isTerminal = isatty(fileno(StandardStream.error)) == 1
        interval = isTerminal ? 100_000_000 : 10_000_000_000
    }

    private static let tickStackBytes = 256 << 10

    /// Looks every second, for stages whose units take long; where the system has no thread to give, lines come with the units.
    private func tick() {
        _ = SystemThread(stackBytes: Self.tickStackBytes, isDetached: true) { [weak self] in
            while true {
                sleep(1)
                guard let self else { return }
                self.showIfDue()
            }
        }
    }

    func enter(_ mark: WorkMark) { state.withLock { $0.clock.enter(mark, now: ProgressLine.now) } }

    func begin(_ name: String, total: Int, unit: String) {
        let ticks = state.withLock { state in
            defer { state.isTicking = true }
            return state.isTicking
        }
        if !ticks { tick() }
        state.withLock { state in
            state.stage = ProgressStage(name: name, unit: unit, total: total, start: ProgressLine.now)
            // Not for each of many short stages, but for a long one that begins long after the last line.
            if isTerminal { state.lastShown = ProgressLine.now }
        }
    }

    func advance(by units: Int, remark: String) {
        state.withLock { state in
            state.stage?.advance(by: units, now: ProgressLine.now)
            if !remark.isEmpty { state.stage?.remark = remark }
        }
        showIfDue()
    }

    func end() {
        state.withLock { state in
            state.stage = nil
            clear()
        }
    }

    /// Writes something else where the line stands.
    func interrupted(_ body: () -> Void) {
        state.withLock { _ in
            clear()
            body()
        }
    }

    private static var now: UInt64 { DispatchTime.now().uptimeNanoseconds }

    private func clear() {
        if isTerminal { fputs("\r\u{1B}[K", StandardStream.error) }
    }

    private func showIfDue() {
        state.withLock { state in
            let now = ProgressLine.now
            if state.lastShown == 0 { state.lastShown = now }
            guard let stage = state.stage, now - state.lastShown >= interval else { return }
            state.lastShown = now
            let text = ProgressText(stage, state.clock, now: now)
            // A line that reaches the last column would be followed by an empty one.
            fputs(isTerminal ? "\r\(text.fitting(columns: TerminalSize.columns - 1))\u{1B}[K" : text.whole + "\n", StandardStream.error)
            fflush(StandardStream.error)
        }
    }
}

/// How wide the terminal on standard error is now.
enum TerminalSize {
    /// 80 where it does not say.
    static var columns: Int {
        var size = winsize()
        guard ioctl(fileno(StandardStream.error), UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }
}
