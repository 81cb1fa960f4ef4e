import FormatKit
import ModelGraph

/// The whole file, decided before anything is written: header bytes, and tensors with their places.
struct GGUFLayout {
    /// Up to the data, padding included.
    let header: [UInt8]
    let tensors: [GGUFTensor]
    let alignment: Int
    let plan: WritePlan

    /// ggml loads names of at most 63 bytes: its buffer has 64, one for the terminator.
    private static let maximumNameBytes = 63
    private static let version: UInt32 = 3

    /// - Throws: `FormatError.unsupported` for a dtype, shape or name that GGUF lacks, and a model that it would misrepresent.
    init(_ graph: TensorGraph, _ options: WriteOptions) throws {
        let path = options.outputPath ?? ""
        let model = try GGUFModel(graph, path: path)
        var dtypes = GGUFOriginalDTypes()
        var tensors: [GGUFTensor] = []
        for tensor in graph.tensors {
            let plain = try GGUFLayout.encoded(tensor, path)
            let stored = try model.naming?.stored(plain, path: path) ?? plain
            try GGUFLayout.check(stored, path)
            if stored.type.dtype != tensor.dtype, tensor.dtype.isComputable { dtypes.add(tensor.name, tensor.dtype) }
            tensors.append(stored)
        }
        let metadata = try model.metadata(tensors: tensors, dtypes: dtypes, options, path: path)
        let alignment = try GGUFHeader.alignment(metadata, path)
        self.alignment = alignment
        self.tensors = tensors
        header = try GGUFLayout.header(metadata, tensors, alignment, path)
        var plan = WritePlan()
        let dataBytes = tensors.reduce(0) { $0 + (GGUFHeader.padded(0, $1.bytes.byteCount, alignment) ?? 0) }
        plan.files = [(path.split(separator: "/").last.map(String.init) ?? "model.gguf", header.count + dataBytes)]
        plan.tensors = zip(graph.tensors, tensors).map { ($0.name, $1.type.name, $1.bytes.byteCount) }
        plan.warnings = model.warnings + [graph.structureWarning(formatName: "gguf", where: GGUFLayout.losesStructure)].compactMap { $0 }
        self.plan = plan
    }

    private static func losesStructure(_ tensor: Tensor) -> Bool {
        if case .quantized(let quantized) = tensor.payload { return !quantized.isQ8_0 }
        if case .dense = tensor.payload { return false }
        return tensor.isStructured
    }

    private static func encoded(_ tensor: Tensor, _ path: String) throws -> GGUFTensor {
        if case .quantized(let quantized) = tensor.payload, quantized.isQ8_0 {
            return GGUFTensor(name: tensor.name, type: .q8_0, shape: tensor.shape, bytes: Q8_0.blocks(quantized))
        }
        if case .dense(let dense) = tensor.payload, let encoded = dense.bytes as? EncodedBytes {
            return GGUFTensor(name: tensor.name, type: .blocks(encoded.codec), shape: tensor.shape, bytes: encoded.blocks)
        }
        let dense = try tensor.denseForStorage()
        guard let type = GGUFTensorType(dense.dtype) else {
            throw FormatError.unsupported(path, "tensor '\(tensor.name)'", "is \(dense.dtype.rawValue), which GGUF does not have")
        }
        return GGUFTensor(name: tensor.name, type: type, shape: tensor.shape, bytes: dense.bytes)
    }

    private static func check(_ tensor: GGUFTensor, _ path: String) throws {
        func unsupported(_ message: String) -> FormatError { .unsupported(path, "tensor '\(tensor.name)'", message) }
        guard tensor.name.utf8.count <= maximumNameBytes else {
            throw unsupported("has a name of \(tensor.name.utf8.count) bytes; GGUF allows \(maximumNameBytes)")
        }
        guard tensor.shape.rank <= GGUFHeader.maximumDimensions else {
            throw unsupported("has \(tensor.shape.rank) dimensions; GGUF allows \(GGUFHeader.maximumDimensions)")
        }
        guard tensor.shape.elementCount > 0 else { throw unsupported("has no elements, and ggml divides by dimensions") }
    }

    private static func header(_ metadata: Metadata, _ tensors: [GGUFTensor], _ alignment: Int, _ path: String) throws -> [UInt8] {
        var out = GGUFHeader.magic
        GGUFMetadataCoding.put(version, &out)
        GGUFMetadataCoding.put(UInt64(tensors.count), &out)
        GGUFMetadataCoding.put(UInt64(metadata.count), &out)
        for (key, value) in metadata.entries { try GGUFMetadataCoding.write(key, value, into: &out, path: path) }
        var offset = 0
        var names = Set<String>()
        for tensor in tensors {
            guard names.insert(tensor.name).inserted else {
                throw FormatError.unsupported(path, "tensor '\(tensor.name)'", "is the GGUF name of two tensors")
            }
            GGUFMetadataCoding.put(tensor.name, &out)
            GGUFMetadataCoding.put(UInt32(tensor.shape.rank), &out)
            for dimension in tensor.shape.dimensions.reversed() { GGUFMetadataCoding.put(UInt64(dimension), &out) }
            GGUFMetadataCoding.put(tensor.type.number, &out)
            GGUFMetadataCoding.put(UInt64(offset), &out)
            guard let end = GGUFHeader.padded(offset, tensor.bytes.byteCount, alignment) else {
                throw FormatError.unsupported(path, "tensor '\(tensor.name)'", "ends beyond 2⁶³ bytes")
            }
            offset = end
        }
        return out + [UInt8](repeating: 0, count: (alignment - out.count % alignment) % alignment)
    }
}
