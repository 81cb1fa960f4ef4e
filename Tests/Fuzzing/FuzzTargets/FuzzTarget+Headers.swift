import FormatKit
import ModelGraph
import ZipContainer

@testable import GGUFFormat
@testable import NPYFormat
@testable import PyTorchFormat
@testable import SafetensorsFormat

extension FuzzTarget {
    /// Parsers of headers, in memory.
    static let headerTargets: [(name: String, body: Body)] = [
        ("safetensors-header", { _ = try SafetensorsHeader($0, path: "m.safetensors") }),
        ("gguf-header", { _ = try GGUFHeader($0, path: "m.gguf") }),
        ("npy-header", { _ = try NPYHeader($0, path: "m.npy", object: "") }),
        ("zip", { _ = try ZipArchive($0, path: "m.zip") }),
        (
            "pickle",
            { bytes in
                var machine = PickleMachine(ByteReader(bytes, path: "m.bin"), object: "data.pkl")
                let root = try machine.run()
                _ = try CheckpointContents(PickleOnly(root: root, heap: machine.heap), path: "m.bin", fileName: "m.bin")
            }
        ),
    ]
}

/// A checkpoint without storages.
private struct PickleOnly: Checkpoint {
    let root: PickleValue
    let heap: PickleHeap

    func storage(_ record: StorageRecord, object: String) throws -> any ByteSource { OwnedBytes([]) }
}
