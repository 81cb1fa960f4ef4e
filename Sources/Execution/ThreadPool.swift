import CLibrary

/// Threads that stand by to help with loops. A thread without work sleeps; one that the system does not give is done without.
///
/// Not Dispatch: that one asks for a thread once a second, for ever, where none is to be had, as under `ulimit -u` or `ulimit -v`.
final class ThreadPool: Sendable {
    private let queue: HelperQueue

    /// - Parameter limit: threads beside those that call `run`.
    init(limit: Int) { queue = HelperQueue(limit: limit) }

    deinit { queue.stop() }

    /// Calls `body` on this thread and, at the same time, on up to `helpers` others; returns when all have returned.
    ///
    /// May be called from within `body`, on any thread. `body` must find by itself what is left to do.
    func run(helpers: Int, _ body: @Sendable () -> Void) {
        withoutActuallyEscaping(body) { body in
            let work = SharedWork(body, helpers: helpers)
            queue.offer(work)
            body()
            queue.finish(work)
        }
    }
}

/// A piece of work that helpers may still join.
private final class SharedWork {
    /// Nil when all is done: it is not kept beyond the call that brought it.
    var body: (@Sendable () -> Void)?
    /// Helpers that may still come; guarded by the queue's lock, as is `active`.
    var wanted: Int
    /// Helpers that are at it.
    var active = 0

    init(_ body: @escaping @Sendable () -> Void, helpers: Int) {
        self.body = body
        wanted = helpers
    }
}

/// What the threads of a pool share; it lives as long as the last of them.
///
/// Safe to share: all that changes, of the queue and of the work in it, is read and written under the mutex alone, and bodies are Sendable.
private final class HelperQueue: @unchecked Sendable {
    private let limit: Int
    private var offers: [SharedWork] = []
    private var threadCount = 0
    private var sleeping = 0
    private var isStopping = false
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let offered = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let finished = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init(limit: Int) {
        self.limit = limit
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(offered, nil)
        pthread_cond_init(finished, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(offered)
        pthread_cond_destroy(finished)
        mutex.deallocate()
        offered.deallocate()
        finished.deallocate()
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    func offer(_ work: SharedWork) {
        guard work.wanted > 0 else { return }
        locked {
            offers.append(work)
            let wanted = offers.reduce(0) { $0 + $1.wanted }
            while sleeping < wanted, threadCount < limit, startThread() { sleeping += 1 }
            if work.wanted == 1 { pthread_cond_signal(offered) } else { pthread_cond_broadcast(offered) }
        }
    }

    /// Takes the work back from those that have not come, and waits for those that have.
    func finish(_ work: SharedWork) {
        locked {
            offers.removeAll { $0 === work }
            while work.active > 0 { pthread_cond_wait(finished, mutex) }
            work.body = nil
        }
    }

    func stop() {
        locked {
            isStopping = true
            pthread_cond_broadcast(offered)
        }
    }

    /// A new thread, which counts as sleeping until it has looked for work.
    private func startThread() -> Bool {
        let started = DetachedThread.start { self.help() }
        if started { threadCount += 1 }
        return started
    }

    private func help() {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            // The newest first: it may be a part of an older one.
            while let work = offers.last {
                sleeping -= 1
                work.wanted -= 1
                work.active += 1
                if work.wanted == 0 { offers.removeLast() }
                pthread_mutex_unlock(mutex)
                work.body?()
                pthread_mutex_lock(mutex)
                work.active -= 1
                if work.active == 0 { pthread_cond_broadcast(finished) }
                sleeping += 1
            }
            if isStopping { return }
            pthread_cond_wait(offered, mutex)
        }
    }
}
