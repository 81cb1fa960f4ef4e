import Calibration
import FoundationEssentials
import ModelGraph
import PassKit

/// What one method left of a model under one budget, and what that cost.
public struct ComparisonCell: Codable, Sendable {
    /// What tells the cell from all others.
    public let identity: CellIdentity
    /// Numbers that linear layers keep.
    public let linearParameters: Int
    /// Numbers that are kept.
    public let parameters: Int
    /// On each text.
    public let losses: [TextLoss]
    /// Tensors in memory, before entropy coding.
    public let payloadBytes: Int
    /// The file that the model makes: a .caplet, or what the method's format is.
    public let fileBytes: Int
    /// What was chosen under the budget, such as one of llama.cpp's types; nil where the pipeline says all.
    public let choice: String?
    /// Time of the passes and the evaluation; no part of what two runs have in common.
    public let seconds: Double
    /// What is kept of each linear layer.
    public let layers: [LayerShape]
    /// Singular values of some linear layers; of the dense model only.
    public let spectra: [Spectrum]?
}

/// The loss on one text, in the unit of the comparison's measure.
public struct TextLoss: Codable, Sendable {
    /// The mean over tokens.
    public let meanLoss: Double
    /// Its standard error; nil for a single sequence.
    public let standardError: Double?
    /// Rise of the mean loss over the dense model, with the standard error of the differences sequence by sequence.
    public let excess: Double
    /// The standard error of the excess; nil for a single sequence.
    public let excessStandardError: Double?
    /// Losses of the text's sequences, in order: what differences between cells are made of.
    public let sequenceLosses: [SequenceLoss]

    /// - Parameter baseline: of the dense model on the same text; nil for the dense model itself.
    init(_ losses: [SequenceLoss], over baseline: TextLoss?) {
        let perplexity = Perplexity(sequenceLosses: losses.map { (sum: $0.sum, count: $0.tokens) })
        let difference = baseline.map { SequenceLoss.difference(of: losses, from: $0.sequenceLosses) }
        meanLoss = perplexity.meanLoss
        standardError = perplexity.standardError
        excess = difference?.meanLoss ?? 0
        excessStandardError = baseline == nil ? 0 : difference?.standardError
        sequenceLosses = losses
    }

    /// Tokens that were scored.
    public var tokens: Int { sequenceLosses.reduce(0) { $0 + $1.tokens } }

    /// The excess over another loss on the same text, sequence by sequence.
    func difference(from other: TextLoss) -> Perplexity {
        SequenceLoss.difference(of: sequenceLosses, from: other.sequenceLosses)
    }
}

/// The loss of one sequence.
public struct SequenceLoss: Codable, Sendable {
    /// The sum over its tokens.
    public let sum: Double
    /// Tokens that were scored.
    public let tokens: Int

    /// The mean of the differences a token, and its standard error.
    static func difference(of losses: [SequenceLoss], from others: [SequenceLoss]) -> Perplexity {
        Perplexity(sequenceLosses: zip(losses, others).map { (sum: $0.sum - $1.sum, count: $0.tokens) })
    }
}

/// What is kept of one linear layer.
public struct LayerShape: Codable, Sendable {
    /// The name.
    public let name: String
    /// The block that it belongs to.
    public let block: Int?
    /// Numbers that are kept.
    public let parameters: Int
    /// Of the low-rank terms together; 0 without.
    public let rank: Int
    /// Share of the positions that the sparse part keeps; 1 for a dense layer, 0 without a sparse part.
    public let density: Double
    /// What the loss rose by when this layer alone was pruned hard; nil where no pass measured it.
    public let sensitivity: Double?

    init(_ tensor: Tensor, block: Int?, sensitivity: Double?) {
        self.sensitivity = sensitivity
        name = tensor.name
        self.block = block
        parameters = tensor.payload.parameterCount
        rank = tensor.payload.rank
        switch tensor.payload {
        case .dense, .blocks, .quantized: density = 1
        default: density = tensor.payload.density ?? 0
        }
    }

    /// Of all linear layers; sensitivities are those that the passes' reports hold.
    static func all(of graph: TensorGraph, _ reports: [PassReport]) -> [LayerShape] {
        var measured: [String: Double] = [:]
        for entry in reports.flatMap(\.tensors) {
            if let value = entry.measurement("sensitivity") { measured[entry.name] = value }
        }
        return graph.tensors.filter { $0.role == .linear }.map { tensor in
            LayerShape(tensor, block: graph.structure.block(of: tensor.name), sensitivity: measured[tensor.name])
        }
    }

    var kind: String { LayerName.kind(of: name, block: block) }
}
