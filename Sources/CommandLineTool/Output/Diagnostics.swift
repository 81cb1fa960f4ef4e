import Glibc
import Logging
import Synchronization

/// Lines for a person on standard error, and the count of warnings for `--strict`.
final class Diagnostics {
    private let logger: Logger
    private let warnings = Atomic<Int>(0)
    var warningCount: Int { warnings.load(ordering: .relaxed) }
    /// Called before a line is written, so that a progress line makes room.
    var beforeLine: () -> Void = {}

    init(quiet: Bool, verbose: Bool) {
        var logger = Logger(label: "caplet") { _ in StandardErrorLogHandler() }
        logger.logLevel = quiet ? .error : (verbose ? .debug : .notice)
        self.logger = logger
    }

    func error(_ line: String) { write(.error, line) }
    func note(_ line: String) { write(.notice, line) }
    func detail(_ line: String) { write(.debug, line) }

    func warning(_ line: String) {
        warnings.wrappingAdd(1, ordering: .relaxed)
        write(.warning, line)
    }

    private func write(_ level: Logger.Level, _ line: String) {
        beforeLine()
        logger.log(level: level, "\(line)")
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
        fputs(prefix + text + "\n", stderr)
    }
}
