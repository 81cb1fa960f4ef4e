import Execution
import LinearAlgebra
import ModelGraph
import TestSupport
import XCTest

@testable import GradientFitting

final class MovablePartTests: XCTestCase {
    /// 3 × 7 codes in groups of 4 with zero points and scales of columns: the last group is shorter.
    private func part() throws -> (MovablePart, FloatBuffer) {
        let scales = try DenseTensor(floats: [0.5, 0.25, 1, 2, 0.125, 0.75], shape: Shape(count: 6), dtype: .f32)
        let columns = try DenseTensor(floats: [1, 2, 0.5, 1, 3, 1, 0.25], shape: Shape(count: 7), dtype: .bf16)
        let payload = Payload.quantized(
            try QuantizedTensor(
                shape: XCTUnwrap(Shape([3, 7])), bits: 4, groupSize: 4, codes: OwnedBytes((0..<21).map { UInt8($0 * 5 % 16) }),
                scales: scales,
                zeroPoints: OwnedBytes([7, 8, 6, 9, 7, 5]), columnScales: columns))
        let values = try FloatBuffer(zeros: MovablePart.count(payload, movesScales: true), ExecutionContext(threads: 1).memory)
        return (try MovablePart(payload, in: values, from: 0, name: "w"), values)
    }

    /// Factors of 1 are the matrix as it was, and gradients are those of differences.
    func testGradientsOfScalesAreThoseOfDifferences() throws {
        let (part, values) = try part()
        XCTAssertEqual(values.count, 6 + 7)
        XCTAssertEqual(try part.floats(values), try part.payload.densifiedFloats())
        for slot in 0..<values.count { values.floats[slot] = 0.8 + 0.05 * Float(slot) }
        let direction = (0..<21).map { Float($0 % 5) - 1.5 }
        func value() throws -> Double { zip(try part.floats(values), direction).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
        var found = [Float](repeating: 0, count: values.count)
        for (range, gradient) in try part.gradients(direction, values) {
            for (slot, entry) in zip(range, gradient) { found[slot] = entry }
        }
        for slot in 0..<values.count {
            let kept = values.floats[slot]
            values.floats[slot] = kept + 0.25
            let above = try value()
            values.floats[slot] = kept - 0.25
            let below = try value()
            values.floats[slot] = kept
            XCTAssertEqual(Double(found[slot]), (above - below) / 0.5, accuracy: 1e-4 * max(1, abs(Double(found[slot]))), "factor \(slot)")
        }
        XCTAssertTrue(found.contains { abs($0) > 0.1 })
    }

    /// What is stored is what was tried, to the precision of the scales.
    func testWhatIsStoredHasTheScalesThatMoved() throws {
        let (part, values) = try part()
        for slot in 0..<values.count { values.floats[slot] = 1.25 }
        guard case .quantized(let old) = part.payload, case .quantized(let new) = try part.payload(values) else {
            return XCTFail("codes are no codes any more")
        }
        XCTAssertEqual(new.scales.dtype, old.scales.dtype)
        XCTAssertEqual(new.columnScales?.dtype, .bf16)
        let expected = try part.payload.densifiedFloats().map { $0 * 1.5625 }
        XCTAssertEqual(try Payload.quantized(new).densifiedFloats(), expected)
    }
}
