import ModelGraph
import StrictJSON

/// The index of a sharded checkpoint: an object whose `weight_map` says which file of the folder has which tensor.
public struct ShardIndex: Sendable {
    public static let maximumByteCount = 100_000_000

    public let path: String
    /// The file that the index was read from; nil for bytes.
    public private(set) var stamp: FileStamp?
    public let weightMap: [String: String]
    /// The shards' names, sorted.
    public let shards: [String]

    /// - Parameter ending: what every shard's name ends in, such as ".safetensors".
    /// - Throws: `FormatError.malformed` for anything but plain shard names in a `weight_map`.
    public init(_ path: String, ending: String) throws {
        let file = try MappedFile(path: path)
        guard file.byteCount <= ShardIndex.maximumByteCount else {
            throw FormatError.malformed(path, "", "is \(file.byteCount) bytes long; \(ShardIndex.maximumByteCount) are allowed")
        }
        self = try file.withBytes { try ShardIndex(parsing: $0, path: path, ending: ending) }
        stamp = file.stamp
    }

    /// The index that `bytes` are.
    public init(parsing bytes: UnsafeRawBufferPointer, path: String, ending: String) throws {
        self.path = path
        let json = try JSONValue(parsing: bytes, path: path, object: "index")
        guard let members = json["weight_map"]?.object else { throw FormatError.malformed(path, "weight_map", "is no object") }
        var weightMap: [String: String] = [:]
        for (name, value) in members {
            guard let shard = value.string else { throw FormatError.malformed(path, "weight_map", "tensor '\(name)' has no file's name") }
            guard FileName.isPlain(shard), shard.hasSuffix(ending) else {
                throw FormatError.malformed(
                    path, "weight_map", "tensor '\(name)' is in '\(shard.prefix(200))', which is no plain \(ending) file of the folder")
            }
            guard weightMap.updateValue(shard, forKey: name) == nil else {
                throw FormatError.malformed(path, "weight_map", "tensor '\(name)' is there twice, in two spellings")
            }
        }
        self.weightMap = weightMap
        shards = Set(weightMap.values).sorted()
    }

    /// Reads every shard by `read`, which keeps the tensors that `isWanted` says and returns the names of all that the file has: those that
    /// the map puts there. Others, older copies and what no map names, are left out with a warning.
    ///
    /// - Throws: `FormatError.malformed` for a shard that is not there, and for a tensor that is not where the map puts it.
    public func readShards(
        of folder: String, _ context: ReadContext, _ read: (_ path: String, _ isWanted: (String) -> Bool) throws -> [String]
    ) throws {
        var found = Set<String>()
        for shard in shards {
            try context.execution.cancellation.check()
            ModelFolder.warnOfLink(shard, in: folder, context)
            let path = "\(folder)/\(shard)"
            guard FileIdentity(path: path) != nil else {
                throw FormatError.malformed(self.path, "weight_map", "names the shard '\(shard)', which is not there")
            }
            let names = try read(path) { weightMap[$0] == shard }
            found.formUnion(names.filter { weightMap[$0] == shard })
            warn(of: names.filter { weightMap[$0] != shard }, in: path, context)
        }
        if let (name, shard) = weightMap.sorted(by: { $0.key < $1.key }).first(where: { !found.contains($0.key) }) {
            throw FormatError.malformed("\(folder)/\(shard)", "tensor '\(name)'", "is not in the shard that the index gives")
        }
    }

    private func warn(of names: [String], in path: String, _ context: ReadContext) {
        guard let first = names.first else { return }
        let place = weightMap[first].map { "in '\($0)'" } ?? "nowhere"
        let others = names.count > 1 ? ", and \(names.count - 1) more like it" : ""
        context.warn("\(path): tensor '\(first)' is \(place) by the index, and is left out here\(others)")
    }
}
