/// Threads that nobody waits for.
public enum DetachedThread {
    /// Bytes of a thread's stack, whatever `ulimit -s` says: Swift's and LAPACK's deepest calls take a small part of it.
    private static let stackBytes = 8 << 20

    /// Starts a thread that calls `body`, and holds what that holds until it returns.
    ///
    /// - Returns: whether the system had one to give.
    public static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        SystemThread(stackBytes: stackBytes, isDetached: true, body) != nil
    }
}
