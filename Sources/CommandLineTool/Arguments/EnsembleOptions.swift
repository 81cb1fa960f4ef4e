import ArgumentParser
import Caplet

/// How processes that were started together share the work.
struct EnsembleOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            How processes that mpirun or srun has started share the work: mpi, mpi:FILE for a certain libcaplet-mpi.so, or none. The default is mpi \
            where there are several. Results never depend on their number.
            """, valueName: "kind"))
    var ensemble: EnsembleKind?

    @Option(help: ArgumentHelp("Seconds of silence after which a rank counts as lost and all end; 0 is never.", valueName: "seconds"))
    var rankTimeout = MPIEnsemble.usualSecondsOfSilence

    func validate() throws {
        guard rankTimeout >= 0, rankTimeout <= 86_400 else { throw ValidationError("--rank-timeout takes 0 … 86400") }
    }
}

/// What sends messages between ranks.
enum EnsembleKind: ExpressibleByArgument, Equatable {
    case none
    /// With the library at a path; nil to look for it.
    case mpi(String?)

    init?(argument: String) {
        if argument == "none" {
            self = .none
        } else if argument == "mpi" {
            self = .mpi(nil)
        } else {
            guard argument.hasPrefix("mpi:"), argument.count > 4 else { return nil }
            self = .mpi(String(argument.dropFirst(4)))
        }
    }
}
