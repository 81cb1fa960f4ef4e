import Foundation
import FormatKit
import ModelGraph
import TestSupport
import XCTest

final class ModelFolderTests: XCTestCase {
    func testWhichFilesTravel() throws {
        for name in [
            "config.json", "tokenizer.model", "merges.txt", "LICENSE", "README.md", "chat_template.jinja", "vocab.json", "x.partial-12",
        ] {
            XCTAssertTrue(ModelFolder.isAttachment(name), name)
        }
        for name in [
            "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json", "a.gguf", "a.npy",
            "m.caplet", ".gitattributes", "a/b", "..", "", "caplet.json", "x.partial-0123456789abcdef",
        ] { XCTAssertFalse(ModelFolder.isAttachment(name), name) }
    }

    func testFoldersLinksAndSizes() throws {
        let folder = try TemporaryFolder()
        try folder.write([1, 2], as: "a.json")
        try FileManager.default.createDirectory(atPath: folder.path("sub.json"), withIntermediateDirectories: false)
        let big = try folder.write([], as: "big.json")
        XCTAssertEqual(truncate(big, off_t(ModelFolder.maximumAttachmentBytes + 1)), 0)
        var warnings: [String] = []
        var graph = TensorGraph()
        try ModelFolder.addAttachments(of: folder.path, to: &graph, ReadContext { warnings.append($0) })
        XCTAssertEqual(graph.attachments.map(\.name), ["a.json"])
        XCTAssertEqual(warnings.count, 1)
    }

    func testLinksThatLeaveTheFolder() throws {
        let folder = try TemporaryFolder()
        let cache = "models--a--b/snapshots/0123"
        for path in ["m", cache, "models--a--b/blobs"] {
            try FileManager.default.createDirectory(atPath: folder.path(path), withIntermediateDirectories: true)
        }
        try folder.write(Array("secret".utf8), as: "secret")
        try folder.write([1], as: "models--a--b/blobs/ff")
        try folder.write([2], as: "m/own.json")
        for (target, place) in [
            ("../secret", "m/a.txt"), ("own.json", "m/b.json"), (folder.path("secret"), "m/c.txt"), ("../../blobs/ff", "\(cache)/d.json"),
            ("../../../secret", "\(cache)/e.txt"),
        ] { XCTAssertEqual(symlink(target, folder.path(place)), 0) }
        for (home, names, followed) in [
            ("m", ["b.json", "own.json"], ["a.txt", "b.json", "c.txt", "own.json"]), (cache, ["d.json"], ["d.json", "e.txt"]),
        ] {
            var warnings: [String] = []
            var graph = TensorGraph()
            try ModelFolder.addAttachments(of: folder.path(home), to: &graph, ReadContext { warnings.append($0) })
            XCTAssertEqual(graph.attachments.map(\.name), names)
            XCTAssertEqual(warnings.count, followed.count - names.count, "\(warnings)")
            XCTAssertTrue(warnings.allSatisfy { $0.contains("secret") && $0.contains("left behind") }, "\(warnings)")
            var all = TensorGraph()
            try ModelFolder.addAttachments(of: folder.path(home), to: &all, ReadContext(followsLinks: true) { XCTFail($0) })
            XCTAssertEqual(all.attachments.map(\.name), followed)
        }
    }

    func testNamesThatCannotTravelAreRefused() throws {
        for name in ["a\nb.json", "a\u{7F}.json"] {
            let folder = try TemporaryFolder()
            try folder.write([1], as: name)
            var graph = TensorGraph()
            XCTAssertThrowsError(try ModelFolder.addAttachments(of: folder.path, to: &graph, ReadContext())) {
                XCTAssertEqual(($0 as? FormatError)?.kind, .unsupported)
            }
        }
        let folder = try TemporaryFolder()
        let bytes = Array(folder.path.utf8) + Array("/a".utf8) + [0xFF] + Array(".json".utf8) + [0]
        let made = bytes.withUnsafeBufferPointer {
            $0.withMemoryRebound(to: CChar.self) { open($0.baseAddress!, O_CREAT | O_WRONLY, 0o600) }
        }
        XCTAssertGreaterThanOrEqual(made, 0)
        close(made)
        defer { bytes.withUnsafeBufferPointer { _ = $0.withMemoryRebound(to: CChar.self) { unlink($0.baseAddress!) } } }
        XCTAssertThrowsError(try FolderListing.names(in: folder.path)) { XCTAssertEqual(($0 as? FormatError)?.kind, .unsupported) }
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

    /// What sentence-transformers keeps in folders travels, an adapter beside a model is named; an adapter that is all there is travels.
    func testModulesTravelAndAdaptersAreNamed() throws {
        let folder = try TemporaryFolder()
        let manager = FileManager.default
        for name in ["st", "st/1_Pooling", "both", "alone"] {
            try manager.createDirectory(atPath: folder.path(name), withIntermediateDirectories: true)
        }
        func write(_ name: String, _ text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path(name))) }
        try write(
            "st/modules.json",
            #"[{"path": "", "type": "sentence_transformers.models.Transformer"}, {"path": "1_Pooling"}, {"path": "2_Normalize"}, {"path": "../up"}]"#
        )
        try write("st/1_Pooling/config.json", #"{"pooling_mode_cls_token": true}"#)
        try write("st/1_Pooling/model.safetensors", "weights")
        try write("st/1_Pooling/.hidden", "")
        try write("st/sentence_bert_config.json", "{}")
        for place in ["both", "alone"] {
            try write("\(place)/adapter_config.json", "{}")
            try write("\(place)/adapter_model.safetensors", "")
        }
        try write("both/model.safetensors", "")
        func attached(_ name: String) throws -> (files: [String], warnings: [String]) {
            var warnings: [String] = []
            var graph = TensorGraph()
            try ModelFolder.addAttachments(of: folder.path(name), to: &graph, ReadContext { warnings.append($0) })
            return (graph.attachments.map(\.name).sorted(), warnings)
        }
        let modules = try attached("st")
        XCTAssertEqual(
            modules.files, ["1_Pooling/config.json", "1_Pooling/model.safetensors", "modules.json", "sentence_bert_config.json"])
        XCTAssertEqual(modules.warnings, [])
        let both = try attached("both")
        XCTAssertEqual(both.files, [])
        XCTAssertEqual(both.warnings.count, 1)
        XCTAssertTrue(both.warnings[0].contains("adapter_model.safetensors: is an adapter beside the model"), both.warnings[0])
        let alone = try attached("alone")
        XCTAssertEqual(alone.files, ["adapter_config.json"])
        XCTAssertEqual(alone.warnings, [])
    }
}
