/// The classes of models that see which llama.cpp has a projector for.
enum VisionKind: String, CaseIterable {
    /// CLIP and two layers (LLaVA 1.5).
    case llava
    /// SigLIP in CLIP's place.
    case llavaSigLIP = "llava with SigLIP"
    /// A tower with rotary positions for pictures of any sides (Pixtral).
    case llavaPixtral = "llava with Pixtral"
    /// LLaVA 1.5 over tiles of a picture.
    case llavaNext = "llava_next"
    /// Pixtral's tower, patches of a square merged.
    case mistral3
    /// SigLIP, means of patches, and one layer.
    case gemma3
    case qwen2 = "qwen2_vl"
    case qwen25 = "qwen2_5_vl"
    case qwen3 = "qwen3_vl"
    case internvl
    case smolvlm
    case idefics3
    case llama4

    /// Nil for a class without a projector in llama.cpp, and for a tower that it does not run with the class's.
    ///
    /// - Parameter tower: `model_type` of "vision_config", which tells LLaVA's towers apart.
    init?(modelType: String, tower: String?) {
        switch (modelType, tower) {
        case ("llava", "siglip_vision_model"): self = .llavaSigLIP
        case ("llava", "pixtral"): self = .llavaPixtral
        case ("llava", "clip_vision_model"), ("llava", nil): self = .llava
        case ("llava_next", "clip_vision_model"), ("llava_next", nil): self = .llavaNext
        case ("llava", _), ("llava_next", _): return nil
        default: self.init(rawValue: modelType)
        }
    }

    /// Values of `model_type` that there is an mmproj for, as text.
    static let modelTypes = allCases.map(\.rawValue).filter { !$0.contains(" ") }

    var isLlava: Bool { self == .llava || self == .llavaNext || self == .llavaSigLIP }
    var isPixtral: Bool { self == .llavaPixtral || self == .mistral3 }
}
