import Execution
import FormatKit
import ModelGraph
import TestSupport
import XCTest

@testable import GGUFFormat

/// Big-endian files, as gguf-py writes and reads them.
final class ByteOrderTests: XCTestCase {
    private let format = GGUFFormat()

    /// The same model twice: little.gguf, and big.gguf with blocks swapped by gguf-py's converter.
    private static let makeFiles = """
        import sys, types, numpy as np, gguf
        from gguf import GGMLQuantizationType as T
        from gguf.scripts import gguf_convert_endian as converter
        r = np.random.default_rng(2)
        plain = {n: r.normal(size=(3, 5)).astype(n) for n in ('float16', 'float32', 'float64')}
        plain |= {n: r.integers(-100, 100, (3, 5)).astype(n) for n in ('int8', 'int16', 'int32', 'int64')}
        blocks = {n: r.integers(0, 256, (2, 512 // gguf.GGML_QUANT_SIZES[T[n]][0] * gguf.GGML_QUANT_SIZES[T[n]][1]), dtype=np.uint8)
            for n in ('Q4_0', 'Q8_0', 'Q4_K', 'Q6_K', 'MXFP4', 'NVFP4', 'BF16')}
        for name, order in (('little', gguf.GGUFEndian.LITTLE), ('big', gguf.GGUFEndian.BIG)):
            w = gguf.GGUFWriter(f'{sys.argv[1]}/{name}.gguf', 'none', endianess=order)
            w.add_uint64('a.u64', 1 << 40); w.add_float32('a.f32', 1.5); w.add_array('a.list', [1, -2, 3]); w.add_bool('a.bool', True)
            w.add_array('a.strings', ['x', 'yz']); w.add_int16('a.i16', -3)
            # The writer swaps plain arrays itself.
            for n, a in plain.items(): w.add_tensor(n, a.copy())
            for n, a in blocks.items():
                a = a.reshape(-1).copy()
                if name == 'big':
                    if n == 'BF16': a = a.view(np.uint16).byteswap().view(np.uint8)
                    else:
                        size = gguf.GGML_QUANT_SIZES[T[n]][1]; t = types.SimpleNamespace(data=a)
                        for start in range(0, len(a), size): converter.byteswap_tensors[T[n]](t, start)
                w.add_tensor(n, a.reshape(2, -1), raw_dtype=T[n])
            w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
        """

    private func contents(_ graph: TensorGraph) throws -> [[UInt8]] {
        let folder = try TemporaryFolder()
        try format.write(graph, to: folder.path("m.gguf"), WriteOptions(), ExecutionContext())
        return [try TemporaryFolder.bytes(of: folder.path("m.gguf"))]
    }

    func testReadsWhatGGUFPythonWrites() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(ByteOrderTests.makeFiles, [folder.path])
        let little = try format.read(folder.path("little.gguf"), ReadContext())
        let big = try format.read(folder.path("big.gguf"), ReadContext())
        XCTAssertEqual(big.metadata.entries.map(\.key), little.metadata.entries.map(\.key))
        XCTAssertEqual(big.metadata.entries.map(\.value), little.metadata.entries.map(\.value))
        XCTAssertEqual(big.tensors.count, 14)
        for (a, b) in zip(little.tensors, big.tensors) {
            XCTAssertEqual(a.name, b.name)
            XCTAssertEqual(a.shape, b.shape)
            XCTAssertEqual(try bits(a), try bits(b), a.name)
        }
        XCTAssertEqual(try contents(little), try contents(big))
        // Version 2 has the same layout.
        var bytes = try TemporaryFolder.bytes(of: folder.path("big.gguf"))
        XCTAssertEqual(Array(bytes[4..<8]), [0, 0, 0, 3])
        bytes[7] = 2
        try folder.write(bytes, as: "two.gguf")
        XCTAssertEqual(try contents(format.read(folder.path("two.gguf"), ReadContext())), try contents(little))
    }

    private func bits(_ tensor: Tensor) throws -> [UInt8] {
        switch tensor.payload {
        case .dense(let dense): return try dense.bytes.withUnsafeBytes { Array($0) }
        case .blocks(let blocks): return try blocks.elements.bytes.withUnsafeBytes { Array($0) }
        case .quantized(let quantized):
            return try quantized.codes.withUnsafeBytes { Array($0) } + quantized.scales.bytes.withUnsafeBytes { Array($0) }
        default: return []
        }
    }

    /// Written big, a file is gguf-py's, byte for byte.
    func testWritesWhatGGUFPythonWrites() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(ByteOrderTests.makeFiles, [folder.path])
        var options = WriteOptions()
        options.byteOrder = .big
        let little = try format.read(folder.path("little.gguf"), ReadContext())
        try format.write(little, to: folder.path("ours.gguf"), options, ExecutionContext())
        XCTAssertTrue(try TemporaryFolder.bytes(of: folder.path("ours.gguf")) == TemporaryFolder.bytes(of: folder.path("big.gguf")))
        let text = try PythonProcess.run(
            """
            import sys
            from gguf import GGUFReader, GGUFEndian
            r = GGUFReader(sys.argv[1])
            print(r.endianess == GGUFEndian.BIG, r.fields['a.list'].contents(), r.fields['a.u64'].contents(), len(r.tensors))
            """, [folder.path("ours.gguf")])
        XCTAssertEqual(text, "True [1, -2, 3] \(1 << 40) 14\n")
    }

    /// Blocks that are encoded on the way are swapped on the way.
    func testEncodedBlocks() throws {
        let folder = try TemporaryFolder()
        let floats = (0..<2048).map { Float($0 % 91) - 40 }
        for name in ["q4_k", "q6_k", "q8_0", "q4_0", "bf16"] {
            let graph = try SampleGraph.graph([Tensor(name: "t", dense: DenseTensor(floats: floats, shape: Shape(rows: 4, columns: 512)))])
                .cast(to: XCTUnwrap(FloatStorage(name: name))).graph
            var options = WriteOptions()
            options.byteOrder = .big
            options.force = true
            try format.write(graph, to: folder.path("big.gguf"), options, ExecutionContext())
            options.byteOrder = .little
            try format.write(graph, to: folder.path("little.gguf"), options, ExecutionContext())
            XCTAssertEqual(
                try contents(format.read(folder.path("big.gguf"), ReadContext())),
                try contents(format.read(folder.path("little.gguf"), ReadContext())), name)
            XCTAssertNotEqual(
                try TemporaryFolder.bytes(of: folder.path("big.gguf")), try TemporaryFolder.bytes(of: folder.path("little.gguf")))
        }
    }

    func testTypesThatNoConverterTurns() throws {
        let folder = try TemporaryFolder()
        for codec in [BlockCodec.q5_K, .q3_K, .iq4_nl, .iq1_m, .tq1_0, .q5_1] {
            let shape = Shape(rows: 1, columns: 256)
            let blocks = OwnedBytes([UInt8](repeating: 7, count: try XCTUnwrap(codec.byteCount(shape))))
            let graph = try SampleGraph.graph([Tensor(name: "t", blocks: BlockTensor(codec, shape: shape, bytes: blocks))])
            var options = WriteOptions()
            options.byteOrder = .big
            XCTAssertThrowsError(try format.write(graph, to: folder.path("m.gguf"), options, ExecutionContext())) {
                XCTAssertEqual(($0 as? FormatError)?.kind, .unsupported)
                XCTAssertTrue("\($0)".contains(codec.name), "\($0)")
            }
        }
        XCTAssertEqual(try folder.files().count, 0)
    }
}
