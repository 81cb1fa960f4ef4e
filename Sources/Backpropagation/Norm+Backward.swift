import CKernels
import Inference

extension Norm {
    /// Adds to inputGradient what outputGradient says of the norm's input.
    func backward(
        _ input: UnsafePointer<Float>, outputGradient: UnsafePointer<Float>, addingTo inputGradient: UnsafeMutablePointer<Float>,
        tokens: Int
    ) {
        eachRun(tokens) { weight, _, start, count in
            let place = start * width
            switch kind {
            case .rootMeanSquare, .rootMeanSquareOffset:
                caplet_rms_norm_backward(input + place, weight, epsilon, outputGradient + place, inputGradient + place, count, width)
            case .layer, .layerWithoutBias, .layerOffset, .layerWithoutWeight:
                caplet_layer_norm_backward(input + place, weight, epsilon, outputGradient + place, inputGradient + place, count, width)
            }
        }
    }
}
