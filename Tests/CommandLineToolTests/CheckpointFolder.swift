import Execution
import FormatKit
import Foundation
import ModelGraph
import SafetensorsFormat
import TestSupport

/// A temporary folder with a small checkpoint `tiny` and a text `text.txt`, for one test.
final class CheckpointFolder {
    private let folder: TemporaryFolder
    var path: String { folder.path }

    private static let text = Result {
        Array(try TemporaryFolder.bytes(of: Repository.path("Examples/text/speeches-evaluation.txt")).prefix(4000))
    }

    init(_ change: (inout TensorGraph) throws -> Void = { _ in }) throws {
        folder = try TemporaryFolder()
        var graph = try TinyLlama.graph()
        try change(&graph)
        try SafetensorsFormat().write(graph, to: path("tiny"), WriteOptions(), ExecutionContext(threads: 1))
        try folder.write(CheckpointFolder.text.get(), as: "text.txt")
    }

    func path(_ name: String) -> String { folder.path(name) }

    func write(_ bytes: [UInt8], as name: String) throws { try folder.write(bytes, as: name) }

    func write(_ text: String, as name: String) throws { try write(Array(text.utf8), as: name) }

    func bytes(_ name: String) throws -> [UInt8] { try TemporaryFolder.bytes(of: path(name)) }

    /// A safetensors file of its own: the header's length, the header, and zeros.
    func writeSafetensors(header: String, dataBytes: Int, as name: String) throws {
        let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
        try write(length + Array(header.utf8) + [UInt8](repeating: 0, count: dataBytes), as: name)
    }

    /// Every path below, files with their size and time of change: equal when nothing was touched.
    func listing() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: path).sorted().map { name in
            let attributes = try FileManager.default.attributesOfItem(atPath: path(name))
            return
                "\(name) \(attributes[.size] ?? 0) \(attributes[.type] as? String == "NSFileTypeRegular" ? "\(attributes[.modificationDate] ?? 0)" : "")"
        }
    }
}
