import Execution
import FormatKit
import FoundationEssentials
import ModelGraph

/// Outputs that must not be touched, writes that fail, files that lie.
extension FormatConformance {
    func checkOutputRules() throws {
        let folder = try TemporaryFolder()
        let path = folder.path(outputName)
        let graph = try smallGraph()
        try format.write(graph, to: path, WriteOptions(), ExecutionContext())
        let before = try folder.files()
        expectError(.refused, "overwriting without force") {
            try format.write(graph, to: path, WriteOptions(), ExecutionContext())
        }
        var force = WriteOptions()
        force.force = true
        let input = try format.read(path, ReadContext())
        expectError(.refused, "writing onto the input") { try format.write(input, to: path, force, ExecutionContext()) }
        log.expectEqual(try folder.files().map(\.bytes), before.map(\.bytes), "\(label): a refused write changed something")
        try format.write(graph, to: path, force, ExecutionContext())
        log.expectEqual(try folder.files().map(\.bytes), before.map(\.bytes), "\(label): overwriting with force")
    }

    /// Nothing may be left of a write that failed, whatever it failed of.
    func checkFailedWrites() throws {
        struct Broken: Error {}
        let folder = try TemporaryFolder()
        let graph = try smallGraph()
        expectError(.writeFailed, "a folder that is not there") {
            try format.write(graph, to: folder.path("missing/" + outputName), WriteOptions(), ExecutionContext())
        }
        let file = try TemporaryFolder()
        try file.write([1], as: "file")
        expectError(.writeFailed, "a folder that is a file") {
            try format.write(graph, to: file.path("file/" + outputName), WriteOptions(), ExecutionContext())
        }
        var broken = graph
        let bytes = DeferredBytes(byteCount: 20) { throw Broken() }
        let dense = try DenseTensor(dtype: .f32, shape: Shape(count: 5), bytes: bytes)
        if dtypes.contains(.f32) { try broken.append(Tensor(name: "broken.weight", dense: dense)) }
        log.expectError("\(label): a tensor that cannot be read", { try writeIfBroken(broken, folder) })
        let cancelled = Cancellation()
        cancelled.request()
        log.expectError(
            "\(label): a cancelled write",
            { try format.write(graph, to: folder.path(outputName), WriteOptions(), ExecutionContext(cancellation: cancelled)) },
            { log.expect($0 is Cancelled, "\(label): \($0)") })
        log.expectEqual(try FileManager.default.contentsOfDirectory(atPath: folder.path), [], "\(label): a failed write left something")
    }

    private func writeIfBroken(_ graph: TensorGraph, _ folder: TemporaryFolder) throws {
        struct NotApplicable: Error {}
        guard graph.contains("broken.weight") else { throw NotApplicable() }
        try format.write(graph, to: folder.path(outputName), WriteOptions(), ExecutionContext())
    }

    /// Every file that ends early is refused: at each of its first and last bytes, and in many places between.
    func checkTruncation() throws {
        try eachWeightFile { name, bytes, rewrite in
            for length in FormatConformance.positions(in: bytes.count) {
                try rewrite(Array(bytes[..<length]))
                let outcome = FormatConformance.readEverything(format, at: name.root)
                if case .accepted = outcome { log.fail("\(label): \(name.file) cut to \(length) of \(bytes.count) bytes was accepted") }
                if case .failed(let error) = outcome { log.fail("\(label): \(name.file) cut to \(length) bytes: \(error)") }
            }
        }
    }

    /// A changed byte may change what a file says, never more than that.
    func checkCorruption() throws {
        try eachWeightFile { name, bytes, rewrite in
            for position in FormatConformance.positions(in: bytes.count) {
                for change: UInt8 in [0x01, 0x80, 0xFF, bytes[position]] where change != 0 {
                    var changed = bytes
                    changed[position] ^= change
                    try rewrite(changed)
                    if case .failed(let error) = FormatConformance.readEverything(format, at: name.root) {
                        log.fail("\(label): \(name.file) with byte \(position) changed by \(change): \(error)")
                    }
                }
            }
        }
    }

    enum Outcome {
        case accepted, refused
        case failed(any Error)
    }

    static func readEverything(_ format: any Format, at path: String) -> Outcome {
        do {
            let graph = try format.read(path, ReadContext())
            for tensor in graph.tensors {
                if let dense = tensor.payload.elementArray {
                    try dense.bytes.withUnsafeBytes { _ in }
                } else {
                    _ = try tensor.payload.densifiedFloats()
                }
            }
            return .accepted
        } catch let error as FormatError where error.kind == .malformed || error.kind == .unsupported {
            return error.path.isEmpty || error.message.isEmpty ? .failed(error) : .refused
        } catch {
            return .failed(error)
        }
    }

    /// Writes a small model, and hands each file that is not an attachment to `body` with a way to replace its bytes.
    private func eachWeightFile(
        _ body: (_ name: (root: String, file: String), _ bytes: [UInt8], _ rewrite: ([UInt8]) throws -> Void) throws -> Void
    ) throws {
        let folder = try TemporaryFolder()
        let root = folder.path(outputName)
        var graph = try smallGraph()
        graph.metadata["general.name"] = .string("hostile")
        graph.metadata["some.list"] = .array(.uint32, [.uint32(1), .uint32(2)])
        try format.write(graph, to: root, WriteOptions(), ExecutionContext())
        for (name, bytes) in try TemporaryFolder.files(under: root) {
            let path = name.isEmpty ? root : "\(root)/\(name)"
            try body((root, name.isEmpty ? outputName : name), bytes) { try TemporaryFolder.put($0, at: path) }
            try TemporaryFolder.put(bytes, at: path)
        }
    }

    /// All positions of a small file; of a large one the first and last 700, and every 97th between.
    static func positions(in count: Int) -> [Int] {
        (0..<count).filter { $0 < 700 || $0 >= count - 700 || $0 % 97 == 0 }
    }

    /// Sixty-four bits that differ for bytes that differ, for messages: FNV-1a.
    static func digest(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
