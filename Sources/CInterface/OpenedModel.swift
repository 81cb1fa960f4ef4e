import CCaplet
import CLibrary
import Caplet

/// A model that C has opened.
final class OpenedModel: Sendable {
    private let model: Model

    init(_ model: Model) { self.model = model }

    /// The values of a tensor: as they are stored where each is by itself, otherwise F32.
    ///
    /// - Throws: `RequestError` for a name that the model does not have.
    func values(_ name: String) throws -> HeldArray {
        guard let tensor = model.graph[name] else { throw RequestError(.usage, "the model has no tensor '\(name)'") }
        let dense = try tensor.payload.elementArray ?? tensor.payload.densified(as: .f32)
        return try HeldArray(dense.resident())
    }

    /// The bytes of a file that travels with the model.
    func file(_ name: String) throws -> HeldArray {
        guard let file = model.graph.attachment(name) else { throw RequestError(.usage, "the model has no file '\(name)'") }
        return try HeldArray(DenseTensor(dtype: .u8, shape: Shape(count: file.bytes.count), bytes: OwnedBytes(file.bytes)))
    }

    func description() throws -> String { try JSONOutput.line(Description(model)) }
}

/// The keys of `caplet_describe`.
private struct Description: Encodable {
    let parameters: Int
    let tensors: [Entry]
    let ties: [Name]
    let files: [String]
    let madeBy: [Pair]

    struct Entry: Encodable {
        let name: String
        let dtype: String
        let shape: [Int]
        let kind: String
        let bytes: Int
        let transposed: Bool
    }

    struct Name: Encodable {
        let name: String
        let target: String
    }

    struct Pair: Encodable {
        let key: String
        let value: String
    }

    init(_ model: Model) {
        let graph = model.graph
        parameters = graph.parameterCount
        tensors = graph.tensors.map {
            Entry(
                name: $0.name, dtype: $0.dtype.rawValue, shape: $0.shape.dimensions, kind: $0.payload.kindName, bytes: $0.payload.byteCount,
                transposed: $0.isTransposedInCheckpoint)
        }
        ties = graph.ties.map { Name(name: $0.name, target: $0.target) }
        files = graph.attachments.map(\.name)
        madeBy = model.provenance.map { Pair(key: $0.key, value: $0.value) }
    }
}

/// Elements that C reads: they, their shape and their dtype stay where they are until the last reference goes.
///
/// Safe to share: nothing of it changes between `init` and `deinit`.
final class HeldArray: @unchecked Sendable {
    private let bytes: any ByteSource
    private let data: UnsafeRawPointer?
    private let shape: UnsafeMutableBufferPointer<UInt64>
    private let dtype: UnsafeMutablePointer<CChar>?

    /// - Parameter tensor: one whose bytes are addressable, so that they lie at one place as long as their source is there.
    init(_ tensor: DenseTensor) throws {
        precondition(tensor.bytes.isAddressable, "bytes that are made for each call have no place")
        bytes = tensor.bytes
        data = try tensor.bytes.withUnsafeBytes { $0.baseAddress }
        shape = .allocate(capacity: max(tensor.shape.rank, 1))
        shape.initialize(repeating: 0)
        for (index, length) in tensor.shape.dimensions.enumerated() { shape[index] = UInt64(length) }
        rank = tensor.shape.rank
        dtype = strdup(tensor.dtype.rawValue)
    }

    private let rank: Int

    deinit {
        shape.deallocate()
        free(dtype)
    }

    /// What C sees of it, with a reference of its own.
    func array() -> caplet_array {
        caplet_array(
            data: data, byte_count: UInt64(bytes.byteCount), rank: UInt64(rank), shape: UnsafePointer(shape.baseAddress),
            dtype: UnsafePointer(dtype), owner: Handles.pointer(self))
    }
}
