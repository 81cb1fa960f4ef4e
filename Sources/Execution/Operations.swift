import CLibrary
import Synchronization

/// Counts floating-point operations of matrix algebra in this process, and how many of them were offered as enough tasks that do not wait for
/// each other to keep so many threads at work: what `--threads` could use, whatever the machine has.
public enum Operations {
    /// What the operations are for.
    public enum Kind: Int, CaseIterable, Sendable {
        /// Products of matrices.
        case product
        /// Eigenvalues, singular values, factors of matrices.
        case factorisation
    }

    /// Operations so far.
    public struct Count: Sendable {
        /// By `Kind.rawValue`.
        public var all = [0, 0]
        /// Those that were one of at least as many tasks as were asked about.
        public var shared = [0, 0]

        public var total: Int { all.reduce(0, +) }
        /// Those that were shared.
        public var sharedTotal: Int { shared.reduce(0, +) }
    }

    private static let products = Atomic<Int>(0)
    private static let sharedProducts = Atomic<Int>(0)
    private static let factorisations = Atomic<Int>(0)
    private static let sharedFactorisations = Atomic<Int>(0)
    private static let leastTasks = Atomic<Int>(0)

    /// From now on operations count as shared when they are one of at least `tasks`.
    public static func count(sharedBy tasks: Int) { leastTasks.store(tasks, ordering: .relaxed) }

    /// Adds operations of the task that the calling thread is at.
    public static func add(_ kind: Kind, _ operations: Int) {
        let isShared = TaskWidth.current >= leastTasks.load(ordering: .relaxed)
        switch kind {
        case .product:
            products.wrappingAdd(operations, ordering: .relaxed)
            if isShared { sharedProducts.wrappingAdd(operations, ordering: .relaxed) }
        case .factorisation:
            factorisations.wrappingAdd(operations, ordering: .relaxed)
            if isShared { sharedFactorisations.wrappingAdd(operations, ordering: .relaxed) }
        }
    }

    private static let runs = Atomic<Int>(0)
    private static let works = Atomic<Int>(0)

    /// Runs of one block on one sequence, forward, so far.
    public static var blockRuns: Int { runs.load(ordering: .relaxed) }
    public static func addBlockRuns(_ count: Int) { runs.wrappingAdd(count, ordering: .relaxed) }

    /// Matrices that this process worked on for all ranks, so far.
    public static var solves: Int { works.load(ordering: .relaxed) }
    public static func addSolve() { works.wrappingAdd(1, ordering: .relaxed) }

    public static var soFar: Count {
        Count(
            all: [products.load(ordering: .relaxed), factorisations.load(ordering: .relaxed)],
            shared: [sharedProducts.load(ordering: .relaxed), sharedFactorisations.load(ordering: .relaxed)])
    }
}

/// Of how many tasks, that may all run at a time, the calling thread's is one: loops within loops multiply.
enum TaskWidth {
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()

    static var current: Int {
        get { max(Int(bitPattern: pthread_getspecific(key)), 1) }
        set { pthread_setspecific(key, UnsafeRawPointer(bitPattern: newValue)) }
    }
}
