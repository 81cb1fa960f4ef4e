import Architectures
import BuiltIns
import Calibration
import CapletRuntime
import ChatTemplates
import Execution
import FormatKit
import Inference
import ModelGraph
import PassKit
import PluginLoading
import Tokenization

/// What kind of failure an error is: what a program does about it depends on that alone.
public enum FailureKind: Sendable {
    /// A check ran and said no.
    case checkFailed
    /// There were warnings, and the request refuses them.
    case warnings
    /// The request contradicts itself, or what it asks for is not to be had of this model.
    case usage
    /// A file is damaged, or holds what its format does not allow.
    case malformedInput
    /// A file is not there, or may not be read.
    case cannotOpen
    /// A format, an architecture or a combination that is not known.
    case unsupported
    /// Memory that is not to be had, or a fault of Caplet or of a plugin.
    case internalError
    /// The output could not be written: nothing of it is there.
    case writeFailed
    /// Stopped on request.
    case cancelled

    /// The kind of any error that a request throws: the one place where they are told apart.
    public init(_ error: any Error) {
        switch error {
        case let error as RequestError: self = error.kind
        case let error as FormatError: self = FailureKind(error)
        case is ScratchError: self = .writeFailed
        case let error as FileAccessError: self = error.isOutOfMemory ? .internalError : .cannotOpen
        case let error as GraphError:
            if case .notComputable = error { self = .unsupported } else { self = .malformedInput }
        case let error as PipelineError: self = error.kind == .unknownPass ? .unsupported : .usage
        case let error as PassError: self = error.kind == .usage ? .usage : .unsupported
        case let error as RegistryError:
            if case .noOutputFormat = error { self = .usage } else { self = .unsupported }
        case let error as PluginError: self = FailureKind(error)
        case let error as ModelError: self = FailureKind(error)
        case let error as RuntimeError:
            switch error {
            case .noTokenizer, .noChatTemplate: self = .unsupported
            default: self = .usage
            }
        case is ConfigurationError, is CalibrationError: self = .malformedInput
        case let error as ChatTemplateError: self = error.kind == .unsupported ? .unsupported : .malformedInput
        case let error as TokenizationError:
            if case .unsupported = error { self = .unsupported } else { self = .malformedInput }
        case is Cancelled: self = .cancelled
        case let error as EnsembleError:
            switch error.kind {
            case .unsupported: self = .unsupported
            case .different: self = .usage
            case .lost: self = .internalError
            }
        default: self = .internalError
        }
    }

    private init(_ error: FormatError) {
        switch error.kind {
        case .malformed: self = .malformedInput
        case .unsupported: self = .unsupported
        case .writeFailed: self = .writeFailed
        case .refused: self = .usage
        }
    }

    private init(_ error: PluginError) {
        switch error.kind {
        case .cannotOpen: self = .cannotOpen
        case .malformed: self = .malformedInput
        case .unsupported: self = .unsupported
        case .usage: self = .usage
        case .failed: self = .internalError
        }
    }

    private init(_ error: ModelError) {
        switch error {
        case .missingTensor, .wrongShape, .badToken, .noRow, .tooLong, .contextFull: self = .malformedInput
        case .unknownArchitecture, .unsupportedFeatures, .quantized, .notCausal, .noHead, .noClassifier: self = .unsupported
        }
    }
}

/// A request that cannot be carried out.
public struct RequestError: RemediableError, CustomStringConvertible {
    /// What kind of failure it is.
    public let kind: FailureKind
    /// One line: where, and why.
    public let description: String
    /// What would let the request through; nil where nothing would.
    public let remedy: Remedy?

    package init(_ kind: FailureKind, _ description: String, remedy: Remedy? = nil) {
        self.kind = kind
        self.description = description
        self.remedy = remedy
    }
}
