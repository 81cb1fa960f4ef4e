import StrictJSON

extension ModelConfiguration {
    /// Settings of config.json, by name and value, with which a model computes otherwise than it would be run: what it is refused for.
    static func unsupportedFeatures(in json: JSONValue, _ family: ArchitectureFamily) -> [String] {
        var features: [String] = []
        if let name = activationName(json, family.keys), BlockDesign.Activation(configName: name) == nil {
            features.append("\(family.keys.activation.first ?? "activation") '\(name)'")
        }
        for (key, value) in family.fixedSettings.sorted(by: { $0.key < $1.key }) {
            if let found = json[key]?.bool ?? family.silentSettings[key], found != value { features.append("\(key) \(found)") }
        }
        for (key, values) in family.fixedValues.sorted(by: { $0.key < $1.key }) {
            if let value = json.object?[key], value != .null, !values.contains(value) { features.append("\(key) \(text(value))") }
        }
        for key in family.absentSettings {
            if let value = json.object?[key], value != .null { features.append("\(key) \(text(value))") }
        }
        if family.design.isCausal, json["is_causal"]?.bool == false { features.append("is_causal false") }
        if family.keys.rotaryChoice == nil, let kind = json["position_embedding_type"]?.string, kind != "absolute" {
            features.append("position_embedding_type '\(kind)'")
        }
        if let inner = json["inner_group_num"]?.integer, inner != 1 { features.append("inner_group_num \(inner)") }
        if let name = json["classifier_activation"]?.string, name != "gelu" { features.append("classifier_activation '\(name)'") }
        if let width = json["word_embed_proj_dim"]?.integer, width != json[family.keys.hiddenSize]?.integer {
            features.append("word_embed_proj_dim \(width)")
        }
        if family.design.positions == .relative { features += relativeFeatures(in: json) }
        if let quantization = json["quantization_config"] {
            // Its weights are nothing without their scales.
            features.append("quantization_config '\(quantization["quant_method"]?.string ?? "")'")
        }
        return features
    }

    private static func text(_ value: JSONValue) -> String { String(decoding: value.serialized().prefix(40), as: UTF8.self) }

    /// What DeBERTa has before its third version.
    private static func relativeFeatures(in json: JSONValue) -> [String] {
        var features: [String] = []
        let kinds =
            json["pos_att_type"]?.array?.compactMap(\.string) ?? (json["pos_att_type"]?.string ?? "").split(separator: "|").map(String.init)
        if Set(kinds) != ["c2p", "p2c"] { features.append("pos_att_type '\(kinds.joined(separator: "|"))'") }
        if json["norm_rel_ebd"]?.string != "layer_norm" { features.append("norm_rel_ebd '\(json["norm_rel_ebd"]?.string ?? "none")'") }
        for key in ["type_vocab_size", "conv_kernel_size"] {
            if let value = json[key]?.integer, value > 0 { features.append("\(key) \(value)") }
        }
        for key in ["embedding_size", "attention_head_size"] {
            let usual = key == "embedding_size" ? json["hidden_size"]?.integer : nil
            if let value = json[key]?.integer, value != usual { features.append("\(key) \(value)") }
        }
        return features
    }
}
