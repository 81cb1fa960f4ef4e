import Execution
import FormatKit
import ModelGraph
import TestSupport
import XCTest

@testable import GGUFFormat

final class GGUFFormatTests: XCTestCase {
    private let format = GGUFFormat()

    func testConforms() throws {
        var suite = FormatConformance(format, outputName: "m.gguf", dtypes: [.f64, .f32, .f16, .bf16, .i64, .i32, .i16, .i8])
        // ggml divides by all dimensions but its first, our last.
        suite.emptyShapes = [[0], [4, 0]]
        try suite.run()
    }

    func testUnsupportedDTypesAreNamed() throws {
        for dtype in [DType.u8, .u16, .u32, .u64, .bool, .f8E4M3, .f8E5M2] {
            let graph = try SampleGraph.graph([SampleGraph.tensor("t.weight", dtype, [2, 3])])
            XCTAssertThrowsError(try format.plan(graph, WriteOptions())) {
                XCTAssertTrue("\($0)".contains(dtype.rawValue) && "\($0)".contains("t.weight"), "\($0)")
            }
        }
    }

    func testNamesOfMoreThanSixtyThreeBytes() throws {
        let long = String(repeating: "n", count: 63)
        XCTAssertNoThrow(try format.plan(SampleGraph.graph([SampleGraph.tensor(long, .f32, [1])]), WriteOptions()))
        // That the architecture is not known is said of both.
        XCTAssertEqual(try format.plan(SampleGraph.graph([SampleGraph.tensor(long, .f32, [1])]), WriteOptions()).warnings.count, 1)
        // Longer ones come back, and gguf-py reads the file.
        let folder = try TemporaryFolder()
        let names = [long + "n", "short", long + "é" + long]
        let graph = try SampleGraph.graph(names.map { try SampleGraph.tensor($0, .f32, [2, 3]) })
        let plan = try format.write(graph, to: folder.path("long.gguf"), WriteOptions(), ExecutionContext())
        XCTAssertEqual(plan.warnings.count, 2)
        XCTAssertTrue("\(plan.warnings[1])".contains("2 tensors have names of more than the 63 bytes"), "\(plan.warnings)")
        let back = try format.read(folder.path("long.gguf"), ReadContext())
        XCTAssertEqual(back.tensors.map(\.name), names)
        XCTAssertNil(back.metadata[GGUFLongNames.key])
        let found = try PythonProcess.run(
            "import sys, gguf; print([len(t.name) < 64 for t in gguf.GGUFReader(sys.argv[1]).tensors])", [folder.path("long.gguf")])
        XCTAssertEqual(found, "[True, True, True]\n")
    }

    /// Q8_0 keeps its blocks, and densifies to what gguf-py makes of them.
    func testQ8_0() throws {
        let folder = try TemporaryFolder()
        let values = try PythonProcess.run(
            """
            import sys, numpy as np, gguf
            a = np.random.default_rng(1).normal(size=(6, 640)).astype(np.float32)
            q = gguf.quants.quantize(a, gguf.GGMLQuantizationType.Q8_0)
            w = gguf.GGUFWriter(sys.argv[1], 'none'); w.add_tensor('t.weight', q, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
            w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
            print(gguf.quants.dequantize(q, gguf.GGMLQuantizationType.Q8_0).astype('<f4').tobytes().hex())
            """, [folder.path("q.gguf")])
        let graph = try format.read(folder.path("q.gguf"), ReadContext())
        let tensor = try XCTUnwrap(graph["t.weight"])
        guard case .quantized(let quantized) = tensor.payload else { return XCTFail("not quantized") }
        XCTAssertTrue(quantized.isQ8_0)
        XCTAssertEqual(tensor.shape.dimensions, [6, 640])
        let ours = try tensor.payload.densified(as: .f32).bytes.withUnsafeBytes { Array($0) }
        XCTAssertEqual(ours.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "\n", values)
        let plan = try format.write(graph, to: folder.path("again.gguf"), WriteOptions(), ExecutionContext())
        XCTAssertEqual(plan.tensors.first?.storage, "Q8_0")
        XCTAssertEqual(try TemporaryFolder.bytes(of: folder.path("q.gguf")), try TemporaryFolder.bytes(of: folder.path("again.gguf")))
    }

