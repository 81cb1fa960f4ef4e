import CLibrary
import ModelGraph

/// Memory for weights that stay until the model goes: one after the other, without a copy for growing and without gaps.
///
/// Memory that was asked for and not taken costs addresses only.
final class WeightArena {
    private struct Segment {
        let base: UnsafeMutableRawPointer
        let size: Int
    }

    private var segments: [Segment] = []
    /// Bytes of the last segment that are taken.
    private var used = 0
    /// Bytes that were taken.
    private(set) var byteCount = 0

    private static let segmentSize = 64 << 20
    private static let alignment = 64

    deinit { for segment in segments { munmap(segment.base, segment.size) } }

    /// Zeros to write at most `byteCount` bytes of weights to, aligned to a cache line; `take` keeps the first of them.
    ///
    /// - Throws: `OutOfMemory` when the system does not have so much memory.
    func room(_ byteCount: Int) throws -> UnsafeMutableRawPointer {
        if let last = segments.last, byteCount <= last.size - used { return last.base + used }
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let needed = max(byteCount, WeightArena.segmentSize)
        let size = needed <= Int.max - page ? (needed + page - 1) / page * page : Int.max
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard size < Int.max, let mapped = mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0), mapped != MAP_FAILED else {
            throw OutOfMemory(byteCount, for: "weights")
        }
        segments.append(Segment(base: mapped, size: size))
        used = 0
        return mapped
    }

    /// Keeps the first bytes of the last room.
    func take(_ byteCount: Int) {
        let padded = (byteCount + WeightArena.alignment - 1) / WeightArena.alignment * WeightArena.alignment
        used = min(used + padded, segments.last?.size ?? 0)
        self.byteCount += byteCount
    }

    func copy<Element>(_ elements: [Element]) throws -> UnsafePointer<Element> {
        let count = elements.count * MemoryLayout<Element>.stride
        let place = try room(max(count, 1))
        elements.withUnsafeBytes { bytes in
            if let base = bytes.baseAddress { place.copyMemory(from: base, byteCount: count) }
        }
        take(count)
        return UnsafePointer(place.bindMemory(to: Element.self, capacity: max(elements.count, 1)))
    }

    /// The bytes of a source, read a piece at a time.
    func copy(_ source: any ByteSource) throws -> UnsafeRawPointer {
        let place = try room(max(source.byteCount, 1))
        var next = place
        try source.forEachPiece { piece in
            guard let base = piece.baseAddress else { return }
            next.copyMemory(from: base, byteCount: piece.count)
            next += piece.count
        }
        take(source.byteCount)
        return UnsafeRawPointer(place)
    }
}
