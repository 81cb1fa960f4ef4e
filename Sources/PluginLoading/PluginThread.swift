import CLibrary
import CProcess
import Execution

/// A thread that runs one piece of work after the other, and may be left while it does.
///
/// Safe to share: all that changes is read and written under the mutex, but for work that only the thread takes.
final class PluginThread: @unchecked Sendable {
    private var work: (() -> Void)?
    private var isBusy = false
    private var isStopping = false
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let begun = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let ended = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    /// Nil when the system has no thread to give.
    static func start() -> PluginThread? {
        let thread = PluginThread()
        return DetachedThread.start { thread.serve() } ? thread : nil
    }

    private init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(begun, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(ended, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(begun)
        pthread_cond_destroy(ended)
        mutex.deallocate()
        begun.deallocate()
        ended.deallocate()
    }

    /// Has the thread, which must be idle, run `work`.
    func begin(_ work: @escaping () -> Void) {
        pthread_mutex_lock(mutex)
        self.work = work
        isBusy = true
        pthread_cond_signal(begun)
        pthread_mutex_unlock(mutex)
    }

    /// Waits so many seconds at most, and says whether the work is done.
    func hasEnded(within seconds: Double) -> Bool {
        var until = timespec()
        clock_gettime(CLOCK_MONOTONIC, &until)
        let nanoseconds = until.tv_nsec + Int(seconds * 1e9)
        until.tv_sec += nanoseconds / 1_000_000_000
        until.tv_nsec = nanoseconds % 1_000_000_000
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while isBusy, pthread_cond_timedwait(ended, mutex, &until) != ETIMEDOUT {}
        return !isBusy
    }

    /// Ends the thread, now if it is idle.
    func stop() {
        pthread_mutex_lock(mutex)
        isStopping = true
        pthread_cond_signal(begun)
        pthread_mutex_unlock(mutex)
    }

    private func serve() {
        caplet_begin_foreign_thread()
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if work != nil {
                runWork()
                isBusy = false
                pthread_cond_signal(ended)
            } else if isStopping {
                return
            } else {
                pthread_cond_wait(begun, mutex)
            }
        }
    }

    /// Runs the work and lets go of all it holds, unlocked: what it held the last of may call the plugin again to give it back.
    private func runWork() {
        pthread_mutex_unlock(mutex)
        defer { pthread_mutex_lock(mutex) }
        takeWork()?()
    }

    /// Only this thread takes it, and none gives it more while it is busy.
    private func takeWork() -> (() -> Void)? {
        defer { work = nil }
        return work
    }
}
