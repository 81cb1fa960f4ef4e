import Synchronization

extension ExecutionContext {
    /// Runs `body` for 0 ..< count on up to `threads` threads, each index once, in any order.
    ///
    /// The first error stops the remaining indices and is thrown once all running ones have ended; a
    /// cancellation does the same. `body` must write to places of its own only.
    public func parallelFor(_ count: Int, _ body: @Sendable (Int) throws -> Void) throws {
        let workers = min(threads, count)
        let outer = TaskWidth.current
        let width = outer.multipliedReportingOverflow(by: max(workers, 1))
        let inner = width.overflow ? Int.max : width.partialValue
        defer { TaskWidth.current = outer }
        if workers <= 1 {
            TaskWidth.current = inner
            for index in 0..<max(count, 0) {
                try cancellation.check()
                try body(index)
            }
            return
        }
        let next = Atomic<Int>(0)
        let failure = Mutex<(any Error)?>(nil)
        pool.run(helpers: workers - 1) {
            let before = TaskWidth.current
            TaskWidth.current = inner
            defer { TaskWidth.current = before }
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                if index >= count || failure.withLock({ $0 != nil }) { return }
                do {
                    try cancellation.check()
                    try body(index)
                } catch {
                    failure.withLock { if $0 == nil { $0 = error } }
                    return
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// The results of `body` for 0 ..< count, in order, computed on up to `threads` threads.
    public func parallelMap<Result: Sendable>(_ count: Int, _ body: @Sendable (Int) throws -> Result) throws -> [Result] {
        var results = [Result?](repeating: nil, count: count)
        try results.withUnsafeMutableBufferPointer { buffer in
            // Each index writes to a place of its own.
            nonisolated(unsafe) let slots = buffer
            try parallelFor(count) { slots[$0] = try body($0) }
        }
        return results.compactMap { $0 }
    }
}

/// For bodies that hold what the compiler cannot tell several threads may use: pointers into arrays, contexts of passes.
extension ExecutionContext {
    /// As `parallelFor`. That `body` writes to places of its own only is a promise that nothing checks.
    public func uncheckedParallelFor(_ count: Int, _ body: (Int) throws -> Void) throws {
        try withoutActuallyEscaping(body) { body in
            // It does not outlive this call, and the caller promises the rest.
            nonisolated(unsafe) let body = body
            try parallelFor(count) { try body($0) }
        }
    }

    /// As `parallelMap`. That `body` writes to places of its own only is a promise that nothing checks.
    public func uncheckedParallelMap<Result>(_ count: Int, _ body: (Int) throws -> Result) throws -> [Result] {
        var results = [Result?](repeating: nil, count: count)
        try results.withUnsafeMutableBufferPointer { slots in
            try uncheckedParallelFor(count) { slots[$0] = try body($0) }
        }
        return results.compactMap { $0 }
    }
}
