import Architectures
import CKernels

/// A normalisation of activations, row by row.
public struct Norm {
    package let kind: BlockDesign.Norm
    /// What the normalised input is multiplied with: with an offset 1 + w.
    package let weight: [Float]
    /// Zeros where the checkpoint has none.
    package let bias: [Float]
    package let epsilon: Float

    /// output [tokens, width] ← norm of input; they may be the same.
    package func apply(_ input: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>, tokens: Int) {
        switch kind {
        case .rootMeanSquare, .rootMeanSquareOffset: caplet_rms_norm(input, weight, epsilon, output, tokens, weight.count)
        case .layer, .layerWithoutBias, .layerOffset, .layerWithoutWeight:
            caplet_layer_norm(input, weight, bias, epsilon, output, tokens, weight.count)
        }
    }
}
