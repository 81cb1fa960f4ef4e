import CLibrary
import Execution

/// What the process has done so far: the difference of two is the work between them.
struct WorkSoFar {
    private let cpuSeconds: Double
    private let operations: Operations.Count

    init() {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        cpuSeconds = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        operations = Operations.soFar
    }

    /// The work since then.
    var untilNow: PassWork {
        let now = WorkSoFar()
        func products(_ count: Operations.Count) -> Int { count.all[Operations.Kind.product.rawValue] }
        return PassWork(
            cpuSeconds: now.cpuSeconds - cpuSeconds, operations: now.operations.total - operations.total,
            productOperations: products(now.operations) - products(operations),
            sharedOperations: now.operations.sharedTotal - operations.sharedTotal)
    }
}
