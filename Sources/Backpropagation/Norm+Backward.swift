import CKernels
import Inference

extension Norm {
    /// Adds to inputGradient what outputGradient says of the norm's input.
    func backward(
        _ input: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>, addingTo inputGradient: UnsafeMutablePointer<Float>,
        tokens: Int
    ) {
        switch kind {
        case .rootMeanSquare, .rootMeanSquareOffset:
            caplet_rms_norm_backward(input, weight, epsilon, outputGradient, inputGradient, tokens, weight.count)
        case .layer, .layerWithoutBias, .layerOffset, .layerWithoutWeight:
            caplet_layer_norm_backward(input, weight, epsilon, outputGradient, inputGradient, tokens, weight.count)
        }
    }
}
