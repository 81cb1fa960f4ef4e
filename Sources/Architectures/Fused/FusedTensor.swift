import FormatKit
import ModelGraph

/// A tensor of a Hugging Face checkpoint that is several of the graph: the matrices of all experts of a block, or gate and up of one.
struct FusedTensor: Sendable {
    /// How the outputs of the parts lie in a matrix.
    enum Order: Sendable {
        /// [parts × out, in]: the rows of one part after those of another.
        case rows
        /// [in, parts × out]: the columns of one part after those of another.
        case columns
        /// [in, out × parts]: the columns of the parts take turns.
        case alternatingColumns
    }

    /// In the checkpoint, with `{}` for the block.
    let name: String
    /// In the graph, with `{}` for the block and, of experts, another for the expert.
    let parts: [String]
    let order: Order
    /// Whether the first dimension is that of experts.
    var isOfExperts = true
    /// Whether it has a vector for each part and not a matrix.
    var isBias = false

    /// The rank of the checkpoint's tensor.
    private var rank: Int { (isBias ? 1 : 2) + (isOfExperts ? 1 : 0) }

    /// The name of a part without prefix.
    func part(_ part: Int, block: Int, expert: Int) -> String {
        let name = TensorRule.filled(parts[part], block)
        return isOfExperts ? TensorRule.filled(name, expert) : name
    }

    /// The parts of the checkpoint's tensor, one expert's after another's, which are made when they are asked for.
    ///
    /// - Throws: `GraphError` for a tensor that cannot be taken apart.
    func split(_ tensor: Tensor, experts: Int) throws -> [DenseTensor] {
        let object = "tensor '\(tensor.name)'"
        guard let dense = tensor.payload.elementArray, dense.dtype.hasWholeBytes, dense.dtype.byteWidth <= 8 else {
            throw GraphError.notComputable(object, "is \(tensor.payload.storageText), and stands for several tensors")
        }
        let sides = dense.shape.dimensions
        let outputs = (order == .rows ? sides.dropFirst(isOfExperts ? 1 : 0).first : sides.last) ?? 0
        guard sides.count == rank, !isOfExperts || sides[0] == experts, !sides.contains(0), outputs % parts.count == 0 else {
            let expected = isOfExperts ? "\(experts) experts" : "one layer"
            throw GraphError.inconsistent(object, "has shape \(dense.shape); \(parts.count) parts of \(expected) were expected")
        }
        let (count, inputs) = (isOfExperts ? experts : 1, isBias ? 1 : order == .rows ? sides[sides.count - 1] : sides[sides.count - 2])
        let size = dense.byteCount / count
        var made: [DenseTensor] = []
        for expert in 0..<count {
            let matrix = try FusedTensor.slice(dense.bytes, expert * size..<(expert + 1) * size)
            for part in parts.indices { made.append(try self.part(part, of: matrix, dense.dtype, outputs / parts.count, inputs)) }
        }
        return made
    }

    /// One part [out, in] of the bytes of a matrix.
    private func part(_ part: Int, of matrix: any ByteSource, _ dtype: DType, _ outputs: Int, _ inputs: Int) throws -> DenseTensor {
        let width = dtype.byteWidth
        let shape = isBias ? Shape(count: outputs) : Shape(rows: outputs, columns: inputs)
        if order == .rows {
            let size = outputs * inputs * width
            return try DenseTensor(dtype: dtype, shape: shape, bytes: FusedTensor.slice(matrix, part * size..<(part + 1) * size))
        }
        var bytes = matrix
        if parts.count > 1 {
            bytes = RowSource(
                columns: part, of: parts.count, matrix, rowCount: inputs, bytesPerRow: outputs * parts.count * width,
                unit: unit(outputs, width))
        }
        if isBias { return try DenseTensor(dtype: dtype, shape: shape, bytes: bytes) }
        return try DenseTensor(dtype: dtype, shape: Shape(rows: inputs, columns: outputs), bytes: bytes).transposed()
    }

    /// What `split` takes apart, of its parts in the same order.
    ///
    /// - Throws: `FormatError.unsupported` for parts that differ in shape or dtype.
    func joined(_ parts: [DenseTensor], name: String, path: String) throws -> DenseTensor {
        guard let first = parts.first, parts.allSatisfy({ $0.shape == first.shape && $0.dtype == first.dtype }), first.byteCount > 0,
            first.dtype.hasWholeBytes, let shape = Shape(dimensions(of: first.shape, experts: parts.count / self.parts.count))
        else {
            let kinds = Set(parts.map { "\($0.dtype.rawValue) \($0.shape)" }).sorted().joined(separator: ", ")
            throw FormatError.unsupported(path, "tensor '\(name)'", "would have parts of several kinds: \(kinds)")
        }
        let width = first.dtype.byteWidth
        let (outputs, inputs) = isBias ? (first.shape.columns, 1) : (first.shape.rows, first.shape.columns)
        if order == .rows {
            let bytes = RowSource(joining: parts.map(\.bytes), rowsEach: outputs, bytesPerRow: inputs * width)
            return try DenseTensor(dtype: first.dtype, shape: shape, bytes: bytes)
        }
        let turned = isBias ? parts : try parts.map { try $0.transposed() }
        let sides = self.parts.indices.map { part in
            let experts = stride(from: part, to: parts.count, by: self.parts.count).map { turned[$0].bytes }
            return RowSource(joining: experts, rowsEach: inputs, bytesPerRow: outputs * width)
        }
        let bytes = RowSource(
            sideBySide: sides, rowCount: parts.count / self.parts.count * inputs, bytesPerRow: outputs * width, unit: unit(outputs, width))
        return try DenseTensor(dtype: first.dtype, shape: shape, bytes: bytes)
    }

    private func dimensions(of part: Shape, experts: Int) -> [Int] {
        let outputs = part.dimensions[0] * parts.count
        let own = isBias ? [outputs] : order == .rows ? [outputs, part.columns] : [part.columns, outputs]
        return isOfExperts ? [experts] + own : own
    }

    private func unit(_ outputs: Int, _ width: Int) -> Int { order == .alternatingColumns ? width : outputs * width }

    private static func slice(_ bytes: any ByteSource, _ range: Range<Int>) throws -> any ByteSource {
        if let mapped = (bytes as? MappedBytes)?.part(range) { return mapped }
        guard let slice = SlicedBytes(bytes, offset: range.lowerBound, byteCount: range.count) else {
            throw GraphError.inconsistent("bytes \(range)", "do not lie in \(bytes.byteCount)")
        }
        return slice
    }
}
