import CKernels
import Inference

extension OutputHead {
    /// Adds to the gradient of the hidden states what that of the logits says.
    ///
    /// - Precondition: there is no transform.
    /// - Parameters:
    ///   - logits: what `logits` gave for the hidden states.
    ///   - gradient: of the logits; spoilt on return.
    func backward(
        _ hidden: [Float], tokens: Int, logits: [Float], gradient: inout [Float], addingTo target: UnsafeMutablePointer<Float>
    ) {
        precondition(transform == nil, "there is no backward pass through an encoder's head")
        if let softCap { caplet_soft_cap_backward(logits, softCap, &gradient, logits.count) }
        guard let norm else { return weight.applyTransposed(to: gradient, tokens: tokens, into: target, accumulate: true) }
        var normalised = [Float](repeating: 0, count: tokens * weight.inputSize)
        weight.applyTransposed(to: gradient, tokens: tokens, into: &normalised)
        norm.backward(hidden, outputGradient: normalised, addingTo: target, tokens: tokens)
    }
}
