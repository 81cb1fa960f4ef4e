import Execution
import FormatKit
import ModelGraph
import TestSupport
import XCTest

@testable import SafetensorsFormat

/// Each error that a file or an index can give, word for word.
final class HeaderErrorTests: XCTestCase {
    private func error(_ bytes: [UInt8], line: UInt = #line) -> String {
        do {
            _ = try bytes.withUnsafeBytes { try SafetensorsHeader($0, path: "m") }
            XCTFail("no error", line: line)
            return ""
        } catch { return "\(error)" }
    }

    private func error(_ header: String, dataBytes: Int = 4, line: UInt = #line) -> String {
        let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
        return error(length + Array(header.utf8) + [UInt8](repeating: 0, count: dataBytes), line: line)
    }

    func testHeaders() {
        XCTAssertEqual(error([1, 2]), "m: header length: needs 8 bytes at offset 0, 2 are left")
        XCTAssertEqual(error([UInt8](repeating: 0xFF, count: 8)), "m: header length: 18446744073709551615 does not fit in 63 bits")
        XCTAssertEqual(error([1, 0, 0, 0, 0, 0, 0, 0]), "m: header: is 1 bytes long; 2 to 100000000 are allowed")
        XCTAssertEqual(error([1, 0xE1, 0xF5, 5, 0, 0, 0, 0]), "m: header: is 100000001 bytes long; 2 to 100000000 are allowed")
        XCTAssertEqual(error([9, 0, 0, 0, 0, 0, 0, 0, 0x7B]), "m: header: needs 9 bytes at offset 8, 1 are left")
        XCTAssertEqual(error("[]", dataBytes: 0), "m: header: does not begin with '{'")
        XCTAssertEqual(error("{]", dataBytes: 0), "m: header: is not valid JSON at byte 1: a key is expected")
        XCTAssertEqual(error(#"{"__metadata__":[]}"#), "m: __metadata__: is no object")
        XCTAssertEqual(error(#"{"__metadata__":{"k":1}}"#), "m: __metadata__: 'k' is no string")
        XCTAssertEqual(error(#"{}"#), "m: data: the tensors take 0 bytes, the file has 4 after its header")
    }

    func testEntries() {
        func entry(_ text: String, line: UInt = #line) -> String { error("{\"a\":\(text)}", line: line) }
        XCTAssertEqual(entry("1"), "m: tensor 'a': is described by no object")
        XCTAssertEqual(entry(#"{"dtype":"F32","x":1}"#), "m: tensor 'a': has the unknown member 'x'")
        XCTAssertEqual(entry(#"{"shape":[1]}"#), "m: tensor 'a': has no dtype")
        XCTAssertEqual(entry(#"{"dtype":"F3"}"#), "m: tensor 'a': has dtype F3, which cannot be carried")
        XCTAssertEqual(entry(#"{"dtype":"F32"}"#), "m: tensor 'a': has no shape of at most 8 dimensions")
        XCTAssertEqual(entry(#"{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1]}"#), "m: tensor 'a': has no shape of at most 8 dimensions")
        for shape in ["[-1]", "[\"1\"]", "[1.5]", "[4294967296,4294967296]"] {
            XCTAssertEqual(
                entry(#"{"dtype":"F32","shape":"# + shape + "}"),
                "m: tensor 'a': has a shape with a dimension that is no count, or too many elements")
        }
        for offsets in ["", ",\"data_offsets\":[0]", ",\"data_offsets\":[4,0]", ",\"data_offsets\":[-4,0]", ",\"data_offsets\":[0,1e99]"] {
            XCTAssertEqual(entry(#"{"dtype":"F32","shape":[1]"# + offsets + "}"), "m: tensor 'a': has no data_offsets [begin, end]")
        }
        XCTAssertEqual(
            entry(#"{"dtype":"F32","shape":[2],"data_offsets":[0,4]}"#), "m: tensor 'a': F32 [2] needs 8 bytes, data_offsets give 4")
        XCTAssertEqual(
            entry(#"{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,4]}"#),
            "m: tensor 'a': F32 [4611686018427387904] needs no possible number of bytes, data_offsets give 4")
        XCTAssertEqual(
            entry(#"{"dtype":"F32","shape":[1],"data_offsets":[4,8]}"#),
            "m: tensor 'a': begins at 4 and leaves a hole before it, which ends at 0")
        XCTAssertEqual(
            error(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#),
            "m: tensor 'b': begins at 2 and overlaps the tensor before it, which ends at 4")
    }

    func testIndexes() throws {
        func index(_ text: String) -> String {
            do {
                _ = try Array(text.utf8).withUnsafeBytes { try ShardIndex(parsing: $0, path: "i", ending: ".safetensors") }
                return "no error"
            } catch { return "\(error)" }
        }
        XCTAssertEqual(index("["), "i: index: is not valid JSON at byte 1: the document ends where a value is expected")
        XCTAssertEqual(index(#"{"weight_map":[]}"#), "i: weight_map: is no object")
        XCTAssertEqual(index(#"{"weight_map":{"a":1}}"#), "i: weight_map: tensor 'a' has no file's name")
        for name in ["../m.safetensors", "m.bin", "a/m.safetensors"] {
            XCTAssertEqual(
                index("{\"weight_map\":{\"a\":\"\(name)\"}}"),
                "i: weight_map: tensor 'a' is in '\(name)', which is no plain .safetensors file of the folder")
        }
        let twice = #"{"weight_map":{"\u00e9":"m.safetensors","e\u0301":"m.safetensors"}}"#
        XCTAssertTrue(index(twice).hasSuffix("is there twice, in two spellings"), index(twice))
    }

    func testFolders() throws {
        let folder = try TemporaryFolder()
        let one = Array(#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#.utf8)
        let file = [UInt8(one.count), 0, 0, 0, 0, 0, 0, 0] + one + [7]
        try folder.write(file, as: "x.safetensors")
        try folder.write(file, as: "y.safetensors")
        let format = SafetensorsFormat()
        func expect(_ words: String, line: UInt = #line) {
            XCTAssertThrowsError(try format.read(folder.path, ReadContext()), line: line) {
                XCTAssertTrue("\($0)".hasSuffix(words), "\($0)", line: line)
            }
        }
        expect(
            "has 2 files of weights, x.safetensors, y.safetensors, and neither model.safetensors nor model.safetensors.index.json; name one of them"
        )
        func index(_ text: String) throws { try folder.write(Array("{\"weight_map\":{\(text)}}".utf8), as: "model.safetensors.index.json") }
        try index(#""a":"z.safetensors""#)
        expect("weight_map: names the shard 'z.safetensors', which is not there")
        try index(#""b":"x.safetensors""#)
        expect("x.safetensors: tensor 'b': is not in the shard that the index gives")
        try index(#""a":"x.safetensors","b":"y.safetensors""#)
        expect("y.safetensors: tensor 'b': is not in the shard that the index gives")
        try index(#""a":"x.safetensors","b":"x.safetensors""#)
        expect("x.safetensors: tensor 'b': is not in the shard that the index gives")
    }

    func testWhatCannotBeWritten() throws {
        var options = WriteOptions()
        let reserved = try SampleGraph.graph([SampleGraph.tensor("__metadata__", .f32, [1])])
        XCTAssertThrowsError(try SafetensorsFormat().plan(reserved, options)) {
            XCTAssertTrue("\($0)".hasSuffix("has a name that safetensors keeps for itself"), "\($0)")
        }
        options.maximumShardBytes = 4
        options.outputPath = "m.safetensors"
        let two = try SampleGraph.graph([SampleGraph.tensor("a", .f32, [1]), SampleGraph.tensor("b", .f32, [1])])
        XCTAssertThrowsError(try SafetensorsFormat().plan(two, options)) {
            XCTAssertEqual("\($0)", "m.safetensors: 2 shards need a folder: a path without .safetensors")
        }
    }

    func testATieThatTheConfigurationDeniesIsAWarning() throws {
        var graph = try SampleGraph.graph([SampleGraph.tensor("embed", .f32, [2, 2])])
        graph.ties = [Tie(name: "head", target: "embed")]
        for (config, expected) in [
            (#"{"tie_word_embeddings":false}"#, ["'head' is 'embed' and written once, but config.json says tie_word_embeddings false"]),
            (#"{"tie_word_embeddings":true}"#, []), ("{}", []),
        ] {
            graph.attachments = [Attachment(name: "config.json", bytes: Array(config.utf8))]
            XCTAssertEqual(try SafetensorsFormat().plan(graph, WriteOptions()).warnings.filter { $0.contains("embed") }, expected)
        }
    }
}
