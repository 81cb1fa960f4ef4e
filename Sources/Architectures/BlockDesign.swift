/// What a family's blocks compute, as far as families differ.
public struct BlockDesign: Equatable, Sendable {
    public enum Norm: String, Sendable {
        /// x / √(mean(x²) + ε) ⊙ w (Zhang and Sennrich 2019).
        case rootMeanSquare
        /// The same with 1 + w for w.
        case rootMeanSquareOffset
        /// (x − mean) / √(variance + ε) ⊙ w + b (Ba et al. 2016).
        case layer
        /// The same without b.
        case layerWithoutBias
        /// With 1 + w for w.
        case layerOffset
        /// With 1 for w and without b: there is nothing to learn.
        case layerWithoutWeight
    }

    public enum Placement: String, Sendable {
        /// x + f(norm(x)).
        case before
        /// norm(x + f(x)).
        case after
        /// x + norm′(f(norm(x))).
        case around
        /// x + norm(f(x)).
        case output
    }

    /// Between the two products of the MLP.
    public enum Activation: String, CaseIterable, Sendable {
        case silu, gelu, relu
        /// gelu by its approximation with tanh.
        case geluTanh
        /// max(x, 0)².
        case reluSquared

        /// By the names that config.json has for it.
        init?(configName: String) {
            switch configName {
            case "silu", "swish": self = .silu
            case "gelu": self = .gelu
            case "gelu_new", "gelu_pytorch_tanh", "gelu_fast": self = .geluTanh
            case "relu": self = .relu
            case "relu2": self = .reluSquared
            default: return nil
            }
        }

        /// A name that config.json has for it.
        var configName: String {
            switch self {
            case .geluTanh: return "gelu_pytorch_tanh"
            case .reluSquared: return "relu2"
            default: return rawValue
            }
        }
    }

    public enum Positions: String, Sendable {
        /// Rotary embedding of queries and keys.
        case rotary
        /// A table that is added to the token embeddings.
        case learned
        /// Products of queries and keys with embeddings of distances, added to the scores.
        case relative
        /// A multiple of the distance, another for each head, taken from the scores (ALiBi, Press et al. 2022).
        case linear
        /// Nothing says where a token stands but what came before it.
        case none
    }

    /// gate · σ(α · gate) · (up + 1) with gate at most, and up at most and at least minus, a limit (gpt-oss).
    public struct GateClamp: Equatable, Sendable {
        public var alpha: Double
        public var limit: Double

        package init(alpha: Double, limit: Double) { (self.alpha, self.limit) = (alpha, limit) }
    }

    /// Norms of queries and keys before they turn.
    public enum HeadNorm: String, Sendable {
        case none
        /// One weight for all heads, each of which is normalised by itself.
        case each
        /// Each head by itself with a weight of its own, and no bias.
        case perHead
        /// All heads together.
        case whole
    }

    /// How the outputs of a layer for queries, keys and values lie.
    public enum FusedOrder: String, Sendable {
        /// All queries, all keys, all values.
        case byKind
        /// With each key head its queries, the key, the value.
        case byGroup
    }

    public var norm: Norm
    public var placement: Placement
    public var activation: Activation
    /// Whether the MLP is f(gate) ⊙ up, not f(up).
    public var isGated: Bool
    /// Nil but for families with that activation.
    public var gateClamp: GateClamp?
    public var positions: Positions
    /// The row of the table of learned positions that the first position has.
    public var firstPosition = 0
    /// Whether a position sees only those up to itself: a model that predicts the next token; else an encoder.
    public var isCausal: Bool
    /// Whether the first block's attention reads the embeddings as they are, whose norm has come before.
    public var skipsFirstNorm = false
    /// Whether token embeddings are multiplied by √hidden.
    public var scalesEmbeddings = false
    public var headNorm = HeadNorm.none
    /// Whether each head of queries and keys is divided by its root mean square after it has turned.
    public var normalisesTurned = false
    /// Whether the MLP reads what the block reads, not the sum after attention: x + f(norm(x)) + g(norm′(x)), with one norm where there
    /// is no other.
    public var isParallel = false
    /// Whether the pairs that turn are neighbours, not a component of the first half with one of the second.
    public var turnsNeighbours = false
    /// Whether what `linear` positions add to scores is a multiple of the position as bfloat16 has it, and divided as scores are (Falcon).
    public var roundsDistances = false
    /// Whether what each head attends to is multiplied by σ of a gate, which the layer of queries makes after each head's query.
    public var gatesAttention = false
    /// Whether one layer gives queries, keys and values.
    public var fusesQueryKeyValue = false
    public var fusedOrder = FusedOrder.byKind
    /// Whether one layer gives gate and up, one after the other.
    public var fusesGateAndUp = false

    static let llama = BlockDesign(
        norm: .rootMeanSquare, placement: .before, activation: .silu, isGated: true, positions: .rotary, isCausal: true)
    static let bert = BlockDesign(
        norm: .layer, placement: .after, activation: .gelu, isGated: false, positions: .learned, isCausal: false)
    static let gpt2 = BlockDesign(
        norm: .layer, placement: .before, activation: .geluTanh, isGated: false, positions: .learned, isCausal: true,
        fusesQueryKeyValue: true)
    /// A norm, and a state space in the place of attention and MLP.
    static let stateSpace = BlockDesign(
        norm: .rootMeanSquare, placement: .before, activation: .silu, isGated: false, positions: .none, isCausal: true)
    static let opt = BlockDesign(
        norm: .layer, placement: .before, activation: .relu, isGated: false, positions: .learned, firstPosition: 2, isCausal: true)
}
