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
        #if !canImport(Darwin)
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        #endif
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

    private static func monotonic() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func moment(_ seconds: Double) -> timespec {
        let whole = max(seconds, 0).rounded(.down)
        return timespec(tv_sec: Int(whole), tv_nsec: Int((max(seconds, 0) - whole) * 1e9))
    }

    /// With the mutex held, until the work has ended or a time on the monotonic clock has come, or for no reason.
    private func wait(until: Double) -> Int32 {
        #if canImport(Darwin)
            // Conditions go by the clock on the wall there, or by how long is left.
            var left = PluginThread.moment(until - PluginThread.monotonic())
            if left.tv_sec == 0, left.tv_nsec == 0 { return ETIMEDOUT }
            return pthread_cond_timedwait_relative_np(ended, mutex, &left)
        #else
            var time = PluginThread.moment(until)
            return pthread_cond_timedwait(ended, mutex, &time)
        #endif
    }

    /// Waits so many seconds at most, and says whether the work is done.
    func hasEnded(within seconds: Double) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        let until = PluginThread.monotonic() + seconds
        while isBusy, wait(until: until) != ETIMEDOUT {}
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
