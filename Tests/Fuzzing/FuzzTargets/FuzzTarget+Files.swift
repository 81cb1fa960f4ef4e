import CLibFuzzer
import CapletFormat
import Execution
import FormatKit
import GGUFFormat
import Glibc
import ModelGraph
import NPYFormat
import PyTorchFormat
import SafetensorsFormat
import TextInput

extension FuzzTarget {
    /// Whole readers, on files that lie in memory: what is accepted is read to its last byte.
    static let fileTargets: [(name: String, body: Body)] = [
        ("safetensors", { try readAll($0, SafetensorsFormat()) }),
        ("gguf", { try readAll($0, GGUFFormat()) }),
        ("npy", { try readAll($0, NPYFormat()) }),
        ("pytorch", { try readAll($0, PyTorchFormat()) }),
        (
            "parquet",
            { bytes in
                MemoryFile.fill(bytes)
                _ = try TextDocuments(TextSource(MemoryFile.path))
            }
        ),
        (
            "caplet",
            { bytes in
                try readAll(bytes, CapletFormat())
                _ = try CapletFormat.verify(MemoryFile.path, ExecutionContext(threads: 1)) as CapletVerification
            }
        ),
    ]

    /// Bytes of tensors that are looked at; larger ones are only opened.
    private static let readLimit = 1 << 22

    static func readAll(_ bytes: UnsafeRawBufferPointer, _ format: any Format) throws {
        MemoryFile.fill(bytes)
        _ = format.recognises(try FileProbe(path: MemoryFile.path))
        let graph = try format.read(MemoryFile.path, ReadContext(execution: ExecutionContext(threads: 1)))
        for tensor in graph.tensors where tensor.payload.byteCount <= readLimit && tensor.shape.elementCount <= readLimit {
            _ = try tensor.payload.nonFiniteCount()
        }
    }
}

/// One file without a name, refilled for each input.
enum MemoryFile {
    private static let descriptor: Int32 = {
        let descriptor = fuzz_memory_file()
        guard descriptor >= 0 else { fatalError("no memory file: \(String(cString: strerror(errno)))") }
        return descriptor
    }()

    static var path: String { "/proc/self/fd/\(descriptor)" }

    static func fill(_ bytes: UnsafeRawBufferPointer) {
        guard ftruncate(descriptor, 0) == 0, ftruncate(descriptor, off_t(bytes.count)) == 0 else {
            fatalError("the memory file cannot be sized")
        }
        guard bytes.isEmpty || pwrite(descriptor, bytes.baseAddress, bytes.count, 0) == bytes.count else {
            fatalError("the memory file cannot be written")
        }
    }
}
