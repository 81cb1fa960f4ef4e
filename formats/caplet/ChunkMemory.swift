import CLibrary
import Synchronization

/// Aligned bytes for the length of a chunk's coding.
final class OwnedChunk {
    let bytes: UnsafeMutableRawBufferPointer
    let base: UnsafeMutablePointer<UInt8>
    private let room: Room

    private enum Room {
        case heap
        case mapped
        case lent(ChunkRooms)
    }

    private static let leastMappedByteCount = 1 << 16

    /// - Parameter rooms: where they come from and go back to, if one is large enough; without it, or for more, many bytes go back to the
    ///   system at once, and not to the process's heap.
    init(byteCount: Int, _ rooms: ChunkRooms? = nil) {
        let place: UnsafeMutableRawPointer
        if byteCount >= OwnedChunk.leastMappedByteCount, let rooms, let lent = rooms.take(byteCount) {
            (room, place) = (.lent(rooms), lent)
        } else if byteCount >= OwnedChunk.leastMappedByteCount, let mapped = ChunkRooms.map(byteCount) {
            (room, place) = (.mapped, mapped)
        } else {
            (room, place) = (.heap, UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: 64))
        }
        base = place.assumingMemoryBound(to: UInt8.self)
        bytes = UnsafeMutableRawBufferPointer(start: base, count: byteCount)
    }

    deinit {
        switch room {
        case .heap: UnsafeMutableRawPointer(base).deallocate()
        case .mapped: munmap(base, bytes.count)
        case .lent(let rooms): rooms.giveBack(base)
        }
    }
}

/// Memory that chunk after chunk of a file is decoded into: pages that are fresh for each chunk take longer than its decoding.
///
/// It keeps as many rooms as were lent at once, each as long as a chunk that `PartWriter` makes; what was not written to takes no memory.
final class ChunkRooms: Sendable {
    /// Safe to share: the lock's alone.
    private struct Free: @unchecked Sendable {
        var rooms: [UnsafeMutableRawPointer] = []
    }

    private let free = Mutex(Free())

    private static let roomByteCount = PartWriter.chunkByteCount

    deinit { free.withLock { for room in $0.rooms { munmap(room, ChunkRooms.roomByteCount) } } }

    /// Nil when so many bytes do not fit, or the system has none.
    fileprivate func take(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        guard byteCount <= ChunkRooms.roomByteCount else { return nil }
        return free.withLock { $0.rooms.popLast() } ?? ChunkRooms.map(ChunkRooms.roomByteCount)
    }

    fileprivate func giveBack(_ room: UnsafeMutableRawPointer) { free.withLock { $0.rooms.append(room) } }

    fileprivate static func map(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        let mapped = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        return mapped == MAP_FAILED ? nil : mapped
    }
}
