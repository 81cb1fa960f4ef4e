import Execution
import FoundationEssentials

/// What one rank did of a request that ranks shared.
public struct RankReport: Codable, Sendable {
    /// Its number, from 0.
    public let rank: Int
    /// The machine that it ran on.
    public let host: String
    /// Floating-point operations of matrix algebra.
    public let operations: Int
    /// Runs of one block on one sequence, forward.
    public let blockRuns: Int
    /// Matrices that it worked on for all.
    public let solves: Int
    /// Bytes that it sent to other ranks.
    public let bytesSent: Int
    /// Bytes that it received from them.
    public let bytesReceived: Int
    /// Seconds that it waited for other ranks.
    public let secondsWaited: Double
    /// The most memory that it has had resident.
    public let peakMemoryBytes: Int

    /// Of all ranks, for all. All ranks call it.
    ///
    /// - Returns: nil where there is one rank.
    static func all(_ ensemble: any Ensemble) throws -> [RankReport]? {
        guard ensemble.isShared else { return nil }
        let traffic = ensemble.traffic
        let own = RankReport(
            rank: ensemble.rank, host: ensemble.host, operations: Operations.soFar.total, blockRuns: Operations.blockRuns,
            solves: Operations.solves, bytesSent: traffic.bytesSent, bytesReceived: traffic.bytesReceived,
            secondsWaited: traffic.secondsWaited, peakMemoryBytes: PeakMemory.bytes)
        return try ensemble.gather(Array(try JSONOutput.line(own).utf8)).map { try JSONOutput.value(RankReport.self, from: Data($0)) }
    }
}
