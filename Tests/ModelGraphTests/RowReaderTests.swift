import ModelGraph
import TestSupport
import XCTest

/// Values are made a run of rows at a time, and are those that are made as a whole.
final class RowReaderTests: XCTestCase {
    private let floats = (0..<6 * 64).map { Float($0) * 0.37 - 60 }
    private let shape = Shape(rows: 6, columns: 64)

    private func bytes(_ source: any ByteSource) throws -> [UInt8] { try source.withUnsafeBytes { Array($0) } }

    /// The bytes of runs of all lengths, put together.
    private func bytesByRuns(_ source: any ByteSource, bytesPerRow: Int, length: Int) throws -> [UInt8] {
        let reader = try source.openRows(of: bytesPerRow)
        let count = source.byteCount / bytesPerRow
        return try stride(from: 0, to: count, by: length).flatMap { first in
            try reader.withRows(first..<min(first + length, count)) { Array($0) }
        }
    }

    func testRunsOfCastsAndBlocksAreThoseOfTheWhole() throws {
        let dense = try DenseTensor(floats: floats, shape: shape, dtype: .f32)
        let encoded = try BlockTensor(.q4_0, encoding: .dense(dense), name: "w")
        let sources: [any ByteSource] = [
            dense.bytes, try dense.cast(to: .bf16).bytes, try dense.cast(to: .f16).cast(to: .f64).bytes, encoded.bytes,
            encoded.elements.bytes, try encoded.elements.cast(to: .f16).bytes,
            DeferredBytes(byteCount: dense.byteCount) { dense.bytes },
        ]
        for source in sources {
            let whole = try bytes(source)
            for length in 1...7 {
                XCTAssertEqual(try bytesByRuns(source, bytesPerRow: source.byteCount / 6, length: length), whole)
            }
        }
    }

    func testQuantizedRowsAreThoseOfTheWhole() throws {
        for (groupSize, isSymmetric) in [(32, true), (24, true), (24, false), (64, false)] {
            let groups = 6 * QuantizedTensor.groupsPerRow(columns: 64, groupSize: groupSize)
            let codes = (0..<6 * 64).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let scales = try DenseTensor(floats: (0..<groups).map { 0.01 * Float($0 + 1) }, shape: Shape(count: groups), dtype: .f16)
            let zeros = isSymmetric ? nil : OwnedBytes((0..<groups).map { UInt8($0) })
            let quantized = try QuantizedTensor(
                shape: shape, bits: 8, groupSize: groupSize, codes: OwnedBytes(codes), scales: scales, zeroPoints: zeros)
            let expected = (0..<6 * 64).map { index -> Float in
                let group = index / 64 * (groups / 6) + index % 64 / groupSize
                let scale = Float(Float16(0.01 * Float(group + 1)))
                return isSymmetric ? Float(Int8(bitPattern: codes[index])) * scale : (Float(codes[index]) - Float(group)) * scale
            }
            XCTAssertEqual(try Payload.quantized(quantized).densifiedFloats(), expected)
            XCTAssertEqual(try Payload.quantized(quantized).densified(as: .f32).floats(), expected)
        }
    }

    func testWhatIsMadeAsAWholeIsMadeOnceForAllRuns() throws {
        var made = 0
        let deferred = DeferredBytes(byteCount: 24) {
            made += 1
            return OwnedBytes(elements: [Float](repeating: 1, count: 6))
        }
        XCTAssertEqual(try bytesByRuns(deferred, bytesPerRow: 4, length: 1).count, 24)
        XCTAssertEqual(made, 1)
    }

    func testValuesThatBecomeInfiniteAreRefusedForANameOnly() throws {
        var values = [Float](repeating: 1, count: 1 << 18)
        values[values.count - 1] = 1e6
        let large = try DenseTensor(floats: values, shape: Shape(count: values.count))
        XCTAssertThrowsError(try bytes(large.cast(to: .f16, keepingFinite: "w").bytes)) {
            XCTAssertEqual("\($0)", "tensor 'w': has values that F16 cannot hold")
        }
        XCTAssertEqual(try large.cast(to: .f16).floats().last, .infinity)
        // What is infinite already may stay so.
        values[values.count - 1] = .infinity
        let infinite = try DenseTensor(floats: values, shape: Shape(count: values.count))
        XCTAssertEqual(try infinite.cast(to: .f16, keepingFinite: "w").floats().last, .infinity)
        let double = try DenseTensor(dtype: .f64, shape: Shape(count: 1), bytes: OwnedBytes(elements: [1e300]))
        XCTAssertThrowsError(try bytes(double.cast(to: .f32, keepingFinite: "w").bytes))
    }
}
