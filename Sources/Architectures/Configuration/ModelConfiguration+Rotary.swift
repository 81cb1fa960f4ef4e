import StrictJSON

extension ModelConfiguration {
    /// The rotary settings of config.json: under keys of their own, or in the object that transformers 5 has for them; where both objects
    /// are there the older one, as transformers has it.
    mutating func readRotary(_ json: JSONValue, _ keys: ConfigurationKeys) throws {
        ropeTheta = keys.rotary.defaultTheta
        rotarySize = headSize
        guard design.positions == .rotary else { return }
        let older = json["rope_scaling"].flatMap { $0.object?.members.isEmpty == false ? $0 : nil }
        let newer = json["rope_parameters"].flatMap { $0.object == nil ? nil : $0 }
        let types = ["full_attention", "sliding_attention"]
        let hasTypes = newer.map { newer in types.contains { newer[$0] != nil } } ?? false
        if let usual = keys.rotary.localTheta {
            let slides = newer?["sliding_attention"]
            localRopeTheta = slides?["rope_theta"]?.number ?? keys.rotary.localKey.flatMap { json[$0]?.number } ?? usual
            if let kind = slides?["rope_type"]?.string ?? slides?["type"]?.string, kind != "default" {
                unsupportedFeatures.append("rope_parameters '\(kind)' of sliding_attention")
            }
            if let newer, !hasTypes, newer.object?.members.isEmpty == false {
                unsupportedFeatures.append("rope_parameters for all layer types")
            }
            let full = newer?["full_attention"]
            ropeTheta = older?["rope_theta"]?.number ?? full?["rope_theta"]?.number ?? json[keys.rotary.theta]?.number ?? ropeTheta
            try readScaling(older ?? full)
        } else {
            let object = older ?? newer
            if object == nil { ropeScaling = keys.rotary.usualScaling }
            if let usual = keys.rotary.usualTemperature { try readTemperature(object, usual) }
            if older == nil, hasTypes { unsupportedFeatures.append("rope_parameters by layer type") }
            ropeTheta = object?["rope_theta"]?.number ?? json[keys.rotary.theta]?.number ?? ropeTheta
            try readTurnedPart(json, object, keys.rotary)
            try readScaling(object, outside: json)
        }
        try readUnturned(json, keys)
    }

    private mutating func readTemperature(_ object: JSONValue?, _ usual: Double) throws {
        if let object {
            guard let beta = object["llama_4_scaling_beta"]?.number, beta != 0 else { return }
            guard let original = object["original_max_position_embeddings"]?.integer else {
                throw ConfigurationError("the rotary settings have no integer 'original_max_position_embeddings'")
            }
            temperature = QueryTemperature(scale: beta, originalContext: original)
        } else if case .yarn(let yarn) = ropeScaling {
            temperature = QueryTemperature(scale: usual, originalContext: yarn.originalContext)
        }
    }

    private mutating func readTurnedPart(_ json: JSONValue, _ object: JSONValue?, _ keys: RotaryKeys) throws {
        if let key = keys.size, keys.share == nil || json.object?[key] != nil {
            guard let size = json.object?[key] == nil ? keys.defaultSize : json[key]?.integer else {
                throw ConfigurationError("config.json has no integer '\(key)'")
            }
            rotarySize = size
            return
        }
        guard let key = keys.share else {
            let share = object?["partial_rotary_factor"]?.number ?? json["partial_rotary_factor"]?.number ?? 1
            if share != 1 { unsupportedFeatures.append("partial_rotary_factor \(share)") }
            return
        }
        let share = object?["partial_rotary_factor"]?.number ?? json[key]?.number ?? keys.defaultShare
        guard share > 0, share <= 1 else { throw ConfigurationError("\(key) is \(share)") }
        rotarySize = Int(share * Double(headSize))
    }

