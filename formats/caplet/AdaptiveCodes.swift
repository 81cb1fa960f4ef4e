import CKernels

/// Codes of a matrix by an entropy coder whose frequencies adapt: which of them a code has is what the magnitudes before it in its row and
/// above it in its column let expect (SPEC.md, "adaptive").
struct AdaptiveCodes: ChunkCoding, Equatable {
    /// Codes a row; the last row of a part may be shorter.
    let columns: Int
    /// The code whose magnitude is 0.
    let center: UInt8
    /// Whether codes are the levels of two quantisers that take turns along a row, as a trellis of eight states says.
    let isTrellis: Bool

    static let maximumColumns = 1 << 20
    /// Bytes of room beside five a code (`CAPLET_ADAPTIVE_ROOM`).
    private static let leastRoom = 16

    var framesPerChunk: Int { 1 }

    func frameContent(ofChunk byteCount: Int) -> ClosedRange<Int> {
        let (codes, overflow) = byteCount.multipliedReportingOverflow(by: 5)
        return 4...(overflow || codes > Int.max - AdaptiveCodes.leastRoom ? Int.max : codes + AdaptiveCodes.leastRoom)
    }

    /// Whether a trellis has these codes, from the beginning of a row.
    func holds(_ codes: UnsafeRawBufferPointer) -> Bool {
        guard isTrellis, let base = codes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return true }
        return caplet_is_on_trellis(base, codes.count, columns, center) != 0
    }

    func encode(_ chunk: UnsafeRawBufferPointer) -> [[UInt8]] {
        precondition(holds(chunk), "codes that the trellis does not have")
        guard let codes = chunk.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return [[0, 0, 1, 0]] }
        let steps = OwnedChunk(byteCount: 2 * chunk.count * MemoryLayout<UInt32>.size)
        let out = OwnedChunk(byteCount: 5 * chunk.count + AdaptiveCodes.leastRoom)
        return [
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: columns) { means in
                let count = steps.bytes.withMemoryRebound(to: UInt32.self) { steps in
                    caplet_adaptive_encode(
                        codes, chunk.count, columns, center, isTrellis ? 1 : 0, means.baseAddress, steps.baseAddress, out.base)
                }
                return Array(out.bytes[..<count])
            }
        ]
    }

    func decode(_ contents: [UnsafeRawBufferPointer], into chunk: UnsafeMutableRawBufferPointer) throws {
        guard let codes = chunk.baseAddress?.assumingMemoryBound(to: UInt8.self),
            let content = contents[0].baseAddress?.assumingMemoryBound(to: UInt8.self)
        else { throw CodingFailure(description: "has no bytes") }
        let failure = withUnsafeTemporaryAllocation(of: UInt32.self, capacity: columns) { means in
            caplet_adaptive_decode(
                content, contents[0].count, chunk.count, columns, center, isTrellis ? 1 : 0, means.baseAddress, codes)
        }
        switch failure {
        case CAPLET_ADAPTIVE_SOUND: return
        case CAPLET_ADAPTIVE_ENDS: throw CodingFailure(description: "ends before the last of \(chunk.count) codes")
        case CAPLET_ADAPTIVE_RANGE: throw CodingFailure(description: "has a magnitude that no code of a byte has")
        default: throw CodingFailure(description: "does not end where its coder began")
        }
    }
}
