import StrictJSON

/// `model.safetensors.index.json`, as it is written.
enum SafetensorsIndex {
    static func text(_ shards: [SafetensorsLayout.Shard]) -> String {
        let total = shards.reduce(0) { $0 + $1.dataBytes }
        let pairs = shards.flatMap { shard in shard.tensors.map { ($0.name, shard.name) } }.sorted { $0.0 < $1.0 }
        let map = pairs.map { "    \(JSONText.quoted($0.0)): \(JSONText.quoted($0.1))" }.joined(separator: ",\n")
        return "{\n  \"metadata\": {\n    \"total_size\": \(total)\n  },\n  \"weight_map\": {\n\(map)\n  }\n}\n"
    }
}
