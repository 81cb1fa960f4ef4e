import StrictJSON

/// M-RoPE (Wang et al. 2024, Qwen2-VL): rotary pairs of which some turn by time, some by height, some by width. All three are the token's place
/// on text, where it is the usual embedding; files of models that see say the shares.
extension ModelConfiguration {
    /// "mrope_section" of rotary settings; nil without.
    static func rotarySections(_ json: JSONValue) -> [JSONValue]? {
        let older = json["rope_scaling"].flatMap { $0.object?.members.isEmpty == false ? $0 : nil }
        return (older ?? json["rope_parameters"])?["mrope_section"]?.array
    }

    /// - Throws: `ConfigurationError` for what is no list of numbers of pairs.
    mutating func readRotarySections(_ json: JSONValue, _ keys: ConfigurationKeys) throws {
        guard keys.rotary.hasSections else { return }
        rotarySections = try (ModelConfiguration.rotarySections(json) ?? []).map { entry in
            guard let count = entry.integer else { throw ConfigurationError("mrope_section has other than numbers of pairs") }
            return count
        }
        // One after the other by time, by height and by width.
        let pairs = rotarySize / 2
        if keys.rotary.sharesOutThirds, rotarySections.isEmpty { rotarySections = (0..<3).map { max(pairs + 2 - $0, 0) / 3 } }
        visionLevels = json[KnownKeys.visionLevels]?.array?.count ?? 0
    }

    func checkRotarySections() throws {
        guard !rotarySections.isEmpty else { return }
        let pairs = rotarySize / 2
        guard rotarySections.count <= 4, rotarySections.allSatisfy({ (0...pairs).contains($0) }), rotarySections.reduce(0, +) == pairs
        else {
            throw ConfigurationError(
                "mrope_section is \(rotarySections.prefix(8)), which does not share out the \(pairs) pairs of a head")
        }
    }

    /// As the rotary settings of a config.json have them, where there are no others.
    var sectionMembers: [(key: String, value: JSONValue)] {
        guard !rotarySections.isEmpty, ropeScaling == .none else { return [] }
        return [
            (
                "rope_scaling",
                ["rope_type": "default", "type": "default", "mrope_section": .array(rotarySections.map(JSONValue.integer))]
            )
        ]
    }
}
