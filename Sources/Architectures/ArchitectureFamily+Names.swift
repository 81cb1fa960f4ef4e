import ModelGraph

extension ArchitectureFamily {
    /// Every family that is known. Of those that share a name in GGUF the first is what a file of that name is taken for.
    public static let all: [ArchitectureFamily] = [.llama, .mistral, .qwen2, .qwen3, .gemma2, .phi3, .gpt2, .opt, .bert, .deberta]

    public static func named(_ name: String) -> ArchitectureFamily? { all.first { $0.name == name } }

    public static func ofModelType(_ modelType: String) -> ArchitectureFamily? {
        all.first { $0.modelTypes.contains(modelType) }
    }

    public static func ofGGUF(_ name: String) -> ArchitectureFamily? { all.first { $0.ggufName == name } }

    /// The rule and block number for a Hugging Face name, with or without one of the prefixes.
    public func rule(forName name: String) -> (rule: TensorRule, block: Int?)? {
        for prefix in prefixes where name.hasPrefix(prefix) {
            if let found = match(String(name.dropFirst(prefix.count)), { $0.name }) { return found }
        }
        return nil
    }

    /// The rule and block number for a GGUF name.
    public func rule(forGGUF name: String) -> (rule: TensorRule, block: Int?)? {
        ggufName == nil || name.isEmpty ? nil : match(name) { $0.gguf }
    }

    /// Whether a tensor of that name follows from the configuration.
    public func isDerived(_ name: String) -> Bool {
        prefixes.contains { prefix in
            name.hasPrefix(prefix)
                && derivedTensors.contains(ArchitectureFamily.generalised(String(name.dropFirst(prefix.count))).name)
        }
    }

    private func match(_ name: String, _ pattern: (TensorRule) -> String) -> (rule: TensorRule, block: Int?)? {
        let (general, block) = ArchitectureFamily.generalised(name)
        if let rule = tensors.first(where: { pattern($0) == general }) { return (rule, block) }
        guard general.hasSuffix(".bias") else { return nil }
        return tensors.lazy.compactMap(\.bias).first { pattern($0) == general }.map { ($0, block) }
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
