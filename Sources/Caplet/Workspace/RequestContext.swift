import Architectures
import BuiltIns
import CapletRuntime
import Execution
import FormatKit
import Inference
import ModelGraph
import Models
import PluginLoading
import Synchronization
import Tokenization

/// What one request works with: the workspace, whom to tell, what was read.
public final class RequestContext: Sendable {
    package let workspace: Workspace
    package let execution: ExecutionContext
    private let options: RequestOptions
    private let report: @Sendable (Event) -> Void
    private let warnings = Atomic<Int>(0)
    private let state = Mutex(State())

    private struct State {
        var reads = ReadPaths()
        /// Whether outputs have their names: what happens to the inputs then is no matter any longer.
        var hasCommitted = false
    }

    /// Everything that the request reads: none of it may be what it writes, and none may change before it has ended.
    var reads: ReadPaths { state.withLock { $0.reads } }

    /// Threads and memory for work whose result goes to a path: where nobody said otherwise, scratch is in the same folder.
    func execution(beside output: String) -> ExecutionContext {
        if workspace.scratchFolder != nil { return execution }
        return execution.with(memory: WorkingMemory(byteLimit: execution.memory.byteLimit, scratchFolder: PathParts(output).folder))
    }

    init(_ workspace: Workspace, _ options: RequestOptions, _ cancellation: Cancellation, _ report: @escaping @Sendable (Event) -> Void) {
        self.workspace = workspace
        self.options = options
        // What there is to say all ranks come to: the first says it.
        let isFirst = workspace.ensemble.isFirst
        let tell: @Sendable (Event) -> Void = { if isFirst { report($0) } }
        self.report = tell
        execution = ExecutionContext(
            threads: workspace.threads, cancellation: cancellation, progress: EventProgress(tell),
            memory: WorkingMemory(byteLimit: workspace.memory, scratchFolder: workspace.scratchFolder), ensemble: workspace.ensemble)
        workspace.ensemble.whenAdvanced { units, remark in tell(.advanced(by: units, remark: remark)) }
        willRead(workspace.plugins.map(\.path))
    }

    var registry: Registry { workspace.registry }

    package func note(_ line: String) { report(.note(line)) }
    package func detail(_ line: String) { report(.detail(line)) }

    package func warn(_ line: String, _ remedy: Remedy? = nil) {
        warnings.wrappingAdd(1, ordering: .relaxed)
        report(.warning(line, remedy: remedy))
    }

    /// Stops before anything is written when there were warnings and the request refuses them.
    func checkWarnings() throws {
        let count = warnings.load(ordering: .relaxed)
        if options.refusesWarnings, count > 0 {
            throw RequestError(.warnings, "\(count) warning\(count == 1 ? "" : "s"), which were to be failures; nothing was written")
        }
    }

    /// Notes files that the request reads, before it reads them.
    func willRead(_ paths: [String?]) {
        state.withLock { state in
            for path in paths { if let path { state.reads.add(path) } }
        }
    }

    /// Warns where the files of a model's tokenizer do not say the same.
    func warnOfTokenizer(_ model: Model) throws {
        if let warning = try model.tokenizerWarning() { warn(warning) }
    }

    /// Warns of sequences that are longer than a model was made for; what has no positions for them refuses them.
    func warnOfContext(_ tokens: Int, _ configuration: ModelConfiguration, _ what: String) {
        guard tokens > configuration.contextLength else { return }
        warn("\(what) has \(tokens) tokens, and the model was made for at most \(configuration.contextLength)")
    }

    /// Reads a model in whatever format it is.
    ///
    /// - Parameters:
    ///   - byteDType: what elements of one byte are that the file does not say more of.
    ///   - needsFamily: whether a config.json that lacks what its family has is refused; otherwise there is a warning, and the model's tensors are
    ///     those of no known family.
    func open(_ path: String, from formatName: String? = nil, byteDType: DType? = nil, needsFamily: Bool = true) throws -> (
        model: Model, format: any FormatKit.Format
    ) {
        let path = try HubPath.resolved(path)
        if let adapter = UnknownFolder.adapterAlone(path) { warn("\(path): \(adapter)") }
        let format = try formatName.map { try registry.format(named: $0) } ?? self.format(at: path)
        let context = ReadContext(execution: execution, followsLinks: options.followsLinks, byteDType: byteDType, warn: { self.warn($0) })
        let graph = try format.read(path, context)
        state.withLock { state in
            state.reads.add(path)
            state.reads.add(graph)
        }
        let provenance = format.provenance(of: graph)
        let model = try naming(path) { try Model(graph, provenance: provenance, needsFamily: needsFamily) }
        if let broken = model.brokenConfiguration { warn("\(path): \(broken); the tensors are taken as those of no known family") }
        if let keys = model.configuration?.unknownKeys, !keys.isEmpty {
            let names = keys.prefix(8).joined(separator: ", ") + (keys.count > 8 ? " and \(keys.count - 8) more" : "")
            warn("\(path): config.json has keys that are not known, and may change what the model computes: \(names)")
        }
        return (model, format)
    }

    private func format(at path: String) throws -> any FormatKit.Format {
        do {
            return try registry.format(at: path)
        } catch RegistryError.unrecognised(path, let known) {
            guard let found = UnknownFolder.description(path) else { throw RegistryError.unrecognised(path, known: known) }
            throw RequestError(.unsupported, "\(path): \(found)")
        }
    }

    /// Gives outputs their names, all of them or none, if everything that was read is what it was.
    func commit(_ writes: [PreparedWrite]) throws {
        try reads.checkUnchanged()
        try PreparedWrite.commit(writes)
        state.withLock { $0.hasCommitted = true }
    }

    /// - Throws: `FormatError.malformed` for an input that changed before outputs had their names.
    func checkInputs() throws {
        if !state.withLock({ $0.hasCommitted }) { try reads.checkUnchanged() }
    }

    /// What is behind an error: an input that changed while it was read explains any other, except that somebody asked to stop.
    func cause(of error: any Error) -> any Error {
        if error is Cancelled { return error }
        do { try reads.checkUnchanged() } catch { return error }
        return error
    }

    /// Runs `body`, and puts the model's path before errors that know only its tensors.
    func naming<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error
            where error is GraphError || error is ModelError || error is ConfigurationError || error is TokenizationError
            || error is RuntimeError
        {
            throw RequestError(FailureKind(error), "\(path): \(error)", remedy: (error as? any RemediableError)?.remedy)
        }
    }
}

/// Progress as events.
private final class EventProgress: Progress {
    private let report: @Sendable (Event) -> Void

    init(_ report: @escaping @Sendable (Event) -> Void) { self.report = report }

    func enter(_ mark: WorkMark) { report(.entered(mark)) }
    func begin(_ stage: String, total: Int, unit: String) { report(.began(stage: stage, total: total, unit: unit)) }
    func advance(by units: Int, remark: String) { report(.advanced(by: units, remark: remark)) }
    func end() { report(.ended) }
}
