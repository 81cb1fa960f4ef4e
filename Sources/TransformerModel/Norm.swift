import Architectures
import CKernels

/// A normalisation of activations, row by row.
public struct Norm {
    let kind: BlockDesign.Norm
    /// What the normalised input is multiplied with: with an offset 1 + w.
    let weight: [Float]
    /// Zeros where the checkpoint has none.
    let bias: [Float]
    let epsilon: Float

    /// output [tokens, width] ← norm of input; they may be the same.
    func apply(_ input: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>, tokens: Int) {
        switch kind {
        case .rootMeanSquare, .rootMeanSquareOffset: caplet_rms_norm(input, weight, epsilon, output, tokens, weight.count)
        case .layer: caplet_layer_norm(input, weight, bias, epsilon, output, tokens, weight.count)
        }
    }

    /// Adds to inputGradient what outputGradient says of the norm's input.
    func backward(
        _ input: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>, addingTo inputGradient: UnsafeMutablePointer<Float>,
        tokens: Int
    ) {
        switch kind {
        case .rootMeanSquare, .rootMeanSquareOffset:
            caplet_rms_norm_backward(input, weight, epsilon, outputGradient, inputGradient, tokens, weight.count)
        case .layer: caplet_layer_norm_backward(input, weight, epsilon, outputGradient, inputGradient, tokens, weight.count)
        }
    }
}
