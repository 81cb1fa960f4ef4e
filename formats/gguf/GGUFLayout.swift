import FormatKit
import ModelGraph

/// The whole file, or all its parts, decided before anything is written: header bytes, and tensors with their places.
struct GGUFLayout {
    struct Part {
        let path: String
        /// Up to the data, padding included.
        let header: [UInt8]
        /// In the byte order of the file.
        let tensors: [GGUFTensor]
    }

    let parts: [Part]
    let alignment: Int
    let plan: WritePlan

    private static let version: UInt32 = 3

    /// - Throws: `FormatError.unsupported` for a dtype, shape or name that GGUF lacks, and a model that it would misrepresent.
    init(_ whole: TensorGraph, _ options: WriteOptions) throws {
        let path = options.outputPath ?? ""
        let part = try GGUFVision.languageModel(of: whole)
        let graph = part?.graph ?? whole
        let model = try GGUFModel(graph, options, path: path)
        var dtypes = GGUFOriginalDTypes()
        var tensors: [GGUFTensor] = []
        var names: [String] = []
        var kept = GGUFKeptTensors()
        var long = GGUFLongNames()
        var experts = GGUFExperts(model.naming, path: path)
        let keysAndValues = model.naming.flatMap { GGUFKeysAndValues($0.configuration, path: path) }
        for tensor in graph.tensors {
            if model.naming?.family.isDerived(tensor.name) == true || model.isOfPredictionBlock(tensor.name) { continue }
            if model.naming?.keepsBeside(tensor.name) == true {
                try kept.add(tensor, path: path)
                continue
            }
            let plain = try GGUFLayout.encoded(tensor, turns: model.naming == nil, path)
            let stored = try model.naming?.stored(plain, path: path) ?? plain
            try GGUFLayout.check(stored, path)
            if try model.naming?.comesBack(tensor, as: stored) == false { try kept.add(tensor, path: path) }
            if let before = try model.naming.flatMap({ try GGUFPaddingRows.kept(tensor, $0) }) { try kept.add(before, path: path) }
            let isKeysAndValues = model.naming?.rule(forName: tensor.name)?.layout == .keysAndValues
            if stored.type.dtype != tensor.dtype, tensor.dtype.isComputable { dtypes.add(tensor.name, tensor.dtype) }
            if let expert = model.naming?.expert(of: tensor.name) {
                guard let all = try experts.add(stored, expert: expert) else { continue }
                tensors.append(all)
                names.append(all.name)
                continue
            }
            let parts = isKeysAndValues ? try keysAndValues?.split(stored) ?? [stored] : [stored]
            tensors += parts.map { long.shortened($0) }
            names += parts.map { _ in tensor.name }
        }
        try experts.checkAllAreWhole()
        for tensor in try model.naming?.addedTensors(graph) ?? [] {
            tensors.append(tensor)
            names.append(tensor.name)
        }
        var metadata = try model.metadata(tensors: tensors, dtypes: dtypes, kept: kept, options, path: path)
        if let value = long.value { metadata[GGUFLongNames.key] = value }
        try GGUFMetadataEdits(naming: model.naming, path: path).apply(options.metadataEdits, to: &metadata)
        let alignment = try GGUFHeader.alignment(metadata, path)
        self.alignment = alignment
        try GGUFLayout.checkNames(tensors, path)
        parts = try GGUFLayout.parts(tensors, metadata, alignment, options)
        var plan = WritePlan()
        plan.files = parts.map { part in
            let dataBytes = part.tensors.reduce(0) { $0 + (GGUFHeader.padded(0, $1.bytes.byteCount, alignment) ?? 0) }
            return (part.path.split(separator: "/").last.map(String.init) ?? "model.gguf", part.header.count + dataBytes)
        }
        plan.tensors = zip(names, tensors).map { ($0, $1.type.name, $1.bytes.byteCount) }
        plan.warnings =
            model.warnings
            + [
                options.hasVisionElsewhere ? nil : part?.warning, long.warning,
                graph.structureWarning(formatName: "gguf", where: GGUFLayout.losesStructure),
            ].compactMap { $0 }
        self.plan = plan
    }

    private static func losesStructure(_ tensor: Tensor) -> Bool {
        if case .quantized(let quantized) = tensor.payload { return !quantized.isQ8_0 }
        if case .blocks = tensor.payload { return false }
        return tensor.isStructured
    }

    /// - Parameter turns: whether matrices that the checkpoint has transposed are stored as it has them.
    private static func encoded(_ tensor: Tensor, turns: Bool, _ path: String) throws -> GGUFTensor {
        if turns, tensor.isTransposedInCheckpoint { return try plain(tensor, try tensor.denseForStorage(), path) }
        if case .quantized(let quantized) = tensor.payload, quantized.isQ8_0 {
            return GGUFTensor(name: tensor.name, type: .q8_0, shape: tensor.shape, bytes: Q8_0Blocks.blocks(quantized))
        }
        if case .blocks(let blocks) = tensor.payload {
            return GGUFTensor(name: tensor.name, type: .blocks(blocks.codec), shape: tensor.shape, bytes: blocks.bytes)
        }
        return try plain(tensor, try tensor.denseInGraph(), path)
    }

