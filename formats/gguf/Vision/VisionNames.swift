/// Between the names of a vision tower and projector in the checkpoint and in llama.cpp's file.
struct VisionNames {
    enum Place {
        case stored(String, VisionForm)
        /// Of no use to llama.cpp: blocks that are not run, a pooling head, positions that count themselves.
        case leftOut
    }

    private struct Rule {
        let name: String
        let gguf: String
        var form = VisionForm.same
        var isNeeded = true
    }

    private let kind: VisionSettings.Kind
    private let blockCount: Int
    private let rules: [Rule]

    init(_ settings: VisionSettings) {
        (kind, blockCount) = (settings.kind, settings.blockCount)
        switch kind {
        case .llava: rules = VisionNames.tower(hasClass: true) + VisionNames.llavaProjector
        case .gemma3: rules = VisionNames.tower(hasClass: false) + VisionNames.gemma3Projector
        case .qwen2: rules = VisionNames.qwen(isSecond: true)
        case .qwen25: rules = VisionNames.qwen(isSecond: false)
        }
    }

    /// Nil for a name that none of the rules is for.
    func place(of name: String) -> Place? {
        var bare = Substring(name)
        for prefix in ["model.", "vision_tower.", "visual.", "vision_model."] where bare.hasPrefix(prefix) {
            bare = bare.dropFirst(prefix.count)
        }
        let parts = bare.split(separator: ".", omittingEmptySubsequences: false)
        if bare.hasPrefix("head.") || bare == "embeddings.position_ids" { return .leftOut }
        if kind == .llava, bare.hasPrefix("post_layernorm.") { return .leftOut }
        let number = parts.firstIndex { part in Int(part).map { $0 >= 0 && String($0) == part } ?? false }
        let isBlock = bare.hasPrefix("encoder.layers.") || bare.hasPrefix("blocks.")
        if isBlock, let number, let block = Int(parts[number]) {
            if block >= blockCount { return kind == .llava ? .leftOut : nil }
            let general = parts[..<number].joined(separator: ".") + ".{}." + parts[(number + 1)...].joined(separator: ".")
            return rules.first { $0.name == general }.map { .stored($0.gguf.replacing("{}", with: "\(block)"), $0.form) }
        }
        return rules.first { $0.name == bare }.map { .stored($0.gguf, $0.form) }
    }

    /// What the file must have.
    var needed: [String] {
        rules.filter(\.isNeeded).flatMap { rule -> [String] in
            if case .threeParts = rule.form {
                return (0..<blockCount).flatMap { block in
                    ["attn_q", "attn_k", "attn_v"].map { rule.gguf.replacing("{}", with: "\(block)").replacing("attn_qkv", with: $0) }
                }
            }
            return rule.gguf.contains("{}") ? (0..<blockCount).map { rule.gguf.replacing("{}", with: "\($0)") } : [rule.gguf]
        }
    }

    private static func both(_ name: String, _ gguf: String, _ form: VisionForm = .same, hasBias: Bool = true) -> [Rule] {
        [Rule(name: "\(name).weight", gguf: "\(gguf).weight", form: form)]
            + (hasBias ? [Rule(name: "\(name).bias", gguf: "\(gguf).bias", form: form)] : [])
    }

    /// CLIP, with a token of the whole picture and a norm before the first block, and SigLIP, with a norm after the last.
    private static func tower(hasClass: Bool) -> [Rule] {
        let block = "encoder.layers.{}"
        var rules = [
            Rule(name: "embeddings.patch_embedding.weight", gguf: "v.patch_embd.weight"),
            Rule(name: "embeddings.position_embedding.weight", gguf: "v.position_embd.weight", form: .floats),
        ]
        if hasClass {
            rules.append(Rule(name: "embeddings.class_embedding", gguf: "v.class_embd"))
            rules += both("pre_layrnorm", "v.pre_ln")
        } else {
            rules.append(Rule(name: "embeddings.patch_embedding.bias", gguf: "v.patch_embd.bias"))
            rules += both("post_layernorm", "v.post_ln")
        }
        for (name, gguf) in [("q_proj", "attn_q"), ("k_proj", "attn_k"), ("v_proj", "attn_v"), ("out_proj", "attn_out")] {
            rules += both("\(block).self_attn.\(name)", "v.blk.{}.\(gguf)")
        }
        for (name, gguf) in [("layer_norm1", "ln1"), ("layer_norm2", "ln2"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down")] {
            rules += both("\(block).\(name)", "v.blk.{}.\(gguf)")
        }
        return rules
    }

    private static let llavaProjector =
        both("multi_modal_projector.linear_1", "mm.0") + both("multi_modal_projector.linear_2", "mm.2")

    private static let gemma3Projector = [
        Rule(name: "multi_modal_projector.mm_input_projection_weight", gguf: "mm.input_projection.weight"),
        Rule(name: "multi_modal_projector.mm_soft_emb_norm.weight", gguf: "mm.soft_emb_norm.weight", form: .oneMore),
    ]

    /// Qwen2-VL's tower, and Qwen2.5-VL's with gates and norms without biases.
    private static func qwen(isSecond: Bool) -> [Rule] {
        let (block, own) = ("blocks.{}", "v.blk.{}")
        var rules = [Rule(name: "patch_embed.proj.weight", gguf: "v.patch_embd.weight", form: .twoDepths)]
        rules += both("\(block).norm1", "\(own).ln1", hasBias: isSecond) + both("\(block).norm2", "\(own).ln2", hasBias: isSecond)
        rules += both("\(block).attn.qkv", "\(own).attn_qkv", .threeParts) + both("\(block).attn.proj", "\(own).attn_out")
        let mlp =
            isSecond
            ? [("fc1", "ffn_up"), ("fc2", "ffn_down")] : [("gate_proj", "ffn_gate"), ("up_proj", "ffn_up"), ("down_proj", "ffn_down")]
        for (name, gguf) in mlp { rules += both("\(block).mlp.\(name)", "\(own).\(gguf)") }
        return rules + both("merger.ln_q", "v.post_ln", hasBias: isSecond) + both("merger.mlp.0", "mm.0") + both("merger.mlp.2", "mm.2")
    }
}
