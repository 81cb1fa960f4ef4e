import CLibrary

/// What a launcher of parallel programs, such as mpirun and srun, has put into the environment of a process that it started: known before
/// any library is loaded.
public struct LaunchedRank: Sendable, Equatable {
    public let rank: Int
    public let count: Int

    /// Open MPI's mpirun; Slurm's srun, inside a step; PMI, of MPICH, Intel MPI and Cray.
    private static let variables = [
        ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("PMI_RANK", "PMI_SIZE"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
    ]

    /// Nil for a process that nobody started as one of several.
    public static func current(_ variable: (String) -> String? = { getenv($0).map { String(cString: $0) } }) -> LaunchedRank? {
        for (rank, count) in variables {
            guard let rank = variable(rank).flatMap({ Int($0) }), let count = variable(count).flatMap({ Int($0) }) else { continue }
            guard count > 1, rank >= 0, rank < count else { continue }
            return LaunchedRank(rank: rank, count: count)
        }
        return nil
    }

    init(rank: Int, count: Int) { (self.rank, self.count) = (rank, count) }
}
