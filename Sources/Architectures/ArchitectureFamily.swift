import ModelGraph

/// What sets one model family apart, as data: names, roles, layouts and groups of its tensors.
public struct ArchitectureFamily: Sendable {
    /// `general.architecture` in GGUF, and our name for it.
    public let name: String
    /// `model_type` values of config.json that are this family.
    public let modelTypes: [String]
    /// The class that `architectures` of config.json names.
    public let className: String
    /// What its blocks compute.
    public let design: BlockDesign
    /// What may stand before all names of a checkpoint: the name of the model inside one with a head for some task.
    public let prefixes: [String]
    /// Whether files for llama.cpp can be made; names of GGUF are empty otherwise.
    public let isMappedToGGUF: Bool
    /// Tensors outside blocks, and inside them with `{}` for the block's number, without prefix.
    public let tensors: [TensorRule]

    init(
        name: String, modelTypes: [String], className: String, design: BlockDesign, prefixes: [String] = [""], isMappedToGGUF: Bool = true,
        tensors: [TensorRule]
    ) {
        self.name = name
        self.modelTypes = modelTypes
        self.className = className
        self.design = design
        self.prefixes = prefixes
        self.isMappedToGGUF = isMappedToGGUF
        self.tensors = tensors
    }

    /// The name that a checkpoint without prefix has for a module, with `{}` for the block; nil where the family has none.
    public func name(of module: Module) -> String? { tensors.first { $0.module == module }?.name }

    /// Token embedding and output head: the second is tied to the first when config.json says so and it is absent. Encoders have no head.
    public var embedding: String { name(of: .tokenEmbedding) ?? "" }
    public var head: String? { name(of: .head) }

    /// Linear layers of a block that read one input, in the order in which they run.
    public var inputGroups: [(name: String, members: [String])] {
        let groups: [(String, [Module])] = [
            ("attention-input", [.query, .key, .value]), ("attention-output", [.attentionOutput]), ("mlp-input", [.gate, .up]),
            ("mlp-output", [.down]),
        ]
        return groups.map { ($0.0, $0.1.compactMap(name)) }
    }

    /// The prefix that the names of a model have: that under which its embedding is found.
    public func prefix(_ contains: (String) -> Bool) -> String { prefixes.first { contains($0 + embedding) } ?? "" }
}

/// One tensor of a family under its two names.
public struct TensorRule: Sendable {
    /// The name in a Hugging Face checkpoint, which is the graph's, such as "model.layers.{}.mlp.up_proj.weight".
    public let name: String
    /// The name in a GGUF file, such as "blk.{}.ffn_up.weight".
    public let gguf: String
    public let role: TensorRole
    public let module: Module
    public let layout: TensorLayout

    init(_ name: String, _ gguf: String, _ role: TensorRole, _ module: Module, _ layout: TensorLayout = .same) {
        self.name = name
        self.gguf = gguf
        self.role = role
        self.module = module
        self.layout = layout
    }
}

/// How a tensor's rows lie in GGUF compared with the Hugging Face checkpoint.
public enum TensorLayout: Sendable {
    case same
    /// The two halves of each query head's rows are interleaved, as llama.cpp's rotary embedding wants them.
    case interleavedQueryHeads
    /// The same for the key heads.
    case interleavedKeyHeads
}

extension ArchitectureFamily {
    /// Every family that is known.
    public static let all: [ArchitectureFamily] = [.llama, .bert]

    public static func named(_ name: String) -> ArchitectureFamily? { all.first { $0.name == name } }

    public static func ofModelType(_ modelType: String) -> ArchitectureFamily? {
        all.first { $0.modelTypes.contains(modelType) }
    }

    /// The rule and block number for a Hugging Face name, with or without one of the prefixes.
    public func rule(forName name: String) -> (rule: TensorRule, block: Int?)? {
        for prefix in prefixes where name.hasPrefix(prefix) {
            if let found = match(String(name.dropFirst(prefix.count)), { $0.name }) { return found }
        }
        return nil
    }

    /// The rule and block number for a GGUF name.
    public func rule(forGGUF name: String) -> (rule: TensorRule, block: Int?)? { isMappedToGGUF ? match(name) { $0.gguf } : nil }

    private func match(_ name: String, _ pattern: (TensorRule) -> String) -> (rule: TensorRule, block: Int?)? {
        let (general, block) = ArchitectureFamily.generalised(name)
        guard let rule = tensors.first(where: { pattern($0) == general }) else { return nil }
        return (rule, block)
    }

    /// The name with its first all-digit component as `{}`, and that number.
    private static func generalised(_ name: String) -> (name: String, block: Int?) {
        var components = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        for (index, component) in components.enumerated() {
            // "01" is not how any checkpoint writes 1, and would not map back to itself.
            if let number = Int(component), number >= 0, String(number) == component {
                components[index] = "{}"
                return (components.joined(separator: "."), number)
            }
        }
        return (name, nil)
    }
}

extension TensorRule {
    /// The Hugging Face name in `block`.
    public func name(block: Int?) -> String { TensorRule.filled(name, block) }
    /// The GGUF name in `block`.
    public func gguf(block: Int?) -> String { TensorRule.filled(gguf, block) }

    public static func filled(_ pattern: String, _ block: Int?) -> String {
        guard let block, let hole = pattern.range(of: "{}") else { return pattern }
        return pattern[..<hole.lowerBound] + "\(block)" + pattern[hole.upperBound...]
    }
}

extension String {
    /// The first place where `text` stands.
    func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
