import Architectures
import ArgumentParser
import BuiltIns
import CapletRuntime
import Execution
import FormatKit
import Glibc
import ModelGraph
import PluginLoading
import Tokenization
import TransformerModel

/// Options that every verb takes.
struct CommonOptions: ParsableArguments {
    @Option(help: "Threads to use; 0 is all processors. Results never depend on it.")
    var threads = 0

    @Flag(help: "Print results as JSON on standard output.")
    var json = false

    @Flag(help: "Treat warnings as failures: exit status 2, and no output is written.")
    var strict = false

    @Flag(name: [.short, .long], help: "Print errors only.")
    var quiet = false

    @Flag(name: [.short, .long], help: "Print details.")
    var verbose = false

    @Flag(help: "Do not show progress.")
    var noProgress = false

    @Option(
        help: ArgumentHelp(
            "Load formats and passes from this shared library; may be repeated. So are all *.so in the folders of CAPLET_PLUGIN_PATH.",
            valueName: "file"))
    var plugin: [String] = []

    @Flag(help: "Take files of a model's folder that links lead to outside of it, without a warning.")
    var followLinks = false

    func validate() throws {
        guard threads >= 0, threads <= 1024 else { throw ValidationError("--threads takes 0 … 1024") }
    }
}

/// What one run of a verb works with.
final class Session {
    private(set) var registry = Registry.builtIn
    /// What was loaded beside what is built in.
    private(set) var plugins: [PluginLibrary] = []
    let options: CommonOptions
    let diagnostics: Diagnostics
    /// Everything that the verb reads: none of it may be what it writes, and none may change before it has ended.
    private(set) var reads = ReadPaths()
    /// Whether outputs have their names: what happens to the inputs then is no matter any longer.
    private var hasCommitted = false
    let execution: ExecutionContext
    private let pluginCalls: PluginCalls

    private init(_ options: CommonOptions) {
        self.options = options
        diagnostics = Diagnostics(quiet: options.quiet, verbose: options.verbose)
        let cancellation = InterruptSignal.cancellation
        pluginCalls = PluginCalls(cancellation)
        if options.noProgress || options.quiet {
            execution = ExecutionContext(threads: options.threads, cancellation: cancellation)
        } else {
            let line = ProgressLine()
            diagnostics.beforeLine = { line.clear() }
            execution = ExecutionContext(threads: options.threads, cancellation: cancellation, progress: line)
        }
    }

    /// Runs a verb, prints its error as one line, and ends the process with the status that belongs to it.
    static func run(_ options: CommonOptions, _ body: (Session) throws -> ExitStatus) throws {
        let session = Session(options)
        var status: ExitStatus
        do {
            try session.loadPlugins()
            status = try body(session)
            try session.pluginCalls.check()
            if !session.hasCommitted { try session.reads.checkUnchanged() }
            if status == .done, options.strict, session.diagnostics.warningCount > 0 { status = .warnings }
        } catch let error as ExitCode {
            throw error
        } catch {
            let error = session.cause(of: session.pluginCalls.reason(for: error))
            session.diagnostics.error("\(error)")
            status = ExitStatus(error)
        }
        // Results that did not arrive are a failure, unless whoever read them had enough.
        if fflush(stdout) != 0, errno != EPIPE {
            session.diagnostics.error("standard output cannot be written: \(String(cString: strerror(errno)))")
            status = .writeFailed
        }
        // A thread that was left behind may hold what the end of a process waits for.
        if session.pluginCalls.hasAbandoned { _exit(status.rawValue) }
        throw ExitCode(status.rawValue)
    }

    /// What is behind an error: an input that changed while it was read explains any other, except that somebody asked to stop.
    private func cause(of error: any Error) -> any Error {
        if error is Cancelled { return error }
        do { try reads.checkUnchanged() } catch { return error }
        return error
    }

    /// Gives outputs their names, all of them or none, if everything that was read is what it was.
    func commit(_ writes: [PreparedWrite]) throws {
        try reads.checkUnchanged()
        try PreparedWrite.commit(writes)
        hasCommitted = true
    }

    /// Notes files that the verb reads, before it reads them.
    func willRead(_ paths: [String?]) { for path in paths { if let path { reads.add(path) } } }

    private func loadPlugins() throws {
        let searched = try PluginSearch.files(getenv(PluginSearch.variable).map { String(cString: $0) })
        plugins = try load(searched + options.plugin, into: &registry)
        willRead(plugins.map(\.path))
    }

    /// Adds the plugins of files to a registry.
    func load(_ plugins: [String], into registry: inout Registry) throws -> [PluginLibrary] {
        if !plugins.isEmpty { pluginCalls.guardExit() }
        return try registry.addPlugins(plugins, pluginCalls)
    }

    /// Reads a model in whatever format it is, and fills in what its architecture says.
    func open(_ path: String, from formatName: String? = nil) throws -> (graph: TensorGraph, format: any FormatKit.Format) {
        let format = try formatName.map { try registry.format(named: $0) } ?? registry.format(at: path)
        let context = ReadContext(
            execution: execution, followsLinks: options.followLinks, warn: { [diagnostics] in diagnostics.warning($0) })
        var graph = try format.read(path, context)
        reads.add(path)
        reads.add(graph)
        try naming(path) { _ = try graph.applyArchitecture() }
        return (graph, format)
    }

    /// Runs `body`, and puts the model's path before errors that know only its tensors.
    func naming<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error
            where error is GraphError || error is ModelError || error is ConfigurationError || error is TokenizationError
            || error is RuntimeError
        {
            throw CommandError(ExitStatus(error), "\(path): \(error)")
        }
    }

    /// Stops before anything is written when there were warnings and `--strict` was given.
    func checkStrict() throws {
        if options.strict, diagnostics.warningCount > 0 {
            let count = diagnostics.warningCount
            throw CommandError(.warnings, "\(count) warning\(count == 1 ? "" : "s"), and --strict was given; nothing was written")
        }
    }

    func print(_ line: String) { Swift.print(line) }
}
