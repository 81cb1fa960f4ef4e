import FormatKit
import ModelGraph

/// A weight that a checkpoint keeps as codes, beside tensors with what makes floats of them.
protocol WeightCoding: Sendable {
    /// What the tools that write it call it.
    var scheme: String { get }
    /// The weight's name once it is floats.
    var weight: String { get }
    var shape: Shape { get }
    /// The tensors that it is made of, the codes first; and those that mean nothing without it.
    var parts: [String] { get }
    /// What the library that made the codes decodes to.
    var dtype: DType { get }
    /// The values, exact in `dtype`, as that library computes them.
    func floats() throws -> [Float]
}

/// The tensors of one layer, by the ends of their names.
struct LayerTensors {
    let graph: TensorGraph
    /// What their names begin with.
    let layer: String
    /// Of the file, for errors.
    let path: String

    subscript(name: String) -> Tensor? { graph[layer + name] }

    /// Those of some names that are there.
    func names(_ endings: String...) -> [String] { endings.map { layer + $0 }.filter(graph.contains) }

    func malformed(_ name: String, _ message: String) -> FormatError { .malformed(path, "tensor '\(layer)\(name)'", message) }

    /// - Throws: `FormatError.malformed` unless the tensor is there and has this dtype and shape.
    func codes(_ name: String, _ dtype: DType, _ dimensions: [Int]? = nil) throws -> DenseTensor {
        guard let tensor = self[name], let dense = tensor.payload.elementArray else { throw malformed(name, "is missing") }
        guard dense.dtype == dtype, dimensions.map({ $0 == dense.shape.dimensions }) ?? true else {
            let wanted = dimensions.map { " \(Shape($0).map { "\($0)" } ?? "\($0)")" } ?? ""
            throw malformed(name, "is \(dense.dtype.rawValue) \(dense.shape); \(dtype.rawValue)\(wanted) is needed")
        }
        return dense
    }

    /// - Throws: `FormatError.malformed` unless the tensor is there, is of floats and has one of the shapes.
    func scales(_ name: String, _ shapes: [[Int]]) throws -> DenseTensor {
        guard let tensor = self[name], let dense = tensor.payload.elementArray else { throw malformed(name, "is missing") }
        guard dense.dtype.isComputable, shapes.contains(dense.shape.dimensions) else {
            let wanted = shapes.map { "\($0)" }.joined(separator: " or ")
            throw malformed(name, "is \(dense.dtype.rawValue) \(dense.shape); floats of \(wanted) are needed")
        }
        return dense
    }
}

extension DenseTensor {
    /// The 32-bit words of an I32 tensor.
    func words() throws -> [UInt32] {
        try bytes.withUnsafeBytes { raw in (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self) } }
    }

    /// The bytes of a tensor of single ones.
    func octets() throws -> [UInt8] { try bytes.withUnsafeBytes { Array($0) } }
}

/// Rounds to what a dtype holds, and back to a float.
enum Rounding {
    static func round(_ values: [Float], to dtype: DType) throws -> [Float] {
        dtype == .f32 ? values : try DenseTensor(floats: values, shape: Shape(count: values.count), dtype: dtype).floats()
    }
}
