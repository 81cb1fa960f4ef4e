/// What a family's blocks compute, as far as families differ.
public struct BlockDesign: Equatable, Sendable {
    public enum Norm: String, Sendable {
        /// x / √(mean(x²) + ε) ⊙ w (Zhang and Sennrich 2019).
        case rootMeanSquare
        /// The same with 1 + w for w.
        case rootMeanSquareOffset
        /// (x − mean) / √(variance + ε) ⊙ w + b (Ba et al. 2016).
        case layer
    }

    public enum Placement: String, Sendable {
        /// x + f(norm(x)).
        case before
        /// norm(x + f(x)).
        case after
        /// x + norm′(f(norm(x))).
        case around
    }

    /// Between the two products of the MLP.
    public enum Activation: String, CaseIterable, Sendable {
        case silu, gelu, relu
        /// gelu by its approximation with tanh.
        case geluTanh

        /// By the names that config.json has for it.
        init?(configName: String) {
            switch configName {
            case "silu", "swish": self = .silu
            case "gelu": self = .gelu
            case "gelu_new", "gelu_pytorch_tanh", "gelu_fast": self = .geluTanh
            case "relu": self = .relu
            default: return nil
            }
        }

        /// A name that config.json has for it.
        var configName: String { self == .geluTanh ? "gelu_pytorch_tanh" : rawValue }
    }

    public enum Positions: String, Sendable {
        /// Rotary embedding of queries and keys.
        case rotary
        /// A table that is added to the token embeddings.
        case learned
        /// Products of queries and keys with embeddings of distances, added to the scores.
        case relative
    }

    public var norm: Norm
    public var placement: Placement
    public var activation: Activation
    /// Whether the MLP is f(gate) ⊙ up, not f(up).
    public var isGated: Bool
    public var positions: Positions
    /// The row of the table of learned positions that the first position has.
    public var firstPosition = 0
    /// Whether a position sees only those up to itself: a model that predicts the next token; else an encoder.
    public var isCausal: Bool
    /// Whether token embeddings are multiplied by √hidden.
    public var scalesEmbeddings = false
    /// Whether there is a norm of every query head and every key head.
    public var normsHeads = false
    /// Whether one layer gives queries, keys and values, one after the other.
    public var fusesQueryKeyValue = false
    /// Whether one layer gives gate and up, one after the other.
    public var fusesGateAndUp = false

    static let llama = BlockDesign(
        norm: .rootMeanSquare, placement: .before, activation: .silu, isGated: true, positions: .rotary, isCausal: true)
    static let bert = BlockDesign(
        norm: .layer, placement: .after, activation: .gelu, isGated: false, positions: .learned, isCausal: false)
    static let gpt2 = BlockDesign(
        norm: .layer, placement: .before, activation: .geluTanh, isGated: false, positions: .learned, isCausal: true,
        fusesQueryKeyValue: true)
    static let opt = BlockDesign(
        norm: .layer, placement: .before, activation: .relu, isGated: false, positions: .learned, firstPosition: 2, isCausal: true)
}

/// The part that a tensor plays when the model runs.
public enum Module: String, CaseIterable, Sendable {
    case tokenEmbedding, positionEmbedding, tokenTypeEmbedding, relativeEmbedding, relativeNorm, embeddingNorm, finalNorm, head
    /// Between the last block and the head of an encoder that fills in tokens, and what is added to its logits.
    case headTransform, headNorm, headBias
    case attentionNorm, query, key, value, queryKeyValue, queryNorm, keyNorm, attentionOutput, attentionOutputNorm
    case mlpNorm, gate, up, gateAndUp, down, mlpOutputNorm
    /// Carried, and not run.
    case other

    /// Whether it is no part of the model itself but of its head for a task, whose names do not have the model's prefix.
    var isOfHead: Bool { [.head, .headTransform, .headNorm, .headBias].contains(self) }
}
