import Glibc

/// Threads that nobody waits for.
public enum DetachedThread {
    /// Bytes of a thread's stack, whatever `ulimit -s` says: Swift's and LAPACK's deepest calls take a small part of it.
    private static let stackBytes = 8 << 20

    /// Starts a thread that calls `body` with `argument`.
    ///
    /// - Returns: whether the system had one to give.
    public static func start(
        _ argument: UnsafeMutableRawPointer?, _ body: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?
    ) -> Bool {
        var attributes = pthread_attr_t()
        guard pthread_attr_init(&attributes) == 0 else { return false }
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, stackBytes)
        var thread = pthread_t()
        return pthread_create(&thread, &attributes, body, argument) == 0
    }
}
