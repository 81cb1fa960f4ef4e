import Execution
import FormatKit
import ModelGraph
import SafetensorsFormat
import StrictJSON
import TestSupport
import XCTest

final class SafetensorsFormatTests: XCTestCase {
    private let format = SafetensorsFormat()

    func testFileConforms() throws {
        var suite = FormatConformance(format, outputName: "m.safetensors", dtypes: DType.allCases.filter(\.hasWholeBytes))
        suite.carriesAttachments = false
        try suite.run()
    }

    func testFolderConforms() throws {
        try FormatConformance(format, outputName: "m", dtypes: DType.allCases.filter(\.hasWholeBytes)).run()
    }

    func testPythonReadsWhatWeWrite() throws {
        let folder = try TemporaryFolder()
        let tensors = try [DType.f32, .f16, .bf16, .i64, .u8, .bool].map { try SampleGraph.tensor("t.\($0.rawValue)", $0, [3, 5]) }
        try format.write(SampleGraph.graph(tensors), to: folder.path("m.safetensors"), WriteOptions(), ExecutionContext())
        let script = """
            import sys, ml_dtypes
            from safetensors import safe_open, deserialize
            raw = open(sys.argv[1], 'rb').read()
            for name, t in deserialize(raw): print(name, t['dtype'], t['shape'], bytes(t['data']).hex())
            """
        let lines = try PythonProcess.run(script, [folder.path("m.safetensors")]).split(separator: "\n").map(String.init).sorted()
        let expected = try tensors.map { tensor -> String in
            guard case .dense(let dense) = tensor.payload else { return "" }
            let hex = try dense.bytes.withUnsafeBytes { $0.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
            return "\(tensor.name) \(tensor.dtype.rawValue) [3, 5] \(hex)"
        }
        XCTAssertEqual(lines, expected.sorted())
    }

    func testReadsWhatPythonWrites() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("p.safetensors")
        try PythonProcess.run(
            """
            import sys, numpy as np
            from safetensors.numpy import save_file
            save_file({'b': np.arange(6, dtype=np.int16).reshape(2, 3), 'a': np.float32([1.5]), 'e': np.zeros((0, 3), np.float64)},
                      sys.argv[1], metadata={'note': 'from python'})
            """, [path])
        let graph = try format.read(path, ReadContext())
        XCTAssertEqual(graph.metadata["safetensors.note"], .string("from python"))
        XCTAssertEqual(graph["b"]?.shape.dimensions, [2, 3])
        XCTAssertEqual(try graph["a"]?.payload.densifiedFloats(), [1.5])
        XCTAssertEqual(graph["e"]?.shape.dimensions, [0, 3])
    }

    /// Elements below a byte: whole bytes are carried as they are, through the container too; half a byte is refused.
    func testElementsBelowAByte() throws {
        let folder = try TemporaryFolder()
        let tensors = try [
            SampleGraph.tensor("four", .f4, [3, 4]), SampleGraph.tensor("six", .f6E2M3, [2, 4], seed: 2),
            SampleGraph.tensor("other", .f6E3M2, [8], seed: 3),
            SampleGraph.tensor("scales", .f8E8M0, [3], seed: 4), SampleGraph.tensor("complex", .c64, [2], seed: 5),
        ]
        XCTAssertEqual(tensors.map(\.payload.byteCount), [6, 6, 6, 3, 16])
        try format.write(SampleGraph.graph(tensors), to: folder.path("m.safetensors"), WriteOptions(), ExecutionContext())
        let back = try format.read(folder.path("m.safetensors"), ReadContext())
        try format.write(back, to: folder.path("again.safetensors"), WriteOptions(), ExecutionContext())
        XCTAssertEqual(
            try TemporaryFolder.bytes(of: folder.path("m.safetensors")), try TemporaryFolder.bytes(of: folder.path("again.safetensors")))
        XCTAssertEqual(back.tensors.map(\.dtype), tensors.map(\.dtype))
        try PythonProcess.run(
            """
            import sys, safetensors
            for name in ('m', 'again'):
                data = open(f'{sys.argv[1]}/{name}.safetensors', 'rb').read()
                d = {k: v for k, v in safetensors.deserialize(data)}
                assert d['four']['dtype'] == 'F4' and d['four']['shape'] == [3, 4] and len(d['four']['data']) == 6
                assert d['six']['dtype'] == 'F6_E2M3' and d['complex']['dtype'] == 'C64' and d['scales']['dtype'] == 'F8_E8M0'
            """, [folder.path])
        let odd = Array("{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}".utf8)
        try folder.write([UInt8(odd.count), 0, 0, 0, 0, 0, 0, 0] + odd + [0], as: "odd.safetensors")
        XCTAssertThrowsError(try format.read(folder.path("odd.safetensors"), ReadContext())) {
            XCTAssertTrue("\($0)".hasSuffix("tensor 'a': F4 [3] needs no possible number of bytes, data_offsets give 1"), "\($0)")
        }
    }

