import CLibrary
import Synchronization

/// Threads that stand by for short work, of which there are thousands of pieces a second, such as the matrix products of one token.
///
/// A thread without work spins for some microseconds and then sleeps. One piece of work runs at a time: a team belongs to one caller.
/// Safe to share: what it holds does not change after `init`, and the threads see each other through `Shared` alone.
public final class WorkerTeam: @unchecked Sendable {
    /// Threads that work, the caller's among them.
    public let count: Int
    /// Threads that work could have.
    private let wanted: Int
    private let shared: Shared
    private let threads: [SystemThread]

    /// As many threads as a context has, but no more than there are processors: they spin.
    public convenience init(_ execution: ExecutionContext) {
        self.init(threads: min(execution.threads, ExecutionContext.processorCount), wanted: execution.threads)
    }

    /// - Parameter threads: at least 1; the caller's own is one of them.
    public convenience init(threads: Int) { self.init(threads: threads, wanted: threads) }

    private init(threads: Int, wanted: Int) {
        let shared = Shared()
        self.shared = shared
        var started: [SystemThread] = []
        self.wanted = max(wanted, 1)
        for worker in 1..<max(threads, 1) {
            // A system that has no more threads to give leaves a smaller team, which computes the same.
            guard let thread = SystemThread({ shared.work(as: worker) }) else { break }
            started.append(thread)
        }
        self.threads = started
        count = started.count + 1
    }

    deinit {
        shared.stop()
        for thread in threads { thread.join() }
    }

    /// Calls `body` for 0 ..< count, each index once, in any order and on any of the team's threads, with the number of the thread.
    ///
    /// `body` must write to places of its own only.
    public func forEach(_ count: Int, _ body: @Sendable (_ worker: Int, _ index: Int) -> Void) {
        let outer = TaskWidth.current
        let width = outer.multipliedReportingOverflow(by: max(min(wanted, count), 1))
        let inner = width.overflow ? Int.max : width.partialValue
        TaskWidth.current = inner
        defer { TaskWidth.current = outer }
        if self.count == 1 || count <= 1 {
            for index in 0..<max(count, 0) { body(0, index) }
            return
        }
        withoutActuallyEscaping(body) { shared.run(count, width: inner, $0) }
    }
}

/// What the threads of a team see of each other.
///
/// Safe to share: `body`, `indexCount` and `width` are written by the caller alone, while `isOpen` keeps all others from reading them.
private final class Shared: @unchecked Sendable {
    /// Raised when there is new work.
    private let generation = Atomic<Int>(0)
    private let next = Atomic<Int>(0)
    /// Whether indices may be taken; `body` and `indexCount` hold while this does.
    private let isOpen = Atomic<Bool>(false)
    /// Threads, beside the caller's, that are taking indices or about to look whether they may.
    private let active = Atomic<Int>(0)
    private let sleepers = Atomic<Int>(0)
    private let isStopping = Atomic<Bool>(false)
    private var body: (@Sendable (Int, Int) -> Void)?
    private var indexCount = 0
    /// `TaskWidth.current` of the work.
    private var width = 1
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    /// Looks at a flag that often before a thread sleeps: about as long as a token takes between two products.
    private static let spins = 20_000
    /// Looks at a flag between two offers of the processor to others.
    private static let spinsBeforeYield = 2_000

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(condition)
        mutex.deallocate()
        condition.deallocate()
    }

    func run(_ count: Int, width: Int, _ body: @escaping @Sendable (Int, Int) -> Void) {
        self.body = body
        self.width = width
        indexCount = count
        next.store(0, ordering: .relaxed)
        isOpen.store(true, ordering: .sequentiallyConsistent)
        generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
        if sleepers.load(ordering: .sequentiallyConsistent) > 0 { wake() }
        takeIndices(as: 0, body)
        // All indices are taken: threads that have not begun by now have nothing to do, and are not waited for.
        isOpen.store(false, ordering: .sequentiallyConsistent)
        var looks = 0
        while active.load(ordering: .sequentiallyConsistent) > 0 {
            looks += 1
            if looks % Shared.spinsBeforeYield == 0 { sched_yield() }
        }
        self.body = nil
    }

    func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
        wake()
    }

    func work(as worker: Int) {
        var seen = 0
        while true {
            seen = awaitGeneration(after: seen)
            if isStopping.load(ordering: .sequentiallyConsistent) { return }
            active.wrappingAdd(1, ordering: .sequentiallyConsistent)
            if isOpen.load(ordering: .sequentiallyConsistent), let body {
                TaskWidth.current = width
                takeIndices(as: worker, body)
            }
            active.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        }
    }

    private func takeIndices(as worker: Int, _ body: (Int, Int) -> Void) {
        while true {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            if index >= indexCount { return }
            body(worker, index)
        }
    }

    private func awaitGeneration(after seen: Int) -> Int {
        for _ in 0..<Shared.spins {
            let now = generation.load(ordering: .acquiring)
            if now != seen { return now }
        }
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
        defer { sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
        while true {
            let now = generation.load(ordering: .sequentiallyConsistent)
            if now != seen { return now }
            pthread_cond_wait(condition, mutex)
        }
    }

    private func wake() {
        pthread_mutex_lock(mutex)
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }
}

extension WorkerTeam {
    /// As `forEach`, for bodies that hold what the compiler cannot tell several threads may use, such as pointers: that `body` writes to
    /// places of its own only is a promise that nothing checks.
    public func uncheckedForEach(_ count: Int, _ body: (_ worker: Int, _ index: Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            // It does not outlive this call, and the caller promises the rest.
            nonisolated(unsafe) let body = body
            forEach(count) { body($0, $1) }
        }
    }
}
