import FormatKit
import ModelGraph

/// A file of `torch.save`: what its pickle says, and the storages that it refers to.
protocol Checkpoint {
    var root: PickleValue { get }
    var heap: PickleHeap { get }

    /// The bytes of a storage.
    ///
    /// - Throws: `FormatError.malformed` naming `object` when the file has no such storage.
    func storage(_ record: StorageRecord, object: String) throws -> any ByteSource
}
