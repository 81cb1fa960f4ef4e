import Architectures
import Matrices
import ModelGraph

/// The weights of one block.
public struct BlockWeights {
    package let design: BlockDesign
    package let parts: BlockParts
    /// How many positions each one sees, its own among them; nil where it sees all before it.
    package let window: Int?
    let isChunked: Bool
    /// Nil in families whose scores do not know distances.
    package let relative: RelativePositions?
    package let rotation: BlockRotation
    /// What each head takes from its scores for every position further back; nil in families that do not.
    package let slopes: [Float]?
    /// The score of each head that competes with those of positions, and brings nothing; nil in families without.
    let sinks: [Float]?
    /// Nil in blocks without.
    package let stateSpace: StateSpaceWeights?
    /// Of what attention, or a state space, reads, or of the sum after it in families with norms after; nil in families with norms of outputs alone.
    package let attentionNorm: Norm?
    /// Nil in families without latent attention.
    package let latentNorms: LatentNorms?
    /// Of every head of queries and keys that has turned; nil where there is none.
    package let turnedNorm: Norm?
    /// Of every head of queries and keys, or of all of them together.
    package let queryNorm: Norm?
    package let keyNorm: Norm?
    /// Of what attention and MLP put out, in families with norms around or after them.
    package let attentionOutputNorm: Norm?
    /// Nil also where attention and MLP read the same.
    package let mlpNorm: Norm?
    package let mlpOutputNorm: Norm?
    /// Of what the last block puts out, in encoders with norms before their parts.
    package let closingNorm: Norm?
    /// Nil in blocks with one MLP.
    package let router: RouterWeights?
    /// Those of the layers that the block has.
    package var layers: [BlockLayer: any LinearMap]
    /// [out] each, of the layers that have one.
    package let biases: [BlockLayer: [Float]]
    /// What multiplies matrices of activations.
    let products: any MatrixProduct

    /// The operator of a layer that the design has.
    package subscript(layer: BlockLayer) -> any LinearMap {
        guard let found = layers[layer] else { preconditionFailure("the block has no \(layer)") }
        return found
    }

    /// output [tokens, out] ← input · Wᵀ + b, or is added to.
    package func apply(
        _ layer: BlockLayer, to input: UnsafePointer<Float>, tokens: Int, into output: UnsafeMutablePointer<Float>, accumulate: Bool = false
    ) {
        let weight = self[layer]
        weight.apply(to: input, tokens: tokens, into: output, accumulate: accumulate)
        if let bias = biases[layer] { add(bias, to: output, rows: tokens) }
    }
}
