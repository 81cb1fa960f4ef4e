import ModelGraph
import StrictJSON

extension ArchitectureFamily {
    /// Every family that is known. Of those that share a name in GGUF the first is what a file of that name is taken for.
    public static let all: [ArchitectureFamily] = makers.map { $0() }

    /// One at a time: all together in a literal would be a hundred kilobytes of stack.
    private static let makers: [@Sendable () -> ArchitectureFamily] = [
        { .llama }, { .mistral }, { .ministral }, { .qwen2VL }, { .qwen3VL }, { .qwen2 }, { .qwen3 }, { .gemma }, { .gemma2 }, { .gemma3 },
        { .smolLM3 }, { .ministral3 }, { .arcee }, { .seedOSS }, { .ernie }, { .glm4MoE }, { .dots1 }, { .miniMaxM2 },
        { .granite }, { .olmo }, { .olmo2 }, { .olmo3 }, { .exaone4 }, { .stableLM }, { .mixtral }, { .qwen2MoE }, { .qwen3MoE },
        { .olmoe },
        { .gptOss }, { .graniteMoE }, { .graniteMoEShared }, { .deepSeekV2 }, { .deepSeekV3 }, { .llama4 }, { .starCoder2 }, { .phi },
        { .phi3 }, { .gptNeoX }, { .gptJ }, { .gptNeo }, { .falcon }, { .falconOfTwoNorms }, { .falconInSequence }, { .cohere },
        { .cohere2 },
        { .glm }, { .glm4 }, { .nemotron }, { .bloom }, { .gpt2 }, { .opt }, { .bert }, { .roberta }, { .xlmRoberta }, { .camembert },
        { .electra },
        { .distilBert }, { .deberta }, { .albert }, { .modernBert }, { .mamba }, { .falconMamba }, { .mamba2 }, { .graniteHybrid },
        { .graniteHybridMoE }, { .granite4 }, { .granite4MoE }, { .bamba }, { .nemotronH }, { .lfm2 }, { .qwen35 },
    ]

    public static func named(_ name: String) -> ArchitectureFamily? { all.first { $0.name == name } }

    /// The family of a config.json.
    static func of(_ json: JSONValue) -> ArchitectureFamily? {
        guard let type = json["model_type"]?.string else { return nil }
        return all.first { $0.modelTypes.contains(type) && $0.isMeant(json) }
    }

    public static func ofGGUF(_ name: String) -> ArchitectureFamily? { all.first { $0.ggufName == name } }

    /// Of the families with a name in GGUF the one that a file has the flag of, or the one that knows most of its tensors.
    ///
    /// - Parameter isSet: whether the file has set a flag, `<name>.` before it.
    public static func ofGGUF(_ name: String, tensors: [String], isSet: (String) -> Bool) -> ArchitectureFamily? {
        let all = all.filter { $0.ggufName == name }
        if let flagged = all.first(where: { $0.flagInGGUF.map { isSet("\(name).\($0)") } ?? false }) { return flagged }
        let candidates = all.filter { $0.flagInGGUF == nil }
        guard candidates.count > 1 else { return candidates.first }
        let names = Set(tensors)
        func known(_ family: ArchitectureFamily) -> Int {
            // Tables that one of the families has, and another has not.
            let tables = family.tensors.filter { $0.role == .embedding && !$0.isOptional && !$0.gguf.isEmpty }
            return tensors.count { family.rule(forGGUF: $0) != nil } - tables.count { !names.contains($0.gguf) }
        }
        return candidates.dropFirst().reduce(candidates[0]) { known($1) > known($0) ? $1 : $0 }
    }

    /// A rule, and the numbers of block and expert, or head, that stand in a name.
    public typealias NumberedRule = (rule: TensorRule, block: Int?, expert: Int?)

    /// The rule for a Hugging Face name, with or without one of the prefixes, those of wrappers among them.
    public func rule(forName name: String) -> NumberedRule? {
        for prefix in prefixes where name.hasPrefix(prefix) {
            if let found = match(String(name.dropFirst(prefix.count)), { $0.name }) { return found }
        }
        // What transformers writes comes first, and is nearly all there is.
        for own in prefixes where name.hasPrefix(own) {
            if let found = match(String(name.dropFirst(own.count)), { $0.name }), !found.rule.module.isOfHead || own.isEmpty {
                return found
            }
        }
        for prefix in NamePrefix.candidates(of: self) {
            if let bare = prefix.removed(from: name), let found = match(bare, { $0.name }),
                !found.rule.module.isOfHead || prefix.own.isEmpty
            {
                return found
            }
            // The head stands outside the model, and inside its wrappers.
            guard name.hasPrefix(prefix.wrapper), let found = match(String(name.dropFirst(prefix.wrapper.count)), { $0.name }) else {
                continue
            }
            if found.rule.module.isOfHead { return found }
        }
        return nil
    }

    /// The rule for a GGUF name, which has all experts, and the norms of all heads, in one tensor.
    public func rule(forGGUF name: String) -> NumberedRule? {
        ggufName == nil || name.isEmpty ? nil : match(name) { $0.gguf }
    }

    /// The linear layers of which a checkpoint has the biases; nil for families that have them as their checkpoints do.
    public func biasedModules(has: (TensorRule) -> Bool) -> Set<Module>? {
        if biasSettings.isEmpty { return nil }
        let layers = tensors.filter { $0.role == .linear || $0.module == .mixerConvolution }
        return Set(layers.filter { $0.bias.map(has) ?? false }.map(\.module))
    }

    /// Whether a tensor of that name follows from the configuration.
    public func isDerived(_ name: String) -> Bool {
        !derivedTensors.isEmpty
            && NamePrefix.candidates(of: self).contains { prefix in
                prefix.removed(from: name).map { derivedTensors.contains(ArchitectureFamily.generalised($0).name) } ?? false
            }
    }

    private func match(_ name: String, _ pattern: (TensorRule) -> String) -> NumberedRule? {
        func rule(_ general: String) -> TensorRule? {
            if let rule = tensors.first(where: { pattern($0) == general }) { return rule }
            return general.hasSuffix(".bias") ? tensors.lazy.compactMap(\.bias).first { pattern($0) == general } : nil
        }
        let (general, block) = ArchitectureFamily.generalised(name)
        if let rule = rule(general) { return (rule, block, nil) }
        guard keys.experts != nil || keys.perHeadNorms != nil, block != nil else { return nil }
        let (second, expert) = ArchitectureFamily.generalised(general)
        return expert == nil ? nil : rule(second).map { ($0, block, expert) }
    }

    /// The name with its first all-digit component as `{}`, and that number.
    static func generalised(_ name: String) -> (name: String, block: Int?) {
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
