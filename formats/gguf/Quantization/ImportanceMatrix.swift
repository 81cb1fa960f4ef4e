import Execution
import FormatKit
import ModelGraph

/// llama.cpp's importance matrix: for each matrix of a model the mean square of each of its inputs over a text, by the name that GGUF gives the
/// matrix. In a file of GGUF's own, or in the `.dat` files that llama-imatrix wrote before (both in SPEC.md).
public struct ImportanceMatrix: Sendable {
    public struct Entry: Sendable {
        /// [matrices × columns]: one matrix, or as many as there are experts.
        public let meanSquares: [Float]
        /// Inputs that each matrix saw, [matrices].
        public let counts: [Float]

        public init(meanSquares: [Float], counts: [Float]) { (self.meanSquares, self.counts) = (meanSquares, counts) }
    }

    public private(set) var entries: [String: Entry] = [:]
    /// Windows of text, and tokens in one.
    public var chunkCount = 0
    public var chunkSize = 0
    /// The files that the text came from.
    public var datasets: [String] = []

    static let type = "imatrix"
    private static let sums = ".in_sum2", counts = ".counts"
    private static let datasetsKey = "imatrix.datasets", chunkCountKey = "imatrix.chunk_count", chunkSizeKey = "imatrix.chunk_size"

    public init() {}

    public subscript(name: String) -> Entry? {
        get { entries[name] }
        set { entries[name] = newValue }
    }

    // MARK: - Reading

    /// - Throws: `FormatError` for a file that is neither, or holds numbers that are no mean squares; `FileAccessError`.
    public init(path: String) throws {
        let file = try MappedFile.content(path: path)
        let isGGUF = file.withBytes { $0.prefix(4).elementsEqual(GGUFHeader.magic) }
        if isGGUF {
            try self.init(gguf: path)
        } else {
            self.init()
            try file.withBytes { try read(legacy: $0, path: path) }
        }
        guard !entries.isEmpty else { throw FormatError.malformed(path, "", "is an importance matrix of nothing") }
    }

    private init(gguf path: String) throws {
        let graph = try GGUFReader(path, ReadContext()).graph()
        guard graph.metadata["general.type"]?.string == ImportanceMatrix.type else {
            throw FormatError.malformed(path, "key 'general.type'", "is not '\(ImportanceMatrix.type)'")
        }
        chunkCount = graph.metadata[ImportanceMatrix.chunkCountKey]?.integer.map { Int($0) } ?? 0
        chunkSize = graph.metadata[ImportanceMatrix.chunkSizeKey]?.integer.map { Int($0) } ?? 0
        for tensor in graph.tensors where tensor.name.hasSuffix(ImportanceMatrix.sums) {
            let name = String(tensor.name.dropLast(ImportanceMatrix.sums.count))
            guard let counts = graph[name + ImportanceMatrix.counts], counts.shape.elementCount == tensor.shape.rows else {
                throw FormatError.malformed(path, "tensor '\(tensor.name)'", "has no counts for its \(tensor.shape.rows) matrices")
            }
            let (sums, numbers) = (try tensor.payload.densifiedFloats(), try counts.payload.densifiedFloats())
            let means = sums.enumerated().map { index, sum -> Float in
                let count = numbers[index / max(tensor.shape.columns, 1)]
                return count > 0 ? sum / count : 0
            }
            try add(name, means, numbers, path)
        }
    }

