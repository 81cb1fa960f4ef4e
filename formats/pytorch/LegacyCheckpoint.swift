import FormatKit
import ModelGraph

/// A file as torch before 1.6 wrote it: five pickles (a magic number, a version, the system, the object, the storages' keys),
/// then for each key the number of its elements and the elements.
struct LegacyCheckpoint: Checkpoint {
    /// The number 0x1950A86A20F9469CFC6C as a pickle has it.
    static let magic: [UInt8] = [0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
    /// Bytes that `begins` looks at.
    static let longestStart = 24

    /// Whether a file begins with the pickle of that number: a protocol, from the fourth on a frame, the number.
    static func begins(_ head: some Sequence<UInt8>) -> Bool {
        let head = Array(head.prefix(longestStart))
        guard head.count > 2, head[0] == 0x80, (2...5).contains(head[1]) else { return false }
        return head.dropFirst(head[2] == 0x95 ? 11 : 2).starts(with: magic)
    }

    private static let version = 1001

    let root: PickleValue
    let heap: PickleHeap
    private let path: String
    private let storages: [String: MappedBytes]

    /// - Throws: `FormatError.malformed`; `.unsupported` for another version and for big-endian storages.
    init(_ file: MappedFile, path: String) throws {
        self.path = path
        (root, heap, storages) = try file.withBytes { raw in
            var machine = PickleMachine(ByteReader(raw, path: path), object: "pickle")
            _ = try machine.run()
            guard try machine.run().integer == LegacyCheckpoint.version else {
                throw FormatError.unsupported(
                    path, "", "is of another version than \(LegacyCheckpoint.version) of the form before torch 1.6")
            }
            guard case .dictionary(let system) = try machine.run() else {
                throw FormatError.malformed(path, "", "does not describe its system")
            }
            for (key, value) in machine.heap.dictionaries[system] where key.string == "little_endian" {
                guard case .bool(false) = value else { continue }
                throw FormatError.unsupported(path, "", "has big-endian storages; little can be read")
            }
            let root = try machine.run()
            let list = try machine.run()
            guard let keys = machine.heap.elements(list)?.map(\.string), !keys.contains(nil) else {
                throw FormatError.malformed(path, "", "does not list its storages")
            }
            let storages = try LegacyCheckpoint.storages(keys.compactMap { $0 }, machine, file, path)
            return (root, machine.heap, storages)
        }
    }

    private static func storages(
        _ keys: [String], _ machine: PickleMachine, _ file: MappedFile, _ path: String
    ) throws -> [String: MappedBytes] {
        var widths: [String: Int] = [:]
        for record in machine.heap.storages {
            if case .typed(let dtype) = record.type { widths[record.key] = dtype.byteWidth } else { widths[record.key] = 1 }
        }
        var storages: [String: MappedBytes] = [:]
        var reader = machine.reader
        for key in keys {
            let object = "storage '\(key.prefix(80))'"
            guard let width = widths[key], storages[key] == nil else {
                throw FormatError.malformed(path, object, "is listed twice, or without being used")
            }
            let (size, overflow) = try reader.count(object).multipliedReportingOverflow(by: width)
            guard !overflow else { throw FormatError.malformed(path, object, "is too large") }
            let offset = reader.offset
            _ = try reader.take(size, object)
            storages[key] = MappedBytes(file, offset: offset, byteCount: size)
        }
        guard reader.remaining == 0 else { throw FormatError.malformed(path, "", "has \(reader.remaining) bytes after its last storage") }
        return storages
    }

    func storage(_ record: StorageRecord, object: String) throws -> any ByteSource {
        guard let bytes = storages[record.key] else {
            throw FormatError.malformed(path, object, "lies in storage '\(record.key.prefix(80))', which the file does not have")
        }
        return bytes
    }
}
