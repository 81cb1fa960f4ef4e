import StrictJSON

/// The model that a language model is a part of, beside a tower that sees and what projects its outputs.
public struct VisionLanguage: Equatable, Sendable {
    /// `model_type` of the whole, such as "gemma3".
    public let modelType: String
    /// The config.json of the language model alone, with what transformers takes where the whole's is silent.
    package let languageConfiguration: JSONValue
}

/// The language model's part of a config.json that nests it under "text_config", or has it beside "vision_config".
struct LanguagePart {
    /// As a config.json of the language model alone has it.
    let json: JSONValue
    let whole: VisionLanguage
    private let outerKeys: [String]

    /// Nil for a config.json of no such model, or of one that is not known.
    ///
    /// - Throws: `ConfigurationError` where the language model is not said.
    init?(_ json: JSONValue) throws {
        guard let type = json["model_type"]?.string, let layout = VisionLanguageLayout.of(type) else { return nil }
        let nested = json["text_config"]?.object
        guard let own = nested ?? (layout.isFlat && json["vision_config"] != nil ? LanguagePart.flat(json) : nil) else {
            throw ConfigurationError("config.json has no object 'text_config', which a \(type) has its language model in")
        }
        let named = own["model_type"]?.string
        let language = layout.isFixed ? layout.languageType : named ?? layout.languageType
        var members = own.members.filter { !["model_type", "architectures", "tie_word_embeddings"].contains($0.key) }
        for (key, value) in layout.members where own[key] == nil || own[key] == .null {
            members.removeAll { $0.key == key }
            members.append((key, value))
        }
        let there = Set(members.map(\.key))
        members += VisionLanguageDefaults.members(of: language).filter { !there.contains($0.key) }
        if layout.hasSections { members = members.map { ($0.key, LanguagePart.turningAsUsual($0.key, $0.value)) } }
        for key in ["quantization_config", "dtype", "torch_dtype"] where !there.contains(key) {
            if let value = json[key] { members.append((key, value)) }
        }
        if let levels = json["vision_config"]?[KnownKeys.visionLevels] { members.append((KnownKeys.visionLevels, levels)) }
        guard let family = ArchitectureFamily.of(.object(JSONObject(members + [("model_type", .string(language))]))) else {
            throw ConfigurationError("text_config has the model_type '\(language.prefix(40))', which is not known")
        }
        members.append(("model_type", .string(family.modelTypes[0])))
        members.append(("architectures", [.string(family.className)]))
        let inner = own["tie_word_embeddings"]?.bool ?? family.keys.tiesEmbeddings
        let outer = nested == nil ? nil : json["tie_word_embeddings"]?.bool
        members.append(("tie_word_embeddings", .bool((outer ?? layout.tiesEmbeddings) || (layout.takesInnerTie || nested == nil) && inner)))
        // A model type that several families share is told by the sections, which have to be there.
        if layout.hasSections, ModelConfiguration.rotarySections(.object(JSONObject(members))) == nil {
            throw ConfigurationError("text_config has no 'mrope_section' in its rotary settings")
        }
        self.json = .object(JSONObject(members))
        whole = VisionLanguage(modelType: type, languageConfiguration: self.json)
        // Some folders have the language model's keys a second time beside it.
        outerKeys = nested == nil ? [] : (json.object?.members ?? []).filter { own[$0.key] != $0.value }.map(\.key)
    }

    /// The keys of a config.json that has them all on one floor.
    private static func flat(_ json: JSONValue) -> JSONObject? {
        json.object.map { JSONObject($0.members.filter { !VisionLanguageLayout.outerKeys.contains($0.key) }) }
    }

    /// Rotary settings whose type is "mrope", which on text is the usual one.
    private static func turningAsUsual(_ key: String, _ value: JSONValue) -> JSONValue {
        guard ["rope_scaling", "rope_parameters"].contains(key), let object = value.object else { return value }
        return .object(
            JSONObject(
                object.members.map { key, value in
                    (key, ["type", "rope_type"].contains(key) && value == "mrope" ? "default" : value)
                }))
    }

    /// Those of the language model and of the whole that are not known.
    func unknownKeys(_ inner: [String]) -> [String] {
        // PaliGemma says the hidden size twice, and transformers takes the inner one.
        let known = VisionLanguageLayout.outerKeys.union(KnownKeys.common).union(["hidden_size"])
        return inner.filter { !VisionLanguageLayout.innerKeys.contains($0) } + outerKeys.filter { !known.contains($0) }
    }
}
