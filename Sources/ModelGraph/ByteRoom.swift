import CLibrary

/// Room for some bytes that several threads share: who finds too few left waits until others have given theirs back.
///
/// Safe to share: `used` is read and written under the lock alone.
final class ByteRoom: @unchecked Sendable {
    private let limit: Int
    private var used = 0
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let freed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init(_ limit: Int) {
        self.limit = limit
        pthread_mutex_init(lock, nil)
        pthread_cond_init(freed, nil)
    }

    deinit {
        pthread_cond_destroy(freed)
        pthread_mutex_destroy(lock)
        freed.deallocate()
        lock.deallocate()
    }

    /// Runs `body` once there is room; what is more than all the room there is has it alone.
    func with<Result>(_ byteCount: Int, _ body: () throws -> Result) rethrows -> Result {
        let share = min(max(byteCount, 0), limit)
        pthread_mutex_lock(lock)
        while share > limit - used { pthread_cond_wait(freed, lock) }
        used += share
        pthread_mutex_unlock(lock)
        defer {
            pthread_mutex_lock(lock)
            used -= share
            pthread_cond_broadcast(freed)
            pthread_mutex_unlock(lock)
        }
        return try body()
    }
}
