import ModelGraph
import XCTest

/// Blocks are a payload of their own: kept as they are, and floats to whoever asks.
final class BlockPayloadTests: XCTestCase {
    private let shape = Shape(rows: 3, columns: 64)
    private let values = (0..<3 * 64).map { Float($0 % 23) - 11 }

    private func blocks(_ codec: BlockCodec = .q4_0) throws -> BlockTensor {
        try BlockTensor(codec, encoding: .dense(DenseTensor(floats: values, shape: shape)), name: "w").resident()
    }

    /// Q4_0 by hand: a half for the scale, and sixteen bytes of two codes each; element i and i + 16 share a byte.
    func testValuesAreThoseOfTheBlocks() throws {
        var bytes = [UInt8](repeating: 0, count: 18)
        (bytes[0], bytes[1]) = (0x00, 0x38)  // 0.5
        for index in 0..<16 { bytes[2 + index] = UInt8(index) | UInt8(15 - index) << 4 }
        let tensor = try BlockTensor(.q4_0, shape: Shape(rows: 1, columns: 32), bytes: OwnedBytes(bytes))
        let expected = (0..<16).map { 0.5 * (Float($0) - 8) } + (0..<16).map { 0.5 * (7 - Float($0)) }
        XCTAssertEqual(try tensor.floats(), expected)
        XCTAssertEqual(try tensor.elements.floats(), expected)
        XCTAssertEqual(try Payload.blocks(tensor).densifiedFloats(), expected)
        XCTAssertEqual(try Payload.blocks(tensor).densified(as: .f16).floats(), expected)
    }

    func testCountsAndNames() throws {
        let payload = Payload.blocks(try blocks())
        XCTAssertEqual(payload.shape, shape)
        XCTAssertEqual(payload.kindName, "blocks")
        XCTAssertEqual(payload.parameterCount, 192)
        XCTAssertEqual(payload.byteCount, 6 * 18)
        XCTAssertEqual(payload.storageText, "Q4_0")
        XCTAssertEqual(payload.decodedStorageText, "F32")
        XCTAssertEqual(payload.storedTypes, ["Q4_0"])
        XCTAssertEqual(payload.elementArray?.dtype, .f32)
        XCTAssertEqual(payload.elementArray?.byteCount, 768)
        XCTAssertEqual(payload.ownedByteCount, 6 * 18)
    }

    func testRowsAreThoseOfTheWhole() throws {
        for codec in [BlockCodec.q4_0, .q4_1, .q5_0, .q5_1] {
            let payload = Payload.blocks(try blocks(codec))
            let whole = try payload.densifiedFloats()
            let read = try payload.floatRows()
            for row in 0..<3 {
                var floats = [Float](repeating: 0, count: 64)
                try floats.withUnsafeMutableBufferPointer { try read(row..<row + 1, $0.baseAddress!) }
                XCTAssertEqual(floats, Array(whole[row * 64..<row * 64 + 64]), codec.name)
            }
        }
    }

    func testBlocksOfOneCodecStayThoseOfAnotherAreMadeAnew() throws {
        let tensor = try blocks()
        var graph = TensorGraph()
        try graph.append(Tensor(name: "w", blocks: tensor))
        let same = try XCTUnwrap(graph.cast(to: .blocks(.q4_0)).graph["w"]?.payload)
        XCTAssertTrue(same.hasSameBytes(as: .blocks(tensor)))
        let other = try XCTUnwrap(graph.cast(to: .blocks(.q5_1)).graph["w"]?.payload)
        XCTAssertEqual(other.storageText, "Q5_1")
        XCTAssertFalse(other.hasSameBytes(as: .blocks(tensor)))
        let plain = try XCTUnwrap(graph.cast(to: .plain(.f32)).graph["w"]?.payload)
        XCTAssertEqual(plain.kindName, "dense")
        XCTAssertEqual(try plain.densifiedFloats(), try tensor.floats())
    }

    /// 0x7C00 is an infinite half: every element of its block is infinite, or no number where the code is 8.
    func testContentsAreLookedAt() throws {
        var bytes = try blocks().bytes.withUnsafeBytes { Array($0) }
        XCTAssertEqual(try Payload.blocks(blocks()).checkContents(), 0)
        (bytes[18], bytes[19]) = (0x00, 0x7C)
        let broken = Payload.blocks(try BlockTensor(.q4_0, shape: shape, bytes: OwnedBytes(bytes)))
        XCTAssertEqual(try broken.checkContents(), 32)
        XCTAssertEqual(try broken.nonFiniteCount(), 32)
    }

    func testWhatIsNoWholeBlocksIsRefused() throws {
        let narrow = Shape(rows: 2, columns: 48)
        XCTAssertThrowsError(try BlockTensor(.q4_0, shape: narrow, bytes: OwnedBytes([UInt8](repeating: 0, count: 54))))
        XCTAssertThrowsError(try BlockTensor(.q4_0, shape: shape, bytes: OwnedBytes([UInt8](repeating: 0, count: 107))))
    }

    func testOwnedBlocksCanMove() throws {
        let tensor = try blocks()
        var moved = 0
        let payload = try Payload.blocks(tensor).movingOwnedBytes(ofAtLeast: 1) {
            moved += $0.count
            return OwnedBytes(copying: $0)
        }
        XCTAssertEqual(moved, tensor.byteCount)
        XCTAssertFalse(payload.hasSameBytes(as: .blocks(tensor)))
        XCTAssertEqual(try payload.densifiedFloats(), try tensor.floats())
    }
}
