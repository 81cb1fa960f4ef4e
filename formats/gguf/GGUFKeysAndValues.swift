import Architectures
import FormatKit
import ModelGraph

/// The layer that makes keys and values of latent attention: one matrix in a checkpoint, with each head the rows of its keys and those of its values
/// [heads × (keys + values), rank]; in a file keys [heads, rank, keys], turned, and values [heads, values, rank].
struct GGUFKeysAndValues {
    private let heads: Int
    private let keys: Int
    private let values: Int
    private let rank: Int
    private let path: String

    /// Nil for models without latent attention, and such as have more heads or wider ones than any.
    init?(_ c: ModelConfiguration, path: String) {
        guard let latent = c.latent, c.headCount <= 1 << 16, c.headSize <= 1 << 16, latent.valueSize <= 1 << 16,
            latent.keyValueRank <= 1 << 24
        else { return nil }
        (heads, keys, values, rank) = (c.headCount, c.headSize - c.rotarySize, latent.valueSize, latent.keyValueRank)
        self.path = path
    }

    private static let (whole, keyName, valueName) = (".attn_kv_b.weight", ".attn_k_b.weight", ".attn_v_b.weight")

    /// - Throws: `FormatError.malformed` for another shape than the configuration says.
    func split(_ tensor: GGUFTensor) throws -> [GGUFTensor] {
        guard tensor.shape.dimensions == [heads * (keys + values), rank], let keyShape = Shape([heads, rank, keys]),
            let valueShape = Shape([heads, values, rank]), tensor.name.hasSuffix(Self.whole)
        else { throw malformed(tensor, "\(heads) heads of \(keys) + \(values) rows were expected") }
        let stem = tensor.name.dropLast(Self.whole.utf8.count)
        let valueRows = try picked(tensor.bytes, heads * values, tensor.bytes.byteCount / tensor.shape.rows) { place in
            (0, place / values * (keys + values) + keys + place % values)
        }
        let dense = try plain(tensor)
        let width = dense.dtype.byteWidth
        let turned = try (0..<heads).map { head in
            let rows = head * (keys + values)..<head * (keys + values) + keys
            let own = RowSource(rows: rows, of: dense.bytes, bytesPerRow: rank * width)
            return try DenseTensor(dtype: dense.dtype, shape: Shape(rows: keys, columns: rank), bytes: own).transposed().bytes
        }
        let keyRows = RowSource(joining: turned, rowsEach: rank, bytesPerRow: keys * width)
        return [
            GGUFTensor(name: stem + Self.keyName, type: .plain(dense.dtype), shape: keyShape, bytes: keyRows),
            GGUFTensor(name: stem + Self.valueName, type: tensor.type, shape: valueShape, bytes: valueRows),
        ]
    }

    /// The tensors of a file with what `split` has taken apart put together.
    ///
    /// - Throws: `FormatError.malformed` for keys without values, and other shapes than the configuration says.
    func joined(_ tensors: [GGUFTensor]) throws -> [GGUFTensor] {
        let others = Dictionary(tensors.filter { $0.name.hasSuffix(Self.valueName) }.map { ($0.name, $0) }) { first, _ in first }
        return try tensors.compactMap { tensor in
            if tensor.name.hasSuffix(Self.valueName) { return nil }
            guard tensor.name.hasSuffix(Self.keyName) else { return tensor }
            let stem = tensor.name.dropLast(Self.keyName.utf8.count)
            guard let other = others[stem + Self.valueName] else { throw malformed(tensor, "there is no '\(stem + Self.valueName)'") }
            guard tensor.shape.dimensions == [heads, rank, keys] else { throw malformed(tensor, "\([heads, rank, keys]) was expected") }
            guard other.shape.dimensions == [heads, values, rank] else { throw malformed(other, "\([heads, values, rank]) was expected") }
            return try joined(tensor, other, name: stem + Self.whole)
        }
    }

    private func joined(_ keyTensor: GGUFTensor, _ valueTensor: GGUFTensor, name: String) throws -> GGUFTensor {
        var (key, value) = (try plain(keyTensor), try plain(valueTensor))
        if key.dtype != value.dtype { (key, value) = (try key.cast(to: .f32), try value.cast(to: .f32)) }
        let width = key.dtype.byteWidth
        let turned = try (0..<heads).map { head in
            let own = RowSource(rows: head * rank..<(head + 1) * rank, of: key.bytes, bytesPerRow: keys * width)
            return try DenseTensor(dtype: key.dtype, shape: Shape(rows: rank, columns: keys), bytes: own).transposed().bytes
        }
        let keyRows = RowSource(joining: turned, rowsEach: keys, bytesPerRow: rank * width)
        let bytes = try picked([keyRows, value.bytes], heads * (keys + values), rank * width) { place in
            let (head, row) = (place / (keys + values), place % (keys + values))
            return row < keys ? (0, head * keys + row) : (1, head * values + row - keys)
        }
        return GGUFTensor(
            name: name, type: .plain(key.dtype), shape: Shape(rows: heads * (keys + values), columns: rank), bytes: bytes)
    }

    /// The elements as plain floats: those of blocks are decoded.
    private func plain(_ tensor: GGUFTensor) throws -> DenseTensor {
        if case .plain(let dtype) = tensor.type { return try DenseTensor(dtype: dtype, shape: tensor.shape, bytes: tensor.bytes) }
        return try tensor.payload().densified(as: .f32)
    }

    private func picked(
        _ source: any ByteSource, _ count: Int, _ bytesPerRow: Int, _ place: @escaping @Sendable (Int) -> (source: Int, row: Int)
    ) throws -> RowSource { try picked([source], count, bytesPerRow, place) }

    /// Rows of some sources in another order.
    private func picked(
        _ sources: [any ByteSource], _ count: Int, _ bytesPerRow: Int, _ place: @escaping @Sendable (Int) -> (source: Int, row: Int)
    ) throws -> RowSource {
        RowSource(rowCount: count, bytesPerRow: bytesPerRow, isEncoder: sources.contains { $0.rows?.isEncoder ?? false }) {
            let readers = try sources.map { try $0.openRows(of: bytesPerRow) }
            return { run, out in
                for (slot, row) in run.enumerated() {
                    let from = place(row)
                    let target = UnsafeMutableRawBufferPointer(rebasing: out[slot * bytesPerRow..<(slot + 1) * bytesPerRow])
                    try readers[from.source].read(from.row..<from.row + 1, into: target)
                }
            }
        }
    }

    private func malformed(_ tensor: GGUFTensor, _ message: String) -> FormatError {
        .malformed(path, "tensor '\(tensor.name)'", "has shape \(tensor.shape); \(message)")
    }
}
