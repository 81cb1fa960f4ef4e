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

    /// Blocks of one half and of two, on 2 rows of 512 that are far from their codes.
    private func forEachBlocks(_ body: (MovablePart, FloatBuffer, BlockTensor) throws -> Void) throws {
        let steps: [Int] = (0..<1024).map { ($0 * 37 + $0 / 64 * 11) % 101 }
        let floats = steps.map { Float($0) / 50 - 0.9 }
        for codec in [BlockCodec.q4_0, .q5_1, .q2_K, .q6_K, .iq2_xs, .iq4_nl] {
            let dense = Payload.dense(try DenseTensor(floats: floats, shape: XCTUnwrap(Shape([2, 512])), dtype: .f32))
            let blocks = try BlockTensor(codec, encoding: dense, name: "w").resident()
            let count = MovablePart.count(.blocks(blocks), movesScales: true)
            XCTAssertEqual(count, 1024 / codec.elementsPerBlock * codec.halves.count, codec.name)
            let values = try FloatBuffer(zeros: count, ExecutionContext(threads: 1).memory)
            try body(MovablePart(.blocks(blocks), in: values, from: 0, name: "w"), values, blocks)
        }
    }

    /// Factors of 1 are the matrix as it was; elements are linear in the factors, and gradients those of differences.
    func testGradientsOfBlocksAreThoseOfDifferences() throws {
        try forEachBlocks { part, values, blocks in
            let (name, size, halves) = (blocks.codec.name, blocks.codec.elementsPerBlock, blocks.codec.halves.count)
            for (new, old) in zip(try part.floats(values), try blocks.floats()) { XCTAssertEqual(new, old, accuracy: 1e-6, name) }
            let direction = (0..<1024).map { Float($0 % 7) - 2.5 }
            for slot in 0..<values.count { values.floats[slot] = 0.75 + 0.125 * Float(slot % 5) }
            let found = try XCTUnwrap(part.gradients(direction, values).first)
            XCTAssertEqual(found.0, 0..<values.count)
            let before = try part.floats(values)
            for slot in stride(from: 0, to: values.count, by: 3) {
                values.floats[slot] += 1
                let after = try part.floats(values)
                values.floats[slot] -= 1
                let block = slot / halves
                var difference = 0.0
                for place in before.indices {
                    if place / size != block {
                        XCTAssertEqual(after[place], before[place], "\(name): element \(place) is of another block")
                    }
                    difference += Double(after[place] - before[place]) * Double(direction[place])
                }
                XCTAssertEqual(Double(found.1[slot]), difference, accuracy: 1e-3, "\(name), factor \(slot)")
            }
            XCTAssertTrue(found.1.contains { abs($0) > 0.1 }, name)
        }
    }

    /// What is stored is what was tried, to the precision of F16, in blocks that differ in their halves alone.
    func testStoredBlocksHaveTheHalvesThatMoved() throws {
        try forEachBlocks { part, values, old in
            for slot in 0..<values.count { values.floats[slot] = 1 + 0.03 * Float(slot % 4) }
            guard case .blocks(let new) = try part.payload(values) else { return XCTFail("blocks are no blocks any more") }
            XCTAssertEqual(new.codec, old.codec)
            let expected = try part.floats(values)
            for (found, right) in zip(try new.floats(), expected) { XCTAssertEqual(found, right, accuracy: 2e-3, old.codec.name) }
            let halves = Set(old.codec.halves.flatMap { [$0, $0 + 1] })
            let (a, b) = try (new.bytes.withUnsafeBytes { Array($0) }, old.bytes.withUnsafeBytes { Array($0) })
            XCTAssertNotEqual(a, b)
            for place in a.indices where !halves.contains(place % old.codec.bytesPerBlock) { XCTAssertEqual(a[place], b[place]) }
            for slot in 0..<values.count { values.floats[slot] = 1e12 }
            XCTAssertThrowsError(try part.payload(values)) { XCTAssertTrue("\($0)".contains("scales are F16"), "\($0)") }
        }
    }
}
