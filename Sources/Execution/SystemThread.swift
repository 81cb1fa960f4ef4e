import CLibrary

/// A thread of the system's.
package struct SystemThread {
    private let handle: pthread_t

    private final class Start {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Starts a thread that calls `body`. Nil when the system has none to give.
    ///
    /// - Parameters:
    ///   - stackBytes: of its stack; nil for what the system gives.
    ///   - isDetached: nobody waits for it; `join` may not be called.
    package init?(stackBytes: Int? = nil, isDetached: Bool = false, _ body: @escaping @Sendable () -> Void) {
        var attributes = pthread_attr_t()
        guard pthread_attr_init(&attributes) == 0 else { return nil }
        defer { pthread_attr_destroy(&attributes) }
        if isDetached { pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED)) }
        if let stackBytes { pthread_attr_setstacksize(&attributes, stackBytes) }
        #if canImport(Darwin) || canImport(Musl)
            var thread: pthread_t?
        #else
            var thread = pthread_t()
        #endif
        let start = Unmanaged.passRetained(Start(body))
        let status = pthread_create(
            &thread, &attributes,
            { argument in
                let argument: UnsafeMutableRawPointer? = argument
                if let argument { Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, start.toOpaque())
        let started: pthread_t? = thread
        guard status == 0, let started else {
            if status != 0 { start.release() }
            return nil
        }
        handle = started
    }

    /// Waits until the thread has ended.
    package func join() { pthread_join(handle, nil) }
}
