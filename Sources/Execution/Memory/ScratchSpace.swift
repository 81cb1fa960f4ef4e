import CFileSystem
import CLibrary
import Synchronization

/// Room on a disk for what is too large to stay in memory: files without a name, mapped, which are gone with the process, however that ends.
///
/// Room comes in extents of a GiB, each mapped as a whole, so that there are as many mappings as GiB and not as parts. Pages are the
/// system's to write out and to take back: they count as its cache, not as memory of the process's own.
public final class ScratchSpace: Sendable {
    private let folder: String
    private let extentByteCount: Int
    private let extents = Mutex<[ScratchExtent]>([])

    static let usualExtentByteCount = 1 << 30

    /// - Parameter folder: where there is going to be room.
    /// - Throws: `ScratchError` where no file can be made in it.
    public convenience init(folder: String) throws { try self.init(folder: folder, extentByteCount: ScratchSpace.usualExtentByteCount) }

    init(folder: String, extentByteCount: Int) throws {
        self.folder = folder.isEmpty ? "." : folder
        self.extentByteCount = extentByteCount
        close(try ScratchSpace.open(self.folder))
    }

    /// Room for so many bytes, which hold anything; free again when the region is let go of.
    ///
    /// - Throws: `ScratchError` when the disk is full.
    public func allocate(_ byteCount: Int) throws -> ScratchRegion {
        let size = max((byteCount + ScratchSpace.pageBytes - 1) / ScratchSpace.pageBytes, 1) * ScratchSpace.pageBytes
        let found = try extents.withLock { extents -> (ScratchExtent, Int) in
            for extent in extents { if let offset = extent.take(size) { return (extent, offset) } }
            let extent = try ScratchExtent(ScratchSpace.open(folder), folder, byteCount: max(size, extentByteCount))
            extents.append(extent)
            guard let offset = extent.take(size) else { throw ScratchError(folder: folder, code: ENOSPC) }
            return (extent, offset)
        }
        do {
            try found.0.reserve(found.1, size)
        } catch {
            found.0.free(found.1, size)
            throw error
        }
        return ScratchRegion(found.0, offset: found.1, size: size, byteCount: byteCount)
    }

    /// Mappings that there are.
    var mappingCount: Int { extents.withLock { $0.count } }

    static let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))

    private static func open(_ folder: String) throws -> Int32 {
        let descriptor = caplet_open_unnamed(folder)
        if descriptor >= 0 { return descriptor }
        guard [EOPNOTSUPP, EISDIR, EINVAL, ENOSYS].contains(errno) else { throw ScratchError(folder: folder, code: errno) }
        // It has a name for a moment where the file system knows no others.
        let name = "\(folder)/.caplet-scratch-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        let short = CLibrary.open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard short >= 0 else { throw ScratchError(folder: folder, code: errno) }
        unlink(name)
        return short
    }
}

/// A part of a scratch space, for one user.
///
/// Safe to share: a region is given out once, and who has it sees to who writes when, as with memory.
public final class ScratchRegion: @unchecked Sendable {
    /// The first byte, on a page of its own.
    public let base: UnsafeMutableRawPointer
    public let byteCount: Int
    private let extent: ScratchExtent
    private let offset: Int
    private let size: Int

    fileprivate init(_ extent: ScratchExtent, offset: Int, size: Int, byteCount: Int) {
        (self.extent, self.offset, self.size, self.byteCount) = (extent, offset, size, byteCount)
        base = extent.base + offset
    }

    deinit { extent.free(offset, size) }

    /// Takes the pages of a range out of the process's memory; they stay in the system's cache, or on the disk, and are mapped again when
    /// they are needed again.
    public func letGo(_ range: Range<Int>? = nil) {
        let range = range ?? 0..<byteCount
        let start = (range.lowerBound + ScratchSpace.pageBytes - 1) / ScratchSpace.pageBytes * ScratchSpace.pageBytes
        let end = range.upperBound == byteCount ? size : range.upperBound / ScratchSpace.pageBytes * ScratchSpace.pageBytes
        if start < end { madvise(base + start, end - start, MADV_DONTNEED) }
    }
}

/// One mapped file, and which parts of it are free.
///
/// Safe to share: what is free is read and changed under a lock alone.
final class ScratchExtent: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    private let descriptor: Int32
    private let folder: String
    private let byteCount: Int
    /// Free ranges by their start, none touching another.
    private let free: Mutex<[Range<Int>]>

    init(_ descriptor: Int32, _ folder: String, byteCount: Int) throws {
        (self.descriptor, self.folder, self.byteCount) = (descriptor, folder, byteCount)
        guard ftruncate(descriptor, off_t(byteCount)) == 0,
            let mapped = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), mapped != MAP_FAILED
        else {
            defer { close(descriptor) }
            throw ScratchError(folder: folder, code: errno)
        }
        base = mapped
        free = Mutex([0..<byteCount])
    }

    deinit {
        munmap(base, byteCount)
        close(descriptor)
    }

    /// The smallest free range that is large enough gives its beginning.
    func take(_ size: Int) -> Int? {
        free.withLock { free in
            let fitting = free.indices.filter { free[$0].count >= size }
            guard let index = fitting.min(by: { (free[$0].count, $0) < (free[$1].count, $1) }) else { return nil }
            let start = free[index].lowerBound
            if free[index].count == size { free.remove(at: index) } else { free[index] = start + size..<free[index].upperBound }
            return start
        }
    }

    /// Sees to it that the disk has room: a mapping that cannot be written out would end the process.
    func reserve(_ offset: Int, _ size: Int) throws {
        #if canImport(Darwin)
            let code = fill(offset, size)
        #else
            let code = posix_fallocate(descriptor, off_t(offset), off_t(size))
        #endif
        guard code == 0 else { throw ScratchError(folder: folder, code: code) }
    }

    #if canImport(Darwin)
        /// Zeros take room as the values that come after them will; there is no other way for a range within a file.
        private func fill(_ offset: Int, _ size: Int) -> Int32 {
            let zeros = [UInt8](repeating: 0, count: min(size, 1 << 20))
            var done = 0
            while done < size {
                let written = pwrite(descriptor, zeros, min(zeros.count, size - done), off_t(offset + done))
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { return written < 0 ? errno : ENOSPC }
                done += written
            }
            return 0
        }
    #endif

    /// Gives a range and its room on the disk back.
    func free(_ offset: Int, _ size: Int) {
        #if os(Linux)
            // Where the file system cannot, the room is there for the next region.
            madvise(base + offset, size, MADV_REMOVE)
        #endif
        free.withLock { free in
            let index = free.firstIndex { $0.lowerBound > offset } ?? free.count
            free.insert(offset..<offset + size, at: index)
            if index + 1 < free.count, free[index].upperBound == free[index + 1].lowerBound {
                free[index] = free[index].lowerBound..<free[index + 1].upperBound
                free.remove(at: index + 1)
            }
            if index > 0, free[index - 1].upperBound == free[index].lowerBound {
                free[index - 1] = free[index - 1].lowerBound..<free[index].upperBound
                free.remove(at: index)
            }
        }
    }
}

/// Scratch room that is not to be had, with errno.
public struct ScratchError: Error, CustomStringConvertible {
    public let folder: String
    public let code: Int32

    public var description: String { "\(folder): no room for scratch: \(String(cString: strerror(code)))" }
}