    /// Int32 count of entries; of each a name with its length, calls, count of values and F32 sums of the means of calls.
    private mutating func read(legacy bytes: UnsafeRawBufferPointer, path: String) throws {
        var reader = ByteReader(bytes, path: path)
        let count = Int(try reader.integer(Int32.self, "entry count"))
        guard count > 0, count <= reader.remaining / 12 else {
            throw FormatError.malformed(path, "entry count", "is \(count), which is no importance matrix")
        }
        for index in 0..<count {
            let length = Int(try reader.integer(Int32.self, "entry \(index)"))
            guard length > 0, length <= 1 << 12 else {
                throw FormatError.malformed(path, "entry \(index)", "has a name of \(length) bytes")
            }
            guard let name = String(validating: try reader.take(length, "entry \(index)"), as: UTF8.self) else {
                throw FormatError.malformed(path, "entry \(index)", "has a name that is not UTF-8")
            }
            let calls = Int(try reader.integer(Int32.self, "entry '\(name)'"))
            let values = Int(try reader.integer(Int32.self, "entry '\(name)'"))
            guard calls >= 0, values > 0, values <= reader.remaining / 4 else {
                throw FormatError.malformed(path, "entry '\(name)'", "says it has \(values) values of \(calls) calls")
            }
            let raw = try reader.take(4 * values, "entry '\(name)'")
            let floats = (0..<values).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) / Float(max(calls, 1)) }
            try add(name, floats, [Float(calls)], path)
        }
    }

    private mutating func add(_ name: String, _ means: [Float], _ counts: [Float], _ path: String) throws {
        guard means.allSatisfy({ $0.isFinite && $0 >= 0 }) else {
            throw FormatError.malformed(path, "entry '\(name)'", "has a value that is no mean square")
        }
        entries[name] = Entry(meanSquares: means, counts: counts)
    }

    // MARK: - Writing

    /// What a file of GGUF's own holds.
    func graph() throws -> TensorGraph {
        var graph = TensorGraph()
        graph.metadata["general.type"] = .string(ImportanceMatrix.type)
        graph.metadata[ImportanceMatrix.datasetsKey] = .array(.string, datasets.map(MetadataValue.string))
        graph.metadata[ImportanceMatrix.chunkCountKey] = .uint32(UInt32(clamping: chunkCount))
        graph.metadata[ImportanceMatrix.chunkSizeKey] = .uint32(UInt32(clamping: chunkSize))
        for (name, entry) in entries.sorted(by: { $0.key < $1.key }) {
            let (rows, columns) = (entry.counts.count, entry.meanSquares.count / max(entry.counts.count, 1))
            let sums = entry.meanSquares.enumerated().map { $1 * entry.counts[$0 / max(columns, 1)] }
            try graph.append(
                Tensor(name: name + ImportanceMatrix.sums, dense: DenseTensor(floats: sums, shape: Shape(rows: rows, columns: columns))))
            try graph.append(
                Tensor(name: name + ImportanceMatrix.counts, dense: DenseTensor(floats: entry.counts, shape: Shape(rows: rows, columns: 1)))
            )
        }
        return graph
    }

    /// The bytes of a file as llama-imatrix wrote it before: sums over one call.
    func legacyBytes() -> [UInt8] {
        var out = GGUFBytes()
        out.put(Int32(clamping: entries.count))
        for (name, entry) in entries.sorted(by: { $0.key < $1.key }) {
            out.put(Int32(clamping: name.utf8.count))
            out.append(Array(name.utf8))
            out.put(Int32(1))
            out.put(Int32(clamping: entry.meanSquares.count))
            for value in entry.meanSquares { out.put(value.bitPattern) }
        }
        out.put(Int32(clamping: chunkCount))
        let dataset = datasets.first ?? ""
        out.put(Int32(clamping: dataset.utf8.count))
        out.append(Array(dataset.utf8))
        return out.bytes
    }

    /// Writes a file of GGUF's own, or for a name that ends in `.dat` one as llama-imatrix wrote it before.
    ///
    /// - Throws: `FormatError`; nothing is left where writing fails.
    public func write(to path: String, force: Bool) throws {
        guard path.hasSuffix(".dat") else {
            var options = WriteOptions()
            options.force = force
            _ = try GGUFFormat().write(graph(), to: path, options, ExecutionContext(threads: 1))
            return
        }
        let writer = try AtomicFileWriter(path: path, force: force)
        try writer.write(legacyBytes())
        try writer.commit()
    }
}
