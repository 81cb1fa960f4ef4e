import Architectures
import FormatKit
import ModelGraph

/// The experts of a checkpoint, and norms of heads, on their way to a file, which has those of a block in one tensor [experts, out, in], one
/// after the other.
struct GGUFExperts {
    private let path: String
    private let naming: GGUFNaming?
    /// Those that are there of tensors that are not whole, by the GGUF name, and the names of these in their order.
    private var waiting: [String: [Int: GGUFTensor]] = [:]

    init(_ naming: GGUFNaming?, path: String) {
        self.path = path
        self.naming = naming
    }

    /// Takes one expert's tensor, with the name that all have together.
    ///
    /// - Returns: the tensor of all experts, when this is the last of them.
    /// - Throws: `FormatError.unsupported` for experts of different types, which one tensor cannot have.
    mutating func add(_ tensor: GGUFTensor, expert: Int) throws -> GGUFTensor? {
        var parts = waiting.removeValue(forKey: tensor.name) ?? [:]
        parts[expert] = tensor
        let count = naming?.partCount(ofGGUF: tensor.name) ?? 0
        guard parts.count == count else {
            waiting[tensor.name] = parts
            return nil
        }
        let experts = (0..<count).compactMap { parts[$0] }
        guard experts.count == count, experts.allSatisfy({ $0.shape == tensor.shape && $0.type == tensor.type }),
            [1, 2].contains(tensor.shape.rank),
            let shape = Shape([count] + tensor.shape.dimensions)
        else {
            let types = Set(experts.map { "\($0.type.name) \($0.shape)" }).sorted().joined(separator: ", ")
            throw FormatError.unsupported(path, "tensor '\(tensor.name)'", "would have experts of several types: \(types)")
        }
        let rows = tensor.shape.rows
        guard rows > 0, tensor.bytes.byteCount % rows == 0 else {
            throw FormatError.unsupported(path, "tensor '\(tensor.name)'", "has experts of \(tensor.bytes.byteCount) bytes in \(rows) rows")
        }
        let bytes = RowSource(joining: experts.map(\.bytes), rowsEach: rows, bytesPerRow: tensor.bytes.byteCount / rows)
        return GGUFTensor(name: tensor.name, type: tensor.type, shape: shape, bytes: bytes)
    }

    /// - Throws: `FormatError.unsupported` for experts without the others of their block.
    func checkAllAreWhole() throws {
        guard let (name, parts) = waiting.min(by: { $0.key < $1.key }) else { return }
        throw FormatError.unsupported(
            path, "tensor '\(name)'", "would have \(parts.count) of \(naming?.partCount(ofGGUF: name) ?? 0) parts")
    }
}

extension GGUFTensor {
    /// The matrices of a tensor [experts, out, in], each under a name of its own.
    ///
    /// - Throws: `FormatError.malformed` when there are not so many.
    func experts(_ count: Int, path: String, name: (Int) -> String) throws -> [GGUFTensor] {
        guard [2, 3].contains(shape.rank), shape.dimensions[0] == count, count > 0, let part = Shape(Array(shape.dimensions.dropFirst())),
            bytes.byteCount % count == 0, part.rows > 0, bytes.byteCount / count % part.rows == 0
        else {
            throw FormatError.malformed(path, "tensor '\(self.name)'", "has shape \(shape); matrices of \(count) experts were expected")
        }
        let size = bytes.byteCount / count
        return (0..<count).map { expert in
            let range = expert * size..<(expert + 1) * size
            let mapped = (bytes as? MappedBytes)?.part(range)
            return GGUFTensor(
                name: name(expert), type: type, shape: part,
                bytes: mapped ?? RowSource(rows: expert * part.rows..<(expert + 1) * part.rows, of: bytes, bytesPerRow: size / part.rows))
        }
    }
}
