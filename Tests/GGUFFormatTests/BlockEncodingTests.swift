import Execution
import FormatKit
import Foundation
import LinearAlgebra
import ModelGraph
import TestSupport
import XCTest

@testable import GGUFFormat

/// Encoders of Q2_K … Q6_K against ggml's, which llama-quantize calls: never a larger squared error on the same matrix.
final class BlockEncodingTests: XCTestCase {
    private static let codecs: [BlockCodec] = [.q2_K, .q3_K, .q4_K, .q5_K, .q6_K]

    /// Squared errors of ggml's blocks and of ours in each file NAME.f32, NAME.TYPE; both decoded by gguf-py.
    private static let compare = """
        import ctypes, importlib.util, os, sys, numpy as np
        from gguf import GGMLQuantizationType as T, quants
        library = os.path.join(os.path.dirname(importlib.util.find_spec('llama_cpp').origin), 'lib', 'libggml-base.so')
        ggml = ctypes.CDLL(library)
        class Parameters(ctypes.Structure): _fields_ = [('size', ctypes.c_size_t), ('buffer', ctypes.c_void_p), ('no_alloc', ctypes.c_bool)]
        ggml.ggml_init.argtypes = [Parameters]; ggml.ggml_init.restype = ctypes.c_void_p; ggml.ggml_init(Parameters(1 << 20, None, False))
        ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
        ggml.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
        folder, columns = sys.argv[1], 256
        for name in sys.argv[2:]:
            x = np.fromfile(f'{folder}/{name}.f32', '<f4').reshape(-1, columns)
            for type in ['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K']:
                ours = np.fromfile(f'{folder}/{name}.{type}', np.uint8).reshape(len(x), -1)
                theirs = np.zeros_like(ours)
                ggml.ggml_quantize_chunk(int(T[type]), x.ctypes.data, theirs.ctypes.data, 0, len(x), columns, None)
                a, b = (((quants.dequantize(q, T[type]).astype('f8') - x) ** 2).sum() for q in (ours, theirs))
                print(name, type, a, b)
        """

    private func blocks(_ values: [Float], _ codec: BlockCodec) throws -> [UInt8] {
        let shape = Shape(rows: values.count / 256, columns: 256)
        let tensor = try BlockTensor(codec, encoding: .dense(DenseTensor(floats: values, shape: shape)), name: "t")
        return try tensor.bytes.withUnsafeBytes { Array($0) }
    }

    private func expectNoLargerErrors(_ matrices: [(name: String, values: [Float])]) throws {
        let folder = try TemporaryFolder()
        for (name, values) in matrices {
            try folder.write(values.withUnsafeBytes { Array($0) }, as: "\(name).f32")
            for codec in BlockEncodingTests.codecs { try folder.write(blocks(values, codec), as: "\(name).\(codec.name)") }
        }
        let text = try PythonProcess.run(BlockEncodingTests.compare, [folder.path] + matrices.map(\.name))
        let lines = text.split(separator: "\n").map { $0.split(separator: " ") }
        XCTAssertEqual(lines.count, matrices.count * BlockEncodingTests.codecs.count)
        for line in lines {
            let (ours, theirs) = (try XCTUnwrap(Double(line[2])), try XCTUnwrap(Double(line[3])))
            XCTAssertLessThanOrEqual(ours, theirs, "\(line)")
        }
    }

    func testErrorsOnMadeMatrices() throws {
        let generator = CounterGenerator(seed: 11, stream: 0)
        func made(_ rows: Int, _ value: (UInt64) -> Double) -> [Float] { (0..<UInt64(rows * 256)).map { Float(value($0)) } }
        try expectNoLargerErrors([
            ("normal", made(300) { generator.normal($0) * 0.02 }),
            ("heavy", made(300) { generator.normal(2 * $0) / (abs(generator.normal(2 * $0 + 1)) + 0.05) }),
            ("positive", made(100) { abs(generator.normal($0)) }),
            ("far-from-zero", made(100) { 3 + generator.normal($0) * 0.1 }),
            ("sparse", made(100) { $0 % 5 == 0 ? generator.normal($0) : 0 }),
            ("outliers", made(100) { generator.normal($0) * ($0 % 97 == 0 ? 50 : 1) }),
            ("rows", made(100) { generator.normal($0) * pow(10, Double($0 / 256 % 9) - 5) }),
        ])
    }

