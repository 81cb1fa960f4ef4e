import Architectures
import FormatKit
import ModelGraph

/// The rows of a table of positions that come before the first position: RoBERTa's, for padding. llama.cpp has no place for them; they are kept
/// beside, under the table's name with an ending, in the dtype of the checkpoint.
enum GGUFPaddingRows {
    private static let ending = ":before"

    /// - Returns: the rows as a tensor of their own; nil for any other tensor.
    static func kept(_ tensor: Tensor, _ naming: GGUFNaming) throws -> Tensor? {
        let count = naming.configuration.design.firstPosition
        guard naming.rule(forName: tensor.name)?.layout == .afterPadding, count > 0 else { return nil }
        let dense = try tensor.denseForStorage()
        guard dense.shape.rank == 2, dense.shape.rows > count, dense.byteCount % dense.shape.rows == 0 else { return nil }
        let size = dense.byteCount / dense.shape.rows
        let bytes = RowSource(rows: 0..<count, of: dense.bytes, bytesPerRow: size)
        let rows = try DenseTensor(dtype: dense.dtype, shape: Shape(rows: count, columns: dense.shape.columns), bytes: bytes)
        return Tensor(name: tensor.name + ending, dense: rows)
    }

    /// The table with the rows before it.
    ///
    /// - Parameter kept: takes a tensor that was kept beside out of those that were.
    /// - Throws: `FormatError.malformed` for rows that are not there, or not as wide as the table.
    static func joined(_ tensor: Tensor, _ naming: GGUFNaming, path: String, _ kept: (String) -> Tensor?) throws -> Tensor {
        let count = naming.configuration.design.firstPosition
        guard naming.rule(forName: tensor.name)?.layout == .afterPadding, count > 0 else { return tensor }
        let before = kept(tensor.name + ending)
        guard let rows = before?.payload.elementArray, rows.shape.dimensions == [count, tensor.shape.columns], tensor.shape.rank == 2 else {
            throw FormatError.malformed(
                path, "tensor '\(tensor.name)'", "is without the \(count) rows before it, '\(tensor.name + ending)', of its width")
        }
        let table = try tensor.payload.densified(as: rows.dtype)
        let (first, second) = (try rows.bytes.withUnsafeBytes { Array($0) }, try table.bytes.withUnsafeBytes { Array($0) })
        let bytes = OwnedBytes(byteCount: first.count + second.count) { out in out.copyBytes(from: first + second) }
        let shape = Shape(rows: count + table.shape.rows, columns: table.shape.columns)
        return Tensor(name: tensor.name, dense: try DenseTensor(dtype: rows.dtype, shape: shape, bytes: bytes), role: tensor.role)
    }
}

extension GGUFTensor {
    /// A matrix without its first rows; as it is where it has no more.
    func rows(from first: Int) throws -> GGUFTensor {
        guard first > 0, shape.rank == 2, shape.rows > first, bytes.byteCount % shape.rows == 0 else { return self }
        let size = bytes.byteCount / shape.rows
        return GGUFTensor(
            name: name, type: type, shape: Shape(rows: shape.rows - first, columns: shape.columns),
            bytes: RowSource(rows: first..<shape.rows, of: bytes, bytesPerRow: size))
    }
}
