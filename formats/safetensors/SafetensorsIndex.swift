import FormatKit
import ModelGraph
import StrictJSON

/// `model.safetensors.index.json`: which shard has which tensor.
struct SafetensorsIndex {
    let path: String
    let weightMap: [String: String]
    /// The shards' names, sorted.
    let shards: [String]

    /// - Throws: `FormatError.malformed` for anything but plain shard names in a `weight_map`.
    init(_ path: String) throws {
        self.path = path
        let file = try MappedFile(path: path)
        guard file.byteCount <= SafetensorsHeader.maximumByteCount else {
            throw FormatError.malformed(path, "", "is \(file.byteCount) bytes long; \(SafetensorsHeader.maximumByteCount) are allowed")
        }
        let json = try file.withBytes { try JSONValue(parsing: $0, path: path, object: "index") }
        guard let members = json["weight_map"]?.object else { throw FormatError.malformed(path, "weight_map", "is no object") }
        var weightMap: [String: String] = [:]
        for (name, value) in members {
            guard let shard = value.string, FileName.isPlain(shard), shard.hasSuffix(".safetensors") else {
                throw FormatError.malformed(path, "weight_map", "tensor '\(name)' is in no plain .safetensors file of the folder")
            }
            weightMap[name] = shard
        }
        self.weightMap = weightMap
        shards = Set(weightMap.values).sorted()
    }

    /// The text of an index.
    static func text(_ shards: [SafetensorsLayout.Shard]) -> String {
        let total = shards.reduce(0) { $0 + $1.dataBytes }
        let pairs = shards.flatMap { shard in shard.tensors.map { ($0.name, shard.name) } }.sorted { $0.0 < $1.0 }
        let map = pairs.map { "    \(JSONText.quoted($0.0)): \(JSONText.quoted($0.1))" }.joined(separator: ",\n")
        return "{\n  \"metadata\": {\n    \"total_size\": \(total)\n  },\n  \"weight_map\": {\n\(map)\n  }\n}\n"
    }
}