    func testErrorsOnARealModel() throws {
        let names = [
            "embedding": "model.embed_tokens.weight", "query": "model.layers.0.self_attn.q_proj.weight",
            "down": "model.layers.3.mlp.down_proj.weight", "head": "lm_head.weight",
        ].sorted { $0.key < $1.key }
        let matrices = try BundledModel.matrices(names.map(\.value))
        try expectNoLargerErrors(zip(names, matrices).map { ($0.key, $1.elements) })
    }

    /// Values that any type holds: zeros, one value, and one value among zeros.
    func testSimpleBlocks() throws {
        let zeros = [Float](repeating: 0, count: 256)
        let one = zeros.map { _ in Float(0.75) }
        var alone = zeros
        alone[100] = -3
        for codec in BlockEncodingTests.codecs {
            for values in [zeros, one, alone] {
                let shape = Shape(rows: 1, columns: 256)
                let tensor = try BlockTensor(codec, encoding: .dense(DenseTensor(floats: values, shape: shape)), name: "t")
                let most = values.map(abs).max() ?? 0
                for (ours, value) in zip(try tensor.floats(), values) { XCTAssertEqual(ours, value, accuracy: most * 0.001, codec.name) }
            }
        }
    }

    func testValuesThatBlocksCannotHold() throws {
        for codec in BlockEncodingTests.codecs {
            for value: Float in [.nan, .infinity, 3e38, -3e38, 1e20, 1e13, 1e11, 1e9] {
                var values = [Float](repeating: 1, count: 512)
                values[300] = value
                XCTAssertThrowsError(try blocks(values, codec), "\(codec.name) \(value)")
            }
            XCTAssertNoThrow(try blocks([Float](repeating: 1e-38, count: 256), codec))
        }
    }

    /// The bytes of a file are the same on any number of threads, query and key rows included.
    func testThreadsDoNotMatter() throws {
        var graph = TensorGraph()
        let generator = CounterGenerator(seed: 5, stream: 1)
        for (index, codec) in BlockEncodingTests.codecs.enumerated() {
            let floats = (0..<UInt64(900 * 512)).map { Float(generator.normal($0 + UInt64(index) << 32)) }
            let payload = Payload.dense(try DenseTensor(floats: floats, shape: Shape(rows: 900, columns: 512), dtype: .bf16))
            try graph.append(Tensor(name: codec.name, blocks: BlockTensor(codec, encoding: payload, name: codec.name)))
        }
        let folder = try TemporaryFolder()
        for threads in [1, 3] {
            try GGUFFormat().write(graph, to: folder.path("\(threads).gguf"), WriteOptions(), ExecutionContext(threads: threads))
        }
        XCTAssertTrue(try TemporaryFolder.bytes(of: folder.path("1.gguf")) == TemporaryFolder.bytes(of: folder.path("3.gguf")))
    }

    /// Rows that are no whole blocks get llama-quantize's types for them, or the nearest that can be made.
    func testRowsThatAreNoWholeBlocks() throws {
        let graph = try SampleGraph.graph([
            SampleGraph.tensor("whole", .i8, [1]),
            Tensor(name: "a", dense: DenseTensor(floats: [Float](repeating: 1, count: 320), shape: Shape(rows: 2, columns: 160))),
            Tensor(name: "b", dense: DenseTensor(floats: [Float](repeating: 1, count: 80), shape: Shape(rows: 2, columns: 40))),
            Tensor(name: "norm", dense: DenseTensor(floats: [1, 2], shape: Shape(count: 2), dtype: .bf16)),
        ])
        for (name, fallback) in [
            ("q2_k", "IQ4_NL"), ("q3_k", "IQ4_NL"), ("iq4_xs", "IQ4_NL"), ("q4_k", "Q5_0"), ("q5_k", "Q5_1"), ("q6_k", "Q8_0"),
        ] {
            let storage = try XCTUnwrap(FloatStorage(name: name))
            let cast = try graph.cast(to: storage, orElse: GGUFFallback.storage(insteadOf: storage))
            XCTAssertEqual(cast.substituted.map(\.name), ["a"])
            XCTAssertEqual(cast.substituted.map(\.storage.displayName), [fallback])
            XCTAssertEqual(cast.leftAlone.map(\.name), ["b"])
            XCTAssertEqual(try GGUFFormat().plan(cast.graph, WriteOptions()).tensors.map(\.storage), ["I8", fallback, "F32", "F32"])
        }
    }
}
