import Architectures
import FormatKit
import ModelGraph
import StrictJSON

/// FP8 checkpoints: weights of 8-bit floats beside tensors with the scales that make them weights.
extension TensorGraph {
    /// What a weight's scales are called after its own name: DeepSeek's, and what compressed-tensors and FBGEMM write. Either is
    /// multiplied with the weight.
    private static let scaleEndings = ["_scale_inv", "_scale"]
    /// Scales of a layer's inputs, which mean nothing once its weight is no 8-bit float.
    private static let inputScaleNames = ["input_scale", "input_scale_inv", "activation_scale", "scale_input"]
    /// An empty tensor that says that others are scaled.
    private static let markerName = "scaled_fp8"

    /// The names of 8-bit weights that have scales, with the names of these.
    public var scaledFP8Weights: [(weight: String, scale: String)] {
        tensors.compactMap { tensor in
            scaleName(ofFP8: tensor).map { (tensor.name, $0) }
        }
    }

    /// What the scales of an 8-bit float weight are called; nil for other tensors.
    func scaleName(ofFP8 tensor: Tensor) -> String? {
        guard tensor.dtype == .f8E4M3 || tensor.dtype == .f8E5M2 else { return nil }
        let name = tensor.name
        // ComfyUI's: "scale_weight" beside "weight".
        let other = name.hasSuffix(".weight") ? name.dropLast("weight".utf8.count) + "scale_weight" : name
        return (TensorGraph.scaleEndings.map { name + $0 } + [other]).first { $0 != name && contains($0) }
    }

    /// The graph with every scaled 8-bit weight multiplied by its scales and stored as `dtype`, when its bytes are asked for. The
    /// scales are gone, and `quantization_config` from config.json.
    ///
    /// A scale is one number, one for each row, or one for each block of rows and columns; blocks are as large as
    /// `quantization_config.weight_block_size` says, 128 × 128 where it says nothing.
    /// - Throws: `FormatError.malformed` for scales whose shape fits none of these.
    public func applyingFP8Scales(as dtype: DType, path: String) throws -> TensorGraph {
        let block = try fp8BlockSize()
        let scales = Dictionary(scaledFP8Weights.map { ($0.weight, $0.scale) }) { first, _ in first }
        var dropped = Set(scales.values)
        if !scales.isEmpty { dropped.insert(TensorGraph.markerName) }
        for weight in scales.keys {
            let layer = weight.lastIndex(of: ".").map { String(weight[...$0]) } ?? ""
            dropped.formUnion(TensorGraph.inputScaleNames.map { layer + $0 })
        }
        var graph = TensorGraph()
        (graph.metadata, graph.attachments, graph.ties) = (metadata, attachments, ties)
        (graph.structure, graph.sources) = (structure, sources)
        for tensor in tensors where !dropped.contains(tensor.name) {
            guard let scale = scales[tensor.name].flatMap({ self[$0] }), let weight = tensor.payload.elementArray else {
                try graph.append(tensor)
                continue
            }
            let scaled = try FP8Scale(scale, block).applied(to: weight, named: tensor.name, as: dtype, path)
            try graph.append(tensor.with(.dense(scaled), dtype: dtype))
        }
        if let config = attachment("config.json"), !scales.isEmpty {
            graph.attach(Attachment(name: config.name, bytes: try ConfigurationText.removing("quantization_config", from: config.bytes)))
        }
        return graph
    }

    private func fp8BlockSize() throws -> (rows: Int, columns: Int) {
        guard let config = attachment("config.json") else { return (128, 128) }
        let json = try JSONValue(parsing: config.bytes, path: config.name, object: "", takesInfinity: true)
        guard let size = json["quantization_config"]?["weight_block_size"] else { return (128, 128) }
        let sides = size.array?.compactMap(\.integer) ?? []
        guard sides.count == 2, size.array?.count == 2, sides.allSatisfy({ (1...1 << 20).contains($0) }) else {
            throw FormatError.malformed(config.name, "quantization_config.weight_block_size", "is no pair of sizes")
        }
        return (sides[0], sides[1])
    }
}

/// The scales of one weight.
private struct FP8Scale {
    let tensor: Tensor
    let block: (rows: Int, columns: Int)

    init(_ tensor: Tensor, _ block: (rows: Int, columns: Int)) {
        self.tensor = tensor
        self.block = block
    }

    /// Rows and columns of the weight that share a scale, of a matrix of `rows` × `columns`.
    private func extent(_ shape: Shape) -> (rows: Int, columns: Int)? {
        let (rows, columns) = (shape.dimensions.dropLast().last ?? 1, shape.columns)
        let leading = Array(shape.dimensions.dropLast(2))
        func blocks(_ count: Int, _ size: Int) -> Int { count / size + (count % size == 0 ? 0 : 1) }
        let found = tensor.shape.dimensions
        if tensor.shape.elementCount == 1, leading.allSatisfy({ $0 == 1 }) { return (max(rows, 1), max(columns, 1)) }
        if found == leading + [blocks(rows, block.rows), blocks(columns, block.columns)] { return block }
        if found == leading + [rows, 1] || found == leading + [rows] { return (1, max(columns, 1)) }
        return nil
    }

    /// - Throws: `FormatError.malformed` when the scales do not fit the weight.
    func applied(to weight: DenseTensor, named name: String, as dtype: DType, _ path: String) throws -> DenseTensor {
        let shape = weight.shape
        guard let extent = extent(shape), tensor.dtype.isComputable, let size = dtype.byteCount(of: shape.elementCount) else {
            throw FormatError.malformed(
                path, "tensor '\(tensor.name)'",
                "\(tensor.dtype.rawValue) \(tensor.shape) are no scales of '\(name)' \(shape)"
                    + " in blocks of \(block.rows) × \(block.columns)")
        }
        let payload = tensor.payload
        let deferred = DeferredBytes(byteCount: size) {
            let scales = try payload.densifiedFloats()
            var values = try weight.floats()
            FP8Scale.multiply(&values, scales, shape, extent)
            return try DenseTensor(floats: values, shape: shape, dtype: dtype).bytes
        }
        return try DenseTensor(dtype: dtype, shape: shape, bytes: deferred)
    }

    private static func multiply(_ values: inout [Float], _ scales: [Float], _ shape: Shape, _ extent: (rows: Int, columns: Int)) {
        let (rows, columns) = (shape.dimensions.dropLast().last ?? 1, shape.columns)
        guard !values.isEmpty else { return }
        let across = (columns + extent.columns - 1) / extent.columns
        let down = (rows + extent.rows - 1) / extent.rows
        values.withUnsafeMutableBufferPointer { values in
            for row in 0..<values.count / columns {
                let first = (row / rows * down + row % rows / extent.rows) * across
                for part in 0..<across {
                    let scale = scales[first + part]
                    for column in part * extent.columns..<min((part + 1) * extent.columns, columns) {
                        values[row * columns + column] *= scale
                    }
                }
            }
        }
    }
}
