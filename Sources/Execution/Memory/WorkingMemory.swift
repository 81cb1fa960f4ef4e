import CLibrary
import Synchronization

/// How much memory work may take, and where what is more goes.
public final class WorkingMemory: Sendable {
    /// Bytes that the work may hold in memory of the process's own.
    public let byteLimit: Int
    /// Where scratch is made.
    public let scratchFolder: String
    private let space = Mutex<ScratchSpace?>(nil)

    /// - Parameters:
    ///   - byteLimit: nil for three quarters of what the machine, or a limit on the process, leaves.
    ///   - scratchFolder: nil for the system's folder for large temporary files.
    public init(byteLimit: Int? = nil, scratchFolder: String? = nil) {
        self.byteLimit = byteLimit ?? WorkingMemory.available / 4 * 3
        self.scratchFolder = scratchFolder ?? WorkingMemory.temporaryFolder
    }

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

    /// What is left of /proc/meminfo's MemAvailable.
    private static var machine: Int? {
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
