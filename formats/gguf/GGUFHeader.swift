import FormatKit
import ModelGraph

/// All of a file before its data: metadata, and what tensors there are and where.
struct GGUFHeader {
    struct Entry {
        let name: String
        let type: GGUFTensorType
        let shape: Shape
        /// Relative to `dataStart`.
        let offset: Int
        let byteCount: Int
    }

    static let magic: [UInt8] = Array("GGUF".utf8)
    static let alignmentKey = "general.alignment"
    static let defaultAlignment = 32
    static let maximumAlignment = 1 << 16
    static let maximumDimensions = 4
    /// Of the specification; ggml itself loads one less.
    static let maximumNameBytes = 64

    let metadata: Metadata
    let entries: [Entry]
    let alignment: Int
    let dataStart: Int
    /// Of everything but the magic.
    let order: ByteReader.Order

    /// - Throws: `FormatError.malformed` where the file breaks a rule of SPEC.md, `.unsupported` for other versions,
    ///   types and nested arrays.
    init(_ file: UnsafeRawBufferPointer, path: String) throws {
        var reader = ByteReader(file, path: path)
        guard try reader.take(4, "magic").elementsEqual(GGUFHeader.magic) else {
            throw FormatError.malformed(path, "magic", "is not 'GGUF'")
        }
        order = try GGUFHeader.order(version: reader.integer(UInt32.self, "version"), path)
        if order == .big { reader = ByteReader(file, offset: reader.offset, order: .big, path: path) }
        let tensorCount = try reader.count("tensor count")
        let keyCount = try reader.count("metadata count")
        // The least that an entry takes: a name of no bytes; no dimensions.
        guard keyCount <= reader.remaining / 13, tensorCount <= reader.remaining / 24 else {
            throw FormatError.malformed(
                path, "header", "claims \(tensorCount) tensors and \(keyCount) keys in \(reader.remaining) bytes")
        }
        var metadata = Metadata()
        for _ in 0..<keyCount {
            let (key, value) = try GGUFMetadataCoding.read(&reader)
            guard metadata[key] == nil else { throw FormatError.malformed(path, "key '\(key)'", "is there twice") }
            metadata[key] = value
        }
        alignment = try GGUFHeader.alignment(metadata, path)
        self.metadata = metadata
        var entries: [Entry] = []
        var names = Set<String>()
        var next = 0
        for _ in 0..<tensorCount {
            let entry = try GGUFHeader.entry(&reader)
            guard names.insert(entry.name).inserted else {
                throw FormatError.malformed(path, "tensor '\(entry.name)'", "is there twice")
            }
            guard entry.offset == next else {
                throw FormatError.malformed(
                    path, "tensor '\(entry.name)'", "begins at \(entry.offset) of the data; \(next) is where the one before it ends")
            }
            guard let end = GGUFHeader.padded(next, entry.byteCount, alignment) else {
                throw FormatError.malformed(path, "tensor '\(entry.name)'", "ends beyond 2⁶³ bytes")
            }
            next = end
            entries.append(entry)
        }
        self.entries = entries
        dataStart = try GGUFHeader.checkEnd(headerBytes: reader.offset, entries, next, alignment, fileBytes: file.count, path)
    }

    /// The order in which the version, read as little-endian, makes sense.
    private static func order(version: UInt32, _ path: String) throws -> ByteReader.Order {
        if version == 2 || version == 3 { return .little }
        if version.byteSwapped == 2 || version.byteSwapped == 3 { return .big }
        throw FormatError.unsupported(path, "version", "is \(version); 2 and 3 can be read")
    }

    /// A power of two from 8 on.
    static func alignment(_ metadata: Metadata, _ path: String) throws -> Int {
        guard let value = metadata[alignmentKey] else { return defaultAlignment }
        guard case .uint32(let number) = value, number.nonzeroBitCount == 1, number >= 8, number <= maximumAlignment else {
            throw FormatError.malformed(path, "key '\(alignmentKey)'", "is no UINT32 that is a power of two, 8 to \(maximumAlignment)")
        }
        return Int(number)
    }

    /// `offset + count` rounded up to a multiple of `alignment`; nil when it overflows.
    static func padded(_ offset: Int, _ count: Int, _ alignment: Int) -> Int? {
        let (end, overflow) = offset.addingReportingOverflow(count)
        let (more, overflowToo) = end.addingReportingOverflow(alignment - 1)
        return overflow || overflowToo ? nil : more / alignment * alignment
    }

    private static func entry(_ reader: inout ByteReader) throws -> Entry {
        let path = reader.path
        let nameLength = try reader.count("tensor name")
        guard nameLength <= maximumNameBytes else {
            throw FormatError.malformed(path, "tensor name", "is \(nameLength) bytes long; \(maximumNameBytes) are allowed")
        }
        let name = try reader.string(length: nameLength, "tensor name")
        let object = "tensor '\(name)'"
        let rank = try reader.integer(UInt32.self, object)
        guard rank <= maximumDimensions else {
            throw FormatError.malformed(path, object, "has \(rank) dimensions; \(maximumDimensions) are allowed")
        }
        var dimensions: [Int] = []
        for _ in 0..<rank { dimensions.append(try reader.count(object)) }
        let type = try GGUFTensorType(number: reader.integer(UInt32.self, object), path: path, object: object)
        let offset = try reader.count(object)
        guard let shape = Shape(dimensions.reversed()), let byteCount = type.byteCount(shape) else {
            throw FormatError.malformed(
                path, object, "has too many elements, or rows that are no whole blocks, in \(dimensions) of \(type.name)")
        }
        return Entry(name: name, type: type, shape: shape, offset: offset, byteCount: byteCount)
    }

    /// The file ends with its last tensor, or with the padding after it.
    private static func checkEnd(
        headerBytes: Int, _ entries: [Entry], _ dataBytes: Int, _ alignment: Int, fileBytes: Int, _ path: String
    ) throws -> Int {
        func malformed(_ needed: Int) -> FormatError {
            .malformed(path, "data", "header and tensors take \(needed) bytes, the file has \(fileBytes)")
        }
        guard let start = padded(0, headerBytes, alignment), let end = padded(start, dataBytes, alignment) else {
            throw FormatError.malformed(path, "data", "ends beyond 2⁶³ bytes")
        }
        let last = entries.last.map { start + $0.offset + $0.byteCount } ?? headerBytes
        guard fileBytes >= last, fileBytes <= end else { throw malformed(end) }
        return start
    }
}
