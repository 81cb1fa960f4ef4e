import Execution
import FormatKit
import ModelGraph
import SafetensorsFormat
import TestSupport
import XCTest

@testable import GGUFFormat

/// `--metadata` as it reaches the formats.
final class MetadataEditTests: XCTestCase {
    private func edited(_ graph: TensorGraph, _ edits: [String]) throws -> Metadata {
        let folder = try TemporaryFolder()
        var options = WriteOptions()
        options.metadataEdits = try edits.map(MetadataEdit.init(parsing:))
        try GGUFFormat().write(graph, to: folder.path("m.gguf"), options, ExecutionContext())
        return try GGUFFormat().read(folder.path("m.gguf"), ReadContext()).metadata
    }

    func testValuesOfEveryType() throws {
        var graph = try SampleGraph.graph([SampleGraph.tensor("t", .f32, [2, 2])])
        graph.metadata = SampleGraph.metadata
        let kept = try edited(
            graph,
            [
                "a.u8=7", "a.i8=-7", "a.u16=8", "a.i16=-8", "a.u32=9", "a.i32=-9", "a.u64=10", "a.i64=-10", "a.f32=0.1", "a.f64=0.1",
                "a.bool=false", "a.string=x=y", "a.strings=[\"p\"]", "a.floats=[1, 2.5]", "a.empty=[4]",
            ])
        var expected = Metadata()
        expected["a.u8"] = .uint8(7)
        expected["a.i8"] = .int8(-7)
        expected["a.u16"] = .uint16(8)
        expected["a.i16"] = .int16(-8)
        expected["a.u32"] = .uint32(9)
        expected["a.i32"] = .int32(-9)
        expected["a.u64"] = .uint64(10)
        expected["a.i64"] = .int64(-10)
        expected["a.f32"] = .float32(0.1)
        expected["a.f64"] = .float64(0.1)
        expected["a.bool"] = .bool(false)
        expected["a.string"] = .string("x=y")
        expected["a.strings"] = .array(.string, [.string("p")])
        expected["a.floats"] = .array(.float32, [.float32(1), .float32(2.5)])
        expected["a.empty"] = .array(.int32, [.int32(4)])
        for (key, value) in expected.entries { XCTAssertEqual(kept[key], value, key) }
        let new = try edited(graph, ["n.u32:u32=5", "n.s:str=", "n.l:u8[]=[1,2]", "a.u8=", "n.f:f32=1e-5", "n.u32=6"])
        XCTAssertEqual(new["n.u32"], .uint32(6))
        XCTAssertEqual(new["n.s"], .string(""))
        XCTAssertEqual(new["n.l"], .array(.uint8, [.uint8(1), .uint8(2)]))
        XCTAssertEqual(new["n.f"], .float32(1e-5))
        XCTAssertNil(new["a.u8"])
    }

    func testEditsThatMakeNoSense() throws {
        for text in ["", "key", "=1", ":u8=1", "a:float=1", "a:[]=1"] {
            XCTAssertThrowsError(try MetadataEdit(parsing: text), text) { XCTAssertTrue($0 is MetadataEdit.Failure) }
        }
        var graph = try SampleGraph.graph([SampleGraph.tensor("t", .f32, [2, 2])])
        graph.metadata = SampleGraph.metadata
        for text in [
            "a.u8=256", "a.u8=-1", "a.bool=1", "a.f32=x", "a.strings=x", "a.strings=[1]", "a.floats=[\"1\"]", "a.u8:u16=1", "no=1", "no=",
            "split.count:u16=2", "general.alignment:u32=33", "general.alignment:str=32", "general.file_type:str=x",
            "general.architecture:str=llama", "general.architecture:u32=1", "caplet.original_dtypes:str[]=[]", "caplet.file.x:str=y",
        ] {
            XCTAssertThrowsError(try edited(graph, [text]), text) { XCTAssertEqual(($0 as? FormatError)?.kind, .refused, "\($0)") }
        }
        XCTAssertEqual(try edited(graph, ["general.alignment:u32=128"])["general.alignment"], .uint32(128))
    }

    /// What follows from a LLaMA's tensors stays; its name is that of llama.cpp's converter.
    func testKeysOfAModel() throws {
        let graph = try TinyLlama.graph()
        for text in [
            "general.architecture=qwen2", "general.architecture=", "llama.block_count=3", "llama.attention.head_count_kv=4",
            "llama.vocab_size=",
            "llama.rope.dimension_count=8", "llama.context_length=", "llama.context_length=0", "tokenizer.ggml.tokens=[\"a\"]",
            "tokenizer.ggml.scores=",
        ] {
            XCTAssertThrowsError(try edited(graph, [text]), text) { XCTAssertEqual(($0 as? FormatError)?.kind, .refused, "\($0)") }
        }
        let metadata = try edited(graph, ["llama.context_length=128", "general.name:str=Tiny", "llama.block_count=2"])
        XCTAssertEqual(metadata["llama.context_length"], .uint32(128))
        XCTAssertEqual(metadata["general.name"], .string("Tiny"))
    }

    func testNames() throws {
        let names = ["wren-7m", "Llama-3.1-8B-instruct", "my-model-v2.1-beta", "7b-chat", "a1b_c", "Mixed caseName", "ünder-v2x"]
        let theirs = try PythonProcess.run(
            "import sys; from gguf.metadata import Metadata\nfor n in sys.argv[1:]: print(Metadata.id_to_title(n))", names)
        let ours = try names.map { try XCTUnwrap(GGUFModelName.title(TensorGraph(), folderName: $0)) }
        XCTAssertEqual(ours.joined(separator: "\n") + "\n", theirs)
        var graph = TensorGraph()
        graph.attach(Attachment(name: "config.json", bytes: Array("{\"_name_or_path\": \"some/tiny-bird\"}".utf8)))
        XCTAssertEqual(GGUFModelName.title(graph, folderName: "folder"), "Tiny Bird")
    }

    func testSafetensors() throws {
        let folder = try TemporaryFolder()
        let graph = try SampleGraph.graph([SampleGraph.tensor("t", .f32, [2, 2])])
        func write(_ edits: [String]) throws {
            var options = WriteOptions()
            options.force = true
            options.metadataEdits = try edits.map(MetadataEdit.init(parsing:))
            try SafetensorsFormat().write(graph, to: folder.path("m.safetensors"), options, ExecutionContext())
        }
        try write(["author=me", "note:str=", "format=mlx", "gone=1", "gone="])
        let text = try PythonProcess.run(
            """
            import sys
            from safetensors import safe_open
            with safe_open(sys.argv[1], 'np') as f: print(sorted(f.metadata().items()))
            """, [folder.path("m.safetensors")])
        XCTAssertEqual(text, "[('author', 'me'), ('format', 'mlx'), ('note', '')]\n")
        for text in ["n:u8=1", "format=", "format=x", "caplet.graph=x", "no="] {
            XCTAssertThrowsError(try write([text]), text) { XCTAssertEqual(($0 as? FormatError)?.kind, .refused) }
        }
    }
}
