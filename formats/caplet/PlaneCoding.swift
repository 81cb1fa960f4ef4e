import CKernels
import Glibc

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
        guard count > 0 else { return [[UInt8]](repeating: [], count: width) }
        let elements = OwnedChunk(copying: chunk)
        if rotates { rotate(elements.bytes, left: true) }
        let planes = OwnedChunk(byteCount: chunk.count)
        caplet_planes_split(elements.base, planes.base, count, width)
        return (0..<width).map { Array(UnsafeRawBufferPointer(rebasing: planes.bytes[$0 * count..<($0 + 1) * count])) }
    }

    func decode(_ contents: [UnsafeRawBufferPointer], into chunk: UnsafeMutableRawBufferPointer) {
        let count = chunk.count / width
        guard count > 0 else { return }
        let planes = OwnedChunk(byteCount: chunk.count)
        for (index, content) in contents.enumerated() {
            UnsafeMutableRawBufferPointer(rebasing: planes.bytes[index * count..<(index + 1) * count]).copyMemory(from: content)
        }
        guard let out = chunk.baseAddress else { return }
        caplet_planes_join(planes.base, out.assumingMemoryBound(to: UInt8.self), count, width)
        if rotates { rotate(chunk, left: false) }
    }

    private func rotate(_ bytes: UnsafeMutableRawBufferPointer, left: Bool) {
        switch width {
        case 2: rotate(bytes, UInt16.self, left)
        case 4: rotate(bytes, UInt32.self, left)
        default: rotate(bytes, UInt64.self, left)
        }
    }

    @inline(__always)
    private func rotate<Word: FixedWidthInteger & UnsignedInteger>(_ bytes: UnsafeMutableRawBufferPointer, _ type: Word.Type, _ left: Bool)
    {
        guard let base = bytes.baseAddress else { return }
        let shift = left ? Word(1) : Word(truncatingIfNeeded: Word.bitWidth - 1)
        let back = left ? Word(truncatingIfNeeded: Word.bitWidth - 1) : Word(1)
        for offset in stride(from: 0, to: bytes.count, by: MemoryLayout<Word>.size) {
            let word = base.loadUnaligned(fromByteOffset: offset, as: Word.self)
            base.storeBytes(of: word &<< shift | word &>> back, toByteOffset: offset, as: Word.self)
        }
    }
}

/// Aligned bytes for the length of a chunk's coding; many of them go back to the system at once, and not to the process's heap.
final class OwnedChunk {
    let bytes: UnsafeMutableRawBufferPointer
    let base: UnsafeMutablePointer<UInt8>

    private let isMapped: Bool

    private static let leastMappedByteCount = 1 << 16

    init(byteCount: Int) {
        let mapped =
            byteCount >= OwnedChunk.leastMappedByteCount
            ? mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED
        if let mapped, mapped != MAP_FAILED {
            isMapped = true
            base = mapped.assumingMemoryBound(to: UInt8.self)
        } else {
            isMapped = false
            base = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: 64).assumingMemoryBound(to: UInt8.self)
        }
        bytes = UnsafeMutableRawBufferPointer(start: base, count: byteCount)
    }

    convenience init(copying source: UnsafeRawBufferPointer) {
        self.init(byteCount: source.count)
        bytes.copyMemory(from: source)
    }

    deinit {
        if isMapped { munmap(base, bytes.count) } else { UnsafeMutableRawPointer(base).deallocate() }
    }
}
