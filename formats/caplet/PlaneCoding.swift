import CKernels

/// The bytes of wide elements, plane by plane: frame k of a chunk has byte k of each element, the lowest first.
///
/// Floats are rotated left by one bit before: sign and mantissa, which do not compress, go to the low planes and leave the
/// exponent alone in the last one (BF16, F32) or first in it (F16, F64).
struct PlaneCoding: ChunkCoding {
    /// 2, 4 or 8.
    let width: Int
    let rotates: Bool

    var framesPerChunk: Int { width }

    func frameContent(ofChunk byteCount: Int) -> ClosedRange<Int> { byteCount / width...byteCount / width }

    func encode(_ chunk: UnsafeRawBufferPointer) -> [[UInt8]] {
        let count = chunk.count / width
        return (0..<width).map { plane in
            [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                if let elements = chunk.baseAddress, let out = buffer.baseAddress {
                    caplet_plane(elements.assumingMemoryBound(to: UInt8.self), out, count, width, plane, rotates ? 1 : 0)
                }
                initialized = count
            }
        }
    }

    func decode(_ contents: [UnsafeRawBufferPointer], into chunk: UnsafeMutableRawBufferPointer) {
        let planes = contents.map { $0.baseAddress?.assumingMemoryBound(to: UInt8.self) }
        guard chunk.count >= width, let out = chunk.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        caplet_planes_join(planes, out, chunk.count / width, width, rotates ? 1 : 0)
    }
}