    private static func plain(_ tensor: Tensor, _ dense: DenseTensor, _ path: String) throws -> GGUFTensor {
        guard let type = GGUFTensorType(dense.dtype) else {
            throw FormatError.unsupported(path, "tensor '\(tensor.name)'", "is \(dense.dtype.rawValue), which GGUF does not have")
        }
        return GGUFTensor(name: tensor.name, type: type, shape: dense.shape, bytes: dense.bytes)
    }

    private static func check(_ tensor: GGUFTensor, _ path: String) throws {
        func unsupported(_ message: String) -> FormatError { .unsupported(path, "tensor '\(tensor.name)'", message) }
        guard tensor.shape.rank <= GGUFHeader.maximumDimensions else {
            throw unsupported("has \(tensor.shape.rank) dimensions; GGUF allows \(GGUFHeader.maximumDimensions)")
        }
        // Its first dimension, which is our last, may be 0.
        guard !tensor.shape.dimensions.dropLast().contains(0) else { throw unsupported("has no rows, and ggml divides by their number") }
    }

    private static func checkNames(_ tensors: [GGUFTensor], _ path: String) throws {
        var names = Set<String>()
        for tensor in tensors where !names.insert(tensor.name).inserted {
            throw FormatError.unsupported(path, "tensor '\(tensor.name)'", "is the GGUF name of two tensors")
        }
    }

    /// One file, or parts of at most the bytes of data asked for. The first has all keys, as llama.cpp wants it; all have those of splitting.
    private static func parts(
        _ tensors: [GGUFTensor], _ metadata: Metadata, _ alignment: Int, _ options: WriteOptions
    ) throws -> [Part] {
        let path = options.outputPath ?? ""
        let groups = split(tensors, options.maximumShardBytes, alignment)
        guard groups.count <= NumberedName.maximumPartCount else {
            throw FormatError.refused(path, "would be \(groups.count) parts; GGUF allows \(NumberedName.maximumPartCount)")
        }
        let paths = groups.count == 1 ? [path] : NumberedName.parts(ofGGUF: path, count: groups.count).map(\.ggufPath)
        return try groups.enumerated().map { index, group in
            var keys = Metadata()
            if index == 0 {
                keys = metadata
            } else if let value = metadata[GGUFHeader.alignmentKey] {
                keys[GGUFHeader.alignmentKey] = value
            }
            if groups.count > 1 {
                keys[GGUFParts.numberKey] = .uint16(UInt16(index))
                keys[GGUFParts.countKey] = .uint16(UInt16(groups.count))
                keys[GGUFParts.tensorCountKey] = .int32(Int32(clamping: tensors.count))
            }
            let stored = try options.byteOrder == .little ? group : group.map { try GGUFByteOrder.swapped($0, path: path) }
            return Part(path: paths[index], header: try header(keys, stored, alignment, options.byteOrder, path), tensors: stored)
        }
    }

    /// Tensors in order, a new group where the next would go over the limit; one larger than the limit is alone.
    private static func split(_ tensors: [GGUFTensor], _ limit: Int?, _ alignment: Int) -> [[GGUFTensor]] {
        guard let limit else { return [tensors] }
        var groups: [[GGUFTensor]] = [[]]
        var size = 0
        for tensor in tensors {
            let bytes = GGUFHeader.padded(0, tensor.bytes.byteCount, alignment) ?? .max
            if size > 0, bytes > limit - min(size, limit) {
                groups.append([])
                size = 0
            }
            groups[groups.count - 1].append(tensor)
            size = size.addingReportingOverflow(bytes).overflow ? .max : size + bytes
        }
        return groups
    }

    private static func header(
        _ metadata: Metadata, _ tensors: [GGUFTensor], _ alignment: Int, _ order: ByteReader.Order, _ path: String
    ) throws -> [UInt8] {
        var out = GGUFBytes(GGUFHeader.magic, order: order)
        out.put(version)
        out.put(UInt64(tensors.count))
        out.put(UInt64(metadata.count))
        for (key, value) in metadata.entries { try GGUFMetadataCoding.write(key, value, into: &out, path: path) }
        var offset = 0
        for tensor in tensors {
            out.put(tensor.name)
            out.put(UInt32(tensor.shape.rank))
            for dimension in tensor.shape.dimensions.reversed() { out.put(UInt64(dimension)) }
            out.put(tensor.type.number)
            out.put(UInt64(offset))
            guard let end = GGUFHeader.padded(offset, tensor.bytes.byteCount, alignment) else {
                throw FormatError.unsupported(path, "tensor '\(tensor.name)'", "ends beyond 2⁶³ bytes")
            }
            offset = end
        }
        let header = out.bytes
        return header + [UInt8](repeating: 0, count: (alignment - header.count % alignment) % alignment)
    }
}
