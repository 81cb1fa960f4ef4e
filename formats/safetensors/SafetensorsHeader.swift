import FormatKit
import ModelGraph
import StrictJSON

/// The JSON header of one file: what tensors it has and where.
struct SafetensorsHeader {
    struct Entry {
        let name: String
        let dtype: DType
        let shape: Shape
        /// Relative to the first byte after the header.
        let begin: Int
        let end: Int
    }

    /// In the order of their data.
    let entries: [Entry]
    /// `__metadata__`, in order.
    let metadata: [(key: String, value: String)]
    /// Bytes before the data: length field and header.
    let dataStart: Int

    static let metadataKey = "__metadata__"
    static let lengthBytes = 8
    /// As the reference implementation has it.
    static let maximumByteCount = 100_000_000

    /// Whether a file that begins like this may be one: a plausible length, then an object.
    static func begins(_ head: [UInt8]) -> Bool {
        guard head.count > lengthBytes, head[lengthBytes] == UInt8(ascii: "{") else { return false }
        return head.prefix(lengthBytes).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) } <= UInt64(maximumByteCount)
    }

    /// - Throws: `FormatError.malformed` where the file breaks a rule of SPEC.md, `.unsupported` for a dtype that is not carried.
    ///
    /// - Parameter isAlone: whether `file` ends with its header, and its data is elsewhere.
    init(_ file: UnsafeRawBufferPointer, isAlone: Bool = false, path: String) throws {
        var reader = ByteReader(file, path: path)
        let length = try reader.count("header length")
        guard length >= 2, length <= SafetensorsHeader.maximumByteCount else {
            throw FormatError.malformed(path, "header", "is \(length) bytes long; 2 to \(SafetensorsHeader.maximumByteCount) are allowed")
        }
        let text = try reader.take(length, "header")
        guard text.first == UInt8(ascii: "{") else { throw FormatError.malformed(path, "header", "does not begin with '{'") }
        dataStart = reader.offset
        var metadata: [(key: String, value: String)] = []
        var entries: [Entry] = []
        for (name, value) in try JSONValue.members(parsing: text, path: path, object: "header") {
            if name == SafetensorsHeader.metadataKey {
                metadata = try SafetensorsHeader.strings(value, path)
            } else {
                entries.append(try SafetensorsHeader.entry(name, value, path))
            }
        }
        // A stable sort: tensors without bytes keep their order in the header.
        entries = entries.enumerated().sorted {
            ($0.element.begin, $0.element.end, $0.offset) < ($1.element.begin, $1.element.end, $1.offset)
        }.map(\.element)
        try SafetensorsHeader.checkContiguous(entries, dataBytes: isAlone ? entries.last?.end ?? 0 : reader.remaining, path)
        self.entries = entries
        self.metadata = metadata
    }

    private static func strings(_ value: JSONValue, _ path: String) throws -> [(key: String, value: String)] {
        guard let members = value.object else { throw FormatError.malformed(path, metadataKey, "is no object") }
        return try members.sorted { $0.key < $1.key }.map { key, value in
            guard let text = value.string else { throw FormatError.malformed(path, metadataKey, "'\(key)' is no string") }
            return (key, text)
        }
    }

    private static func entry(_ name: String, _ value: JSONValue, _ path: String) throws -> Entry {
        func malformed(_ message: String) -> FormatError { .malformed(path, "tensor '\(name)'", message) }
        guard let members = value.object else { throw malformed("is described by no object") }
        if let extra = members.keys.sorted().first(where: { !["dtype", "shape", "data_offsets"].contains($0) }) {
            throw FormatError.unsupported(path, "tensor '\(name)'", "has the unknown member '\(extra)'")
        }
        guard let dtypeName = members["dtype"]?.string else { throw malformed("has no dtype") }
        guard let dtype = DType(rawValue: dtypeName) else {
            throw FormatError.unsupported(path, "tensor '\(name)'", "has dtype \(dtypeName.prefix(40)), which cannot be carried")
        }
        guard let list = members["shape"]?.array, list.count <= Shape.maximumRank else {
            throw malformed("has no shape of at most \(Shape.maximumRank) dimensions")
        }
        let dimensions = list.compactMap(\.integer)
        guard dimensions.count == list.count, let shape = Shape(dimensions) else {
            throw malformed("has a shape with a dimension that is no count, or too many elements")
        }
        guard let pair = members["data_offsets"]?.array, pair.count == 2, let begin = pair[0].integer, let end = pair[1].integer,
            begin >= 0, end >= begin
        else { throw malformed("has no data_offsets [begin, end]") }
        let needed = dtype.byteCount(of: shape.elementCount)
        guard needed == end - begin else {
            let bytes = needed.map(String.init) ?? "no possible number of"
            throw malformed("\(dtypeName) \(shape) needs \(bytes) bytes, data_offsets give \(end - begin)")
        }
        return Entry(name: name, dtype: dtype, shape: shape, begin: begin, end: end)
    }

    /// The data is exactly the tensors', one after another.
    private static func checkContiguous(_ entries: [Entry], dataBytes: Int, _ path: String) throws {
        var next = 0
        for entry in entries {
            guard entry.begin == next else {
                let what = entry.begin < next ? "overlaps the tensor before it" : "leaves a hole before it"
                throw FormatError.malformed(path, "tensor '\(entry.name)'", "begins at \(entry.begin) and \(what), which ends at \(next)")
            }
            next = entry.end
        }
        guard next == dataBytes else {
            throw FormatError.malformed(path, "data", "the tensors take \(next) bytes, the file has \(dataBytes) after its header")
        }
    }
}
