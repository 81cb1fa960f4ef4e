import Architectures
import CKernels
import LinearAlgebra

/// Where a block's linear layers take their inputs; an observer is called with each of them.
public enum BlockInput: Int, CaseIterable, Sendable {
    case attentionInput, attentionOutput, mlpInput, mlpOutput

    /// The name of the input group in `GraphStructure`.
    public var groupName: String {
        switch self {
        case .attentionInput: return "attention-input"
        case .attentionOutput: return "attention-output"
        case .mlpInput: return "mlp-input"
        case .mlpOutput: return "mlp-output"
        }
    }
}

/// Called with the activations [tokens, width] that a group of linear layers is about to read.
public typealias InputObserver = (BlockInput, UnsafeBufferPointer<Float>, _ width: Int) -> Void

extension BlockWeights {
    /// One pre-norm decoder block on one sequence: hidden [T, hidden] is updated in place.
    ///
    /// x += Wo · attention(RMSNorm(x)); x += Wdown · (silu(Wgate · h) ⊙ Wup · h) with h = RMSNorm(x).
    func forward(
        _ hidden: UnsafeMutablePointer<Float>, tokens: Int, _ c: ModelConfiguration, _ rotary: RotaryEmbedding,
        _ state: RunState, observer: InputObserver?
    ) {
        let epsilon = Float(c.normEpsilon)
        func observe(_ input: BlockInput, _ activations: UnsafeMutablePointer<Float>, _ width: Int) {
            observer?(input, UnsafeBufferPointer(start: activations, count: tokens * width), width)
        }

        // Attention.
        caplet_rms_norm(hidden, attentionNorm, epsilon, state.normalised, tokens, c.hiddenSize)  // [T, hidden]
        observe(.attentionInput, state.normalised, c.hiddenSize)
        query.apply(to: state.normalised, tokens: tokens, into: state.queries)  // [T, heads × headSize]
        key.apply(to: state.normalised, tokens: tokens, into: state.keys)  // [T, kvHeads × headSize]
        value.apply(to: state.normalised, tokens: tokens, into: state.values)  // [T, kvHeads × headSize]
        rotary.rotate(state.queries, tokens: tokens, heads: c.headCount)
        rotary.rotate(state.keys, tokens: tokens, heads: c.keyValueHeadCount)
        attend(tokens: tokens, c, state)  // [T, heads × headSize]
        observe(.attentionOutput, state.attended, c.headCount * c.headSize)
        attentionOutput.apply(to: state.attended, tokens: tokens, into: hidden, accumulate: true)  // [T, hidden]

        // Gated multilayer perceptron.
        state.middle?.update(from: hidden, count: tokens * c.hiddenSize)  // [T, hidden]
        caplet_rms_norm(hidden, mlpNorm, epsilon, state.perceptronInput, tokens, c.hiddenSize)  // [T, hidden]
        observe(.mlpInput, state.perceptronInput, c.hiddenSize)
        gate.apply(to: state.perceptronInput, tokens: tokens, into: state.gate)  // [T, intermediate]
        up.apply(to: state.perceptronInput, tokens: tokens, into: state.up)  // [T, intermediate]
        caplet_swiglu(state.gate, state.up, state.activated, tokens * c.intermediateSize)  // [T, intermediate]
        observe(.mlpOutput, state.activated, c.intermediateSize)
        down.apply(to: state.activated, tokens: tokens, into: hidden, accumulate: true)  // [T, hidden]
    }

    /// Causal attention, softmax(Q Kᵀ / √d) V, with each key and value head shared by heads / kvHeads query heads.
    private func attend(tokens: Int, _ c: ModelConfiguration, _ state: RunState) {
        let scale = 1 / Float(c.headSize).squareRoot()
        let queryStride = c.headCount * c.headSize
        let keyStride = c.keyValueHeadCount * c.headSize
        for head in 0..<c.headCount {
            let shared = head / (c.headCount / c.keyValueHeadCount)
            multiply(  // scores [T, T]
                m: tokens, n: tokens, k: c.headSize, state.queries + head * c.headSize, .plain, lda: queryStride,
                state.keys + shared * c.headSize, .transposed, ldb: keyStride, into: state.scores, ldc: tokens)
            for position in 0..<tokens {
                caplet_softmax_row(state.scores + position * tokens, scale, position + 1, tokens)
            }
            multiply(  // attended [T, headSize] of this head
                m: tokens, n: c.headSize, k: tokens, state.scores, .plain, lda: tokens,
                state.values + shared * c.headSize, .plain, ldb: keyStride, into: state.attended + head * c.headSize,
                ldc: queryStride)
        }
    }
}
