import FormatKit
import ModelGraph

/// The files of a model: one, or all parts of a split one, whichever of them was named.
struct GGUFParts {
    struct Part {
        let path: String
        let file: MappedFile
        let header: GGUFHeader
    }

    static let numberKey = "split.no", countKey = "split.count", tensorCountKey = "split.tensors.count"
    static let keys = [numberKey, countKey, tensorCountKey]

    let parts: [Part]

    /// - Throws: `FormatError.malformed` for parts that are missing, are not what their names say, or do not belong together.
    init(_ path: String, _ context: ReadContext) throws {
        let given = try GGUFParts.part(path)
        let count = try GGUFParts.integer(GGUFParts.countKey, given) ?? 1
        guard count > 1 else {
            parts = [given]
            return
        }
        let number = try GGUFParts.number(given)
        guard count <= NumberedName.maximumPartCount, number < count else {
            throw FormatError.malformed(path, "key '\(GGUFParts.numberKey)'", "is \(number), of \(count) parts")
        }
        guard let name = NumberedName(ggufPath: path), name.number == number + 1, name.count == count else {
            let name = NumberedName(stem: "NAME", number: number + 1, count: count).ggufPath
            throw FormatError.malformed(
                path, "", "is part \(number + 1) of \(count) by its keys; the others are found when its name is \(name)")
        }
        var parts: [Part] = []
        for index in 0..<count {
            try context.execution.cancellation.check()
            parts.append(index == number ? given : try GGUFParts.sibling(name, index, given))
        }
        try GGUFParts.check(parts)
        self.parts = parts
    }

    private static func part(_ path: String) throws -> Part {
        let file = try MappedFile.content(path: path)
        return Part(path: path, file: file, header: try file.withBytes { try GGUFHeader($0, path: path) })
    }

    private static func sibling(_ name: NumberedName, _ index: Int, _ given: Part) throws -> Part {
        let path = NumberedName(stem: name.stem, number: index + 1, count: name.count).ggufPath
        guard FileIdentity(path: path) != nil else {
            throw FormatError.malformed(path, "", "is not there; '\(given.path)' is part \(name.number) of \(name.count)")
        }
        let part = try self.part(path)
        let (count, number) = (try integer(countKey, part) ?? 1, try self.number(part))
        guard count == name.count, number == index else {
            throw FormatError.malformed(path, "", "is part \(number + 1) of \(count) by its keys, not \(index + 1) of \(name.count)")
        }
        guard part.header.order == given.header.order else {
            throw FormatError.malformed(path, "version", "has another byte order than '\(given.path)'")
        }
        return part
    }

    private static func check(_ parts: [Part]) throws {
        let total = parts.reduce(0) { $0 + $1.header.entries.count }
        var owners: [String: String] = [:]
        for part in parts {
            if let claimed = try integer(tensorCountKey, part), claimed != total {
                throw FormatError.malformed(part.path, "key '\(tensorCountKey)'", "is \(claimed); the parts have \(total) tensors")
            }
            for entry in part.header.entries {
                if let other = owners.updateValue(part.path, forKey: entry.name) {
                    throw FormatError.malformed(part.path, "tensor '\(entry.name)'", "is in '\(other)' too")
                }
            }
        }
    }

    private static func number(_ part: Part) throws -> Int {
        guard let number = try integer(numberKey, part) else {
            throw FormatError.malformed(part.path, "key '\(numberKey)'", "is not there, but '\(countKey)' is")
        }
        return number
    }

    private static func integer(_ key: String, _ part: Part) throws -> Int? {
        guard let value = part.header.metadata[key] else { return nil }
        guard let number = value.integer, number >= 0 else {
            throw FormatError.malformed(part.path, "key '\(key)'", "is no integer from 0 on")
        }
        return number
    }

    /// The keys of the first part, without those of splitting. Others may repeat them; what they say beyond that is ignored,
    /// with a warning, as llama.cpp does.
    func metadata(_ context: ReadContext) -> Metadata {
        var metadata = parts[0].header.metadata
        if parts.count > 1 || metadata[GGUFParts.countKey] != nil {
            for key in GGUFParts.keys { metadata[key] = nil }
        }
        for part in parts.dropFirst() {
            let own = part.header.metadata.entries.filter { key, value in
                !GGUFParts.keys.contains(key) && key != GGUFHeader.alignmentKey && metadata[key] != value
            }
            if let first = own.first {
                context.warn("\(part.path): \(own.count) keys that the first part does not have are ignored, '\(first.key)' the first")
            }
        }
        return metadata
    }

    /// All tensors, in the machine's byte order.
    func tensors() throws -> [GGUFTensor] {
        try parts.flatMap { part in try part.header.entries.map { try GGUFParts.tensor($0, part) } }
    }

    private static func tensor(_ entry: GGUFHeader.Entry, _ part: Part) throws -> GGUFTensor {
        guard let bytes = MappedBytes(part.file, offset: part.header.dataStart + entry.offset, byteCount: entry.byteCount) else {
            // Tensors without elements may lie behind the end of a file that is not padded.
            guard entry.byteCount == 0 else { throw FormatError.malformed(part.path, "tensor '\(entry.name)'", "lies outside the file") }
            return GGUFTensor(name: entry.name, type: entry.type, shape: entry.shape, bytes: OwnedBytes([]))
        }
        let tensor = GGUFTensor(name: entry.name, type: entry.type, shape: entry.shape, bytes: bytes)
        return part.header.order == .little ? tensor : try GGUFByteOrder.swapped(tensor, path: part.path)
    }
}
