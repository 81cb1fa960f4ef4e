import CLibrary
import CProcess
import Execution
import Synchronization

/// Calls the functions of plugins, each on a thread that is not the caller's, so that one which does not come back can be left.
///
/// Threads are kept for the next call. One that is left goes on by itself until the process ends, with all that it may touch: what a
/// call uses is held by the closure that runs on the thread, and nothing of it is given back.
public final class PluginCalls: Sendable {
    private let cancellation: Cancellation
    private let idle = Mutex<[PluginThread]>([])
    private let abandoned = Atomic<Bool>(false)
    private static let anyAbandoned = Atomic<Bool>(false)
    /// The plugin whose function was under way when one tried to end the process.
    private let ending = Mutex<String?>(nil)

    /// How long a function is waited for after a stop was asked for. caplet_plugin.h asks functions to look at least every second.
    private static let patience = 1.5
    /// Seconds between two looks at the flags while a function runs.
    private static let interval = 0.05

    /// - Parameter cancellation: asks for a stop; looked at beside that of the call.
    public init(_ cancellation: Cancellation = Cancellation()) { self.cancellation = cancellation }

    deinit { idle.withLock { threads in threads.forEach { $0.stop() } } }

    /// Whether a function was left, so that its plugin may not be called any more.
    public var hasAbandoned: Bool { abandoned.load(ordering: .relaxed) }

    /// Whether a function of any plugin was left, so that the process is best ended by `_exit`: what waits for its threads waits for ever.
    public static var hasAbandonedAny: Bool { anyAbandoned.load(ordering: .relaxed) }

    private func abandon() {
        abandoned.store(true, ordering: .relaxed)
        PluginCalls.anyAbandoned.store(true, ordering: .relaxed)
    }

    /// From now on a plugin cannot end the process: a call that tries fails, and this process must end by itself.
    public func guardExit() { caplet_guard_exit() }

    /// Throws what kept a plugin's function from coming back where no error could say so, as when a plugin gives back what it made.
    public func check() throws {
        if let error = exitError() { throw error }
        if hasAbandoned { throw Cancelled() }
    }

    /// What an error comes of: where a plugin tried to end the process or was left, that and not what followed from it.
    public func reason(for error: any Error) -> any Error {
        exitError() ?? (hasAbandoned ? Cancelled() : error)
    }

    /// Nil when no plugin has tried to end the process.
    ///
    /// - Parameter plugin: one whose function is under way.
    private func exitError(during plugin: String? = nil) -> PluginError? {
        guard caplet_was_exit_tried() != 0 else { return nil }
        abandon()
        let name = ending.withLock { name in
            name = name ?? plugin
            return name
        }
        return PluginError(.failed, plugin: name ?? "a plugin", "tried to end the process")
    }

    /// Runs `body`, which calls a function of `plugin`, and returns its result.
    ///
    /// - Parameter stop: another flag to look at.
    /// - Throws: `Cancelled` when a stop was asked for and the function did not return; `PluginError` when it tried to end the process,
    ///   and when there is no thread to be had. `body` may still be running then.
    func run<Result>(_ plugin: String, _ stop: Cancellation? = nil, _ body: @escaping () -> Result) throws -> Result {
        if hasAbandoned { throw Cancelled() }
        guard let thread = idle.withLock({ $0.popLast() }) ?? PluginThread.start() else {
            throw PluginError(.failed, plugin: plugin, "cannot be called: the system has no thread to give")
        }
        let place = ResultPlace<Result>()
        thread.begin { place.value = body() }
        var waited = 0.0
        while !thread.hasEnded(within: PluginCalls.interval) {
            if let error = exitError(during: plugin) { throw error }
            guard cancellation.isRequested || stop?.isRequested == true else { continue }
            waited += PluginCalls.interval
            if waited >= PluginCalls.patience {
                abandon()
                throw Cancelled()
            }
        }
        idle.withLock { $0.append(thread) }
        guard let value = place.value else { throw PluginError(.failed, plugin: plugin, "was called and gave no result") }
        return value
    }

    /// Runs `body`, which gives back what a plugin made; not at all once a plugin was left.
    func giveBack(_ plugin: String, _ body: @escaping () -> Void) {
        // What is not given back is leaked with the plugin that was left.
        try? run(plugin, nil, body)
    }
}

/// Where a result is put by the thread that made it.
private final class ResultPlace<Value> {
    var value: Value?
}
