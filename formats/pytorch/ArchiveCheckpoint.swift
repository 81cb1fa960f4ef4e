import FormatKit
import ModelGraph
import ZipContainer

/// A zip archive as torch 1.6 and later write it: `NAME/data.pkl`, `NAME/data/KEY` for each storage, `NAME/byteorder`.
struct ArchiveCheckpoint: Checkpoint {
    static let pickleEnding = "/data.pkl"

    let root: PickleValue
    let heap: PickleHeap
    private let file: MappedFile
    private let path: String
    private let members: [String: ZipArchive.Member]
    /// The folder in the archive that everything lies in, with its slash.
    private let folder: String

    /// - Throws: `FormatError.malformed`; `.unsupported` for TorchScript, big-endian storages and members that are not stored.
    init(_ file: MappedFile, path: String) throws {
        self.file = file
        self.path = path
        let archive = try file.withBytes { try ZipArchive($0, path: path) }
        let pickles = archive.members.filter {
            $0.name.hasSuffix(ArchiveCheckpoint.pickleEnding) && $0.name.split(separator: "/").count == 2
        }
        guard pickles.count == 1, let pickle = pickles.first else {
            throw FormatError.malformed(path, "", "has \(pickles.count) members NAME/data.pkl; a checkpoint has one")
        }
        folder = String(pickle.name.dropLast(ArchiveCheckpoint.pickleEnding.count - 1))
        members = Dictionary(archive.members.map { ($0.name, $0) }) { first, _ in first }
        if members[folder + "constants.pkl"] != nil {
            throw FormatError.unsupported(path, "", "is a TorchScript program, which is not run; save its state_dict")
        }
        if let member = members[folder + "byteorder"] {
            let order = try ArchiveCheckpoint.bytes(file, member, path, limit: 16).withUnsafeBytes { Array($0) }
            guard order == Array("little".utf8) else {
                throw FormatError.unsupported(path, "byteorder", "is '\(String(decoding: order, as: UTF8.self))'; little can be read")
            }
        }
        let source = try ArchiveCheckpoint.bytes(file, pickle, path, limit: PickleMachine.maximumByteCount)
        (root, heap) = try source.withUnsafeBytes { raw in
            var machine = PickleMachine(ByteReader(raw, path: path), object: "data.pkl")
            let root = try machine.run()
            guard machine.reader.remaining == 0 else {
                throw FormatError.malformed(path, "data.pkl", "has \(machine.reader.remaining) bytes after the pickle")
            }
            return (root, machine.heap)
        }
    }

    private static func bytes(_ file: MappedFile, _ member: ZipArchive.Member, _ path: String, limit: Int = .max) throws -> any ByteSource {
        let object = "member '\(member.name)'"
        guard !member.isDeflated else { throw FormatError.unsupported(path, object, "is compressed; torch.save stores") }
        guard member.byteCount <= limit else {
            throw FormatError.malformed(path, object, "is \(member.byteCount) bytes long; \(limit) are allowed")
        }
        return ZipMemberBytes(file, member, zeroIsNoChecksum: true, path: path)
    }

    func storage(_ record: StorageRecord, object: String) throws -> any ByteSource {
        guard let member = members["\(folder)data/\(record.key)"] else {
            throw FormatError.malformed(path, object, "lies in storage '\(record.key.prefix(80))', which the archive does not have")
        }
        return try ArchiveCheckpoint.bytes(file, member, path)
    }
}
