import FormatKit
import ModelGraph
import StrictJSON

/// Reads "vision_config", with what the classes of transformers have where it is silent.
struct VisionReader {
    let kind: VisionSettings.Kind
    let json: JSONValue
    let vision: JSONValue
    let path: String

    typealias Entries = [(key: String, value: MetadataValue)]

    func unsupported(_ what: String) -> FormatError {
        .unsupported(path, "config.json", "has \(what), which an mmproj file for \(kind.rawValue) does not say")
    }

    func count(_ value: Int) throws -> MetadataValue {
        guard let number = UInt32(exactly: value), number > 0 else { throw unsupported("a size of \(value)") }
        return .uint32(number)
    }

    private func required(_ key: String) throws -> Int {
        guard let value = vision[key]?.integer else {
            throw FormatError.unsupported(path, "config.json", "has no integer '\(key)' in vision_config")
        }
        return value
    }

    private var isQwen: Bool { kind == .qwen2 || kind == .qwen25 }

    var projectorType: String {
        switch kind {
        case .llava: return "mlp"
        case .gemma3: return "gemma3"
        case .qwen2: return "qwen2vl_merger"
        case .qwen25: return "qwen2.5vl_merger"
        }
    }

    /// Blocks up to the one whose outputs are projected.
    func blockCount() throws -> Int {
        let count = try required(isQwen ? "depth" : "num_hidden_layers")
        guard kind == .llava else { return count }
        guard let layer = json["vision_feature_layer"].map(\.integer) ?? -2 else {
            throw unsupported("several values of 'vision_feature_layer'")
        }
        // The first of the hidden states is what the first block reads.
        let place = layer < 0 ? count.addingReportingOverflow(layer + 1) : (layer, false)
        guard !place.1, (1...max(count, 1)).contains(place.0) else { throw unsupported("vision_feature_layer \(layer) of \(count) blocks") }
        return place.0
    }

    func sizes() throws -> Entries {
        if isQwen {
            let width = try required(kind == .qwen2 ? "embed_dim" : "hidden_size")
            let ratio = vision["mlp_ratio"]?.integer ?? 4
            let product = width.multipliedReportingOverflow(by: ratio)
            guard !product.overflow else { throw unsupported("mlp_ratio \(ratio)") }
            let inner = kind == .qwen2 ? product.partialValue : try required("intermediate_size")
            return [
                ("clip.vision.image_size", try count(vision["image_size"]?.integer ?? 560)),
                ("clip.vision.patch_size", try count(required("patch_size"))), ("clip.vision.embedding_length", try count(width)),
                ("clip.vision.feed_forward_length", try count(inner)),
                ("clip.vision.attention.head_count", try count(required("num_heads"))),
                ("clip.vision.attention.layer_norm_epsilon", .float32(Float(vision["rms_norm_eps"]?.number ?? 1e-6))),
            ]
        }
        let epsilon = vision["layer_norm_eps"]?.number ?? (kind == .llava ? 1e-5 : 1e-6)
        return [
            ("clip.vision.image_size", try count(required("image_size"))), ("clip.vision.patch_size", try count(required("patch_size"))),
            ("clip.vision.embedding_length", try count(required("hidden_size"))),
            ("clip.vision.feed_forward_length", try count(required("intermediate_size"))),
            ("clip.vision.attention.head_count", try count(required("num_attention_heads"))),
            ("clip.vision.attention.layer_norm_epsilon", .float32(Float(epsilon))),
        ]
    }

    /// x · σ(1.702 x) is what llama.cpp takes where the file names none.
    func activation() throws -> Entries {
        let usual = [.llava: "quick_gelu", .gemma3: "gelu_pytorch_tanh", .qwen2: "quick_gelu", .qwen25: "silu"][kind] ?? ""
        let name = vision["hidden_act"]?.string ?? usual
        switch (kind, name) {
        case (.llava, "quick_gelu"), (.qwen2, "quick_gelu"): return [("clip.use_gelu", .bool(false)), ("clip.use_silu", .bool(false))]
        case (.llava, "gelu"), (.gemma3, "gelu_pytorch_tanh"), (.gemma3, "gelu"): return [("clip.use_gelu", .bool(true))]
        case (.qwen25, "silu"): return [("clip.use_silu", .bool(true))]
        default: throw unsupported("the activation '\(name.prefix(40))' in vision_config")
        }
    }

    func projection() throws -> Entries {
        switch kind {
        case .llava:
            if let tower = vision["model_type"]?.string, tower != "clip_vision_model" {
                throw unsupported("the tower '\(tower.prefix(40))'")
            }
            let name = json["projector_hidden_act"]?.string ?? "gelu"
            guard name == "gelu" else { throw unsupported("the activation '\(name.prefix(40))' in the projector") }
            let strategy = json["vision_feature_select_strategy"]?.string ?? "default"
            guard strategy == "default" else { throw unsupported("vision_feature_select_strategy '\(strategy.prefix(40))'") }
            return []
        case .gemma3: return try means()
        case .qwen2, .qwen25:
            for (key, usual) in [("spatial_merge_size", 2), ("temporal_patch_size", 2)] {
                let value = vision[key].map(\.integer) ?? usual
                guard value == usual else { throw unsupported("\(key) other than \(usual)") }
            }
            return kind == .qwen25 ? try windows() : []
        }
    }

    /// Patches to a side of the square that a mean is taken of, where it is not what llama.cpp takes.
    private func means() throws -> Entries {
        let (size, patch) = (try required("image_size"), try required("patch_size"))
        let tokens = json["mm_tokens_per_image"]?.integer ?? 256
        let side = (1...4096).first { $0 * $0 == tokens }
        guard let side, patch > 0, size > 0, size % patch == 0, (size / patch) % side == 0 else {
            throw unsupported("mm_tokens_per_image \(tokens) of a picture of \(size) and patches of \(patch)")
        }
        let scale = size / patch / side
        return scale == 4 ? [] : [("clip.vision.projector.scale_factor", try count(scale))]
    }

    /// Every so many blocks one that sees the whole picture.
    private func windows() throws -> Entries {
        let window = vision["window_size"].map(\.integer) ?? 112
        guard window == 112 else { throw unsupported("window_size other than 112") }
        let usual: [JSONValue] = [.integer(7), .integer(15), .integer(23), .integer(31)]
        let whole = (vision["fullatt_block_indexes"]?.array ?? usual).map { $0.integer ?? -1 }
        let depth = try required("depth")
        guard let first = whole.first, first >= 0, first < Int.max, depth <= 1 << 10,
            whole == (0..<max(depth, 0)).filter({ ($0 + 1) % (first + 1) == 0 })
        else { throw unsupported("fullatt_block_indexes that are not every so many blocks") }
        return [("clip.vision.n_wa_pattern", try count(first + 1))]
    }
}