    /// gguf-py reads every type of metadata and every dtype that we write, and we what it writes, alignment included.
    func testExchangeWithGGUFPython() throws {
        let folder = try TemporaryFolder()
        var graph = try SampleGraph.graph(
            [DType.f32, .f16, .f64, .i8, .i16, .i32, .i64].map { try SampleGraph.tensor("t.\($0.rawValue)", $0, [3, 5]) })
        graph.metadata = SampleGraph.metadata
        graph.metadata["general.alignment"] = .uint32(128)
        try format.write(graph, to: folder.path("ours.gguf"), WriteOptions(), ExecutionContext())
        let text = try PythonProcess.run(
            """
            import sys, numpy as np
            from gguf import GGUFReader, GGUFWriter
            r = GGUFReader(sys.argv[1] + '/ours.gguf')
            assert r.alignment == 128 and len(r.tensors) == 7, r.alignment
            for t in r.tensors: print(t.name, [int(d) for d in t.shape], t.tensor_type.name, t.data.tobytes().hex())
            f = r.fields['a.string']; print(bytes(f.parts[f.data[0]]).decode().replace('\\n', '~'))
            print(r.fields['a.u64'].parts[-1][0], r.fields['a.i8'].parts[-1][0], r.fields['a.bool'].parts[-1][0])
            w = GGUFWriter(sys.argv[1] + '/theirs.gguf', 'none'); w.add_custom_alignment(64); w.add_array('x.list', [1, 2, 3])
            w.add_tensor('a', np.arange(5, dtype=np.float32)); w.add_tensor('b', np.arange(6, dtype=np.int16).reshape(2, 3))
            w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
            """, [folder.path])
        let lines = try graph.tensors.map { tensor -> String in
            guard case .dense(let dense) = tensor.payload else { return "" }
            let hex = try dense.bytes.withUnsafeBytes { $0.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
            return "\(tensor.name) [5, 3] \(tensor.dtype.rawValue) \(hex)"
        }
        XCTAssertEqual(text, (lines + ["line~break \"quoted\" \\ ü 🙂", "18446744073709551615 -128 True", ""]).joined(separator: "\n"))
        let theirs = try format.read(folder.path("theirs.gguf"), ReadContext())
        XCTAssertEqual(theirs["b"]?.shape.dimensions, [2, 3])
        XCTAssertEqual(try theirs["a"]?.payload.densifiedFloats(), [0, 1, 2, 3, 4])
        XCTAssertEqual(theirs.metadata["x.list"], .array(.int32, [.int32(1), .int32(2), .int32(3)]))
        XCTAssertEqual(theirs.metadata["general.alignment"], .uint32(64))
    }

    func testRowPermutationIsNumPys() throws {
        for (heads, rows) in [(1, 2), (4, 32), (8, 256), (3, 12)] {
            let permutation = try XCTUnwrap(RowPermutation(interleavingHalvesOf: heads, rows: rows))
            let text = try PythonProcess.run(
                """
                import sys, numpy as np
                h, n = int(sys.argv[1]), int(sys.argv[2]); w = np.arange(n * 3).reshape(n, 3)
                print((w.reshape(h, 2, n // h // 2, 3).swapaxes(1, 2).reshape(w.shape)[:, 0] // 3).tolist())
                """, ["\(heads)", "\(rows)"])
            XCTAssertEqual("\(permutation.sources)\n", text)
            let bytes = OwnedBytes(SampleGraph.bytes(rows * 5, seed: 2))
            let there = try permutation.apply(to: bytes)
            let back = try permutation.inverse.apply(to: there)
            XCTAssertEqual(try back.withUnsafeBytes { Array($0) }, try bytes.withUnsafeBytes { Array($0) })
            if rows > 2 { XCTAssertNotEqual(try there.withUnsafeBytes { Array($0) }, try bytes.withUnsafeBytes { Array($0) }) }
        }
        XCTAssertNil(RowPermutation(interleavingHalvesOf: 4, rows: 12))
        XCTAssertNil(RowPermutation(interleavingHalvesOf: 0, rows: 12))
        XCTAssertNil(RowPermutation(interleavingHalvesOf: 5, rows: 12))
    }
}
