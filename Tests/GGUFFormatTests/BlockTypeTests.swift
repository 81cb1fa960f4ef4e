import Execution
import FormatKit
import ModelGraph
import SafetensorsFormat
import TestSupport
import XCTest

@testable import GGUFFormat

/// Block types against gguf-py: what it decodes we decode, what it encodes we encode.
final class BlockTypeTests: XCTestCase {
    private let format = GGUFFormat()
    private static let types = [
        "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "TQ1_0", "TQ2_0", "MXFP4", "IQ4_NL", "IQ4_XS",
        "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "NVFP4",
    ]

    /// A tensor of random bytes of each type, [22, 1280]: scales are anything that a half can be, denormals, infinities and NaN too.
    private static let makeFile = """
        import sys, numpy as np, gguf
        from gguf import GGMLQuantizationType as T, quants
        np.seterr(all='ignore')
        r = np.random.default_rng(5); w = gguf.GGUFWriter(sys.argv[1] + '/m.gguf', 'none'); w.add_file_type(15)
        for name in sys.argv[2:]:
            elements, size = gguf.GGML_QUANT_SIZES[T[name]]
            q = r.integers(0, 256, (22, 1280 // elements * size), dtype=np.uint8)
            w.add_tensor(name, q, raw_dtype=T[name])
            quants.dequantize(q, T[name]).astype('<f4').tofile(f'{sys.argv[1]}/{name}.f32')
        w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
        """

