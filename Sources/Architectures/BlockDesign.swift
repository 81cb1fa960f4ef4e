/// What a family's blocks compute, as far as families differ.
public struct BlockDesign: Equatable, Sendable {
    public enum Norm: String, Sendable {
        /// x / √(mean(x²) + ε) ⊙ w (Zhang and Sennrich 2019).
        case rootMeanSquare
        /// (x − mean) / √(variance + ε) ⊙ w + b (Ba et al. 2016).
        case layer
    }

    public enum Placement: String, Sendable {
        /// x + f(norm(x)).
        case before
        /// norm(x + f(x)).
        case after
    }

    /// Between the two products of the perceptron.
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
    }

    public enum Positions: String, Sendable {
        /// Rotary embedding of queries and keys.
        case rotary
        /// A table that is added to the token embeddings.
        case learned
    }

    public var norm: Norm
    public var placement: Placement
    public var activation: Activation
    /// Whether the perceptron is f(gate) ⊙ up, not f(up).
    public var isGated: Bool
    public var positions: Positions
    /// Whether a position sees only those up to itself: a model that predicts the next token; else an encoder.
    public var isCausal: Bool

    static let llama = BlockDesign(
        norm: .rootMeanSquare, placement: .before, activation: .silu, isGated: true, positions: .rotary, isCausal: true)
    static let bert = BlockDesign(
        norm: .layer, placement: .after, activation: .gelu, isGated: false, positions: .learned, isCausal: false)
}

/// The part that a tensor plays when the model runs.
public enum Module: String, CaseIterable, Sendable {
    case tokenEmbedding, positionEmbedding, tokenTypeEmbedding, embeddingNorm, finalNorm, head
    case attentionNorm, query, key, value, attentionOutput, perceptronNorm, gate, up, down
}
