import CLibrary

/// What every long operation is handed: how many threads it may use, whom to tell, when to stop.
public struct ExecutionContext: Sendable {
    /// Threads that the work may use, at least 1. Results never depend on it.
    public let threads: Int
    public let cancellation: Cancellation
    public let progress: any Progress
    /// How much of it the work may take, and where the rest goes.
    public let memory: WorkingMemory
    /// The processes that work on this together.
    public let ensemble: any Ensemble
    /// The threads that help, shared by all contexts that were made from this one.
    let pool: ThreadPool

    /// - Parameter threads: 0 stands for all processors.
    public init(
        threads: Int = 0, cancellation: Cancellation = Cancellation(), progress: any Progress = SilentProgress(),
        memory: WorkingMemory = WorkingMemory(), ensemble: any Ensemble = LocalEnsemble()
    ) {
        let count = threads > 0 ? threads : ExecutionContext.processorCount
        // More threads than processors help nobody, and each has memory of its own.
        let pool = ThreadPool(limit: min(count, ExecutionContext.processorCount) - 1)
        self.init(threads: count, cancellation, progress, memory, ensemble, pool)
    }

    private init(
        threads: Int, _ cancellation: Cancellation, _ progress: any Progress, _ memory: WorkingMemory, _ ensemble: any Ensemble,
        _ pool: ThreadPool
    ) {
        self.threads = threads
        self.cancellation = cancellation
        self.progress = progress
        self.memory = memory
        self.ensemble = ensemble
        self.pool = pool
    }

    /// The same with so many threads, at least 1.
    public func with(threads: Int) -> ExecutionContext {
        ExecutionContext(threads: max(threads, 1), cancellation, progress, memory, ensemble, pool)
    }

    /// The same with another to tell of progress.
    public func with(progress: any Progress) -> ExecutionContext {
        ExecutionContext(threads: threads, cancellation, progress, memory, ensemble, pool)
    }

    /// The same with other memory.
    public func with(memory: WorkingMemory) -> ExecutionContext {
        ExecutionContext(threads: threads, cancellation, progress, memory, ensemble, pool)
    }

    /// For work side by side that takes so many bytes each: as many threads as half of the memory is enough for.
    public func sharing(bytesEach: Int) -> ExecutionContext { with(threads: min(threads, memory.byteLimit / 2 / max(bytesEach, 1))) }

    /// The same for short work that is not stopped half way, because who asked for it cannot be told.
    public var uncancelled: ExecutionContext { ExecutionContext(threads: threads, Cancellation(), progress, memory, ensemble, pool) }

    /// The same for work that this rank does by itself.
    public var alone: ExecutionContext { ExecutionContext(threads: threads, cancellation, progress, memory, LocalEnsemble(), pool) }

    /// Says that units of the stage under way are done, of which each rank does its own.
    public func advanceShared(by units: Int = 1, remark: String = "") {
        if ensemble.isFirst { progress.advance(by: units, remark: remark) } else { ensemble.advance(by: units, remark: remark) }
    }

    public static var processorCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
}
