import Architectures
import BuiltIns
import Calibration
import Execution
import FormatKit
import ModelGraph

/// All that a comparison's figures depend on beside the method and the budget.
public struct ComparisonInputs: Codable, Equatable, Sendable {
    /// The version.
    public let caplet: String
    /// Digests of the tensors, and of the hyperparameters that run them.
    public let model: String
    /// The digest of the hyperparameters.
    public let configuration: String
    /// Digests of the files, and of the token sequences made of them, which know the tokenizer and the options; nil without calibration.
    public let calibration: String?
    /// The digest of the token sequences; nil without calibration.
    public let calibrationTokens: String?
    /// What losses are measured on, in order.
    public let texts: [ScoredText]
    /// Tokens in a window.
    public let context: Int
    /// Seed of every random choice.
    public let seed: UInt64
}

/// A text, or rows of token ids, that losses are measured on.
public struct ScoredText: Codable, Equatable, Sendable {
    /// The file's name without its folder.
    public let name: String
    /// Digests of the file and of the token sequences made of it.
    public let file: String
    /// The digest of the token sequences.
    public let tokens: String
}

extension ComparisonInputs {
    var textList: String { texts.map { "\($0.name) \($0.file)" }.joined(separator: ", ") }
}

/// What tells a cell from all others: equal identities give equal figures.
public struct CellIdentity: Codable, Equatable, Sendable {
    /// What the figures depend on.
    public let inputs: ComparisonInputs
    /// The name of the method.
    public let method: String
    /// Empty for the dense model.
    public let pipeline: String
    /// Share of the linear layers' parameters to keep, or from 1000 on bytes of the file; 1 for the dense model.
    public let budget: Double

    /// The name of the cell's file without its ending.
    var fileName: String { method == ComparisonMethod.dense ? method : "\(method)-\(BudgetText.fileText(budget))" }

    /// What differs from another identity of the same cell, for a message.
    func difference(from other: CellIdentity) -> String {
        let pairs: [(String, String, String)] = [
            ("version", inputs.caplet, other.inputs.caplet), ("model", inputs.model, other.inputs.model),
            ("configuration", inputs.configuration, other.inputs.configuration),
            ("calibration text", inputs.calibration ?? "none", other.inputs.calibration ?? "none"),
            ("texts", inputs.textList, other.inputs.textList),
            ("context", "\(inputs.context)", "\(other.inputs.context)"), ("seed", "\(inputs.seed)", "\(other.inputs.seed)"),
            ("pipeline", pipeline, other.pipeline),
            ("calibration sequences", inputs.calibrationTokens ?? "none", other.inputs.calibrationTokens ?? "none"),
        ]
        guard let first = pairs.first(where: { $0.1 != $0.2 }) else { return "other tokens" }
        return "\(first.0) \(first.1), not \(first.2)"
    }
}

extension TokenSequences {
    /// The digest of all token ids and where sequences end.
    var digest: String {
        var stream: [Int32] = []
        for sequence in sequences { stream += [Int32(sequence.count)] + sequence }
        return stream.withUnsafeBytes { ContentDigest(of: $0).hexadecimal }
    }
}

extension ModelConfiguration {
    /// The digest of every hyperparameter.
    var digest: String { Array(String(describing: self).utf8).withUnsafeBytes { ContentDigest(of: $0).hexadecimal } }
}
