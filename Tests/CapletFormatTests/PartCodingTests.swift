@testable import CapletFormat
import Foundation
import ModelGraph
import TestSupport
import XCTest

final class PartCodingTests: XCTestCase {
    private func expectRoundTrip(_ coding: any ChunkCoding, _ chunk: [UInt8], line: UInt = #line) throws {
        let frames = chunk.withUnsafeBytes { coding.encode($0) }
        XCTAssertEqual(frames.count, coding.framesPerChunk, line: line)
        for frame in frames { XCTAssertTrue(coding.frameContent(ofChunk: chunk.count).contains(frame.count), line: line) }
        XCTAssertEqual(try decode(coding, frames, count: chunk.count), chunk, line: line)
    }

    private func decode(_ coding: any ChunkCoding, _ frames: [[UInt8]], count: Int) throws -> [UInt8] {
        let contents = frames.map { OwnedBytes($0) }
        var out = [UInt8](repeating: 0xAA, count: count)
        try out.withUnsafeMutableBytes { out in
            var views: [UnsafeRawBufferPointer] = []
            for content in contents { try content.withUnsafeBytes { views.append($0) } }
            try withExtendedLifetime(contents) { try coding.decode(views, into: out) }
        }
        return out
    }

    func testPlanes() throws {
        for width in [2, 4, 8] {
            for count in [0, 1, 3, 64, 1000] {
                let bytes = SampleGraph.bytes(count * width, seed: UInt64(count))
                try expectRoundTrip(PlaneCoding(width: width, rotates: true), bytes)
                try expectRoundTrip(PlaneCoding(width: width, rotates: false), bytes)
            }
        }
        // BF16 −1 is 0xBF80: exponent 0x7F, sign and mantissa 0x01.
        let frames = ([0x80, 0xBF] as [UInt8]).withUnsafeBytes { PlaneCoding(width: 2, rotates: true).encode($0) }
        XCTAssertEqual(frames, [[0x01], [0x7F]])
    }

    func testPackedCodes() throws {
        for radix in 2...16 {
            for (escapes, limit) in [(false, radix), (true, 200)] {
                for count in [0, 1, 2, 3, 7, 8, 9, 500] {
                    let codes = SampleGraph.bytes(count, seed: UInt64(radix)).map { UInt8(Int($0) % limit) &+ 250 }
                    try expectRoundTrip(PackedCodes(low: 250, radix: radix, escapes: escapes), codes)
                }
            }
        }
        let three = PackedCodes(low: 255, radix: 3, escapes: false)
        XCTAssertEqual(([255, 0, 1, 1, 0] as [UInt8]).withUnsafeBytes { three.encode($0) }, [[0 + 3 + 18 + 54 + 81]])
        XCTAssertThrowsError(try decode(three, [[243]], count: 5))
        XCTAssertThrowsError(try decode(three, [[3]], count: 1))
        let escaping = PackedCodes(low: 0, radix: 16, escapes: true)
        XCTAssertThrowsError(try decode(escaping, [[0xFF, 20]], count: 2))
        XCTAssertThrowsError(try decode(escaping, [[0x0F, 3]], count: 2))
        XCTAssertThrowsError(try decode(escaping, [[0x00, 3]], count: 2))
    }

    func testAdaptiveCodes() throws {
        for (columns, count) in [(1, 0), (1, 1), (7, 5), (7, 700), (64, 4096), (5000, 5000), (100, 1010)] {
            for scale: Float in [0.02, 0.4, 2, 20, 100] {
                let codes = ContainerSamples.adaptive(count, columns: columns, scale: scale, isTrellis: false)
                try expectRoundTrip(AdaptiveCodes(columns: columns, center: 0, isTrellis: false), codes)
                try expectRoundTrip(AdaptiveCodes(columns: columns, center: 200, isTrellis: false), codes)
                let levels = ContainerSamples.adaptive(count, columns: columns, scale: scale, isTrellis: true)
                try expectRoundTrip(AdaptiveCodes(columns: columns, center: 0, isTrellis: true), levels)
            }
            try expectRoundTrip(AdaptiveCodes(columns: columns, center: 3, isTrellis: false), SampleGraph.bytes(count, seed: 9))
        }
    }

