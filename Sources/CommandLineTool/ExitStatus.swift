import Architectures
import BuiltIns
import Calibration
import CapletRuntime
import Execution
import FormatKit
import Glibc
import LinearAlgebra
import ModelGraph
import PassKit
import PluginLoading
import Tokenization
import TransformerModel

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

    /// The status of an error: the one place where they are told apart.
    init(_ error: any Error) {
        switch error {
        case let error as FormatError:
            switch error.kind {
            case .malformed: self = .malformedInput
            case .unsupported: self = .unsupported
            case .writeFailed: self = .writeFailed
            case .refused: self = .usage
            }
        case let error as FileAccessError: self = error.code == ENOMEM ? .internalError : .cannotOpen
        case let error as GraphError:
            if case .notComputable = error { self = .unsupported } else { self = .malformedInput }
        case let error as PipelineError: self = error.kind == .unknownPass ? .unsupported : .usage
        case let error as PassError: self = error.kind == .usage ? .usage : .unsupported
        case let error as RegistryError:
            if case .noOutputFormat = error { self = .usage } else { self = .unsupported }
        case let error as PluginError:
            switch error.kind {
            case .cannotOpen: self = .cannotOpen
            case .malformed: self = .malformedInput
            case .unsupported: self = .unsupported
            case .usage: self = .usage
            case .failed: self = .internalError
            }
        case let error as ModelError:
            switch error {
            case .missingTensor, .wrongShape, .badToken, .tooLong, .contextFull: self = .malformedInput
            case .unknownArchitecture, .unsupportedFeatures, .notCausal, .noHead: self = .unsupported
            }
        case let error as RuntimeError:
            if case .noTokenizer = error { self = .unsupported } else { self = .usage }
        case is ConfigurationError, is CalibrationError: self = .malformedInput
        case let error as TokenizationError:
            if case .unsupported = error { self = .unsupported } else { self = .malformedInput }
        case let error as CommandError: self = error.status
        case is Cancelled: self = .interrupted
        default: self = .internalError
        }
    }
}

/// A request that a verb cannot carry out, with its status.
struct CommandError: Error, CustomStringConvertible {
    let status: ExitStatus
    let description: String

    init(_ status: ExitStatus, _ description: String) {
        self.status = status
        self.description = description
    }
}