    private func makeFile() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try PythonProcess.run(BlockTypeTests.makeFile, [folder.path] + BlockTypeTests.types)
        return folder
    }

    private func floats(_ bytes: [UInt8]) -> [UInt32] {
        bytes.withUnsafeBytes { raw in (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self) } }
    }

    private func expectSameBits(_ ours: [UInt8], _ theirs: [UInt8], _ name: String, line: UInt = #line) {
        XCTAssertEqual(ours.count, theirs.count, name, line: line)
        let different = zip(floats(ours), floats(theirs)).filter { a, b in
            a != b && !(Float(bitPattern: a).isNaN && Float(bitPattern: b).isNaN)
        }
        XCTAssertEqual(different.count, 0, "\(name): \(different.prefix(3))", line: line)
    }

    func testDecodesAsGGUFPython() throws {
        let folder = try makeFile()
        let graph = try format.read(folder.path("m.gguf"), ReadContext())
        XCTAssertEqual(graph.tensors.map(\.name), BlockTypeTests.types)
        for tensor in graph.tensors {
            XCTAssertEqual(tensor.shape.dimensions, [22, 1280])
            XCTAssertEqual(tensor.dtype, .f32)
            XCTAssertEqual(tensor.payload.storageText, tensor.name)
            XCTAssertEqual(tensor.payload.kindName, "blocks")
            XCTAssertLessThan(tensor.payload.byteCount, 22 * 1280)
            let theirs = try TemporaryFolder.bytes(of: folder.path("\(tensor.name).f32"))
            guard case .blocks(let blocks) = tensor.payload else { return XCTFail(tensor.name) }
            expectSameBits(try blocks.elements.bytes.withUnsafeBytes { Array($0) }, theirs, tensor.name)
            expectSameBits(try tensor.payload.densifiedFloats().withUnsafeBytes { Array($0) }, theirs, tensor.name)
        }
    }

    /// Blocks are carried byte for byte, and so is the name of their mixture.
    func testBlocksAreCarried() throws {
        let folder = try makeFile()
        let graph = try format.read(folder.path("m.gguf"), ReadContext())
        let plan = try format.write(graph, to: folder.path("again.gguf"), WriteOptions(), ExecutionContext())
        XCTAssertEqual(plan.tensors.map(\.storage), BlockTypeTests.types)
        XCTAssertEqual(plan.warnings.filter { $0.contains("dense") }, [])
        XCTAssertEqual(try TemporaryFolder.bytes(of: folder.path("m.gguf")), try TemporaryFolder.bytes(of: folder.path("again.gguf")))
    }

    /// Other formats get the floats, and say that blocks are lost.
    func testOtherFormatsGetFloats() throws {
        let folder = try makeFile()
        let graph = try format.read(folder.path("m.gguf"), ReadContext())
        let plan = try SafetensorsFormat().write(graph, to: folder.path("m.safetensors"), WriteOptions(), ExecutionContext())
        XCTAssertEqual(plan.tensors.map(\.storage), BlockTypeTests.types.map { _ in "F32" })
        XCTAssertTrue(
            plan.warnings.contains { $0.contains("Q4_K") && $0.contains("\(BlockTypeTests.types.count) are written as dense") },
            "\(plan.warnings)")
        for tensor in try SafetensorsFormat().read(folder.path("m.safetensors"), ReadContext()).tensors {
            guard case .dense(let dense) = tensor.payload else { return XCTFail(tensor.name) }
            expectSameBits(
                try dense.bytes.withUnsafeBytes { Array($0) }, try TemporaryFolder.bytes(of: folder.path("\(tensor.name).f32")), tensor.name
            )
        }
        let cast = try graph.cast(to: .plain(.f32)).graph
        XCTAssertEqual(try format.plan(cast, WriteOptions()).tensors.map(\.storage), BlockTypeTests.types.map { _ in "F32" })
    }

    /// Normal values of several magnitudes, rows of zeros, ties and one value alone.
    func testEncodesAsGGUFPython() throws {
        let folder = try TemporaryFolder()
        try PythonProcess.run(
            """
            import sys, numpy as np
            from gguf import GGMLQuantizationType as T, quants
            np.seterr(all='ignore')
            x = np.random.default_rng(7).normal(size=(60, 640)).astype(np.float32)
            x[:10] *= np.float32(1e-5); x[10:15] *= np.float32(1e4); x[15:18] = np.float32(1e-7) * x[15:18]; x[18] = 0; x[19] = 2.5
            x[20:25] = np.round(x[20:25] * 4) / 4; x[25:28] = abs(x[25:28]); x[28:30] = -abs(x[28:30]); x[30, ::7] = 0
            x.astype('<f4').tofile(sys.argv[1] + '/x.f32')
            for name in sys.argv[2:]: quants.quantize(x, T[name]).tofile(f'{sys.argv[1]}/{name}.blocks')
            """, [folder.path] + BlockTypeTests.types.prefix(4))
        let bytes = OwnedBytes(try TemporaryFolder.bytes(of: folder.path("x.f32")))
        var graph = TensorGraph()
        try graph.append(Tensor(name: "t", dense: DenseTensor(dtype: .f32, shape: Shape(rows: 60, columns: 640), bytes: bytes)))
        for name in BlockTypeTests.types.prefix(4) {
            let storage = try XCTUnwrap(FloatStorage(name: name))
            let cast = try graph.cast(to: storage).graph
            guard case .blocks(let encoded)? = cast["t"]?.payload else { return XCTFail(name) }
            let theirs = try TemporaryFolder.bytes(of: folder.path("\(name).blocks"))
            XCTAssertTrue(try encoded.bytes.withUnsafeBytes { Array($0) } == theirs, name)
        }
    }

    func testValuesThatBlocksCannotHold() throws {
        let shape = Shape(rows: 2, columns: 64)
        func payload(_ value: Float) throws -> Payload {
            .dense(try DenseTensor(floats: [Float](repeating: 1, count: 127) + [value], shape: shape))
        }
        for codec in [BlockCodec.q4_0, .q4_1, .q5_0, .q5_1] {
            for value: Float in [.nan, .infinity, 3e38, -3e38] {
                let tensor = try BlockTensor(codec, encoding: payload(value), name: "t.weight")
                XCTAssertThrowsError(try tensor.floats(), "\(codec.name) \(value)") { XCTAssertTrue("\($0)".contains("t.weight"), "\($0)") }
            }
        }
        XCTAssertThrowsError(
            try BlockTensor(.q4_0, shape: Shape(rows: 2, columns: 16), bytes: OwnedBytes([UInt8](repeating: 0, count: 18))))
        XCTAssertThrowsError(
            try BlockTensor(.q4_0, shape: Shape(rows: 2, columns: 32), bytes: OwnedBytes([UInt8](repeating: 0, count: 35))))
    }
}