    /// Bytes that are not what a coder made: each is refused, or is the coding of other codes, and nothing beyond it is read.
    func testDamagedAdaptiveCodes() throws {
        for isTrellis in [false, true] {
            let coding = AdaptiveCodes(columns: 50, center: 0, isTrellis: isTrellis)
            let codes = ContainerSamples.adaptive(1000, columns: 50, scale: 3, isTrellis: isTrellis)
            let frame = codes.withUnsafeBytes { coding.encode($0)[0] }
            for length in 0..<frame.count {
                XCTAssertThrowsError(try decode(coding, [Array(frame[..<length])], count: codes.count), "cut to \(length)")
            }
            XCTAssertThrowsError(try decode(coding, [frame + [0]], count: codes.count))
            XCTAssertThrowsError(try decode(coding, [frame], count: codes.count - 1))
            XCTAssertThrowsError(try decode(coding, [frame], count: codes.count + 1))
            for bit in 0..<frame.count * 8 {
                var damaged = frame
                damaged[bit / 8] ^= 1 << UInt8(bit % 8)
                guard let other = try? decode(coding, [damaged], count: codes.count) else { continue }
                XCTAssertNotEqual(other, codes, "bit \(bit)")
                XCTAssertEqual(other.withUnsafeBytes { coding.encode($0)[0] }, damaged, "bit \(bit)")
            }
            for seed in 0..<200 {
                let noise = SampleGraph.bytes(4 + seed, seed: UInt64(seed))
                guard let other = try? decode(coding, [noise], count: 100) else { continue }
                XCTAssertEqual(other.withUnsafeBytes { coding.encode($0)[0] }, noise)
            }
        }
    }

    /// The trellis is chosen where all codes are on it, and not where one is not.
    func testTrellisIsFound() throws {
        var codes = ContainerSamples.adaptive(20_000, columns: 100, scale: 2, isTrellis: true)
        func chosen() throws -> PartEncoding {
            try codes.withUnsafeBytes { try CodePacking($0).encoding(for: $0, columns: 100, isSymmetric: true) }
        }
        XCTAssertEqual(try chosen(), .adaptive(AdaptiveCodes(columns: 100, center: 0, isTrellis: true)))
        // Of quantiser 0, which a row begins with.
        codes[19_900] = 1
        XCTAssertNotEqual(try chosen(), .adaptive(AdaptiveCodes(columns: 100, center: 0, isTrellis: true)))
    }

    func testGaps() throws {
        for step in [1, 2, 9, 254, 255, 256, 510, 5000] {
            var bitmap = [UInt8](repeating: 0, count: 1250)
            for bit in stride(from: step - 1, to: 10_000, by: step) { bitmap[bit / 8] |= 1 << UInt8(bit % 8) }
            try expectRoundTrip(GapCoding(), bitmap)
        }
        try expectRoundTrip(GapCoding(), [])
        try expectRoundTrip(GapCoding(), [0, 0])
        XCTAssertThrowsError(try decode(GapCoding(), [[16]], count: 2))
        XCTAssertThrowsError(try decode(GapCoding(), [[255]], count: 64))
        XCTAssertThrowsError(try decode(GapCoding(), [[255, 255, 255, 0]], count: 8))
    }

    func testBitmaps() throws {
        for (rows, columns) in [(1, 1), (3, 64), (5, 7), (9, 65), (40, 70), (2, 127), (0, 9), (9, 0), (7, 130)] {
            let pattern = try ContainerSamples.pattern(rows, columns, every: 3)
            let packed = try Bitmap.packed(pattern)
            try packed.withUnsafeBytes { bitmap in
                for element in 0..<rows * columns {
                    let word = element / columns * pattern.wordsPerRow + element % columns / 64
                    let expected = try pattern.readWords()[word] >> UInt64(element % columns % 64) & 1
                    XCTAssertEqual(UInt64(bitmap[element / 8] >> UInt8(element % 8) & 1), expected)
                }
                XCTAssertNil(Bitmap.defect(bitmap, bits: rows * columns, nonZeroCount: pattern.nonZeroCount))
                XCTAssertNotNil(Bitmap.defect(bitmap, bits: rows * columns, nonZeroCount: pattern.nonZeroCount + 1))
                let back = try Bitmap.words(bitmap, rows: rows, columns: columns).withUnsafeBytes { Array($0) }
                XCTAssertEqual(back, try pattern.words.withUnsafeBytes { Array($0) })
            }
        }
    }

    /// Codes, positions and exponents take little more than their order-0 entropy.
    func testSizesAreNearTheEntropy() throws {
        func entropy(_ bytes: [UInt8]) -> Double {
            var counts = [Int](repeating: 0, count: 256)
            for byte in bytes { counts[Int(byte)] += 1 }
            return counts.filter { $0 > 0 }.reduce(0) { $0 - Double($1) * log2(Double($1) / Double(bytes.count)) } / 8
        }
        let noise = ContainerSamples.noise(200_000, seed: 3)
        for scale: Float in [0.6, 1.2, 3, 12] {
            let codes = noise.map { UInt8(bitPattern: Int8(($0 * scale).rounded())) }
            try codes.withUnsafeBytes { raw in
                let encoding = try CodePacking(raw).encoding(for: raw, columns: 200, isSymmetric: true)
                let size = try encoding.coding.encode(raw)[0].withUnsafeBytes { try ZstdFrame.compress($0, .numbers).count }
                XCTAssertLessThan(Double(size), entropy(codes) * 1.015, "scale \(scale): \(encoding)")
            }
        }
    }
}
