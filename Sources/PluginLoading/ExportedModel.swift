import CCapletPlugin
import CLibrary
import Execution
import FormatKit
import ModelGraph
import Synchronization

/// A graph as a plugin's writer sees it: dense tensors, typed keys and files, all in C's terms.
final class ExportedModel {
    let tensors: [(name: String, dense: DenseTensor)]
    let execution: ExecutionContext
    private let graph: TensorGraph
    /// What went wrong while a tensor's bytes were made.
    private let failure = Mutex<(any Error)?>(nil)

    /// - Throws: `GraphError` for a tensor that cannot be an array.
    init(_ graph: TensorGraph, path: String, _ execution: ExecutionContext) throws {
        self.graph = graph
        self.execution = execution
        tensors = try graph.tensors.map { tensor in
            guard tensor.shape.rank <= Int(CAPLET_MAXIMUM_RANK) else {
                throw FormatError.unsupported(path, "tensor '\(tensor.name)'", "has \(tensor.shape.rank) dimensions")
            }
            return (tensor.name, try tensor.denseForStorage())
        }
    }

    /// Throws what stopped the bytes of a tensor, if anything did.
    func rethrow() throws {
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// Calls `body` with the model, which is valid for the call.
    func with<Result>(_ body: (UnsafePointer<caplet_model>) -> Result) -> Result {
        let arena = CArena()
        var model = caplet_model()
        model.struct_size = UInt32(MemoryLayout<caplet_model>.size)
        model.context = Unmanaged.passUnretained(self).toOpaque()
        let entries = tensors.map { tensor in
            var entry = caplet_tensor()
            entry.name = arena.text(tensor.name)
            entry.dtype = tensor.dense.dtype.pluginNumber
            entry.rank = UInt32(tensor.dense.shape.rank)
            withUnsafeMutableBytes(of: &entry.shape) { raw in
                for (index, dimension) in tensor.dense.shape.dimensions.enumerated() {
                    raw.storeBytes(of: UInt64(dimension), toByteOffset: index * 8, as: UInt64.self)
                }
            }
            entry.byte_count = UInt64(tensor.dense.byteCount)
            return entry
        }
        let keys = graph.metadata.entries.map { arena.metadata($0.key, $0.value) }
        let files = graph.attachments.map { file in
            var entry = caplet_file()
            entry.name = arena.text(file.name)
            entry.byte_count = UInt64(file.bytes.count)
            entry.data = UnsafeRawPointer(arena.bytes(file.bytes))
            return entry
        }
        (model.tensor_count, model.metadata_count, model.file_count) = (UInt64(entries.count), UInt64(keys.count), UInt64(files.count))
        (model.tensors, model.metadata, model.files) = (arena.array(entries), arena.array(keys), arena.array(files))
        model.read = { model, host, index, buffer, byteCount in
            guard let context = model?.pointee.context else { return caplet_status(CAPLET_INTERNAL) }
            return Unmanaged<ExportedModel>.fromOpaque(context).takeUnretainedValue().read(host, index, buffer, byteCount)
        }
        return withExtendedLifetime((self, arena)) { withUnsafePointer(to: model, body) }
    }

    private func read(
        _ host: UnsafePointer<caplet_host>?, _ index: UInt64, _ buffer: UnsafeMutableRawPointer?, _ byteCount: UInt64
    ) -> caplet_status {
        func usage(_ message: String) -> caplet_status {
            message.withCString { host?.pointee.fail?(host, "read", $0) }
            return caplet_status(CAPLET_INTERNAL)
        }
        guard index < UInt64(tensors.count) else { return usage("tensor \(index) was asked for, there are \(tensors.count)") }
        let dense = tensors[Int(index)].dense
        guard byteCount == UInt64(dense.byteCount) else {
            return usage("tensor '\(tensors[Int(index)].name)' has \(dense.byteCount) bytes, \(byteCount) were asked for")
        }
        do {
            try execution.cancellation.check()
            guard let buffer, byteCount > 0 else { return caplet_status(CAPLET_OK) }
            try dense.bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(start: buffer, count: $0.count).copyMemory(from: $0) }
            return caplet_status(CAPLET_OK)
        } catch {
            failure.withLock { $0 = error }
            "\(error)".withCString { host?.pointee.fail?(host, nil, $0) }
            return caplet_status(error is Cancelled ? CAPLET_CANCELLED : CAPLET_INTERNAL)
        }
    }
}
