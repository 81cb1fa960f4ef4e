import ModelGraph
import TestSupport
import XCTest

/// Casts against numpy and ml_dtypes, bit for bit.
final class FloatCastTests: XCTestCase {
    func testEveryHalfAndBrainFloatWidensAsInNumPy() throws {
        let folder = try TemporaryFolder()
        let patterns = (0...UInt16.max).map { $0 }
        for dtype in [DType.f16, .bf16] {
            let tensor = try DenseTensor(dtype: dtype, shape: Shape(count: patterns.count), bytes: OwnedBytes(elements: patterns))
            let ours = try tensor.floats()
            let path = folder.path("\(dtype.rawValue).bin")
            try PythonProcess.run(
                """
                import sys, numpy as np, ml_dtypes
                dtype = np.float16 if sys.argv[1] == 'F16' else ml_dtypes.bfloat16
                np.arange(65536, dtype=np.uint16).view(dtype).astype(np.float32).tofile(sys.argv[2])
                """, [dtype.rawValue, path])
            let theirs = try MappedFile(path: path).withBytes { Array($0.bindMemory(to: UInt32.self)) }
            for (pattern, (a, b)) in zip(ours, theirs).enumerated() where a.bitPattern != b {
                // NaN payloads may be quieted by the processor on the way; NaN they stay.
                XCTAssertTrue(a.isNaN && Float(bitPattern: b).isNaN, "\(dtype.rawValue) \(pattern): \(a) and \(Float(bitPattern: b))")
            }
        }
    }

    func testFloatsNarrowAsInNumPy() throws {
        let folder = try TemporaryFolder()
        let (input, output) = (folder.path("in.bin"), folder.path("out.bin"))
        // Random bits of every size, and the ties and edges of both narrow types.
        try PythonProcess.run(
            """
            import sys, numpy as np
            bits = np.random.default_rng(0).integers(0, 2**32, 400000, dtype=np.uint32)
            edges = np.concatenate([np.arange(65536, dtype=np.uint32) << 16 | low for low in (0, 0x7FFF, 0x8000, 0x8001)])
            halves = np.arange(0x33000000 - 64, 0x33800000, 4099, dtype=np.uint32)
            top = np.arange(0x477FE000, 0x47800010, 7, dtype=np.uint32)
            np.concatenate([bits, edges, halves, top]).astype(np.uint32).tofile(sys.argv[1])
            """, [input])
        let floats = try MappedFile(path: input).withBytes { Array($0.bindMemory(to: Float.self)) }
        for dtype in [DType.f16, .bf16] {
            let narrow = try DenseTensor(floats: floats, shape: Shape(count: floats.count), dtype: dtype)
            let ours = try narrow.bytes.withUnsafeBytes { Array($0.bindMemory(to: UInt16.self)) }
            try PythonProcess.run(
                """
                import sys, numpy as np, ml_dtypes
                dtype = np.float16 if sys.argv[1] == 'F16' else ml_dtypes.bfloat16
                with np.errstate(all='ignore'):
                    np.fromfile(sys.argv[2], dtype=np.float32).astype(dtype).tofile(sys.argv[3])
                """, [dtype.rawValue, input, output])
            let theirs = try MappedFile(path: output).withBytes { Array($0.bindMemory(to: UInt16.self)) }
            var differences = 0
            for (index, (a, b)) in zip(ours, theirs).enumerated() where a != b && !floats[index].isNaN { differences += 1 }
            XCTAssertEqual(differences, 0, dtype.rawValue)
            let back = try narrow.floats()
            XCTAssertTrue(zip(floats, back).allSatisfy { $0.isNaN == $1.isNaN })
        }
    }

    /// Every code widens and every float narrows to 8 bits as ml_dtypes does it; what is too large becomes NaN and infinity.
    func testEightBitFloatsAsInMLDTypes() throws {
        let folder = try TemporaryFolder()
        let (input, output) = (folder.path("in.bin"), folder.path("out.bin"))
        for (dtype, name) in [(DType.f8E4M3, "float8_e4m3fn"), (.f8E5M2, "float8_e5m2")] {
            try PythonProcess.run(
                """
                import sys, numpy as np, ml_dtypes
                dtype = getattr(ml_dtypes, sys.argv[1])
                bits = np.random.default_rng(0).integers(0, 2**32, 300000, dtype=np.uint32)
                upper = np.concatenate([np.arange(65536, dtype=np.uint32) << 16 | low for low in (0, 1, 0xFFFF)])
                near = np.arange(256, dtype=np.uint8).view(dtype).astype(np.float32)
                ties = ((near[:-1].astype(np.float64) + near[1:]) / 2).astype(np.float32).view(np.uint32)
                ties = np.concatenate([ties - 1, ties, ties + 1])
                every = np.concatenate([bits, upper, ties]).astype(np.uint32); every.tofile(sys.argv[2])
                with np.errstate(all='ignore'):
                    narrow = every.view(np.float32).astype(dtype)
                with open(sys.argv[3], 'wb') as f:
                    f.write(near.tobytes()); f.write(narrow.tobytes())
                """, [name, input, output])
            let floats = try MappedFile(path: input).withBytes { Array($0.bindMemory(to: Float.self)) }
            let expected = try TemporaryFolder.bytes(of: output)
            let codes = try DenseTensor(dtype: dtype, shape: Shape(count: 256), bytes: OwnedBytes((0...255).map { UInt8($0) }))
            let wide = try codes.floats().flatMap { value in withUnsafeBytes(of: value.bitPattern) { Array($0) } }
            XCTAssertEqual(wide, Array(expected.prefix(1024)), name)
            let narrow = try DenseTensor(floats: floats, shape: Shape(count: floats.count), dtype: dtype).bytes.withUnsafeBytes {
                Array($0)
            }
            let differing = zip(narrow, expected.dropFirst(1024)).enumerated().filter { $1.0 != $1.1 }
            XCTAssertEqual(differing.count, 0, "\(name): \(differing.prefix(3).map { (floats[$0.offset], $0.element) })")
        }
    }
}
