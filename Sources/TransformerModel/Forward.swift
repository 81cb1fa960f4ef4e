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
    /// One block on one sequence: hidden [T, hidden] is updated in place.
    ///
    /// With norms before: x += Wo · attention(norm(x)); x += Wdown · f(norm(x)); with norms after: x = norm(x + Wo · attention(x));
    /// x = norm(x + Wdown · f(x)); where f(h) is act(Wgate · h) ⊙ Wup · h, or act(Wup · h) where there is no gate. Biases where there are.
    func forward(
        _ hidden: UnsafeMutablePointer<Float>, tokens: Int, _ c: ModelConfiguration, _ rotary: RotaryEmbedding?,
        _ state: RunState, observer: InputObserver?
    ) {
        let isBefore = design.placement == .before
        func observe(_ input: BlockInput, _ activations: UnsafeMutablePointer<Float>, _ width: Int) {
            observer?(input, UnsafeBufferPointer(start: activations, count: tokens * width), width)
        }
        func enter(_ norm: Norm, _ buffer: UnsafeMutablePointer<Float>) {
            if isBefore {
                norm.apply(hidden, into: buffer, tokens: tokens)
            } else {
                buffer.update(from: hidden, count: tokens * c.hiddenSize)
            }
        }

        // Attention.
        enter(attentionNorm, state.normalised)  // [T, hidden]
        observe(.attentionInput, state.normalised, c.hiddenSize)
        apply(.query, to: state.normalised, tokens: tokens, into: state.queries)  // [T, heads × headSize]
        apply(.key, to: state.normalised, tokens: tokens, into: state.keys)  // [T, kvHeads × headSize]
        apply(.value, to: state.normalised, tokens: tokens, into: state.values)  // [T, kvHeads × headSize]
        rotary?.rotate(state.queries, tokens: tokens, heads: c.headCount)
        rotary?.rotate(state.keys, tokens: tokens, heads: c.keyValueHeadCount)
        attend(tokens: tokens, c, state)  // [T, heads × headSize]
        observe(.attentionOutput, state.attended, c.headCount * c.headSize)
        apply(.attentionOutput, to: state.attended, tokens: tokens, into: hidden, accumulate: true)  // [T, hidden]
        state.middle?.update(from: hidden, count: tokens * c.hiddenSize)  // [T, hidden]
        if !isBefore { attentionNorm.apply(hidden, into: hidden, tokens: tokens) }

        // Multilayer perceptron.
        enter(perceptronNorm, state.perceptronInput)  // [T, hidden]
        observe(.mlpInput, state.perceptronInput, c.hiddenSize)
        apply(.up, to: state.perceptronInput, tokens: tokens, into: state.up)  // [T, intermediate]
        if design.isGated {
            apply(.gate, to: state.perceptronInput, tokens: tokens, into: state.gate)  // [T, intermediate]
            caplet_swiglu(state.gate, state.up, state.activated, tokens * c.intermediateSize)  // [T, intermediate]
        } else {
            design.activation.apply(state.up, into: state.activated, count: tokens * c.intermediateSize)  // [T, intermediate]
        }
        observe(.mlpOutput, state.activated, c.intermediateSize)
        apply(.down, to: state.activated, tokens: tokens, into: hidden, accumulate: true)  // [T, hidden]
        if !isBefore {
            state.sum?.update(from: hidden, count: tokens * c.hiddenSize)  // [T, hidden]
            perceptronNorm.apply(hidden, into: hidden, tokens: tokens)
        }
    }

    /// Attention, softmax(Q Kᵀ / √d) V over the positions up to each or over all, with each key and value head shared by heads / kvHeads query heads.
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
                caplet_softmax_row(state.scores + position * tokens, scale, design.isCausal ? position + 1 : tokens, tokens)
            }
            multiply(  // attended [T, headSize] of this head
                m: tokens, n: c.headSize, k: tokens, state.scores, .plain, lda: tokens,
                state.values + shared * c.headSize, .plain, ldb: keyStride, into: state.attended + head * c.headSize,
                ldc: queryStride)
        }
    }
}
