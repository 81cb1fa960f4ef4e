import CCapletPlugin
import CLibrary
import Execution
import FormatKit
import ModelGraph
import Synchronization

/// A model that a plugin read, checked member by member; given back when the last of its tensors is.
///
/// Safe to share: nothing of it changes after `init`, the plugin may not change what it declared, and its functions are called in turn.
final class PluginModel: @unchecked Sendable {
    private let model: UnsafePointer<caplet_model>
    private let library: PluginLibrary
    /// The file or folder that was read, and who read it, for errors.
    let path: String
    /// A plugin's functions are called one at a time for a model.
    private let turn = Mutex(())

    private static let maximumTensors: UInt64 = 1 << 24

    init(_ model: UnsafePointer<caplet_model>, path: String, _ library: PluginLibrary) throws {
        let size = UnsafeRawPointer(model).load(as: UInt32.self)
        try PluginDeclarations(plugin: library.label, object: path).checkSize(size, of: caplet_model.self, "caplet_model")
        self.model = model
        self.path = path
        self.library = library
    }

    deinit {
        if let destroy = model.pointee.destroy { library.calls.giveBack(library.label) { [model] in destroy(model) } }
    }

    func malformed(_ object: String, _ message: String) -> FormatError {
        .malformed(path, object, "\(message), as plugin \(library.name) read it")
    }

    /// The model as a graph; tensors' bytes stay with the plugin.
    ///
    /// - Throws: `FormatError.malformed` naming the first tensor, key or file that breaks a rule of the interface.
    func graph() throws -> TensorGraph {
        let contents = model.pointee
        var graph = TensorGraph()
        guard contents.tensor_count <= PluginModel.maximumTensors else {
            throw malformed("", "has \(contents.tensor_count) tensors, at most \(PluginModel.maximumTensors) are taken")
        }
        guard contents.tensor_count == 0 || contents.tensors != nil else {
            throw malformed("", "has \(contents.tensor_count) tensors and nothing where they are to be")
        }
        for index in 0..<Int(contents.tensor_count) {
            guard let tensor = contents.tensors?[index] else { continue }
            let made = try self.tensor(tensor, index)
            guard !graph.contains(made.name) else { throw malformed("tensor '\(made.name)'", "appears twice") }
            try graph.append(made)
        }
        graph.metadata = try PluginMetadata.read(self, contents)
        graph.attachments = try PluginMetadata.files(self, contents)
        return graph
    }

    private func tensor(_ tensor: caplet_tensor, _ index: Int) throws -> Tensor {
        let name: String
        do { name = try PluginText.read(tensor.name) } catch { throw malformed("tensor \(index)", "has a name that \(error)") }
        let object = "tensor '\(name)'"
        guard let dtype = DType(plugin: tensor.dtype) else { throw malformed(object, "has the unknown dtype \(tensor.dtype)") }
        guard tensor.rank <= UInt32(CAPLET_MAXIMUM_RANK) else {
            throw malformed(object, "has \(tensor.rank) dimensions, at most \(CAPLET_MAXIMUM_RANK) are taken")
        }
        let dimensions = withUnsafeBytes(of: tensor.shape) { Array($0.bindMemory(to: UInt64.self).prefix(Int(tensor.rank))) }
        guard let shape = Shape(dimensions.map { Int(exactly: $0) ?? -1 }) else {
            throw malformed(object, "has shape \(dimensions), which is too many elements")
        }
        guard let needed = dtype.byteCount(of: shape.elementCount) else {
            throw malformed(object, "has shape \(dimensions) of \(dtype.rawValue), which is too many bytes or no whole number of them")
        }
        guard UInt64(needed) == tensor.byte_count else {
            throw malformed(object, "is \(dtype.rawValue) \(shape) of \(needed) bytes, and has byte_count \(tensor.byte_count)")
        }
        if let data = tensor.data {
            let bytes = PluginBytes(UnsafeRawBufferPointer(start: data, count: needed), self)
            return Tensor(name: name, dense: try DenseTensor(dtype: dtype, shape: shape, bytes: bytes))
        }
        guard model.pointee.read != nil || needed == 0 else {
            throw malformed(object, "has no data, and the model has no function to read it")
        }
        let deferred = DeferredBytes(byteCount: needed) { try self.read(index, needed, object) }
        return Tensor(name: name, dense: try DenseTensor(dtype: dtype, shape: shape, bytes: deferred))
    }

    /// All bytes of a tensor, by the plugin's function.
    private func read(_ index: Int, _ byteCount: Int, _ object: String) throws -> any ByteSource {
        guard byteCount > 0, let function = model.pointee.read else { return OwnedBytes([]) }
        guard let bytes = ZeroedBytes(byteCount: byteCount) else {
            throw malformed(object, "needs \(byteCount) bytes of memory, which are not there")
        }
        let call = PluginCall(ExecutionContext(threads: 1))
        let status = try turn.withLock { _ in
            // The model and the bytes are the closure's as long as it runs.
            try call.run(library.calls, library.label) { [self] host in
                withExtendedLifetime((self, bytes)) { function(model, host, UInt64(index), bytes.base, UInt64(byteCount)) }
            }
        }
        do {
            try call.check(status, reading: path, plugin: library.label)
        } catch let error as FormatError where error.object.isEmpty {
            throw FormatError(error.kind, path: path, object: object, error.message)
        }
        return bytes
    }
}

/// Bytes that a plugin has in memory, for as long as its model lives. Safe to share: they are read only.
private final class PluginBytes: ByteSource, @unchecked Sendable {
    private let bytes: UnsafeRawBufferPointer
    private let model: PluginModel

    init(_ bytes: UnsafeRawBufferPointer, _ model: PluginModel) {
        self.bytes = bytes
        self.model = model
    }

    var byteCount: Int { bytes.count }
    var isAddressable: Bool { true }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try withExtendedLifetime(model) { try body(bytes) }
    }
}

/// Zeros that a plugin writes over. As much as a file may claim is mapped: memory that is not there is nil then, while a program may end
/// when calloc has none. Safe to share: they are written in one call, before anyone else has them.
private final class ZeroedBytes: ByteSource, @unchecked Sendable {
    /// Less is not mapped: mappings are counted, too.
    private static let leastMapped = 1 << 20

    let byteCount: Int
    let base: UnsafeMutableRawPointer

    init?(byteCount: Int) {
        let mapped = byteCount >= ZeroedBytes.leastMapped
        let memory =
            mapped
            ? mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : calloc(byteCount, 1)
        guard let memory, memory != MAP_FAILED else { return nil }
        self.byteCount = byteCount
        base = memory
    }

    deinit {
        if byteCount >= ZeroedBytes.leastMapped { munmap(base, byteCount) } else { free(base) }
    }

    var isAddressable: Bool { true }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(start: base, count: byteCount)) }
    }
}
