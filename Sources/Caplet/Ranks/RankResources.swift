import Execution

/// What ranks may use of the machines that they are on.
struct RankResources {
    /// At least 1.
    let threads: Int
    /// Bytes; the same for all ranks, since what is done at a time depends on it. Nil for one process, which asks when it needs to know.
    let memory: Int?

    /// All ranks call it.
    ///
    /// - Parameters:
    ///   - threads: 0 for the processors of the machine, shared among the ranks on it.
    ///   - memory: nil for three quarters of what is free on it, likewise.
    init(threads: Int, memory: Int?, _ ensemble: any Ensemble) throws {
        guard ensemble.isShared else { (self.threads, self.memory) = (threads, memory); return }
        let hosts = try ensemble.gather(Array(ensemble.host.utf8))
        let here = max(hosts.count { $0 == hosts[ensemble.rank] }, 1)
        self.threads = threads > 0 ? threads : max(ExecutionContext.processorCount / here, 1)
        let own = memory ?? max(WorkingMemory.available / 4 * 3 / here, Workspace.leastMemory)
        self.memory = try ensemble.gather([own], ensemble.places, zero: 0).min() ?? own
    }
}
