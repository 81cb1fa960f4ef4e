import Foundation
import FormatKit
import ModelGraph
import TestSupport
import XCTest

final class ModelFolderTests: XCTestCase {
    func testWhichFilesTravel() throws {
        for name in ["config.json", "tokenizer.model", "merges.txt", "LICENSE", "README.md", "chat_template.jinja", "vocab.json"] {
            XCTAssertTrue(ModelFolder.isAttachment(name), name)
        }
        for name in [
            "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json", "a.gguf", "a.npy",
            "m.caplet", ".gitattributes", "a/b", "..", "", "caplet.json", "x.partial-12",
        ] { XCTAssertFalse(ModelFolder.isAttachment(name), name) }
    }

    func testFoldersLinksAndSizes() throws {
        let folder = try TemporaryFolder()
        try folder.write([1, 2], as: "a.json")
        try FileManager.default.createDirectory(atPath: folder.path("sub.json"), withIntermediateDirectories: false)
        let big = try folder.write([], as: "big.json")
        XCTAssertEqual(truncate(big, off_t(ModelFolder.maximumAttachmentBytes + 1)), 0)
        var warnings: [String] = []
        let found = try ModelFolder.attachments(in: folder.path, ReadContext { warnings.append($0) })
        XCTAssertEqual(found.map(\.name), ["a.json"])
        XCTAssertEqual(warnings.count, 1)
    }

    func testOutputsThatAreInputs() throws {
        let folder = try TemporaryFolder()
        let input = try folder.write([1], as: "in")
        var graph = TensorGraph()
        graph.sources = [FileStamp(path: input)].compactMap { $0 }
        XCTAssertThrowsError(try OutputCheck.run(input, graph))
        XCTAssertThrowsError(try OutputCheck.run(folder.path, graph))
        symlink(input, folder.path("link"))
        XCTAssertThrowsError(try OutputCheck.run(folder.path("link"), graph))
        XCTAssertNoThrow(try OutputCheck.run(folder.path("out"), graph))
        XCTAssertNoThrow(try OutputCheck.run(input, TensorGraph()))
    }
}
