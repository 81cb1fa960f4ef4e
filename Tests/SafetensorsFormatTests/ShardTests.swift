import Execution
import FormatKit
import ModelGraph
import SafetensorsFormat
import TestSupport
import XCTest

/// Which of the files of a folder are the model, and which of their tensors.
final class ShardTests: XCTestCase {
    private let format = SafetensorsFormat()

    private func write(_ values: [String: Float], _ folder: TemporaryFolder, _ name: String) throws {
        let tensors = try values.sorted { $0.key < $1.key }.map { name, value in
            Tensor(name: name, dense: try DenseTensor(floats: [value], shape: Shape(count: 1)))
        }
        try format.write(SampleGraph.graph(tensors), to: folder.path(name), WriteOptions(), ExecutionContext(threads: 1))
    }

    private func read(_ folder: TemporaryFolder) throws -> (values: [String: Float], warnings: [String]) {
        var warnings: [String] = []
        let graph = try format.read(folder.path, ReadContext { warnings.append($0) })
        return (Dictionary(uniqueKeysWithValues: try graph.tensors.map { ($0.name, try $0.payload.densifiedFloats()[0]) }), warnings)
    }

    /// An older copy in another shard, and a tensor that the index does not name, are left out with a warning.
    func testTheIndexDecides() throws {
        let folder = try TemporaryFolder()
        try write(["x": 1, "y": 2, "stray": 3], folder, "model-00001-of-00001.safetensors")
        try write(["x": 4], folder, "overlay.safetensors")
        try folder.write(
            Array(#"{"weight_map":{"x":"overlay.safetensors","y":"model-00001-of-00001.safetensors"}}"#.utf8),
            as: "model.safetensors.index.json")
        let (values, warnings) = try read(folder)
        XCTAssertEqual(values, ["x": 4, "y": 2])
        XCTAssertEqual(
            warnings.map { $0.split(separator: ": ", maxSplits: 1)[1] },
            ["tensor 'stray' is nowhere by the index, and is left out here, and 1 more like it"])
    }

    func testShardsWithoutAnIndex() throws {
        let folder = try TemporaryFolder()
        try write(["a": 1], folder, "model-00001-of-00003.safetensors")
        func expect(_ words: String, line: UInt = #line) {
            XCTAssertThrowsError(try read(folder), line: line) { XCTAssertTrue("\($0)".contains(words), "\($0)", line: line) }
        }
        expect("has 1 of 3 shards, model-00001-of-00003.safetensors among them")
        try write(["b": 2], folder, "model-00003-of-00003.safetensors")
        expect("has 2 of 3 shards")
        try write(["c": 3], folder, "model-00002-of-00003.safetensors")
        XCTAssertEqual(try read(folder).values, ["a": 1, "b": 2, "c": 3])
        try write(["d": 3], folder, "other-00001-of-00003.safetensors")
        expect("has shards of several sets")
        try write(["e": 5], folder, "model.safetensors")
        XCTAssertEqual(try read(folder).values, ["e": 5])
    }

    /// What a git clone without LFS leaves in the place of weights is named, wherever it lies.
    func testPointersOfLargeFileStorage() throws {
        let folder = try TemporaryFolder()
        let pointer = Array("version https://git-lfs.github.com/spec/v1\noid sha256:44\nsize 4976698672\n".utf8)
        try folder.write(pointer, as: "m.safetensors")
        XCTAssertThrowsError(try FileProbe(path: folder.path("m.safetensors"))) {
            XCTAssertTrue("\($0)".contains("is a Git LFS pointer"), "\($0)")
        }
        XCTAssertThrowsError(try read(folder)) { XCTAssertTrue("\($0)".contains("is a Git LFS pointer"), "\($0)") }
        try FileManager.default.removeItem(atPath: folder.path("m.safetensors"))
        try write(["a": 1], folder, "m.safetensors")
        try folder.write(pointer, as: "picture.png")
        let (values, warnings) = try read(folder)
        XCTAssertEqual(values, ["a": 1])
        XCTAssertEqual(warnings.count, 1)
        try folder.write(pointer, as: "tokenizer.model")
        XCTAssertThrowsError(try read(folder)) { XCTAssertTrue("\($0)".contains("tokenizer.model: is a Git LFS pointer"), "\($0)") }
    }
}
