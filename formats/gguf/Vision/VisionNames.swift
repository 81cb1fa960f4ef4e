/// Between the names of a vision tower and projector in the checkpoint and in llama.cpp's file.
struct VisionNames {
    enum Place {
        case stored(String, VisionForm)
        /// Of no use to llama.cpp: blocks that are not run, a pooling head, positions that count themselves.
        case leftOut
    }

    struct Rule {
        let name: String
        let gguf: String
        var form = VisionForm.same
        var isNeeded = true
    }

    private let settings: VisionSettings
    private let rules: [Rule]
    /// Begins the names of what llama.cpp does not compute.
    private let unused: [String]

    init(_ settings: VisionSettings) {
        self.settings = settings
        rules = VisionNames.rules(settings)
        unused = ["head."] + (settings.kind.isLlava ? ["post_layernorm."] : [])
    }

    /// Nil for a name that none of the rules is for.
    func place(of name: String) -> Place? {
        var bare = Substring(name)
        for prefix in ["model.", "vision_tower.", "visual.", "vision_model."] where bare.hasPrefix(prefix) {
            bare = bare.dropFirst(prefix.count)
        }
        let parts = bare.split(separator: ".", omittingEmptySubsequences: false)
        if bare == "embeddings.position_ids" || unused.contains(where: bare.hasPrefix) { return .leftOut }
        let number = parts.firstIndex { part in Int(part).map { $0 >= 0 && String($0) == part } ?? false }
        let isBlock = VisionNames.blockPrefixes.contains(where: bare.hasPrefix)
        if isBlock, let number, let block = Int(parts[number]) {
            if block >= settings.blockCount { return settings.choosesBlock ? .leftOut : nil }
            let general = parts[..<number].joined(separator: ".") + ".{}." + parts[(number + 1)...].joined(separator: ".")
            return rules.first { $0.name == general }.map { .stored($0.gguf.replacing("{}", with: "\(block)"), $0.form) }
        }
        return rules.first { $0.name == bare }.map { .stored($0.gguf, $0.form) }
    }

    private static let blockPrefixes = ["encoder.layers.", "encoder.layer.", "transformer.layers.", "model.layers.", "blocks."]

    /// What the file must have.
    var needed: [String] {
        rules.filter(\.isNeeded).flatMap { rule -> [String] in
            let blocks = 0..<settings.blockCount
            if case .threeParts = rule.form {
                return blocks.flatMap { block in
                    ["attn_q", "attn_k", "attn_v"].map { rule.gguf.replacing("{}", with: "\(block)").replacing("attn_qkv", with: $0) }
                }
            }
            return rule.gguf.contains("{}") ? blocks.map { rule.gguf.replacing("{}", with: "\($0)") } : [rule.gguf]
        }
    }
}
