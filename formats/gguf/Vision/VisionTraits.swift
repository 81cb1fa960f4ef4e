/// What "vision_config" of a class is read by, and what the class has where it is silent.
struct VisionTraits {
    /// Activations that llama.cpp computes.
    enum Activation {
        case quickGELU
        case gelu
        case silu
    }

    /// llama.cpp's `clip.projector_type`.
    let projector: String
    var blocks = "num_hidden_layers"
    var width = "hidden_size"
    var heads = "num_attention_heads"
    /// Sizes of a class whose shipped folders leave them out.
    var usual: [String: Int] = [:]
    /// The ε of norms and its key; without a key the class has no other.
    var epsilon: (key: String?, usual: Double)
    /// By their names in `hidden_act`.
    var activations: [String: Activation]
    var usualActivation: String
    /// Which of the hidden states is projected, where "vision_feature_layer" is silent; nil where the key means nothing.
    var featureLayer: Int?
    /// What "vision_feature_select_strategy" has to be; nil where the key means nothing.
    var strategy: String?
    /// Whether positions turn queries and keys, with the base 10000 that llama.cpp has.
    var turns = false

    private static let tanhGELU: [String: Activation] = ["gelu_pytorch_tanh": .gelu, "gelu": .gelu]

    init(_ kind: VisionKind) {
        switch kind {
        case .llava, .llavaNext: self = .llava
        case .llavaSigLIP:
            self.init(
                projector: "mlp", epsilon: ("layer_norm_eps", 1e-6), activations: VisionTraits.tanhGELU,
                usualActivation: "gelu_pytorch_tanh",
                featureLayer: -2, strategy: "full")
        case .llavaPixtral: self = .pixtral(featureLayer: -2, strategy: "full")
        case .mistral3: self = .pixtral(featureLayer: -1, strategy: nil)
        case .gemma3:
            self.init(
                projector: "gemma3", epsilon: ("layer_norm_eps", 1e-6), activations: VisionTraits.tanhGELU,
                usualActivation: "gelu_pytorch_tanh")
        case .qwen2:
            self.init(
                projector: "qwen2vl_merger", blocks: "depth", width: "embed_dim", heads: "num_heads", usual: ["image_size": 560],
                epsilon: ("rms_norm_eps", 1e-6), activations: ["quick_gelu": .quickGELU], usualActivation: "quick_gelu")
        case .qwen25:
            self.init(
                projector: "qwen2.5vl_merger", blocks: "depth", heads: "num_heads", usual: ["image_size": 560],
                epsilon: ("rms_norm_eps", 1e-6), activations: ["silu": .silu], usualActivation: "silu")
        case .qwen3: self = .qwen3
        case .internvl:
            self.init(
                projector: "internvl", usual: VisionTraits.sizes(1024, 4096, blocks: 24, heads: 16, image: 448, patch: 14),
                epsilon: ("layer_norm_eps", 1e-6), activations: ["gelu": .gelu], usualActivation: "gelu", featureLayer: -1,
                strategy: "default")
        case .smolvlm, .idefics3:
            self.init(
                projector: "idefics3", usual: VisionTraits.sizes(1152, 3072, blocks: 12, heads: 16, image: 224, patch: 32),
                epsilon: ("layer_norm_eps", 1e-6), activations: VisionTraits.tanhGELU, usualActivation: "gelu_pytorch_tanh")
        case .llama4:
            self.init(
                projector: "llama4", usual: VisionTraits.sizes(768, 5632, blocks: 34, heads: 16, image: 448, patch: 14),
                epsilon: (nil, 1e-5), activations: ["gelu": .gelu], usualActivation: "gelu", turns: true)
        }
    }

    private init(
        projector: String, blocks: String = "num_hidden_layers", width: String = "hidden_size", heads: String = "num_attention_heads",
        usual: [String: Int] = [:], epsilon: (key: String?, usual: Double), activations: [String: Activation], usualActivation: String,
        featureLayer: Int? = nil, strategy: String? = nil, turns: Bool = false
    ) {
        (self.projector, self.blocks, self.width, self.heads) = (projector, blocks, width, heads)
        (self.usual, self.epsilon, self.activations, self.usualActivation) = (usual, epsilon, activations, usualActivation)
        (self.featureLayer, self.strategy, self.turns) = (featureLayer, strategy, turns)
    }

    private static let llava = VisionTraits(
        projector: "mlp", epsilon: ("layer_norm_eps", 1e-5), activations: ["quick_gelu": .quickGELU, "gelu": .gelu],
        usualActivation: "quick_gelu", featureLayer: -2, strategy: "default")

    private static func pixtral(featureLayer: Int, strategy: String?) -> VisionTraits {
        VisionTraits(
            projector: "pixtral", usual: sizes(1024, 4096, blocks: 24, heads: 16, image: 1024, patch: 16), epsilon: (nil, 1e-5),
            activations: ["gelu": .gelu, "silu": .silu], usualActivation: "gelu", featureLayer: featureLayer, strategy: strategy,
            turns: true)
    }

    private static let qwen3 = VisionTraits(
        projector: "qwen3vl_merger", blocks: "depth", heads: "num_heads", epsilon: (nil, 1e-6), activations: ["gelu_pytorch_tanh": .gelu],
        usualActivation: "gelu_pytorch_tanh", turns: true)

    private static func sizes(
        _ width: Int, _ inner: Int, blocks: Int, heads: Int, image: Int, patch: Int
    ) -> [String: Int] {
        [
            "hidden_size": width, "intermediate_size": inner, "num_hidden_layers": blocks, "num_attention_heads": heads,
            "image_size": image,
            "patch_size": patch,
        ]
    }
}
