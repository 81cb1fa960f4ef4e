import Execution
import ModelGraph

/// A step that changes a graph, with its options set.
public protocol PreparedPass {
    /// Whether the pass cannot do without calibration text: a pipeline is then refused before its first pass runs.
    var needsCalibration: Bool { get }

    /// What the pass learns of another model; nil for one that learns of none.
    var distillation: DistillationAim? { get }

    /// What running on `graph` takes; nil where that is not known before.
    ///
    /// - Parameter calibration: of the calibration set; nil where there is none.
    /// - Throws: `PassError` when there is nothing to work on.
    func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost?

    /// Looks, before any work, whether what the pass is asked for can be had at all. What it lets pass may still turn out not to be met;
    /// what it refuses could not be.
    ///
    /// - Parameters:
    ///   - graph: what the pass is to run on.
    ///   - output: nil where nothing is known of it.
    /// - Throws: `PassError` of kind usage, with what can be had.
    func checkAim(on graph: TensorGraph, _ output: OutputSize?) throws

    /// Changes `graph` and says what it did.
    ///
    /// - Throws: `PassError`, `GraphError`, `Cancelled`; the graph is then not used any more.
    func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport
}

extension PreparedPass {
    public var needsCalibration: Bool { false }

    public var distillation: DistillationAim? { nil }

    public func checkAim(on graph: TensorGraph, _ output: OutputSize?) throws {}

    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? { nil }
}

/// A pass that is a type of its own: a name, options declared once, and a report of what it did.
public protocol Pass: PreparedPass, SendableMetatype {
    /// The name in pipeline text, such as "rpca".
    static var name: String { get }
    /// One line on what it does.
    static var summary: String { get }
    /// The options it takes, in the order of the help.
    static var options: [any PassOption] { get }
    /// What it works from.
    static var reads: PassReads { get }
    /// What it makes of the tensors.
    static var leaves: PassResult { get }
    /// Pipeline text of passes that have to follow for the model to become smaller; nil where none has to.
    static var completion: String? { get }

    /// - Throws: `PassError` for values that exclude each other; single values, and what they require of others, are checked already.
    init(_ options: PassOptions) throws
}

/// Why a pass cannot do what it was asked.
public struct PassError: RemediableError, CustomStringConvertible {
    public enum Kind: Sendable {
        /// The request cannot be met or makes no sense.
        case usage
        /// The graph holds something that the pass cannot work on.
        case unsupported
    }

    public let kind: Kind
    public let pass: String
    public let message: String
    public let remedy: Remedy?

    public init(_ kind: Kind, pass: String, _ message: String, remedy: Remedy? = nil) {
        self.kind = kind
        self.pass = pass
        self.message = message
        self.remedy = remedy
    }

    public var description: String { "\(pass): \(message)" }

    /// A pass that cannot do without calibration text was given none.
    static func needsCalibration(_ pass: String) -> PassError {
        PassError(.usage, pass: pass, "needs calibration text", remedy: .giveCalibration)
    }
}

extension Pass {
    public static var completion: String? { nil }
}
