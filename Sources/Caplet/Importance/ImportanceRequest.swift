import Calibration
import FormatKit
import GGUFFormat
import Inference
import Models
import PassKit

/// Measures llama.cpp's importance matrix of a model: the mean square of each input of each linear layer over a text.
public struct ImportanceRequest: Request {
    /// The model: a file or a folder of any format.
    public var model: String
    /// Where to write: a GGUF file, or for a name that ends in `.dat` a file as llama-imatrix wrote it before.
    public var output: String
    /// The text; nil for the one that comes with the program.
    public var calibration: CalibrationText?
    /// The model's format; nil to look at it.
    public var format: String?
    /// Whether what is at the output is replaced.
    public var replacesOutput = false

    /// A request with what has no default.
    public init(model: String, output: String) {
        self.model = model
        self.output = output
    }

    /// Called by a workspace.
    public func perform(in context: RequestContext) throws -> ImportanceResult {
        try calibration?.check()
        context.willRead([model] + (calibration?.paths ?? []))
        let execution = context.execution(beside: output)
        try OutputTarget.check(output, isFolder: false, replaces: replacesOutput, context)
        let opened = try context.open(model, from: format).model
        guard opened.quantization.isEmpty else {
            throw RequestError(.unsupported, "\(model): \(ModelError.quantized(opened.quantization))")
        }
        guard let names = try GGUFNames(opened.graph) else {
            throw RequestError(
                .unsupported, "\(model): is of no architecture that llama.cpp knows, so that its matrices have no names there")
        }
        let text = (calibration ?? CalibrationText(.builtIn)).fitted(to: opened.configuration)
        if text.source == .builtIn { context.note("no text is given: English speeches that come with the program are used") }
        guard let sets = try context.naming(model, { try CalibrationSets(text, opened, context, execution) }) else {
            preconditionFailure("a text was given")
        }
        var matrix = try context.naming(model) { try ImportanceMatrix(of: sets.calibration, names) }
        matrix.datasets = text.paths
        matrix.chunkCount = sets.count
        matrix.chunkSize = sets.calibration.scoredTokensPerSequence + 1
        for warning in sets.calibration.warnings { context.warn(warning) }
        try context.checkWarnings()
        try matrix.write(to: output, force: replacesOutput)
        return ImportanceResult(output: output, entries: matrix.entries.count, sequences: sets.count)
    }
}

/// What was measured.
public struct ImportanceResult: Sendable {
    /// Where it was written.
    public let output: String
    /// Matrices, all experts of a block as one.
    public let entries: Int
    /// Sequences of the text.
    public let sequences: Int
}

extension ImportanceMatrix {
    /// Of a text.
    init(of calibration: CalibrationModel, _ names: GGUFNames) throws {
        var squares: [String: [Int: [Float]]] = [:]
        try calibration.forEachInputNorms { group, norms in
            for member in group.members {
                let name = names.name(of: member)
                squares[name, default: [:]][names.expert(of: member) ?? 0] = norms.map { $0 * $0 }
            }
        }
        let tokens = Float(calibration.sequenceCount * (calibration.scoredTokensPerSequence + 1))
        var matrix = ImportanceMatrix()
        for (name, parts) in squares {
            let columns = parts.values.map(\.count).max() ?? 0, count = (parts.keys.max() ?? 0) + 1
            guard columns > 0 else { continue }
            // An expert that no token reached has sums of 0.
            let means = (0..<count).flatMap { part -> [Float] in
                let found = parts[part] ?? []
                return found.count == columns ? found : [Float](repeating: 0, count: columns)
            }
            matrix[name] = ImportanceMatrix.Entry(meanSquares: means, counts: [Float](repeating: tokens, count: count))
        }
        self = matrix
    }
}
