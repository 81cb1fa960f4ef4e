import StrictJSON

extension ModelConfiguration {
    /// The sliding window of config.json, and the blocks that have it by "layer_types", by Qwen's settings, or as the family has it.
    mutating func readWindow(_ json: JSONValue, _ keys: ConfigurationKeys) throws {
        guard let keys = keys.window else { return }
        if let both = keys.bothSides { return try readNeighbours(json, keys, both) }
        let size: Int?
        if let value = json.object?[keys.name] {
            guard value == .null || value.integer != nil else { throw ConfigurationError("config.json has no integer '\(keys.name)'") }
            size = value.integer
        } else {
            size = keys.size
        }
        if size == nil, keys.isRequired { unsupportedFeatures.append("\(keys.name) null") }
        defer { window?.isChunked = keys.isChunked }
        guard let size, !keys.isOptional || json["use_sliding_window"]?.bool == true else { return }
        if let key = keys.counts {
            let slides = try countedTypes(json, key).map { $0 == keys.type }
            if slides.contains(true) { window = AttentionWindow(size: size, blocks: .listed(slides)) }
            return
        }
        if let types = json["layer_types"]?.array {
            let slides = try types.map { try ModelConfiguration.slides($0, keys) }
            if keys.hasTypes {
                // Where blocks without a window do not turn, one that no block has is not the same as none.
                if slides.contains(true) || unturnedWithoutWindow { window = AttentionWindow(size: size, blocks: .listed(slides)) }
                return
            }
            if slides.contains(false) { unsupportedFeatures.append("layer_types beside a sliding_window for all blocks") }
        }
        switch keys.blocks {
        case .all, .even, .listed: window = AttentionWindow(size: size, blocks: keys.blocks)
        case .from(let first):
            window = AttentionWindow(size: size, blocks: .from(max(json["max_window_layers"]?.integer ?? first, 0)))
        case .allButEvery(let usual):
            let step = json["sliding_window_pattern"]?.integer ?? usual
            guard step > 0 else { throw ConfigurationError("sliding_window_pattern is \(step)") }
            window = AttentionWindow(size: size, blocks: .allButEvery(step))
        }
    }

    /// The window of an encoder, of which half is to either side: in the blocks of "layer_types", or in all but the first of every so many.
    private mutating func readNeighbours(_ json: JSONValue, _ keys: WindowKeys, _ both: (window: String, step: String)) throws {
        let whole = json[both.window]?.integer ?? keys.size ?? 0
        guard whole >= 0 else { throw ConfigurationError("\(both.window) is \(whole)") }
        // Each position sees itself and so many before and after it.
        let size = json["sliding_window"]?.integer ?? whole / 2
        let slides: [Bool]
        if let types = json["layer_types"]?.array {
            slides = try types.map { try ModelConfiguration.slides($0, keys) }
        } else {
            let step = json[both.step]?.integer ?? 3
            guard step > 0 else { throw ConfigurationError("\(both.step) is \(step)") }
            slides = (0..<min(max(blockCount, 0), 1 << 16)).map { $0 % step != 0 }
        }
        if slides.contains(true) { window = AttentionWindow(size: size, blocks: .listed(slides)) }
    }

    /// The type of each block, of [[["global", "local"], 2], …]; where it is not there, these two in turns.
    private func countedTypes(_ json: JSONValue, _ key: String) throws -> [String] {
        guard let value = json[key] else { return (0..<min(max(blockCount, 0), 1 << 16)).map { $0 % 2 == 0 ? "global" : "local" } }
        var types: [String] = []
        for entry in value.array ?? [value] {
            guard let pair = entry.array, pair.count == 2, let names = pair[0].array?.map({ $0.string ?? "" }), let count = pair[1].integer,
                names.allSatisfy(["global", "local"].contains), (0...1 << 16).contains(count), names.count <= 1 << 16,
                names.count * count + types.count <= 1 << 16
            else { throw ConfigurationError("\(key) has other than lists of global and local, and how often each comes") }
            for _ in 0..<count { types += names }
        }
        guard types.count == blockCount else { throw ConfigurationError("\(key) has \(types.count) blocks of \(blockCount)") }
        return types
    }

    private var unturnedWithoutWindow: Bool { family?.keys.rotary.unturned == .withoutWindow }

    private static func slides(_ type: JSONValue, _ keys: WindowKeys) throws -> Bool {
        switch type.string {
        case keys.type: return true
        case "full_attention": return false
        default: throw ConfigurationError("layer_types has '\(type.string ?? "")'; \(keys.type) and full_attention are known")
        }
    }
}
