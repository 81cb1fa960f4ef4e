import Architectures
import LinearAlgebra
import ModelGraph

/// The weights of one block.
public struct BlockWeights {
    let design: BlockDesign
    let attentionNorm: Norm
    let perceptronNorm: Norm
    /// Those of the layers that the design has.
    var layers: [BlockLayer: LinearOperator]
    /// [out] each, of the layers that have one.
    let biases: [BlockLayer: [Float]]

    /// The operator of a layer that the design has.
    subscript(layer: BlockLayer) -> LinearOperator {
        guard let found = layers[layer] else { preconditionFailure("the block has no \(layer)") }
        return found
    }

    /// output [tokens, out] ← input · Wᵀ + b, or is added to.
    func apply(
        _ layer: BlockLayer, to input: UnsafePointer<Float>, tokens: Int, into output: UnsafeMutablePointer<Float>, accumulate: Bool = false
    ) {
        let weight = self[layer]
        weight.apply(to: input, tokens: tokens, into: output, accumulate: accumulate)
        guard let bias = biases[layer] else { return }
        for token in 0..<tokens {
            let row = output + token * weight.outputSize
            for i in 0..<weight.outputSize { row[i] += bias[i] }
        }
    }
}

/// The linear layers of a block.
public enum BlockLayer: CaseIterable, Sendable {
    case query, key, value, attentionOutput, gate, up, down

    var module: Module {
        switch self {
        case .query: return .query
        case .key: return .key
        case .value: return .value
        case .attentionOutput: return .attentionOutput
        case .gate: return .gate
        case .up: return .up
        case .down: return .down
        }
    }
}
