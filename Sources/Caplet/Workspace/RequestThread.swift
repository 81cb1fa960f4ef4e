import Execution

/// Threads that requests run on: they compute for hours, which the threads of Swift's tasks are not for.
enum RequestThread {
    private final class Body {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }

    /// Calls `body` on a new thread; on this one when the system has none to give.
    static func run(_ body: @escaping @Sendable () -> Void) {
        let argument = Unmanaged.passRetained(Body(body)).toOpaque()
        let hasStarted = DetachedThread.start(argument) { argument in
            if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
            return nil
        }
        if !hasStarted { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
    }
}
