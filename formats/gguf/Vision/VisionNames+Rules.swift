/// The rules of each class.
extension VisionNames {
    static func rules(_ settings: VisionSettings) -> [Rule] {
        switch settings.kind {
        case .llava: return tower(hasClass: true) + llavaProjector
        case .llavaNext: return tower(hasClass: true) + llavaProjector + [Rule(name: "image_newline", gguf: "v.image_newline")]
        case .llavaSigLIP: return tower(hasClass: false, hasLastNorm: false) + llavaProjector
        case .llavaPixtral: return pixtral(settings, mergesPatches: false)
        case .mistral3: return pixtral(settings, mergesPatches: true)
        case .gemma3: return tower(hasClass: false) + gemma3Projector
        case .smolvlm, .idefics3:
            return tower(hasClass: false) + [Rule(name: "connector.modality_projection.proj.weight", gguf: "mm.model.fc.weight")]
        case .qwen2: return qwen(isSecond: true)
        case .qwen25: return qwen(isSecond: false)
        case .qwen3: return qwen3(settings)
        case .internvl: return internVL
        case .llama4: return llama4
        }
    }

    private static func both(_ name: String, _ gguf: String, _ form: VisionForm = .same, hasBias: Bool = true) -> [Rule] {
        [Rule(name: "\(name).weight", gguf: "\(gguf).weight", form: form)]
            + (hasBias ? [Rule(name: "\(name).bias", gguf: "\(gguf).bias", form: form)] : [])
    }

    /// A weight that must be there, and a bias that may.
    private static func perhapsBiased(_ name: String, _ gguf: String) -> [Rule] {
        [Rule(name: "\(name).weight", gguf: "\(gguf).weight"), Rule(name: "\(name).bias", gguf: "\(gguf).bias", isNeeded: false)]
    }

    /// CLIP, with a token of the whole picture and a norm before the first block, and SigLIP, with a norm after the last.
    private static func tower(hasClass: Bool, hasLastNorm: Bool = true) -> [Rule] {
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
            if hasLastNorm { rules += both("post_layernorm", "v.post_ln") }
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

    /// Pixtral's tower; halves of queries and keys that turn together are neighbours in llama.cpp.
    private static func pixtral(_ settings: VisionSettings, mergesPatches: Bool) -> [Rule] {
        let (block, own) = ("transformer.layers.{}", "v.blk.{}")
        var rules = [
            Rule(name: "patch_conv.weight", gguf: "v.patch_embd.weight"), Rule(name: "ln_pre.weight", gguf: "v.pre_ln.weight"),
        ]
        for part in ["q", "k"] {
            rules += both("\(block).attention.\(part)_proj", "\(own).attn_\(part)", .neighbours(heads: settings.headCount), hasBias: false)
        }
        for (name, gguf) in [
            ("attention.v_proj", "attn_v"), ("attention.o_proj", "attn_out"), ("attention_norm", "ln1"), ("ffn_norm", "ln2"),
            ("feed_forward.gate_proj", "ffn_gate"), ("feed_forward.up_proj", "ffn_up"), ("feed_forward.down_proj", "ffn_down"),
        ] { rules += both("\(block).\(name)", "\(own).\(gguf)", hasBias: false) }
        if mergesPatches {
            rules += both("multi_modal_projector.norm", "mm.input_norm", hasBias: false)
            rules += both("multi_modal_projector.patch_merger.merging_layer", "mm.patch_merger", hasBias: false)
        }
        for layer in [1, 2] { rules += perhapsBiased("multi_modal_projector.linear_\(layer)", "mm.\(layer)") }
        return rules
    }

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

    /// Qwen3-VL's tower, with positions of its own beside those that turn, and mergers of some of its blocks, named by the block in llama.cpp.
    private static func qwen3(_ settings: VisionSettings) -> [Rule] {
        let (block, own) = ("blocks.{}", "v.blk.{}")
        var rules = [
            Rule(name: "patch_embed.proj.weight", gguf: "v.patch_embd.weight", form: .twoDepths),
            Rule(name: "patch_embed.proj.bias", gguf: "v.patch_embd.bias"),
            Rule(name: "pos_embed.weight", gguf: "v.position_embd.weight", form: .floats),
        ]
        for (name, gguf) in [
            ("norm1", "ln1"), ("norm2", "ln2"), ("attn.qkv", "attn_qkv"), ("attn.proj", "attn_out"), ("mlp.linear_fc1", "ffn_up"),
            ("mlp.linear_fc2", "ffn_down"),
        ] { rules += both("\(block).\(name)", "\(own).\(gguf)") }
        rules += both("merger.norm", "v.post_ln") + both("merger.linear_fc1", "mm.0") + both("merger.linear_fc2", "mm.2")
        for (index, level) in settings.levels.enumerated() {
            for (name, gguf) in [("norm", "norm"), ("linear_fc1", "fc1"), ("linear_fc2", "fc2")] {
                rules += both("deepstack_merger_list.\(index).\(name)", "v.deepstack.\(level).\(gguf)")
            }
        }
        return rules
    }

    /// InternViT, with factors of what each half of a block adds.
    private static let internVL: [Rule] = {
        let (block, own) = ("encoder.layer.{}", "v.blk.{}")
        var rules = [
            Rule(name: "embeddings.cls_token", gguf: "v.class_embd", form: .vector),
            Rule(name: "embeddings.position_embeddings", gguf: "v.position_embd.weight", form: .firstRowLast),
            Rule(name: "\(block).lambda_1", gguf: "\(own).ls1.weight"), Rule(name: "\(block).lambda_2", gguf: "\(own).ls2.weight"),
        ]
        rules += both("embeddings.patch_embeddings.projection", "v.patch_embd")
        for part in ["q", "k", "v"] { rules += perhapsBiased("\(block).attention.\(part)_proj", "\(own).attn_\(part)") }
        for (name, gguf) in [
            ("attention.projection_layer", "attn_out"), ("layernorm_before", "ln1"), ("layernorm_after", "ln2"), ("mlp.fc1", "ffn_up"),
            ("mlp.fc2", "ffn_down"),
        ] { rules += both("\(block).\(name)", "\(own).\(gguf)") }
        for (name, place) in [("layer_norm", 0), ("linear_1", 1), ("linear_2", 3)] {
            rules += both("multi_modal_projector.\(name)", "mm.model.mlp.\(place)")
        }
        return rules
    }()

    /// Llama 4's tower, whose class token is the last, and two layers before the projector.
    private static let llama4: [Rule] = {
        let (block, own) = ("model.layers.{}", "v.blk.{}")
        var rules = [
            Rule(name: "patch_embedding.linear.weight", gguf: "v.patch_embd.weight"), Rule(name: "class_embedding", gguf: "v.class_embd"),
            Rule(name: "positional_embedding_vlm", gguf: "v.position_embd.weight", form: .floats),
            Rule(name: "vision_adapter.mlp.fc1.weight", gguf: "mm.model.mlp.1.weight"),
            Rule(name: "vision_adapter.mlp.fc2.weight", gguf: "mm.model.mlp.2.weight"),
            Rule(name: "multi_modal_projector.linear_1.weight", gguf: "mm.model.fc.weight"),
        ]
        rules += both("layernorm_pre", "v.pre_ln") + both("layernorm_post", "v.post_ln")
        for (name, gguf) in [
            ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"), ("self_attn.v_proj", "attn_v"),
            ("self_attn.o_proj", "attn_out"),
            ("input_layernorm", "ln1"), ("post_attention_layernorm", "ln2"), ("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down"),
        ] { rules += both("\(block).\(name)", "\(own).\(gguf)") }
        return rules
    }()
}