    func testShards() throws {
        let folder = try TemporaryFolder()
        let tensors = try (0..<5).map { try SampleGraph.tensor("t\($0)", .f32, [10], seed: UInt64($0)) }
        var options = WriteOptions()
        options.maximumShardBytes = 90
        let plan = try format.write(SampleGraph.graph(tensors), to: folder.path("m"), options, ExecutionContext())
        XCTAssertEqual(
            plan.files.map(\.name),
            [
                "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors",
                "model.safetensors.index.json",
            ])
        XCTAssertEqual(try format.read(folder.path("m"), ReadContext()).tensors.map(\.name), tensors.map(\.name))
        let index = try JSONValue(
            parsing: TemporaryFolder.bytes(of: folder.path("m/model.safetensors.index.json")), path: "", object: "")
        XCTAssertEqual(index["metadata"]?["total_size"]?.integer, 200)
        XCTAssertThrowsError(try format.write(SampleGraph.graph(tensors), to: folder.path("m.safetensors"), options, ExecutionContext()))
        unlink(folder.path("m/model-00002-of-00003.safetensors"))
        XCTAssertThrowsError(try format.read(folder.path("m"), ReadContext())) {
            XCTAssertTrue("\($0)".contains("model-00002-of-00003.safetensors"), "\($0)")
        }
    }

    func testIndexThatDisagreesWithItsShards() throws {
        let folder = try TemporaryFolder()
        let tensors = try (0..<4).map { try SampleGraph.tensor("t\($0)", .f32, [10]) }
        var options = WriteOptions()
        options.maximumShardBytes = 90
        try format.write(SampleGraph.graph(tensors), to: folder.path("m"), options, ExecutionContext())
        let first = "model-00001-of-00002.safetensors", second = "model-00002-of-00002.safetensors"
        let maps = [
            ["t0": first, "t1": second, "t2": second, "t3": second],
            ["t0": first, "t1": first, "t2": second, "t3": second, "t9": second], ["t0": "../\(first)"], ["t0": "config.json"],
        ]
        for map in maps {
            let text = JSONText.object([("weight_map", JSONText.object(map.map { ($0.key, JSONText.quoted($0.value)) }))])
            try folder.write(Array(text.utf8), as: "m/model.safetensors.index.json")
            XCTAssertThrowsError(try format.read(folder.path("m"), ReadContext()), text) { error in
                XCTAssertEqual((error as? FormatError)?.kind, .malformed, "\(error)")
            }
        }
    }

    func testHostileHeaders() throws {
        let entry = #"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#
        let cases: [(String, Int, FormatError.Kind)] = [
            ("{\"a\":\(entry),\"a\":\(entry)}", 4, .malformed),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, .malformed),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 8, .malformed),
            (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, 0, .malformed),
            (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4, .malformed),
            (#"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, 4, .malformed),
            (#"{"a":{"dtype":"F3","shape":[2],"data_offsets":[0,1]}}"#, 1, .unsupported),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"strides":[1]}}"#, 4, .unsupported),
            ("{\"a\":\(entry),\"b\":\(entry)}", 4, .malformed),
            (#"{"__metadata__":{"a":1}}"#, 0, .malformed),
            (String(repeating: "[", count: 100_000), 0, .malformed),
            ("{\"a\":" + String(repeating: "[", count: 100_000), 0, .malformed),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775807,9223372036854775808]}}"#, 4, .malformed),
            (" {}", 0, .malformed), ("{}x", 0, .malformed), ("{\"a\":01}", 0, .malformed),
        ]
        let folder = try TemporaryFolder()
        for (header, dataBytes, kind) in cases {
            let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
            let path = try folder.write(length + Array(header.utf8) + [UInt8](repeating: 0, count: dataBytes), as: "h.safetensors")
            XCTAssertThrowsError(try format.read(path, ReadContext()), String(header.prefix(100))) { error in
                XCTAssertEqual((error as? FormatError)?.kind, kind, "\(header.prefix(100)): \(error)")
            }
        }
    }
}