    /// - Parameter json: config.json, which has the original context of some models beside the rotary settings.
    private mutating func readScaling(_ object: JSONValue?, outside json: JSONValue? = nil) throws {
        guard let object else { return }
        func factor(_ key: String) throws -> Double {
            guard let value = object[key]?.number else { throw ConfigurationError("the rotary settings have no number '\(key)'") }
            return value
        }
        switch object["rope_type"]?.string ?? object["type"]?.string ?? "default" {
        case "default": break
        case let type where type != "yarn" && family?.keys.isLatent == true && (object["mscale_all_dim"]?.number ?? 0) != 0:
            unsupportedFeatures.append("mscale_all_dim beside rope_scaling '\(type)'")
        case "linear": ropeScaling = .linear(try factor("factor"))
        case "llama3":
            guard let original = object["original_max_position_embeddings"]?.integer else {
                throw ConfigurationError("the rotary settings have no integer 'original_max_position_embeddings'")
            }
            ropeScaling = .llama3(
                factor: try factor("factor"), lowFrequencyFactor: try factor("low_freq_factor"),
                highFrequencyFactor: try factor("high_freq_factor"), originalContext: original)
        // What the first models of the family call it.
        case "su" where family?.keys.hasLongRope == true, "longrope" where family?.keys.hasLongRope == true,
            "yarn" where family?.keys.hasLongRope == true:
            ropeScaling = .longRope(try readLongRope(object, json))
        case "yarn": ropeScaling = .yarn(try readYaRN(object))
        case "longrope": ropeScaling = .longRope(try readLongRope(object, nil))
        case "dynamic": ropeScaling = .dynamic(factor: try factor("factor"), context: contextLength)
        case let type: unsupportedFeatures.append("rope_scaling '\(type)'")
        }
    }

    private func readLongRope(_ object: JSONValue, _ json: JSONValue?) throws -> LongRoPE {
        func list(_ key: String) throws -> [Float] {
            guard let array = object[key]?.array, !array.isEmpty else {
                throw ConfigurationError("the rotary settings have no numbers '\(key)'")
            }
            return try array.map { entry in
                guard let number = entry.number else { throw ConfigurationError("'\(key)' has other than numbers") }
                return Float(number)
            }
        }
        func number(_ key: String) throws -> Double? {
            guard let value = object.object?[key], value != .null else { return nil }
            guard let number = value.number else { throw ConfigurationError("the rotary settings have no number '\(key)'") }
            return number
        }
        // Where both say it, transformers takes the one outside.
        let outside = json.map { $0["original_max_position_embeddings"]?.integer ?? LongRoPE.usualContext }
        let original = outside ?? object["original_max_position_embeddings"]?.integer ?? contextLength
        return LongRoPE(
            shortDivisors: try list("short_factor"), longDivisors: try list("long_factor"), originalContext: original,
            factor: try number("factor") ?? Double(contextLength) / Double(max(original, 1)),
            attentionFactor: try number("attention_factor"))
    }

    private func readYaRN(_ object: JSONValue) throws -> YaRN {
        func number(_ key: String) throws -> Double? {
            guard let value = object.object?[key], value != .null else { return nil }
            guard let number = value.number else { throw ConfigurationError("the rotary settings have no number '\(key)'") }
            return number
        }
        let original = object["original_max_position_embeddings"]?.integer ?? contextLength
        var yarn = YaRN(factor: try number("factor") ?? Double(contextLength) / Double(max(original, 1)), originalContext: original)
        // 0 stands for what is usual.
        if let turns = try number("beta_fast"), turns != 0 { yarn.fastTurns = turns }
        if let turns = try number("beta_slow"), turns != 0 { yarn.slowTurns = turns }
        yarn.truncates = object["truncate"]?.bool ?? true
        yarn.attentionFactor = try number("attention_factor")
        (yarn.scale, yarn.scaleOfAll) = (try number("mscale"), try number("mscale_all_dim"))
        return yarn
    }

    /// SmolLM3's list has 1 for a block that turns, 0 for one that does not.
    private mutating func readUnturned(_ json: JSONValue, _ keys: ConfigurationKeys) throws {
        unturned = keys.rotary.unturned
        guard case .every(let usual) = unturned else { return }
        if let list = json["no_rope_layers"]?.array, !list.isEmpty {
            unturned = .listed(
                try list.map { entry in
                    guard let turns = entry.integer, (0...1).contains(turns) else {
                        throw ConfigurationError("no_rope_layers has other than 0 and 1")
                    }
                    return turns == 0
                })
        } else {
            let step = json["no_rope_layer_interval"]?.integer ?? usual
            guard step > 0 else { throw ConfigurationError("no_rope_layer_interval is \(step)") }
            unturned = .every(step)
        }
        // Chunks are those of blocks that turn.
        if window?.isChunked == true, json["layer_types"]?.array == nil {
            let turns = (0..<min(max(blockCount, 0), 1 << 16)).map { rotation(inBlock: $0) != .none }
            window?.blocks = .listed(turns)
        }
        // Without "layer_types" a window is that of the blocks that do not turn.
        if window?.blocks == .all {
            let slides = (0..<min(max(blockCount, 0), 1 << 16)).map { rotation(inBlock: $0) == .none }
            window?.blocks = .listed(slides)
        }
    }
}
