import CLibrary
import Caplet

/// This process as one of those that mpirun or srun has started together.
final class Ranks {
    private let launched: LaunchedRank?
    private let options: EnsembleOptions?
    private var ensemble: MPIEnsemble?

    /// - Parameter options: nil for a verb that rank 0 does alone.
    init(_ options: EnsembleOptions?) { (self.options, launched) = (options, LaunchedRank.current()) }

    var isFirst: Bool { (launched?.rank ?? 0) == 0 }

    /// Whether another rank does all there is to do.
    var hasNothingToDo: Bool { !isFirst && (options == nil || options?.ensemble == EnsembleKind.none) }

    /// The ranks that were started together; this process by itself where it was started alone.
    ///
    /// - Throws: `EnsembleError`.
    func join() throws -> any Ensemble {
        guard let options, options.ensemble != EnsembleKind.none, launched != nil || options.ensemble != nil else { return LocalEnsemble() }
        var path: String?
        if case .mpi(let given) = options.ensemble { path = given }
        let made = try MPIEnsemble(
            library: path, secondsOfSilence: options.rankTimeout, cancellation: InterruptSignal.cancellation, say: Ranks.say)
        ensemble = made
        return made
    }

    /// When all ranks have come to the end.
    func leave() throws {
        let ended = ensemble
        ensemble = nil
        try ended?.close()
    }

    /// What an error says. A launcher stops all ranks by a signal when one of them is gone.
    func line(_ error: any Error) -> String {
        guard let ensemble, ensemble.isShared, error is Cancelled else { return Remedies.line(error) }
        return "stopped by a signal, as all ranks are when one is gone"
    }

    /// Notes that this rank is about to say why it fails.
    func willFail() { ensemble?.willFail() }

    /// Ends all ranks, where there are several; returns where there is one.
    func fail(_ line: String, _ status: ExitStatus) {
        guard let ensemble, ensemble.isShared else { return }
        ensemble.end(failing: line, status: status.rawValue)
    }

    private static let say: @Sendable (String) -> Void = { line in
        let text = "caplet: error: \(line)\n"
        _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) }
    }
}
