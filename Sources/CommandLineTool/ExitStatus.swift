import Caplet

/// What the process tells its caller, by the numbers of sysexits.h where one fits.
enum ExitStatus: Int32 {
    case done = 0
    /// The check ran and said no.
    case checkFailed = 1
    /// There were warnings and `--strict` was given.
    case warnings = 2
    case usage = 64
    case malformedInput = 65
    case cannotOpen = 66
    case unsupported = 69
    case internalError = 70
    case writeFailed = 74
    /// Stopped by an interrupt from the keyboard, as shells number it.
    case interrupted = 130

    init(_ error: any Error) { self.init(FailureKind(error)) }

    init(_ kind: FailureKind) {
        switch kind {
        case .checkFailed: self = .checkFailed
        case .warnings: self = .warnings
        case .usage: self = .usage
        case .malformedInput: self = .malformedInput
        case .cannotOpen: self = .cannotOpen
        case .unsupported: self = .unsupported
        case .internalError: self = .internalError
        case .writeFailed: self = .writeFailed
        case .cancelled: self = .interrupted
        }
    }
}

/// Arguments that the command line cannot make a request of.
struct UsageError: Error, CustomStringConvertible {
    let description: String
    let status: ExitStatus

    init(_ description: String, _ status: ExitStatus = .usage) { (self.description, self.status) = (description, status) }
}
