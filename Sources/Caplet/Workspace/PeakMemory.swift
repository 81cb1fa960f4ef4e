import CLibrary

/// The most memory this process has had resident so far, in bytes.
package enum PeakMemory {
    package static var bytes: Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    }
}
