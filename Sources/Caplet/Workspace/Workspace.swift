import BuiltIns
import Execution
import LinearAlgebra
import Models
import PluginLoading

/// The formats and passes that requests know, those of plugins among them, and the threads that they may use.
///
///     let caplet = try Workspace()
///     let model = try await caplet.open("model-folder")
///     var request = CompressionRequest(model: "model-folder", output: "small.caplet")
///     request.calibration = CalibrationText(path: "text.txt")
///     let report = try await caplet.run(request)
///
/// A workspace is made once and shared: requests do not change it.
public final class Workspace: Sendable {
    /// The formats and passes, built in and from plugins.
    public let registry: Registry
    /// What was loaded beside what is built in, in order.
    public let plugins: [PluginLibrary]
    /// Threads that a request uses; 0 stands for all processors. Results never depend on it.
    public let threads: Int
    /// The processes that carry out requests together, each of which performs the same; results never depend on their number.
    public let ensemble: any Ensemble
    /// Bytes of memory that a request may hold; nil for three quarters of what the machine, or a limit on the process, leaves.
    public let memory: Int?
    /// The folder for what is more than that; nil for that of the output, or the system's for large temporary files.
    public let scratchFolder: String?
    private let pluginCalls: PluginCalls

    /// Less memory than this is refused: the program and what one sequence needs are to fit.
    public static let leastMemory = 256 << 20

    /// - Parameters:
    ///   - threads: that a request uses; 0 stands for all processors.
    ///   - memory: bytes that a request may hold; nil for three quarters of what is free.
    ///   - scratchFolder: the folder for what is more than that; nil for that of the output.
    ///   - plugins: shared libraries with formats and passes; their code is run.
    ///   - cancellation: asks functions of plugins to stop, beside the cancellation of a request.
    ///   - ensemble: the processes that carry out requests together.
    /// - Throws: `RequestError` for less memory than `leastMemory`; `ScratchError` for a folder in which no file can be made; `PluginError` for a library that cannot be loaded or declares what is there already.
    public init(
        threads: Int = 0, memory: Int? = nil, scratchFolder: String? = nil, plugins: [String] = [],
        cancellation: Cancellation = Cancellation(), ensemble: any Ensemble = LocalEnsemble()
    ) throws {
        LinearAlgebraRuntime.useOneThreadPerCall()
        if let memory, memory < Workspace.leastMemory {
            throw RequestError(.usage, "memory of \(memory) bytes is less than the \(Workspace.leastMemory >> 20) MiB that work needs")
        }
        if let scratchFolder { _ = try ScratchSpace(folder: scratchFolder) }
        let resources = try RankResources(threads: threads, memory: memory, ensemble)
        self.threads = resources.threads
        (self.memory, self.scratchFolder, self.ensemble) = (resources.memory, scratchFolder, ensemble)
        let calls = PluginCalls(cancellation)
        pluginCalls = calls
        var registry = Registry.builtIn
        if !plugins.isEmpty { calls.guardExit() }
        do {
            self.plugins = try registry.addPlugins(plugins, calls)
            try calls.check()
        } catch {
            throw calls.reason(for: error)
        }
        self.registry = registry
    }

    /// Carries out a request on the calling thread, which it blocks.
    ///
    /// - Parameters:
    ///   - request: what to do.
    ///   - options: how doubtful things are met.
    ///   - cancellation: makes the request stop, clean up and throw `Cancelled`.
    ///   - report: told what happens, from any thread.
    /// - Throws: what the request throws; `FailureKind` says what kind of failure it is.
    public func perform<R: Request>(
        _ request: R, _ options: RequestOptions = RequestOptions(), cancellation: Cancellation = Cancellation(),
        report: @escaping @Sendable (Event) -> Void = { _ in }
    ) throws -> R.Output {
        let context = RequestContext(self, options, cancellation, report)
        do {
            let output = try request.perform(in: context)
            try pluginCalls.check()
            try context.checkInputs()
            return output
        } catch {
            throw context.cause(of: pluginCalls.reason(for: error))
        }
    }

    /// Carries out a request on a thread of its own; cancelling the task that waits for it cancels the request.
    ///
    /// - Throws: as `perform`; `Cancelled` when the task was cancelled.
    public func run<R: Request>(
        _ request: R, _ options: RequestOptions = RequestOptions(), report: @escaping @Sendable (Event) -> Void = { _ in }
    ) async throws -> R.Output {
        let cancellation = Cancellation()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let body: @Sendable () -> Void = {
                    continuation.resume(with: Result { try self.perform(request, options, cancellation: cancellation, report: report) })
                }
                // A thread of its own: requests compute for hours, which the threads of Swift's tasks are not for.
                if !DetachedThread.start(body) { body() }
            }
        } onCancel: {
            cancellation.request()
        }
    }

    /// Starts a request, whose events can be followed while it runs.
    public func start<R: Request>(_ request: R, _ options: RequestOptions = RequestOptions()) -> Job<R.Output> {
        let (events, continuation) = AsyncStream.makeStream(of: Event.self)
        let task = Task {
            defer { continuation.finish() }
            return try await self.run(request, options) { continuation.yield($0) }
        }
        return Job(events: events, task: task)
    }

    /// Opens a model in whatever format it is. Its weights stay in its files until they are needed.
    ///
    /// - Parameters:
    ///   - path: a file or a folder.
    ///   - format: the name of its format, instead of looking at it.
    /// - Throws: `FormatError`, `FileAccessError`, `RegistryError` for a file that is damaged, not there, or of no known format.
    public func open(_ path: String, format: String? = nil) async throws -> Model {
        try await run(OpenRequest(model: path, format: format))
    }

    /// Whether a plugin's function was left running after a stop was asked for: the process is best ended by `_exit`.
    public static var hasAbandonedPlugins: Bool { PluginCalls.hasAbandonedAny }

    /// Loads further plugins into a registry of their own, to look at what they are.
    package func load(_ paths: [String], into registry: inout Registry) throws -> [PluginLibrary] {
        if !paths.isEmpty { pluginCalls.guardExit() }
        return try registry.addPlugins(paths, pluginCalls)
    }
}

/// A request under way.
public struct Job<Output: Sendable>: Sendable {
    /// What happens, in order; ends with the request.
    public let events: AsyncStream<Event>
    let task: Task<Output, any Error>

    /// The result, waited for. Cancelling the task that waits cancels the request.
    ///
    /// - Throws: as `Workspace.perform`.
    public var output: Output {
        get async throws {
            try await withTaskCancellationHandler {
                try await task.value
            } onCancel: {
                task.cancel()
            }
        }
    }

    /// Makes the request stop and clean up.
    public func cancel() { task.cancel() }
}
