import ModelGraph

/// The shards of a folder without an index, as their names say: NAME-00001-of-0000N and so on, all N of them.
public struct ShardSet: Sendable {
    public let folder: String
    /// The shards' names in their order.
    public let shards: [String]

    /// - Parameters:
    ///   - names: files of the folder that may be shards.
    ///   - ending: what every shard's name ends in, such as ".safetensors".
    /// - Returns: nil where no name is that of a shard, or a file that is none lies beside them.
    /// - Throws: `FormatError.malformed` for shards of several sets, and for a set of which some are not there.
    public init?(_ folder: String, _ names: [String], ending: String) throws {
        let files = names.filter { $0.hasSuffix(ending) }
        let parts = files.compactMap { NumberedName($0, ending: ending) }
        guard let first = parts.first, parts.count == files.count else { return nil }
        guard parts.allSatisfy({ $0.stem == first.stem && $0.count == first.count }) else {
            throw FormatError.malformed(
                folder, "", "has shards of several sets, such as \(files[0]), and no index that says which are the model")
        }
        let there = Dictionary(zip(parts.map(\.number), files)) { first, _ in first }
        guard there.count == first.count else {
            throw FormatError.malformed(
                folder, "", "has \(there.count) of \(first.count) shards, \(files[0]) among them, and no index; the others are missing")
        }
        self.folder = folder
        shards = there.sorted { $0.key < $1.key }.map(\.value)
    }

    /// Reads one shard after another.
    public func read(_ context: ReadContext, _ read: (_ path: String) throws -> Void) throws {
        for shard in shards {
            try context.execution.cancellation.check()
            ModelFolder.warnOfLink(shard, in: folder, context)
            try read("\(folder)/\(shard)")
        }
    }
}
