import Execution
import FoundationEssentials

/// What ranks have to have in common before they work together, since results depend on it.
enum RankAgreement {
    private struct Given: Codable {
        let host: String
        let what: [String: String]
    }

    /// Compares what this rank was given with what rank 0 was. All ranks call it.
    ///
    /// - Throws: `EnsembleError` of kind different, the same at all ranks, for the first rank that differs.
    static func check(_ given: [String: String], _ ensemble: any Ensemble) throws {
        guard ensemble.isShared else { return }
        let own = Array(try JSONOutput.line(Given(host: ensemble.host, what: given)).utf8)
        let all = try ensemble.gather(own).map { try JSONOutput.value(Given.self, from: Data($0)) }
        for (rank, other) in all.enumerated() {
            for key in Set(all[0].what.keys).union(other.what.keys).sorted() where all[0].what[key] != other.what[key] {
                throw EnsembleError(
                    .different,
                    "rank \(rank) on \(other.host) has \(key) '\(other.what[key] ?? "none")', rank 0 on \(all[0].host) "
                        + "'\(all[0].what[key] ?? "none")'\(remedy(key, all[0].what[key]))")
            }
        }
    }

    private static func remedy(_ key: String, _ first: String?) -> String {
        switch key {
        case "kernels":
            let name = first?.split(separator: " ").last.map(String.init) ?? "Haswell"
            return "; sums would differ: start all ranks with OPENBLAS_CORETYPE=\(name)"
        case "program": return "; all ranks start the same program"
        case "input", "original", "calibration", "calibration tokens": return "; all ranks read the same files"
        default: return ""
        }
    }
}
