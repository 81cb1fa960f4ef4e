import Architectures
import CKernels

extension BlockDesign.Activation {
    /// As the kernels number them.
    package var kernel: caplet_activation_kind {
        switch self {
        case .silu: return CAPLET_SILU
        case .gelu: return CAPLET_GELU
        case .geluTanh: return CAPLET_GELU_TANH
        case .relu: return CAPLET_RELU
        case .reluSquared: return CAPLET_RELU_SQUARED
        }
    }

    package func apply(_ input: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>, count: Int) {
        caplet_activation(kernel, input, output, count)
    }
}

extension BlockDesign {
    /// out ← act(gate) ⊙ up, or act(up) where there is no gate; `out` may be `gate`.
    package func activate(
        gate: UnsafeMutablePointer<Float>, up: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>, count: Int
    ) {
        if let gateClamp {
            return caplet_clamped_swiglu(Float(gateClamp.alpha), Float(gateClamp.limit), gate, up, out, count)
        }
        switch (isGated, activation) {
        case (false, _): caplet_activation(activation.kernel, up, out, count)
        case (true, .silu): caplet_swiglu(gate, up, out, count)
        case (true, _): caplet_gated(activation.kernel, gate, up, out, count)
        }
    }
}
