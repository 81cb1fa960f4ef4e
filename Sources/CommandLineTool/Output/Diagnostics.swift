import CLibrary
import Caplet
import Logging
import Synchronization

/// Lines for a person on standard error, and the count of warnings for `--strict`.
final class Diagnostics: Sendable {
    private let logger: Logger
    private let warnings = Atomic<Int>(0)
    var warningCount: Int { warnings.load(ordering: .relaxed) }
    /// Nil where nobody watches.
    private let progress: ProgressLine?
    private let isSilent: Bool

    /// - Parameter isSilent: whether another rank says all there is to say.
    init(_ options: CommonOptions, isSilent: Bool = false) {
        self.isSilent = isSilent
        var logger = Logger(label: "caplet") { _ in StandardErrorLogHandler() }
        logger.logLevel = options.quiet ? .error : (options.verbose ? .debug : .notice)
        self.logger = logger
        progress = options.noProgress || options.quiet || isSilent ? nil : ProgressLine()
    }

    /// Tells what happens to a request.
    func report(_ event: Event) {
        switch event {
        case .entered(let mark): progress?.enter(mark)
        case .began(let stage, let total, let unit): progress?.begin(stage, total: total, unit: unit)
        case .advanced(let units, let remark): progress?.advance(by: units, remark: remark)
        case .ended: progress?.end()
        case .warning(let line, let remedy): warning(line + Remedies.text(remedy))
        case .note(let line): note(line)
        case .detail(let line): detail(line)
        }
    }

    func error(_ line: String) { write(.error, line) }
    func note(_ line: String) { write(.notice, line) }
    func detail(_ line: String) { write(.debug, line) }

    func warning(_ line: String) {
        warnings.wrappingAdd(1, ordering: .relaxed)
        write(.warning, line)
    }

    private func write(_ level: Logger.Level, _ line: String) {
        if isSilent { return }
        guard let progress else {
            logger.log(level: level, "\(line)")
            return
        }
        progress.interrupted { logger.log(level: level, "\(line)") }
    }
}

/// One line a message: "caplet: warning: …"; nothing but the text for notes.
private struct StandardErrorLogHandler: LogHandler {
    var logLevel = Logger.Level.notice
    var metadata = Logger.Metadata()

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let prefix: String
        switch event.level {
        case .critical, .error: prefix = "caplet: error: "
        case .warning: prefix = "caplet: warning: "
        default: prefix = ""
        }
        // One diagnostic is one line, whatever a hostile file put into a name.
        let text = "\(event.message)".unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "\u{FFFD}" : String($0) }.joined()
        fputs(prefix + text + "\n", StandardStream.error)
    }
}
