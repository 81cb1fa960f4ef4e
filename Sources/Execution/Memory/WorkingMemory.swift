import CLibrary
import Synchronization

/// How much memory work may take, and where what is more goes.
public final class WorkingMemory: Sendable {
    /// Nil until it is asked for: most work is small, and never asks.
    private let knownLimit: Mutex<Int?>
    private let givenFolder: String?
    private let space = Mutex<ScratchSpace?>(nil)
    /// Bytes in memory of what could wait on scratch.
    private let kept = Mutex(0)

    /// What could wait on scratch stays in memory up to this share of it, and up to so many bytes.
    private static let (keptShare, mostKept) = (16, 128 << 20)

    /// - Parameters:
    ///   - byteLimit: nil for three quarters of what the machine, or a limit on the process, leaves.
    ///   - scratchFolder: nil for the system's folder for large temporary files.
    public init(byteLimit: Int? = nil, scratchFolder: String? = nil) {
        knownLimit = Mutex(byteLimit)
        givenFolder = scratchFolder
    }

    /// Bytes that the work may hold in memory of the process's own.
    public var byteLimit: Int {
        knownLimit.withLock { limit in
            if let limit { return limit }
            let found = WorkingMemory.available / 4 * 3
            limit = found
            return found
        }
    }

    /// Where scratch is made.
    public var scratchFolder: String { givenFolder ?? WorkingMemory.temporaryFolder }

    /// Room for values that are changed in place and are needed now and then: in memory as long as there are few of them in all, on scratch else.
    ///
    /// - Throws: `ScratchError`.
    public func room(_ byteCount: Int) throws -> WorkingRoom {
        let fits = kept.withLock { kept in
            guard kept + byteCount <= min(byteLimit / Self.keptShare, Self.mostKept) else { return false }
            kept += byteCount
            return true
        }
        return fits ? WorkingRoom(byteCount, self) : WorkingRoom(try scratch().allocate(byteCount))
    }

    fileprivate func giveBack(_ byteCount: Int) { kept.withLock { $0 -= byteCount } }

    /// The scratch space, made when it is first needed.
    ///
    /// - Throws: `ScratchError`.
    public func scratch() throws -> ScratchSpace {
        try space.withLock { space in
            if let space { return space }
            let made = try ScratchSpace(folder: scratchFolder)
            space = made
            return made
        }
    }

    private static var temporaryFolder: String {
        if let named = getenv("TMPDIR").map({ String(cString: $0) }), !named.isEmpty { return named }
        return access("/var/tmp", W_OK) == 0 ? "/var/tmp" : "/tmp"
    }
}

extension WorkingMemory {
    /// Bytes that are free for this process: of the machine, of its control group, of what it is limited to; the least of them.
    public static var available: Int {
        let known = [machine, controlGroup, limit(.data), limit(.addresses)].compactMap { $0 }
        return max(known.min() ?? 4 << 30, 64 << 20)
    }

    private static func number(_ path: String) -> Int? { text(path).flatMap { Int($0.prefix { $0.isNumber }) } }

    /// What is left of /proc/meminfo's MemAvailable; where there is none, half of the machine's memory.
    private static var machine: Int? {
        #if canImport(Darwin)
            var (bytes, size) = (UInt64(0), MemoryLayout<UInt64>.size)
            return sysctlbyname("hw.memsize", &bytes, &size, nil, 0) == 0 ? Int(bytes / 2) : nil
        #else
            return availableOnLinux
        #endif
    }

    private static var availableOnLinux: Int? {
        let line = text("/proc/meminfo")?.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        return line.flatMap { Int($0.dropFirst("MemAvailable:".count).drop { $0 == " " }.prefix { $0.isNumber }) }.map { $0 << 10 }
    }

    private static var controlGroup: Int? {
        for (most, now) in [
            ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
        ] {
            if let most = number(most), let now = number(now), most < 1 << 60 { return max(most - now, 0) }
        }
        return nil
    }

    private enum Limit { case data, addresses }

    private static func limit(_ which: Limit) -> Int? {
        var found = rlimit()
        #if canImport(Glibc)
            let resource = which == .data ? __rlimit_resource_t(RLIMIT_DATA.rawValue) : __rlimit_resource_t(RLIMIT_AS.rawValue)
        #else
            let resource = which == .data ? RLIMIT_DATA : RLIMIT_AS
        #endif
        guard getrlimit(resource, &found) == 0, found.rlim_cur < 1 << 60 else { return nil }
        return Int(found.rlim_cur)
    }

    private static func text(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 14)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}

/// Bytes that are changed in place, in memory or on scratch; what they hold at first is nothing that is known.
///
/// Safe to share: who has it sees to who writes when, as with memory.
public final class WorkingRoom: @unchecked Sendable {
    public let byteCount: Int
    public let base: UnsafeMutableRawPointer
    private let region: ScratchRegion?
    private let memory: WorkingMemory?

    fileprivate init(_ byteCount: Int, _ memory: WorkingMemory) {
        (self.byteCount, self.memory, region) = (byteCount, memory, nil)
        base = .allocate(byteCount: max(byteCount, 1), alignment: 64)
    }

    fileprivate init(_ region: ScratchRegion) { (byteCount, base, self.region, memory) = (region.byteCount, region.base, region, nil) }

    deinit {
        guard let memory else { return }
        base.deallocate()
        memory.giveBack(byteCount)
    }

    /// Lets go of the pages of what is not needed for a while, where it is on scratch.
    public func letGo() { region?.letGo() }
}
