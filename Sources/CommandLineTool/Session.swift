import ArgumentParser
import CLibrary
import Caplet

/// Options that every verb takes.
struct CommonOptions: ParsableArguments {
    @Option(help: "Threads to use; 0 is all processors. Results never depend on it.")
    var threads = 0

    @Option(
        help: ArgumentHelp(
            "Memory that the work may hold, such as 16GB; the default is three quarters of what is free. Results never depend on it.",
            valueName: "size"))
    var memory: ByteLimit?

    @Option(help: ArgumentHelp("Folder for what is more than that, instead of the output's.", valueName: "folder"))
    var scratch: String?

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
        if let memory, memory.bytes < Workspace.leastMemory { throw ValidationError("--memory takes 256 MiB or more") }
    }
}

/// One run of a verb: requests go through it, and what happens to them is told on standard error.
final class Session {
    let options: CommonOptions
    let workspace: Workspace
    let diagnostics: Diagnostics
    /// Set by the signals that ask for a stop.
    let cancellation: Cancellation

    private init(_ options: CommonOptions, _ diagnostics: Diagnostics, _ ensemble: any Ensemble) throws {
        self.options = options
        self.diagnostics = diagnostics
        cancellation = InterruptSignal.cancellation
        let searched = try PluginSearch.files(getenv(PluginSearch.variable).map { String(cString: $0) })
        workspace = try Workspace(
            threads: options.threads, memory: options.memory?.bytes, scratchFolder: options.scratch, plugins: searched + options.plugin,
            cancellation: cancellation, ensemble: ensemble)
    }

    /// Runs a verb, prints its error as one line, and ends the process with the status that belongs to it.
    ///
    /// - Parameter ranks: how processes that were started together share the work; nil for a verb that rank 0 does alone.
    static func run(_ options: CommonOptions, ranks: EnsembleOptions? = nil, _ body: (Session) throws -> ExitStatus) throws {
        let rank = Ranks(ranks)
        if rank.hasNothingToDo { throw ExitCode(ExitStatus.done.rawValue) }
        let diagnostics = Diagnostics(options, isSilent: !rank.isFirst)
        var status: ExitStatus
        do {
            status = try body(Session(options, diagnostics, rank.join()))
            if status == .done, options.strict, diagnostics.warningCount > 0 { status = .warnings }
            if status == .done { try rank.leave() }
        } catch let error as ExitCode {
            throw error
        } catch {
            status = (error as? UsageError)?.status ?? ExitStatus(error)
            let count = diagnostics.warningCount
            let strict = "\(count) warning\(count == 1 ? "" : "s"), and --strict was given; nothing was written"
            let line = (error as? UsageError)?.description ?? (status == .warnings ? strict : rank.line(error))
            rank.willFail()
            diagnostics.error(line)
            rank.fail(line, status)
        }
        // Results that did not arrive are a failure, unless whoever read them had enough.
        if fflush(StandardStream.output) != 0, errno != EPIPE {
            diagnostics.error("standard output cannot be written: \(String(cString: strerror(errno)))")
            status = .writeFailed
        }
        if status != .done { rank.fail("ends with status \(status.rawValue)", status) }
        // A thread that was left behind may hold what the end of a process waits for.
        if Workspace.hasAbandonedPlugins { _exit(status.rawValue) }
        throw ExitCode(status.rawValue)
    }

    /// Carries out a request.
    func perform<R: Request>(_ request: R) throws -> R.Output {
        var requestOptions = RequestOptions()
        requestOptions.followsLinks = options.followLinks
        requestOptions.refusesWarnings = options.strict
        return try workspace.perform(request, requestOptions, cancellation: cancellation, report: diagnostics.report)
    }

    func print(_ line: String) { if workspace.ensemble.isFirst { Swift.print(line) } }

    /// Text that is seen at once.
    func write(_ text: String) {
        Swift.print(text, terminator: "")
        if fflush(StandardStream.output) != 0 { outputFailure = errno }
    }

    /// The number of the error that `write` met; nil while what it writes arrives.
    private(set) var outputFailure: Int32?
}
