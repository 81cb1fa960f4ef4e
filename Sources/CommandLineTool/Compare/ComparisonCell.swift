import Calibration
import FoundationEssentials
import ModelGraph

/// What one method left of a model under one budget, and what that cost.
struct ComparisonCell: Codable {
    let identity: CellIdentity
    let linearParameters: Int
    let parameters: Int
    /// Nats a token.
    let meanLoss: Double
    let standardError: Double?
    /// Rise of the mean loss over the dense model, with the standard error of the differences sequence by sequence.
    let excess: Double
    let excessStandardError: Double?
    /// Tensors in memory, before entropy coding.
    let payloadBytes: Int
    /// The .caplet that the model makes.
    let fileBytes: Int
    /// Time of the passes and the evaluation; no part of what two runs have in common.
    let seconds: Double
    let layers: [LayerShape]
    /// Losses of the text's sequences, in order: what differences between cells are made of.
    let sequenceLosses: [SequenceLoss]

    /// The excess over another cell on the same text, sequence by sequence.
    func difference(from other: ComparisonCell) -> Perplexity {
        SequenceLoss.difference(of: sequenceLosses, from: other.sequenceLosses)
    }
}

/// The loss of one sequence.
struct SequenceLoss: Codable {
    let sum: Double
    let tokens: Int

    /// The mean of the differences a token, and its standard error.
    static func difference(of losses: [SequenceLoss], from others: [SequenceLoss]) -> Perplexity {
        Perplexity(sequenceLosses: zip(losses, others).map { (sum: $0.sum - $1.sum, count: $0.tokens) })
    }
}

/// What is kept of one linear layer.
struct LayerShape: Codable {
    let name: String
    let block: Int?
    let parameters: Int
    let rank: Int
    /// Share of the positions that the sparse part keeps; 1 for a dense layer, 0 without a sparse part.
    let density: Double

    init(_ tensor: Tensor, block: Int?) {
        name = tensor.name
        self.block = block
        parameters = tensor.payload.parameterCount
        rank = tensor.payload.rank
        switch tensor.payload {
        case .dense, .quantized: density = 1
        default: density = tensor.payload.density ?? 0
        }
    }

    static func all(of graph: TensorGraph) -> [LayerShape] {
        graph.tensors.filter { $0.role == .linear }.map { LayerShape($0, block: graph.structure.block(of: $0.name)) }
    }

    /// The name without its block: "self_attn.q_proj".
    var kind: String {
        guard let block, let range = name.firstRange(of: ".\(block).") else { return name }
        let rest = String(name[range.upperBound...])
        return rest.hasSuffix(".weight") ? String(rest.dropLast(7)) : rest
    }
}
