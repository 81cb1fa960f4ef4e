import Glibc

/// What every long operation is handed: how many threads it may use, whom to tell, when to stop.
public struct ExecutionContext {
    /// Threads that the work may use, at least 1. Results never depend on it.
    public let threads: Int
    public let cancellation: Cancellation
    public let progress: any Progress

    /// - Parameter threads: 0 stands for all processors.
    public init(threads: Int = 0, cancellation: Cancellation = Cancellation(), progress: any Progress = SilentProgress()) {
        self.threads = threads > 0 ? threads : ExecutionContext.processorCount
        self.cancellation = cancellation
        self.progress = progress
    }

    /// The same with so many threads, at least 1.
    public func with(threads: Int) -> ExecutionContext {
        ExecutionContext(threads: max(threads, 1), cancellation: cancellation, progress: progress)
    }

    public static var processorCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
}
