import Architectures
import CKernels
import Inference

extension BlockDesign {
    /// The gradient of the output, in `gateGradient` where there is a gate and in `upGradient` otherwise, becomes those of gate and up.
    func activateBackward(
        gate: UnsafePointer<Float>, up: UnsafePointer<Float>, gateGradient: UnsafeMutablePointer<Float>,
        upGradient: UnsafeMutablePointer<Float>, count: Int
    ) {
        if let gateClamp {
            return caplet_clamped_swiglu_backward(
                Float(gateClamp.alpha), Float(gateClamp.limit), gate, up, gateGradient, upGradient, count)
        }
        switch (isGated, activation) {
        case (false, _): caplet_activation_backward(activation.kernel, up, upGradient, count)
        case (true, .silu): caplet_swiglu_backward(gate, up, gateGradient, upGradient, count)
        case (true, _): caplet_gated_backward(activation.kernel, gate, up, gateGradient, upGradient, count)
        }
    }
}
