import Caplet
import Dispatch
// Its standard streams are variables, which nobody assigns to.
@preconcurrency import Glibc
import Synchronization

/// Progress on standard error: a line that is drawn over on a terminal, a plain line now and then in a log.
final class ProgressLine: Sendable {
    private struct Stage {
        var name = ""
        var unit = ""
        var total = 0
        var done = 0
        var remark = ""
        var start: UInt64 = 0
        var lastShown: UInt64 = 0
    }

    private let stage = Mutex<Stage?>(nil)
    private let isTerminal: Bool
    /// Nanoseconds between two lines.
    private let interval: UInt64

    init() {
        isTerminal = isatty(fileno(stderr)) == 1
        interval = isTerminal ? 100_000_000 : 15_000_000_000
    }

    func begin(_ name: String, total: Int, unit: String) {
        let now = DispatchTime.now().uptimeNanoseconds
        stage.withLock { $0 = Stage(name: name, unit: unit, total: total, start: now, lastShown: now) }
    }

    func advance(by units: Int, remark: String) {
        let now = DispatchTime.now().uptimeNanoseconds
        let line = stage.withLock { stage -> String? in
            guard var current = stage else { return nil }
            current.done += units
            if !remark.isEmpty { current.remark = remark }
            let due = now - current.lastShown >= interval
            if due { current.lastShown = now }
            stage = current
            return due ? ProgressLine.text(current, now: now) : nil
        }
        if let line { show(line) }
    }

    func end() {
        stage.withLock { $0 = nil }
        clear()
    }

    /// Removes the line from a terminal, for a message that is to stand there.
    func clear() {
        if isTerminal { fputs("\r\u{1B}[K", stderr) }
    }

    private func show(_ line: String) {
        if isTerminal {
            fputs("\r\(line.prefix(110))\u{1B}[K", stderr)
        } else {
            fputs(line + "\n", stderr)
        }
        fflush(stderr)
    }

    /// "rpca 12/42 tensors, 3.1 tensors/s, 10 s left, NAME".
    private static func text(_ stage: Stage, now: UInt64) -> String {
        let seconds = Double(now - stage.start) / 1e9
        let rate = seconds > 0 ? Double(stage.done) / seconds : 0
        var parts = ["\(stage.name) \(stage.done)/\(stage.total) \(stage.unit)"]
        if rate > 0 {
            parts.append("\(NumberText.decimal(rate, places: rate < 10 ? 2 : 0)) \(stage.unit)/s")
            parts.append("\(NumberText.duration(Double(max(stage.total - stage.done, 0)) / rate)) left")
        }
        if !stage.remark.isEmpty { parts.append(stage.remark) }
        return parts.joined(separator: ", ")
    }
}
