/// The set bits of a bitmap by the clear bits before each of them.
///
/// In each chunk, for each set bit in order: a byte 255 for every 255 clear bits since the bit before (or the chunk's start),
/// then a byte 0 … 254 for the rest. Clear bits after the last set one are not written, so each bitmap has one encoding.
struct GapCoding: ChunkCoding {
    var framesPerChunk: Int { 1 }

    func frameContent(ofChunk byteCount: Int) -> ClosedRange<Int> {
        let (bits, overflow) = byteCount.multipliedReportingOverflow(by: 8)
        return 0...(overflow ? Int.max : bits)
    }

    func encode(_ chunk: UnsafeRawBufferPointer) -> [[UInt8]] {
        var gaps: [UInt8] = []
        var gap = 0
        for byte in chunk {
            var bits = byte
            var left = 8
            while bits != 0 {
                let zeros = bits.trailingZeroBitCount
                gap += zeros
                while gap >= 255 {
                    gaps.append(255)
                    gap -= 255
                }
                gaps.append(UInt8(gap))
                gap = 0
                left -= zeros + 1
                // A shift by 8 gives 0.
                bits >>= UInt8(zeros + 1)
            }
            gap += left
        }
        return [gaps]
    }

    func decode(_ contents: [UnsafeRawBufferPointer], into chunk: UnsafeMutableRawBufferPointer) throws {
        chunk.initializeMemory(as: UInt8.self, repeating: 0)
        let limit = chunk.count * 8
        var position = 0
        var isOpen = false
        for byte in contents[0] {
            position += Int(byte)
            guard position < limit else { throw CodingFailure(description: "has a gap that ends at bit \(position) of \(limit)") }
            isOpen = byte == 255
            if !isOpen {
                chunk[position >> 3] |= 1 << UInt8(position & 7)
                position += 1
            }
        }
        guard !isOpen else { throw CodingFailure(description: "ends inside a gap") }
    }
}
